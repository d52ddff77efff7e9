"""HR withdraws a starter, and restores it while there is time.

A restored onboarding starts again: earlier problems, approvals and extra passes are cleared. Its contributors stay.
"""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError

from onboarding import audit, clock, confirmer, jobs, obstacles, policy
from onboarding.errors import ConcurrentUpdate
from onboarding.guards import approvals
from onboarding.lifecycle import IssueState, StarterState
from onboarding.mail import notifications
from onboarding.models import PassIssue, Starter
from onboarding.models.job import Job
from onboarding.passes.cancellation import cancel_pass
from onboarding.starters.errors import AlreadyRecorded, OwnStarter
from onboarding.starters.preconditions import contributors_with
from onboarding.transitions import move_starter

Problem = Starter.Problem


NOT_SENT_YET: dict[str, Any] = {
    "invited_at": None,
    "reminded_for": None,
    "escalated_for": None,
    **confirmer.NO_STAND_IN,
    "extra_attempts": 0,
    "found_account_id": "",
    **obstacles.CLEARED_FIELDS,
}


NOT_READ_YET: dict[str, Any] = {
    "sign_in_looked_at": None,
    "sign_in_told": False,
    "sign_in_awaited_at": None,
    "sign_in_missed_at": None,
}


def withdraw_starter(*, starter: Starter, by: Any, reason: str) -> bool:
    """Stop the onboarding. Return False if a live pass must be deleted first.

    The worker then deletes the pass, and withdraws the starter as soon as it is gone. Raises ConcurrentUpdate.
    """
    issue = starter.open_issue()
    if issue is not None and issue.state in {IssueState.SHOWN, IssueState.HELD, IssueState.REVOKING}:
        with audit.transaction():
            if issue.state != IssueState.REVOKING:
                cancel_pass(issue, reason=PassIssue.Reason.WITHDRAWN, by=by)
            going = PassIssue.objects.filter(pk=issue.pk, state=IssueState.REVOKING)
            if going.update(reason=PassIssue.Reason.WITHDRAWN) != 1:
                raise ConcurrentUpdate("the pass is gone meanwhile, and the starter open again")
            move_starter(
                starter,
                None,
                event="starter.withdrawal_asked",
                by=by,
                issue=issue,
                personal={"reason": reason},
            )
        return False
    # A pass that is being created now finds another version, so it is deleted and never shown.
    with audit.transaction():
        notified = notifications.is_confirmer_notified(starter)
        notifications.cancel_unsent(starter)
        move_starter(
            starter,
            StarterState.WITHDRAWN,
            event="starter.withdrawn",
            by=by,
            changes={"ended_at": clock.now(), "problem": Problem.NONE},
            personal={"reason": reason},
        )
        if notified:
            notifications.write_withdrawal(starter)
    return True


def can_restore(starter: Starter) -> bool:
    """Return whether HR can restore it: until its window closes, and not while a pass may exist."""
    in_time = clock.now() <= starter.starts_at + policy.for_starter(starter).closes_after
    return (
        starter.state == StarterState.WITHDRAWN
        and starter.erased_at is None
        and in_time
        and starter.open_issue() is None
    )


def restore_starter(*, starter: Starter, by: Any, reason: str) -> None:
    """Undo a withdrawal. No manager is invited yet.

    Raises ConcurrentUpdate, OwnStarter, AlreadyRecorded.
    """
    if not can_restore(starter):
        raise ConcurrentUpdate("it is not withdrawn, or the time for it is over")
    if by.oid in {starter.manager_id, starter.stand_in_id}:
        raise OwnStarter
    # Sign-ins from before the first pass can no longer be read, so a known sign-in stays.
    read = NOT_READ_YET if starter.first_pass_at is None else {}
    try:
        with audit.transaction():
            notifications.cancel_unsent(starter)
            approvals.void_approvals(starter)
            move_starter(
                starter,
                StarterState.RECORDED,
                event="starter.brought_back",
                by=by,
                changes={
                    **NOT_SENT_YET,
                    "schedule": starter.schedule + 1,
                    **read,
                    "ended_at": None,
                    "problem": Problem.NONE if starter.account_id else Problem.ACCOUNT_MISSING,
                    "shaped_by": contributors_with(starter, by),
                },
                personal={"reason": reason},
            )
            jobs.enqueue_job(f"look:{starter.pk}", priority=Job.Priority.LOOK)
    except IntegrityError:
        raise AlreadyRecorded(starter.account_name) from None
