"""The readiness check (`/readyz`) of this process, for a load balancer.

It answers in a bounded time: a database that hangs holds one thread of the check, and no request. Microsoft is not
asked. What all processes share never makes one of them unready, because then all would be at once: the worker's state
makes it `degraded`, and the state of Microsoft's last answers is only shown.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from onboarding import jobs
from onboarding.operations.shared_check import SharedCheck
from onboarding.restored import use
from onboarding.starters import directory


@dataclass(frozen=True)
class HealthReport:
    """A word or two for each part. An outsider learns nothing that a page would not show."""

    database: str = "no answer"
    migrations: str = "unknown"
    worker: str = "unknown"
    restored: str = "unknown"  # why the database is not in use; `no` if it is

    @property
    def status(self) -> str:
        """`ready`, `not ready`, or `degraded`: pages work, but no pass is created and no mail leaves. `not in use`: it is
        a restored copy."""
        if (self.database, self.migrations) != ("answers", "applied"):
            return "not ready"
        if self.restored != "no":
            return "not in use"
        return "ready" if self.worker == "alive" else "degraded"


class DatabaseProbe(SharedCheck[HealthReport]):
    """Checks the database, its migrations and the workers."""

    name = "health"
    timeout = 2.0  # a load balancer gives up soon after

    def __init__(self) -> None:
        super().__init__(HealthReport())
        self._migrated = False  # once applied they stay so, and are not checked again

    def check(self) -> HealthReport:
        if not self._migrated:
            executor = MigrationExecutor(connection)
            self._migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
        if not self._migrated:
            return HealthReport("answers", "missing")
        return HealthReport("answers", "applied", jobs.worker_state(), str(use.find_cause() or "no"))


_database_probe = DatabaseProbe()


@login_not_required
@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """200 if this process can serve requests, also when it is degraded; else 503."""
    report = _database_probe.current_result()
    body = {"status": report.status, **asdict(report), "graph": directory.connection_status()}
    return JsonResponse(body, status=503 if report.status == "not ready" else 200)
