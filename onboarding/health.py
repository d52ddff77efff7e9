"""Whether this process can do its work, for whoever decides where visitors are sent.

What is asked takes a bounded time and needs no thread that could be lost: a database that hangs holds one thread of
the health check, and nobody else. Microsoft is not asked; what its last answers showed is told beside, and never
makes a process unready: every process would be.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import asdict, dataclass

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from onboarding import directory, jobs

log = logging.getLogger(__name__)

PATIENCE = 2.0  # seconds; who checks health gives up soon after
FRESH = 1.0  # so that nobody makes the database work by asking often


@dataclass(frozen=True)
class Report:
    """A few words a part. They tell an outsider nothing that a page would not."""

    database: str = "no answer"
    migrations: str = "unknown"
    worker: str = "unknown"

    @property
    def is_ready(self) -> bool:
        return (self.database, self.migrations, self.worker) == ("answers", "applied", "alive")


class Probe:
    """Asks the database in a thread of its own, one at a time; who comes meanwhile waits for the same answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._asking = False
        self._began = self._ended = float("-inf")
        self._report = Report()
        self._migrated = False  # once they are applied they stay so: it is looked for until then

    def report(self) -> Report:
        """What is true now, or was a second ago; after two seconds without an answer, that there is none."""
        with self._lock:
            now = time.monotonic()
            if not self._asking and now - self._ended < FRESH:
                return self._report
            if not self._asking:
                self._asking, self._began = True, now
                self._done.clear()
                threading.Thread(target=self._ask, daemon=True, name="health").start()
            left = self._began + PATIENCE - now
        return self._report if left > 0 and self._done.wait(left) else Report()

    def _ask(self) -> None:
        report = Report()
        try:
            report = self._look()
        except Exception:  # whatever it is, the database did not answer as it should
            log.warning("the database does not answer the health check", exc_info=True)
        finally:
            connection.close()  # this thread's own
            with self._lock:
                self._report, self._ended, self._asking = report, time.monotonic(), False
                self._done.set()

    def _look(self) -> Report:
        if not self._migrated:
            executor = MigrationExecutor(connection)
            self._migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
        if not self._migrated:
            return Report("answers", "missing")
        return Report("answers", "applied", "alive" if jobs.a_worker_lives() else "missing")


_probe = Probe()


@login_not_required
@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """200 where this process can serve people, else 503."""
    report = _probe.report()
    words = {"status": "ready" if report.is_ready else "not ready", **asdict(report)}
    return JsonResponse({**words, "graph": directory.sight()}, status=200 if report.is_ready else 503)
