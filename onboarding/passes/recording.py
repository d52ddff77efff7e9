"""Step 4 of the hand-over: record the pass before it is shown. A pass that cannot be recorded is deleted."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import DatabaseError
from django.db.models import Q, Subquery
from django.views.decorators.debug import sensitive_variables

from onboarding import audit, clock, graph, jobs, obstacles, policy
from onboarding.errors import ConcurrentUpdate
from onboarding.guards import emergency_stop
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import AuditEvent, PassIssue
from onboarding.models.audit import ActorKey
from onboarding.models.job import Job
from onboarding.passes.confirmation import Shown
from onboarding.passes.creation import settle_without_pass
from onboarding.passes.errors import PassNotCreated
from onboarding.transitions import move_issue, move_starter

log = logging.getLogger(__name__)
Reason = PassIssue.Reason


class SessionsEnded(ConcurrentUpdate):
    """An admin ended all sessions of the manager while this pass was being created."""


class OwnSessionEnded(ConcurrentUpdate):
    """The person who requested the pass ended another of their sessions while it was being created."""


class StarterStopped(ConcurrentUpdate):
    """Someone used the emergency stop while this pass was being created."""


class IssuingFrozen(ConcurrentUpdate):
    """An admin froze all passes while this one was being created."""


@sensitive_variables()
def record_pass(issue: PassIssue, made: graph.CreatedPass) -> Shown:
    """Commit that the pass is about to be shown. Only after this may a byte of it leave the process.

    Raises PassNotCreated after deleting a pass that could not be recorded.
    """
    try:
        with audit.transaction():
            if policy.for_site().frozen:
                raise IssuingFrozen("passes were frozen meanwhile")
            if emergency_stop.is_account_stopped(issue.account_id, issue.starter.account_name):
                raise StarterStopped("somebody used the emergency stop meanwhile")
            if _have_sessions_ended(issue):
                raise SessionsEnded("an admin ended the manager's sessions meanwhile")
            if _has_own_session_ended(issue):
                raise OwnSessionEnded("the manager ended another session meanwhile")
            now = clock.now()
            move_issue(
                issue,
                IssueState.SHOWN,
                event="issue.shown",
                by=issue.actor,
                provided=Q(lease_until__gt=now),
                changes={
                    "method_id": made.method_id,
                    "graph_request_id": made.request_id[:64],
                    "valid_until": made.ends_at,
                    "shown_at": now,
                    "receipt_until": now + settings.PASS_RECEIPT,
                },
                facts={"method_id": made.method_id, "valid_until": made.ends_at.isoformat()},
            )
            changes: dict[str, Any] = dict(obstacles.CLEARED_FIELDS)
            if issue.starter.first_pass_at is None:
                changes["first_pass_at"] = now
            move_starter(
                issue.starter, StarterState.ISSUED, event="starter.issued", issue=issue, changes=changes
            )
            jobs.enqueue_job(f"issue:{issue.pk}", priority=Job.Priority.PASS, due_at=issue.receipt_until)
    except Exception as error:  # whatever went wrong, this pass is not shown
        log.exception(
            "the pass was made but not recorded: it is deleted, not shown", extra={"issue": str(issue.pk)}
        )
        made.code.wipe()
        _delete_unrecorded_pass(issue, made.method_id, _reason_of(error))
        raise PassNotCreated(issue) from None
    return Shown(issue, made.code, made.ends_at)


def _have_sessions_ended(issue: PassIssue) -> bool:
    """Whether an admin ended the sessions of the person who confirmed, after the intent was recorded."""
    people = get_user_model().objects
    return people.filter(pk=issue.actor_id, sessions_ended_at__gte=issue.intended_at).exists()


def _has_own_session_ended(issue: PassIssue) -> bool:
    """Whether the person who confirmed ended another session of theirs after the intent: it may have been made there.

    The trail is asked, because only it says when. Its transactions run one after another.
    """
    intent = AuditEvent.objects.filter(event="issue.intent", issue=str(issue.pk)).values("seq")
    ended = AuditEvent.objects.filter(event="session.ended_own", seq__gt=Subquery(intent[:1]))
    actor = f"{issue.actor.tid}/{issue.actor.oid}"
    return ended.annotate(actor=ActorKey("detail__values")).filter(actor=actor).exists()


REASONS: tuple[tuple[type[ConcurrentUpdate], Reason], ...] = (
    (IssuingFrozen, Reason.FROZEN),
    (StarterStopped, Reason.STOPPED),
    (SessionsEnded, Reason.SESSIONS_ENDED),
    (OwnSessionEnded, Reason.OWN_SESSION_ENDED),
    (ConcurrentUpdate, Reason.CHANGED),
)


def _reason_of(error: Exception) -> str:
    return next((reason for kind, reason in REASONS if isinstance(error, kind)), Reason.NOT_RECORDED)


def _delete_unrecorded_pass(issue: PassIssue, method_id: str, reason: str) -> None:
    """Delete a pass that will not be shown. Microsoft's answer is a hint: the reconciler reads the list."""
    try:
        deleted = graph.client().delete_pass(issue.account_id, method_id)
    except graph.GraphError:
        deleted = False
    try:
        issue.refresh_from_db()
    except DatabaseError:
        issue.state = IssueState.UNKNOWN
        issue.reason = reason
        return
    if issue.state == IssueState.ISSUING:
        settle_without_pass(issue, IssueState.UNKNOWN, reason, method_id=method_id)
    else:
        _leave_late_pass_to_worker(issue, method_id)
    log.warning("unrecorded pass", extra={"issue": str(issue.pk), "deleted": deleted})


def _leave_late_pass_to_worker(issue: PassIssue, method_id: str) -> None:
    """Leave a pass to the worker: this process was paused, and the reconciler settled its issue before the pass came."""
    try:
        with audit.transaction():
            PassIssue.objects.filter(pk=issue.pk, method_id="").update(method_id=method_id)
            audit.record(
                "issue.made_late", starter=issue.starter, issue=issue, facts={"method_id": method_id}
            )
            jobs.enqueue_job(f"issue:{issue.pk}", priority=Job.Priority.PASS)
    except DatabaseError:
        log.exception("a late pass could not be deleted", extra={"issue": str(issue.pk)})
