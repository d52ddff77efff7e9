"""What a PUT to the API costs, compared with HR's form, and how long the API takes among many starters."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import requests

from portal.demo.process import raise_daily_limits
from portal.demo.visitor import Form
from portal.sandbox.api_registration import SERVICE_NOW
from portal.sandbox.people import BY_KEY
from tests.api.system import Connection, request_token
from tests.benchmark.many import fill_tickets
from tests.faults.replicas import ZONE, Person, Portal

SOURCE = "servicenow"
PAIRS = 60
GRAPH_SECONDS = 0.3  # a usual time for one answer of the real Graph
ROUND_TRIP = {"method": "POST", "path": r"/\$batch$", "delay": GRAPH_SECONDS, "times": None}


@dataclass(frozen=True)
class Cost:
    """Seconds until the answer, and the processor seconds that the site used for it. A busy machine changes only the first."""

    waited: float
    worked: float


def connect(site: Portal) -> Connection:
    """ServiceNow, which the policy lists."""
    allowed = f"{SERVICE_NOW.client_id} {SOURCE}"
    raise_daily_limits(site.environment, same_manager=False, api_applications=allowed)
    return Connection(site.urls[0], request_token(site.tenant.url))


def compare(site: Portal, pairs: int = PAIRS) -> Iterator[tuple[str, float, float, float]]:
    """What a PUT is compared with, its milliseconds (median), and its ratios to HR's save: waited, worked.

    HR's save is the last step of HR's form. It answers with a redirect, so nothing is rendered.
    """
    system, hanna = connect(site), site.person("hanna")
    henry = BY_KEY["henry"].object_id
    for what, more, delay in (
        ("a PUT", {}, 0.0),
        ("a PUT that names a requester", {"requestedBy": henry}, 0.0),
        ("a PUT, Graph at 0.3 s", {}, GRAPH_SECONDS),
        ("a PUT that names a requester, Graph at 0.3 s", {"requestedBy": henry}, GRAPH_SECONDS),
    ):
        found = _pairs(site, system, hanna, more, pairs if not delay else pairs // 5, delay)
        puts = statistics.median(put.waited for put, _ in found) * 1000
        waited = statistics.median(put.waited / save.waited for put, save in found)
        worked = sum(put.worked for put, _ in found) / sum(save.worked for _, save in found)
        yield what, puts, waited, worked


def _pairs(
    site: Portal, system: Connection, hanna: Person, more: dict[str, str], count: int, delay: float
) -> list[tuple[Cost, Cost]]:
    """A PUT and a save each, by turns the one or the other first, because the worker then reads that account."""
    forms = [_filled_form(site, hanna) for _ in range(count)]
    site_processes = site.serving()
    found = []
    if delay:
        site.tenant.tenant.faults.add([ROUND_TRIP])
    try:
        for number, form in enumerate(forms):
            account = _new_account(site)
            put = partial(system.put, f"COST-{site.count}", account, **more)
            save = partial(hanna.post, "/hr/new/", {**form.fields, "step": "save"}, follow=False)
            steps = ((put, 201), (save, 302))
            costs = [measure_cost(site_processes, *step) for step in (steps if number % 2 else steps[::-1])]
            found.append((costs[0], costs[1]) if number % 2 else (costs[1], costs[0]))
            hanna.get(hanna.page.headers["Location"])  # shows the message, as a browser would
    finally:
        site.tenant.tenant.faults.end_all()
    return found


def _new_account(site: Portal) -> str:
    site.count += 1
    tenant = site.tenant.tenant
    with tenant.lock:  # the worker reads other accounts meanwhile
        return tenant.add_starter(f"cost{site.count}", f"Cost Number{site.count}").user_principal_name


def _filled_form(site: Portal, hanna: Person) -> Form:
    """HR's form with an account that HR has looked up."""
    soon = datetime.now(UTC).date() + timedelta(days=7)
    hanna.get("/hr/new/")
    when = {"start_date": f"{soon}", "start_time": "09:00", "time_zone": ZONE}
    hanna.send(hanna.form_with("account", "start_date"), account=_new_account(site), **when, step="look")
    return hanna.form_with("account", "start_date")


def measure_cost(processes: list[int], send: Callable[[], requests.Response], status: int) -> Cost:
    worked, began = processor_seconds(processes), time.perf_counter()
    answer = send()
    waited = time.perf_counter() - began
    assert answer.status_code == status, answer.text
    return Cost(waited, processor_seconds(processes) - worked)


def processor_seconds(processes: list[int]) -> float:
    """The processor time of all threads so far. The first number of `schedstat` is in nanoseconds."""
    used = 0
    for process in processes:
        for file in Path(f"/proc/{process}/task").glob("*/schedstat"):
            with suppress(OSError):  # the thread has ended
                used += int(file.read_text().split()[0])
    return used / 1e9


# --- Among many starters ----------------------------------------------------------------------------------------------

ROUNDS = 21
FROM_THE_END = 60  # tickets: more than a page has


def give_tickets(site: Portal, start: int, end: int) -> None:
    """Give the starters that are there already a ticket each."""
    fill_tickets(site.database, start, end, SOURCE, SERVICE_NOW.client_id)


def measure_reads(site: Portal, size: int) -> Iterator[tuple[str, Cost]]:
    """Each request among this many starters, and what it costs (medians). One round sends each request once."""
    system = connect(site)
    changed = (
        "SELECT last_event, changed_at FROM onboarding_ticket ORDER BY last_event DESC LIMIT 1 OFFSET %s"
    )
    (newest, _), (late, moment), (middle, _) = (
        site.database.rows(changed, at)[0] for at in (0, FROM_THE_END, size // 2)
    )
    reads = {
        "the first page": "",
        "a page in the middle": f"?cursor={middle}",
        "the last full page": f"?cursor={late}",
        "the same, by the time of the change": f"?{urlencode({'since': str(moment).partition('+')[0] + 'Z'})}",
        "nothing new": f"?cursor={newest}",
        "withdrawn, first page": "?state=withdrawn",
        "withdrawn, last page": f"?state=withdrawn&cursor={late}",
        "one starter": f"/{SOURCE}/BENCH-{size // 2:012}",
    }
    costs: dict[str, list[Cost]] = {what: [] for what in reads}
    for _ in range(ROUNDS):
        processes = site.serving() + database_sessions(site)
        for what, path in reads.items():
            costs[what].append(measure_cost(processes, partial(system.send, "GET", f"starters{path}"), 200))
    adds = costs["a PUT of a new starter"] = []
    for number in range(ROUNDS):
        send = partial(system.put, f"MANY-{size}-{number}", _new_account(site))
        adds.append(measure_cost(site.serving(), send, 201))
    for what, found in costs.items():
        yield what, Cost(*(statistics.median(column) for column in zip(*map(astuple, found), strict=True)))


def database_sessions(site: Portal) -> list[int]:
    """The processes of PostgreSQL that work for the portal. SQLite works in the site's processes."""
    if not site.database.url:
        return []
    sessions = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    return [row[0] for row in site.database.rows(sessions)]
