"""Ending an issue, and what follows for its starter: registered, open again, or withdrawn as HR wished."""

from __future__ import annotations

from onboarding import audit, clock, jobs
from onboarding.lifecycle import IssueState, StarterState
from onboarding.mail import notifications
from onboarding.models import PassIssue, Starter
from onboarding.models.job import Job
from onboarding.transitions import move_issue, move_starter

Reason = PassIssue.Reason


@audit.transaction()
def end_issue(
    issue: PassIssue,
    to: IssueState,
    *,
    reason: str = "",
    starter_to: StarterState = StarterState.INVITED,
    facts: dict[str, object] | None = None,
) -> None:
    """End an issue, and move its starter on: registered, open again, or withdrawn."""
    # HR may have withdrawn the starter during the call to Microsoft: read the reason again.
    issue.reason = PassIssue.objects.select_for_update().values_list("reason", flat=True).get(pk=issue.pk)
    changes: dict[str, object] = {"ended_at": clock.now(), **({"reason": reason} if reason else {})}
    move_issue(issue, to, event=f"issue.{to}", changes=changes, facts=facts)
    starter = Starter.objects.get(pk=issue.starter_id)
    if issue.reason == Reason.WITHDRAWN:
        starter_to = StarterState.WITHDRAWN
    stopped = starter.stopped_at is not None
    if starter.state == StarterState.ISSUED:
        ended = {"ended_at": clock.now()} if starter_to != StarterState.INVITED else {}
        move_starter(
            starter,
            starter_to,
            event=_event_of(starter_to, stopped=stopped),
            issue=issue,
            changes=ended,
            facts={"reason": issue.reason},
        )
    if stopped:
        jobs.enqueue_job(f"stopped:{starter.pk}", priority=Job.Priority.MAIL)  # methods may have been added
    if starter_to == StarterState.REGISTERED and not stopped:
        notifications.write_registered(starter)
    elif starter.state == StarterState.WITHDRAWN and notifications.is_confirmer_notified(starter):
        notifications.write_withdrawal(starter)
    elif starter.state == StarterState.INVITED and to != IssueState.REJECTED:
        notifications.write_pass_cancelled(issue)
        if issue.reason == Reason.USED:
            _mark_needs_attention(starter)


def _event_of(starter_to: StarterState, *, stopped: bool) -> str:
    if starter_to != StarterState.INVITED:
        return f"starter.{starter_to}"
    return "starter.stop_kept" if stopped else "starter.opened_again"


def _mark_needs_attention(starter: Starter) -> None:
    """Notify HR of a pass that led to no method. The starter needs attention until there is another pass."""
    starter.problem = Starter.Problem.NOT_REGISTERED
    if Starter.objects.filter(pk=starter.pk, problem="").update(problem=starter.problem):
        notifications.write_problem(starter)
