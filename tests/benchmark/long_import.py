"""`python -m tests.benchmark.long_import [ROWS]`: the check of a long list, with the site live.

A sandbox tenant has an account for each row. HR uploads the list, and the portal's worker checks it. Meanwhile this measures
the worker's memory, and how long `/livez` and HR's list take. It ends with status 1 if a row is lost, if the worker grows by
more than GROWTH, or if a page fails.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

import requests  # noqa: E402  (Django comes first)

from portal.demo.process import raise_daily_limits  # noqa: E402
from portal.sandbox.caller import command_of  # noqa: E402
from tests.benchmark.pages import share  # noqa: E402
from tests.benchmark.pasted import upload_list  # noqa: E402
from tests.faults.replicas import Person, Portal, portal  # noqa: E402

ROWS = 10_000
GROWTH = 1.15  # times the worker's memory after its first rows
WARM = 0.05  # of the rows: by then the worker has loaded what it needs


@dataclass
class Run:
    """What was measured. Memory in megabytes, by the share of the rows that was checked; times in milliseconds."""

    seconds: float = 0.0
    memory: list[tuple[float, float]] = field(default_factory=list)
    livez: list[float] = field(default_factory=list)
    hr_list: list[float] = field(default_factory=list)
    good: int = 0

    def memory_at(self, part: float) -> float:
        return min(self.memory, key=lambda each: abs(each[0] - part))[1]

    @property
    def growth(self) -> float:
        return max(size for part, size in self.memory if part >= WARM) / self.memory_at(WARM)


def check_list(site: Portal, rows: int) -> Run:
    """Upload the list, follow its check to the end, and return what was measured."""
    raise_daily_limits(site.environment, import_daily=50_000)
    tenant, hanna = site.tenant.tenant, site.person("hanna")
    names = [tenant.add_starter(f"listed{n}", f"Listed Person{n}").user_principal_name for n in range(rows)]
    upload_list(hanna, names)
    return _follow(site, hanna, rows)


def _follow(site: Portal, hanna: Person, rows: int) -> Run:
    run, began = Run(), time.monotonic()
    (worker,) = (pid for pid in site.processes("manage.py worker") if "worker" in command_of(pid))
    while (left := _count(site, "waiting")) > 0:
        run.memory.append((1 - left / rows, share(worker)))
        run.livez.append(_took(lambda: requests.get(f"{site.urls[0]}/livez", timeout=60)))
        run.hr_list.append(_took(lambda: hanna.http.get(f"{site.urls[0]}/hr/", timeout=60)))
        time.sleep(0.5)
    run.seconds, run.good = time.monotonic() - began, _count(site, "good")
    run.memory.append((1.0, share(worker)))
    return run


def _count(site: Portal, status: str) -> int:
    return int(site.database.one("SELECT count(*) FROM onboarding_importrow WHERE status = %s", status))


def _took(ask: Callable[[], requests.Response]) -> float:
    began = time.perf_counter()
    assert ask().ok
    return (time.perf_counter() - began) * 1000


def main(rows: int) -> int:
    with portal(GRAPH_READ_TIMEOUT_SECONDS="15") as site:  # as shipped
        run = check_list(site, rows)
    sizes = ", ".join(f"{run.memory_at(part):.1f}" for part in (0.0, WARM, 0.5, 1.0))
    sys.stdout.write(
        f"{rows} rows checked in {run.seconds:.0f} s, {rows / run.seconds:.0f} a second; {run.good} good\n"
        f"  the worker's memory, megabytes: before, at {WARM:.0%}, halfway, at the end: {sizes}; growth {run.growth:.2f}\n"
    )
    for what, times in (("/livez", run.livez), ("HR's list", run.hr_list)):
        p95 = statistics.quantiles(times, n=20)[-1]
        sys.stdout.write(
            f"  {what:<10} median {statistics.median(times):6.1f} ms, 95 of 100 {p95:6.1f} ms, longest {max(times):6.1f} ms\n"
        )
    return 0 if run.good == rows and run.growth <= GROWTH else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS))
