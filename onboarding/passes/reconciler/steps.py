"""The job of the worker (`issue:<id>`): each run does one thing for one issue and returns when to check again."""

from __future__ import annotations

from datetime import datetime, timedelta

from onboarding import clock, graph
from onboarding.jobs import JobPostponed, job_handler
from onboarding.lifecycle import IssueState
from onboarding.models import PassIssue
from onboarding.passes import graph_quota
from onboarding.passes.cancellation import cancel_pass
from onboarding.passes.reconciler.cancelled_passes import delete_cancelled_pass, delete_pass_of_ended_issue
from onboarding.passes.reconciler.held_passes import watch_held_pass
from onboarding.passes.reconciler.late_passes import (
    SWEEP_AFTER_REFUSAL,
    SWEEP_BEYOND_LIFETIME,
    sweep_late_passes,
)
from onboarding.passes.reconciler.lost_passes import find_lost_pass
from onboarding.transitions import move_issue

Reason = PassIssue.Reason


@job_handler("issue")
def reconcile(issue_id: str) -> datetime | None:
    """Take the next step for one issue. Returns when to check again, or None when the issue has ended."""
    issue = PassIssue.objects.select_related("starter", "policy").get(pk=issue_id)
    if not issue.account_id:  # the starter was erased before this job ran
        return None
    try:
        return _take_next_step(issue, clock.now())
    except graph.Throttled as error:  # nobody calls again before that, managers included
        graph_quota.back_off(error.retry_after)
        raise JobPostponed(error.retry_after) from None


def _take_next_step(issue: PassIssue, now: datetime) -> datetime | None:
    match IssueState(issue.state):
        case IssueState.ISSUING:
            return _check_lease(issue, now)
        case IssueState.UNKNOWN:
            return find_lost_pass(issue, now)
        case IssueState.SHOWN:
            return _await_receipt(issue, now)
        case IssueState.HELD:
            return watch_held_pass(issue, now)
        case IssueState.REVOKING:
            return delete_cancelled_pass(issue, now)
        case IssueState.VOID:
            return sweep_late_passes(
                issue, now, timedelta(minutes=issue.lifetime_minutes) + SWEEP_BEYOND_LIFETIME
            )
        case IssueState.REJECTED if issue.is_denied_by_microsoft:
            return sweep_late_passes(issue, now, SWEEP_AFTER_REFUSAL)
        case IssueState.REVOKED | IssueState.CLOSED if issue.method_id:
            return delete_pass_of_ended_issue(issue, now)
        case _:
            return None


def _check_lease(issue: PassIssue, now: datetime) -> datetime:
    """Settle an issue whose process ended after the claim: its lease has run out."""
    if issue.is_lease_valid(now):
        return issue.lease_until
    move_issue(issue, IssueState.UNKNOWN, event="issue.unknown", changes={"reason": Reason.CRASHED})
    return now


def _await_receipt(issue: PassIssue, now: datetime) -> datetime:
    """Cancel a pass whose receipt did not come in time."""
    if issue.receipt_until is not None and now <= issue.receipt_until:
        return issue.receipt_until + timedelta(milliseconds=1)
    cancel_pass(issue, reason=Reason.NO_RECEIPT)
    return now
