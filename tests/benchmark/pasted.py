"""HR pastes or imports two hundred accounts: how long the check and the save take, with Graph as slow as the real one."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from tests.faults.replicas import ZONE, Person, Portal

PEOPLE = 200
GRAPH_SECONDS = 0.3  # seconds for each round trip
MOST_SECONDS = 300


def measure(site: Portal) -> Iterator[tuple[str, float]]:
    """Each step and its seconds. Every step reads the accounts and the guards' facts."""
    tenant = site.tenant.tenant
    names = [tenant.add_starter(f"pasted{n}", f"Pasted Person{n}").user_principal_name for n in range(PEOPLE)]
    soon = datetime.now(ZoneInfo(ZONE)).date() + timedelta(days=7)
    hanna = site.person("hanna")
    hanna.get("/hr/new/several/")
    when = {"accounts": "\n".join(names), "start_date": f"{soon}", "start_time": "09:00", "time_zone": ZONE}
    tenant.faults.add([{"path": r"/\$batch", "delay": GRAPH_SECONDS, "times": None}])
    try:
        before, began = _trips(site), time.perf_counter()
        hanna.send(hanna.form_with("accounts"), **when, step="look")
        yield f"{PEOPLE} looked up, {_trips(site) - before} round trips", time.perf_counter() - began
        take = re.findall(r'name="take"\s+value="([^"]*)" checked', hanna.page.text)
        assert len(take) == PEOPLE, f"only {len(take)} of {PEOPLE} have nothing odd about them"
        assert "could not fully check" not in hanna.text
        before, began = _trips(site), time.perf_counter()
        saved = hanna.post(
            "/hr/new/several/", {**hanna.form_with("accounts").fields, "take": take, "step": "save"}
        )
        yield (
            f"{PEOPLE} saved, {_trips(site) - before} round trips, the worker's with them",
            time.perf_counter() - began,
        )
        assert f"{PEOPLE} starters added" in saved.text, saved.text
    finally:
        tenant.faults.end_all()


def measure_imported(site: Portal) -> Iterator[tuple[str, float]]:
    """The same for an uploaded file, whose check and save are jobs of the worker. Seconds, from the click to the last row."""
    tenant, hanna = site.tenant.tenant, site.person("hanna")
    names = [
        tenant.add_starter(f"imported{n}", f"Imported Person{n}").user_principal_name for n in range(PEOPLE)
    ]
    tenant.faults.add([{"path": r"/\$batch", "delay": GRAPH_SECONDS, "times": None}])
    try:
        before, began = _trips(site), time.perf_counter()
        page = upload_list(hanna, names)
        _wait_for_rows(site, "good")
        yield (
            f"{PEOPLE} imported and checked, {_trips(site) - before} round trips",
            time.perf_counter() - began,
        )
        hanna.get(page)
        before, began = _trips(site), time.perf_counter()
        hanna.send(hanna.form_with("group"))
        _wait_for_rows(site, "added")
        yield f"{PEOPLE} of them saved, {_trips(site) - before} round trips", time.perf_counter() - began
    finally:
        tenant.faults.end_all()


def upload_list(hanna: Person, names: list[str]) -> str:
    """Upload a file with these accounts, choose the columns, and return the path of the list's page."""
    start = datetime.now(ZoneInfo(ZONE)).date() + timedelta(days=7)
    table = "Account;Start date\n" + "".join(f"{name};{start}\n" for name in names)
    hanna.get("/hr/import/")
    stored = hanna.http.post(
        f"{hanna.portal_url}/hr/import/",
        data={"csrfmiddlewaretoken": hanna.form_with("pasted").fields["csrfmiddlewaretoken"]},
        files={"file": ("long.csv", table.encode())},
        headers={"Origin": hanna.portal_url, "Sec-Fetch-Site": "same-origin"},
        timeout=120,
        allow_redirects=False,
    )
    hanna.get(stored.headers["Location"])
    hanna.send(hanna.form_with("time_zone"))
    return urlsplit(hanna.page.url).path


def _wait_for_rows(site: Portal, status: str) -> None:
    ends = time.monotonic() + MOST_SECONDS
    while site.database.one("SELECT count(*) FROM onboarding_importrow WHERE status = %s", status) < PEOPLE:
        assert time.monotonic() < ends, f"not all rows are {status}"
        time.sleep(0.1)


def _trips(site: Portal) -> int:
    return sum(request["path"].endswith("/$batch") for request in site.tenant.tenant.requests.copy())
