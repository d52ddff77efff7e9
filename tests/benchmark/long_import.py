"""`python -m tests.benchmark.long_import [ROWS]`: the check of a long list, with the site live.

A sandbox tenant has an account for each row. HR uploads the list, the portal's worker checks it, and HR adds the first rows.
Meanwhile this measures the worker's memory, and how long `/livez` and HR's list take. It ends with status 1 if a row or a
starter is lost or there twice, if the worker grows by more than GROWTH, or if a page fails. No time fails it.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

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
ADDED = 200  # of the rows, which HR adds: each needs its own requests to Graph
WARM = 0.05  # of the rows: by then the worker has loaded what it needs


@dataclass
class Run:
    """What was measured. Memory in megabytes, by the share of the rows that was checked; times in milliseconds."""

    seconds: float = 0.0
    memory: list[tuple[float, float]] = field(default_factory=list)
    livez: list[float] = field(default_factory=list)
    hr_list: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

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
    run = Run()
    _follow(site, hanna, run, lambda: 1 - _count(site, "status = 'waiting'") / rows)
    _expect(run, site, "are ready to add", "status = 'good'", rows)
    _add_first(site, hanna, run)
    return run


def _add_first(site: Portal, hanna: Person, run: Run) -> None:
    """Add the first rows as HR does, and compare them with the starters."""
    query = "SELECT id FROM onboarding_importrow ORDER BY number LIMIT %s"
    rows = [str(pk) for (pk,) in site.database.rows(query, ADDED)]
    token = hanna.form_with("csrfmiddlewaretoken").fields["csrfmiddlewaretoken"]
    fields: dict[str, Any] = {"csrfmiddlewaretoken": token, "group": "good", "step": "selected", "row": rows}
    hanna.post(f"{urlsplit(hanna.page.url).path}add/", fields)
    _follow(site, hanna, run, lambda: float(not _count(site, "is_wanted")))
    _expect(run, site, "are added", "status = 'added'", len(rows))
    starters = site.database.rows("SELECT account_id, public_id FROM onboarding_starter")
    linked = {
        row
        for (row,) in site.database.rows("SELECT starter_id FROM onboarding_importrow WHERE status = 'added'")
    }
    if not len(starters) == len({account for account, _ in starters}) == len(rows):
        run.wrong.append(f"{len(starters)} starters for {len({account for account, _ in starters})} accounts")
    if linked != {public_id for _, public_id in starters}:
        run.wrong.append("the rows lead to other starters than were added")


def _expect(run: Run, site: Portal, what: str, condition: str, rows: int) -> None:
    """Note it if not exactly so many rows, each with a number of its own, fulfil the condition."""
    query = f"SELECT count(*), count(DISTINCT number) FROM onboarding_importrow WHERE {condition}"  # noqa: S608
    ((count, numbers),) = site.database.rows(query)
    if not count == numbers == rows:
        run.wrong.append(f"{count} rows with {numbers} numbers {what}, not {rows}")


def _follow(site: Portal, hanna: Person, run: Run, part_done: Callable[[], float]) -> None:
    """Measure until the worker is done."""
    began = time.monotonic()
    (worker,) = (pid for pid in site.processes("manage.py worker") if "worker" in command_of(pid))
    is_first = not run.memory
    while (part := part_done()) < 1:
        run.memory.append((part if is_first else 1.0, share(worker)))
        run.livez.append(_took(lambda: requests.get(f"{site.urls[0]}/livez", timeout=60)))
        run.hr_list.append(_took(lambda: hanna.http.get(f"{site.urls[0]}/hr/", timeout=60)))
        time.sleep(0.5)
    run.memory.append((1.0, share(worker)))
    run.seconds = run.seconds or time.monotonic() - began


def _count(site: Portal, condition: str) -> int:
    return int(site.database.one(f"SELECT count(*) FROM onboarding_importrow WHERE {condition}"))  # noqa: S608


def _took(ask: Callable[[], requests.Response]) -> float:
    began = time.perf_counter()
    assert ask().ok
    return (time.perf_counter() - began) * 1000


def main(rows: int) -> int:
    with portal(GRAPH_READ_TIMEOUT_SECONDS="15") as site:  # as shipped
        run = check_list(site, rows)
    sizes = ", ".join(f"{run.memory_at(part):.1f}" for part in (0.0, WARM, 0.5, 1.0))
    sys.stdout.write(
        f"{rows} rows checked in {run.seconds:.0f} s, {rows / run.seconds:.0f} a second; then {ADDED} added\n"
        f"  the worker's memory, megabytes: before, at {WARM:.0%}, halfway, at the end: {sizes}; growth {run.growth:.2f}\n"
    )
    for what, times in (("/livez", run.livez), ("HR's list", run.hr_list)):
        p95 = statistics.quantiles(times, n=20)[-1]
        sys.stdout.write(
            f"  {what:<10} median {statistics.median(times):6.1f} ms, 95 of 100 {p95:6.1f} ms, longest {max(times):6.1f} ms\n"
        )
    sys.stdout.writelines(f"  wrong: {what}\n" for what in run.wrong)
    return 0 if not run.wrong and run.growth <= GROWTH else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS))
