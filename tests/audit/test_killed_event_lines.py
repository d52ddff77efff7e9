"""Workers are killed while they write the audit log to the log: no event is lost, and their order stays.

The test reads the worker's log and kills it at the line that it waits for, so the moment is exact and the worker runs as
shipped. FAULT_ROUNDS sets how often each moment is repeated.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from portal.supervisor import manage_command
from tests.support import plan
from tests.support.databases import IS_POSTGRESQL, Database, fresh_database

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))
# The line of a batch of a hundred at which the worker is killed: its cursor may have moved after the last one.
# Where each test runs once: three moments on SQLite, the other two on PostgreSQL.
MOMENTS = plan.part_of((1, 99, 37, 100, 101), 2, first=IS_POSTGRESQL)
EVENTS = 120  # for each kill
# So that a worker cannot write many more lines than this test has read: it would leave too few for the next ones.
SMALLEST_PIPE = 4096

RECORD = """
from onboarding import audit
with audit.transaction():
    for number in range({count}):
        audit.record("policy.changed", facts={{"number": number}})
"""


class Portal:
    """A database, and one worker at a time."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.database = database
        self.environment = {
            **os.environ,
            "PORTAL_DATA_DIR": str(folder),
            "DATABASE_URL": database.url,
            "LOG_LEVEL": "ERROR",
        }
        self.lines: list[dict[str, Any]] = []
        subprocess.run(manage_command("migrate", "-v0"), env=self.environment, check=True)

    def record(self, count: int) -> None:
        code = RECORD.format(count=count)
        command = manage_command("shell", "--no-imports", "-c", code)
        subprocess.run(command, env=self.environment, check=True)

    def work(self, *, kill_at: int | None) -> None:
        """Run a worker until all events are written, or until it has written so many lines and is killed."""
        self.database.write("UPDATE onboarding_job SET locked_until = NULL")  # as after two minutes
        command = manage_command("worker", "--pause", "0.02")
        last = self.database.one("SELECT seq FROM onboarding_audithead")
        with subprocess.Popen(
            command, env=self.environment, stderr=subprocess.PIPE, text=True, pipesize=SMALLEST_PIPE
        ) as worker:
            assert worker.stderr is not None
            written = 0
            try:
                for line in worker.stderr:
                    written += self._keep(line)
                    if written == kill_at or (kill_at is None and self._last() == last):
                        break
            finally:
                worker.kill() if kill_at else worker.terminate()
            # What was in the pipe already has arrived too.
            for line in worker.stderr.read().splitlines():
                self._keep(line)

    def _keep(self, line: str) -> bool:
        """Keep the line if it is an event. A job that does not reach Microsoft writes others."""
        fields = json.loads(line)
        if "event.sequence" in fields:
            self.lines.append(fields)
        return "event.sequence" in fields

    def _last(self) -> int:
        return int(self.lines[-1]["event.sequence"]) if self.lines else 0


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    with fresh_database(tmp_path) as database:
        yield Portal(tmp_path, database)


@pytest.mark.both_databases
def test_killed_workers_lose_no_event(portal: Portal) -> None:
    portal.record(EVENTS * len(MOMENTS) * ROUNDS)
    for moment in MOMENTS * ROUNDS:
        portal.work(kill_at=moment)
    portal.work(kill_at=None)

    kept = portal.database.rows("SELECT seq, hash FROM onboarding_auditevent ORDER BY seq")
    written = [(line["event.sequence"], line["portal.audit.hash"]) for line in portal.lines]
    first = list(dict.fromkeys(written))
    lost, doubled = set(kept) - set(written), len(written) - len(first)
    kills = len(MOMENTS) * ROUNDS
    sys.stdout.write(f"{len(kept)} events, {kills} kills, {len(lost)} lost, {doubled} doubled\n")
    assert lost == set()
    assert first == kept
    # A line is repeated only with those that follow it.
    steps = {after - before for (before, _), (after, _) in pairwise(written)}
    assert max(steps) == 1
    assert doubled > 0
