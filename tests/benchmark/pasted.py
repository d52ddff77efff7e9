"""HR pastes two hundred accounts: how long the look-up and the save take, with Graph as slow as the real one."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.faults.replicas import ZONE, Portal

PEOPLE = 200
GRAPH_SECONDS = 0.3  # seconds for each round trip


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


def _trips(site: Portal) -> int:
    return sum(request["path"].endswith("/$batch") for request in site.tenant.tenant.requests.copy())
