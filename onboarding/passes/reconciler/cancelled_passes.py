"""A cancelled pass is deleted until it is gone. So is one that appears after its issue has ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from onboarding import audit
from onboarding.jobs import JobPostponed
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import PassIssue
from onboarding.passes.reconciler.deletion import delete_and_check
from onboarding.passes.reconciler.ending import end_issue
from onboarding.passes.reconciler.findings import recorded_pass_ids
from onboarding.passes.reconciler.held_passes import can_sign_in_again, report_early_use
from onboarding.passes.reconciler.reading import alarm_if_overdue, read_methods, spend_quota

Reason = PassIssue.Reason


def delete_cancelled_pass(issue: PassIssue, now: datetime) -> datetime | None:
    """Delete a pass until it is gone, and end its issue."""
    settled = (issue.shown_at or issue.intended_at) + settings.PASS_QUARANTINE / 2
    with alarm_if_overdue(issue, since=issue.revoking_at or now, now=now):
        if not delete_and_check(issue, now, settled=settled).gone:
            raise JobPostponed(5)
    served = issue.reason == Reason.NO_RECEIPT and _has_own_method(issue, now)
    if served:
        report_early_use(issue, now)
    end_issue(
        issue, IssueState.REVOKED, starter_to=StarterState.REGISTERED if served else StarterState.INVITED
    )
    return None


def _has_own_method(issue: PassIssue, now: datetime) -> bool:
    """Whether the starter registered a method: a pass without a receipt may still have been seen and used."""
    with spend_quota(yields=False):
        methods, _ = read_methods(issue, now)
    return can_sign_in_again(issue, methods, None)


def delete_pass_of_ended_issue(issue: PassIssue, now: datetime) -> datetime | None:
    """Delete a pass that exists after its issue ended: a paused process created it late, or it is listed again."""
    result = delete_and_check(issue, now, settled=now)
    if not result.gone:
        return now + timedelta(seconds=5)
    if result.deleted and issue.method_id not in recorded_pass_ids(issue, "issue.orphan_deleted"):
        with audit.transaction():
            facts = {"method_id": issue.method_id}
            audit.record("issue.orphan_deleted", starter=issue.starter, issue=issue, facts=facts)
    return None
