"""What the tests of the reconciler share: one run of it, the calls it made, and passes of other tools."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from onboarding.models import Mail, PassIssue, Starter
from onboarding.passes.reconciler import reconcile

SECONDS, MINUTES = timedelta(seconds=1), timedelta(minutes=1)


PASSES, METHODS = "temporaryAccessPassMethods", "authentication/methods"


Reason = PassIssue.Reason


def reconcile_once(issue: PassIssue) -> datetime | None:
    """The worker reconciles the issue once; the test reloads it."""
    again = reconcile(str(issue.pk))
    issue.refresh_from_db()
    return again


def count_calls(tenant: Any, method: str | None = None) -> int:
    """How many calls about passes and methods were sent so far."""
    calls = [call for call in tenant.tenant.requests if PASSES in call["path"] or METHODS in call["path"]]
    return sum(method in (None, call["method"]) for call in calls)


def starter_of(issue: PassIssue) -> Starter:
    return Starter.objects.get(pk=issue.starter_id)


def create_elsewhere(tenant: Any, *, lifetime: int = 60, once: bool = True, ago: float = 0) -> Any:
    """The help desk creates a pass, which replaces an existing one."""
    account, now = (
        tenant.tenant.accounts["noor"],
        tenant.tenant.clock.now() - ago - 1e-3,
    )  # not at the time of ours
    if present := tenant.tenant.pass_of(account):
        present.ended = "replaced"
    return tenant.tenant.add_pass(account, now, now, lifetime, once, "help desk's")


def mails_about(issue: PassIssue, kind: str) -> list[str]:
    return sorted(Mail.objects.filter(starter=issue.starter, kind=kind).values_list("to", flat=True))
