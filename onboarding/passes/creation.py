"""Steps 2 and 3 of the hand-over: one POST that is never repeated, and what its answer means."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Max
from django.views.decorators.debug import sensitive_variables

from onboarding import audit, clock, graph, jobs
from onboarding.errors import ConcurrentUpdate
from onboarding.lifecycle import IssueState
from onboarding.mail import notifications
from onboarding.models import PassIssue, ProbePass
from onboarding.models.job import Job
from onboarding.passes.errors import PassNotCreated
from onboarding.transitions import move_issue

log = logging.getLogger(__name__)
Reason = PassIssue.Reason

# After Microsoft refused, its list of passes is read this much later. The manager waits, and the page updates.
LIST_CHECK_AFTER = timedelta(seconds=3)
LONGEST_LIST_CHECK = timedelta(seconds=30)  # whatever `prove_tenant` learned
PAUSE_MARGIN = timedelta(seconds=1)  # a check that comes a moment too early would have to be repeated


@sensitive_variables()
def create_pass(issue: PassIssue) -> graph.CreatedPass:
    """Send the one POST, which is never repeated. Returns a usable single-use pass; `graph` checks the answer.

    Raises PassNotCreated after the outcome is recorded, and Throttled.
    """
    margin = timedelta(seconds=settings.GRAPH_CONNECT_TIMEOUT + settings.GRAPH_READ_TIMEOUT + 5)
    if clock.now() + min(margin, settings.PASS_LEASE / 2) > issue.lease_until:
        # This process was paused for too long. Nothing was sent.
        settle_without_pass(issue, IssueState.REJECTED, Reason.UNREACHABLE)
        raise PassNotCreated(issue)
    try:
        return graph.client().create_pass(
            issue.account_id, lifetime_minutes=issue.lifetime_minutes, request_id=issue.pk
        )
    except graph.OutcomeUnknown as error:
        reason = Reason.STRANGE_ANSWER if error.answered else Reason.NO_ANSWER
        settle_without_pass(issue, IssueState.UNKNOWN, reason, error, method_id=error.method_id or "")
    except graph.Throttled as error:
        _settle_refusal(issue, Reason.THROTTLED, error, timedelta(seconds=error.retry_after) + PAUSE_MARGIN)
        raise
    except graph.Unavailable as error:
        settle_without_pass(issue, IssueState.REJECTED, Reason.UNREACHABLE, error)  # nothing was sent
    except graph.NotFound as error:  # the account was read a moment ago: it is not known everywhere yet
        _settle_refusal(issue, Reason.NOT_KNOWN_YET, error, list_check_delay())
    except graph.Refused as error:
        _settle_refusal(issue, Reason.REFUSED, error, list_check_delay())
    except BaseException:  # whatever else ends this thread: the POST may have been made
        settle_without_pass(issue, IssueState.UNKNOWN, Reason.CRASHED)
        raise
    raise PassNotCreated(issue)


def list_check_delay() -> timedelta:
    """Return how long to wait for Microsoft's list after a refusal: longer where `prove_tenant` saw it come later."""
    try:
        learned = ProbePass.objects.aggregate(longest=Max("listed_seconds"))["longest"] or 0
    except DatabaseError:
        return LIST_CHECK_AFTER
    return min(max(LIST_CHECK_AFTER, timedelta(seconds=learned) + PAUSE_MARGIN), LONGEST_LIST_CHECK)


def _settle_refusal(issue: PassIssue, reason: str, error: graph.GraphError, check_after: timedelta) -> None:
    """Record that Microsoft refused. Its list decides whether that is so. A refusal costs the starter no attempt."""
    now = clock.now()
    answered = {"answered_at": error.answered_at or now}
    settle_without_pass(
        issue, IssueState.UNKNOWN, reason, error, counts=False, changes=answered, check_at=now + check_after
    )


def settle_without_pass(
    issue: PassIssue,
    to: IssueState,
    reason: str,
    error: graph.GraphError | None = None,
    method_id: str = "",
    *,
    counts: bool = True,
    changes: dict[str, Any] | None = None,
    check_at: datetime | None = None,
) -> None:
    """Record an outcome without a pass. If that fails, the lease runs out and the reconciler does it."""
    facts = {"graph": error.code, "graph_request_id": error.request_id} if error else {}
    if isinstance(error, graph.Refused):
        facts["refusal"] = error.reason
    try:
        with audit.transaction():
            values: dict[str, Any] = {
                **(changes or {}),
                "reason": reason,
                "graph_request_id": facts.get("graph_request_id", "")[:64],
                "method_id": method_id,
            }
            if to == IssueState.REJECTED:
                values["ended_at"] = clock.now()
            move_issue(issue, to, event=f"issue.{to}", counts=counts, changes=values, facts=facts)
            jobs.enqueue_job(f"issue:{issue.pk}", priority=Job.Priority.PASS, due_at=check_at)
            if reason == Reason.STRANGE_ANSWER:
                notifications.write_microsoft_refusal(issue, "unusable")
    except ConcurrentUpdate:  # the lease had run out
        log.warning("the reconciler settled the outcome first", extra={"issue": str(issue.pk)})
    except DatabaseError:
        log.exception("the reconciler will settle the outcome", extra={"issue": str(issue.pk)})
