"""`manage.py bench`: measures how long a manager waits for a pass, compared with Graph's own time in the same run."""

from __future__ import annotations

import statistics
import time
import uuid
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import requests
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from requests.adapters import HTTPAdapter

from portal.demo.process import RunningDemo, raise_daily_limits, running_demo
from portal.demo.visitor import Form, Visitor, shown_pass

READS = (
    "", "/manager", "/authentication/methods", "/transitiveMemberOf/microsoft.graph.directoryRole?$count=true",
    "/transitiveMemberOf/microsoft.graph.group?$count=true", "/ownedObjects/microsoft.graph.group?$count=true",
)  # fmt: skip


# At most so many times Graph's own time, and so many milliseconds more than it, from the click to the pass.
RATIO_BAR, SHARE_BAR = 1.5, 20.0
PARALLEL = 16  # managers who click at the same time
GRAPH_SECONDS = 0.3  # a usual time for one answer of the real Graph
ONLY_WHAT_IS_WAITED_FOR = r"\$batch$|temporaryAccessPassMethods$"  # and not each part of a batch


class Command(BaseCommand):
    help = (
        "Measure the time from the button to the pass, compared with Graph's own time. Uses the sandbox "
        "tenant."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--passes", type=int, default=30, help="number of passes, one after the other")
        parser.add_argument("--rush", type=int, default=96, help=f"number of passes, {PARALLEL} at a time")
        parser.add_argument(
            "--database",
            default="",
            help="a DATABASE_URL; the benchmark fills it with invented people. Default: SQLite",
        )

    def handle(self, *_: Any, passes: int, rush: int, database: str, **__: Any) -> None:
        if not settings.SANDBOX:
            raise CommandError(
                "AZURE_TENANT_ID is a real tenant. The benchmark uses only the sandbox tenant."
            )
        try:
            with running_demo(
                "--throttle",
                "off",
                GRAPH_BUDGET_CALLS="1000",
                GRAPH_SIGN_IN_CALLS="1000",
                DATABASE_URL=database,
            ) as demo:
                raise_daily_limits(demo.environment)
                bench = Bench(demo, passes + rush)
                bench.add_starters()
                pairs = [bench.time_one_pass(number) for number in range(passes)]
                seconds = bench.time_parallel_passes(range(passes, passes + rush))
        except (RuntimeError, TimeoutError, LookupError) as problem:
            raise CommandError(str(problem)) from None
        portal, graph = ([pair[side] for pair in pairs] for side in (0, 1))
        self.stdout.write(f"On {'PostgreSQL' if database else 'SQLite'}")
        self.stdout.write(f"{passes} passes, one after the other; milliseconds: median (least to most)")
        self.stdout.write(f"  button to pass      {format_times(portal)}")
        self.stdout.write(f"  Graph's own time    {format_times(graph)}")
        ratio = statistics.median(one / other for one, other in pairs)
        share = statistics.median(one - other for one, other in pairs) * 1000
        self.stdout.write(f"  click to pass, ratio pair by pair {ratio:.1f} {beside_bar(ratio, RATIO_BAR)}")
        self.stdout.write(
            f"  click to pass, the portal's share in ms {share:.1f} {beside_bar(share, SHARE_BAR)}"
        )
        by_portal, by_graph = (rush / duration for duration in seconds)
        self.stdout.write(
            f"{rush} passes, {PARALLEL} at a time, each answer of Graph after {GRAPH_SECONDS:.1f} s"
        )
        self.stdout.write(f"  passes a second     {by_portal:6.1f}")
        self.stdout.write(f"  by Graph alone      {by_graph:6.1f}")
        self.stdout.write(f"  ratio               {by_portal / by_graph:6.2f}")


def beside_bar(value: float, bar: float) -> str:
    """The end of a line with a figure that must be at most `bar`."""
    return f"(bar {bar:g}: {'reached' if value <= bar else 'missed'})"


def open_form(visitor: Visitor, page: str) -> Form:
    visitor.get(page)
    return visitor.form_with("identity_check", "version")


def send_confirmation(visitor: Visitor, page: str, form: Form) -> None:
    answer = visitor.post(page, {**form.fields, "identity_check": "in_person"})
    if not shown_pass(answer.text):
        raise CommandError(f"No pass was shown ({answer.status_code}).")


def run_in_parallel(action: Callable[..., None], works: Sequence[tuple[Any, ...]]) -> float:
    """Run the work in `PARALLEL` lanes and return the seconds until all is done."""
    began = time.perf_counter()

    def one_after_the_other(lane: Sequence[tuple[Any, ...]]) -> None:
        for work in lane:
            action(*work)

    with ThreadPoolExecutor(PARALLEL) as threads:
        list(threads.map(one_after_the_other, [works[start::PARALLEL] for start in range(PARALLEL)]))
    return time.perf_counter() - began


def format_times(seconds: list[float]) -> str:
    return (
        f"{statistics.median(seconds) * 1000:6.1f} ({min(seconds) * 1000:.1f} to {max(seconds) * 1000:.1f})"
    )


class Bench:
    """Adds starters; measures one pass for each through the portal and one directly from Graph."""

    def __init__(self, demo: RunningDemo, count: int) -> None:
        self.demo, self.count = demo, count
        self.hr, self.manager = Visitor(demo.portal_url), Visitor(demo.portal_url)
        self.graph = requests.Session()
        self.graph.mount("http://", HTTPAdapter(pool_maxsize=PARALLEL))

    def add_starters(self) -> None:
        new = [{"key": f"bench{n}", "name": f"Bench Number{n}"} for n in range(2 * self.count)]
        self._post_control("change", {"add": new})
        people = requests.get(f"{self.demo.sandbox_url}/_control/state", timeout=10).json()["people"]
        self.ids = [people[starter["key"]]["properties"]["id"] for starter in new]
        identity = {
            "api-version": "2018-02-01",
            "resource": "https://graph.microsoft.com",
            "client_id": settings.AZURE_CLIENT_ID,
        }
        token = requests.get(
            f"{self.demo.sandbox_url}/metadata/identity/oauth2/token",
            params=identity,
            headers={"Metadata": "true"},
            timeout=10,
        )
        self.graph.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
        self.hr.sign_in("hanna", "/hr/new/")
        self.pages = [self._record_starter(object_id) for object_id in self.ids[: self.count]]
        self.manager.sign_in("maria", "/")

    def _record_starter(self, object_id: str) -> str:
        today = datetime.now(ZoneInfo(settings.TIME_ZONE))
        self.hr.get("/hr/new/")
        when = {
            "start_date": f"{today:%Y-%m-%d}",
            "start_time": f"{today:%H:%M}",
            "time_zone": settings.TIME_ZONE,
        }
        self.hr.send(self.hr.form_with("account", "start_date"), account=object_id, **when, step="look")
        self.hr.send(self.hr.form_with("account", "start_date"), step="save")
        address = urlsplit(self.hr.page.url).path
        self.hr.send(self.hr.form_to("/send/"))
        return address.replace("/hr/", "/starters/")

    def time_one_pass(self, number: int) -> tuple[float, float]:
        """Seconds from button to pass, and seconds for Graph's two answers without a portal."""
        self.manager.get(self.pages[number])
        if number % 20 == 0:  # a confirmation needs a fresh sign-in
            self.manager.sign_in("maria", f"/signin/again/?next={self.pages[number]}")
        form = self.manager.form_with("identity_check", "version")
        began = time.perf_counter()
        self.manager.send(form, identity_check="in_person")
        portal = time.perf_counter() - began
        if not shown_pass(self.manager.page.text):
            raise CommandError(f"No pass was shown: {self.manager.text[:300]}")
        began = time.perf_counter()
        self._facts_and_pass(self.ids[self.count + number])
        return portal, time.perf_counter() - began

    def time_parallel_passes(self, numbers: range) -> tuple[float, float]:
        """Seconds for all of these passes by the portal, and by Graph alone, so many at a time."""
        crowd = [Visitor(self.demo.portal_url) for _ in range(PARALLEL)]
        for visitor in crowd:
            visitor.sign_in("maria", "/")
        work = [(crowd[at % PARALLEL], self.pages[number]) for at, number in enumerate(numbers)]
        forms = [(visitor, page, open_form(visitor, page)) for visitor, page in work]
        delay = {"method": "POST", "path": ONLY_WHAT_IS_WAITED_FOR, "delay": GRAPH_SECONDS, "times": None}
        self._post_control("faults", delay)
        return run_in_parallel(send_confirmation, forms), run_in_parallel(
            self._facts_and_pass, [(self.ids[self.count + number],) for number in numbers]
        )

    def _facts_and_pass(self, object_id: str) -> None:
        reads = [
            {
                "id": str(n),
                "method": "GET",
                "url": f"/users/{object_id}{part}",
                "headers": {"ConsistencyLevel": "eventual"},
            }
            for n, part in enumerate(READS)
        ]
        for kind in ("roleAssignments", "roleEligibilityScheduleInstances"):
            url = f"/roleManagement/directory/{kind}?$filter=principalId eq '{object_id}'"
            reads.append({"id": kind, "method": "GET", "url": url})
        base = f"{self.demo.sandbox_url}/v1.0"
        self.graph.post(f"{base}/$batch", json={"requests": reads}, timeout=30).raise_for_status()
        address = f"{base}/users/{object_id}/authentication/temporaryAccessPassMethods"
        body = {"lifetimeInMinutes": 60, "isUsableOnce": True}
        self.graph.post(
            address, json=body, headers={"client-request-id": str(uuid.uuid4())}, timeout=30
        ).raise_for_status()

    def _post_control(self, name: str, body: Any) -> None:
        requests.post(f"{self.demo.sandbox_url}/_control/{name}", json=body, timeout=10).raise_for_status()
