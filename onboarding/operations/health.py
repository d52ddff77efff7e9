"""The readiness check (`/readyz`) of this process, for a load balancer.

It answers in a bounded time: a database that hangs holds one thread of the check, and no request. Microsoft is not
asked. The state of its last answers is shown, but never makes a process unready, because all would be at once.
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

from onboarding import jobs
from onboarding.starters import directory

log = logging.getLogger(__name__)

TIMEOUT = 2.0  # seconds; a load balancer gives up soon after
CACHE_SECONDS = 1.0  # so that frequent checks do not load the database


@dataclass(frozen=True)
class HealthReport:
    """A word or two for each part. An outsider learns nothing that a page would not show."""

    database: str = "no answer"
    migrations: str = "unknown"
    worker: str = "unknown"

    @property
    def is_ready(self) -> bool:
        return (self.database, self.migrations, self.worker) == ("answers", "applied", "alive")


class DatabaseProbe:
    """Checks the database in a thread of its own, one check at a time. Callers meanwhile share its result."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._is_checking = False
        self._began = self._ended = float("-inf")
        self._report = HealthReport()
        self._migrated = False  # once applied they stay so, and are not checked again

    def current_report(self) -> HealthReport:
        """The result of now or a second ago; after two seconds without an answer, a report without one."""
        with self._lock:
            now = time.monotonic()
            if not self._is_checking and now - self._ended < CACHE_SECONDS:
                return self._report
            if not self._is_checking:
                self._is_checking, self._began = True, now
                self._done.clear()
                threading.Thread(target=self._run_check, daemon=True, name="health").start()
            left = self._began + TIMEOUT - now
        return self._report if left > 0 and self._done.wait(left) else HealthReport()

    def _run_check(self) -> None:
        report = HealthReport()
        try:
            report = self._check_database()
        except Exception:  # any error means that the database did not answer as it should
            log.warning("the database does not answer the health check", exc_info=True)
        finally:
            connection.close()  # this thread's own
            with self._lock:
                self._report, self._ended, self._is_checking = report, time.monotonic(), False
                self._done.set()

    def _check_database(self) -> HealthReport:
        if not self._migrated:
            executor = MigrationExecutor(connection)
            self._migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
        if not self._migrated:
            return HealthReport("answers", "missing")
        return HealthReport("answers", "applied", "alive" if jobs.has_live_worker() else "missing")


_database_probe = DatabaseProbe()


@login_not_required
@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """200 if this process can serve requests, else 503."""
    report = _database_probe.current_report()
    body = {"status": "ready" if report.is_ready else "not ready", **asdict(report)}
    return JsonResponse(
        {**body, "graph": directory.connection_status()}, status=200 if report.is_ready else 503
    )
