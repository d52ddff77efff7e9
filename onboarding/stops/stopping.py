"""Stopping one starter: no further pass, a live pass is deleted, and security and HR are notified."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from onboarding import audit, clock, jobs, obstacles
from onboarding.lifecycle import IssueState
from onboarding.mail import notifications
from onboarding.models import PassIssue, Starter
from onboarding.models.job import Job
from onboarding.passes.cancellation import cancel_pass
from onboarding.transitions import move_starter


class Way(StrEnum):
    """How somebody could stop the starter. The audit event has it."""

    MAIL = "mail"  # a mail to a manager, who signed in
    FORMER_MAIL = "former_mail"  # the same, but the mail was about the account before HR chose another one
    CODE = "code"  # the starter's stop code, which says nothing about who entered it


@audit.transaction()
def stop_starter(starter: Starter, *, way: Way, by: Any | None = None) -> bool:
    """Put an emergency stop in force. Return False if one is in force already.

    The lock of the audit trail is held, so what is read here cannot change until the stop is committed. A pass that is
    being created now is deleted and never shown: `passes/recording.py` checks the stop. The worker deletes a live pass.
    """
    starter = Starter.objects.select_related("recorded_by").get(pk=starter.pk)
    if starter.stopped_at is not None:
        return False
    issue = starter.open_issue()
    move_starter(
        starter,
        None,
        event="starter.stopped",
        by=by,
        issue=issue,
        changes={
            **obstacles.CLEARED_FIELDS,
            "stopped_at": clock.now(),
            "problem": Starter.Problem.STOPPED,
        },
        facts={"way": str(way)},
    )
    if issue is not None and issue.state in {IssueState.SHOWN, IssueState.HELD}:
        cancel_pass(issue, reason=PassIssue.Reason.STOPPED, by=by)
    notifications.cancel_unsent(starter)
    written = notifications.write_stop_to_hr(
        starter, by_name=by.name if by else "", is_former=way == Way.FORMER_MAIL
    )
    Starter.objects.filter(pk=starter.pk).update(hr_notified_at=written)
    jobs.enqueue_job(f"stopped:{starter.pk}", priority=Job.Priority.MAIL)
    return True
