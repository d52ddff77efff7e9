"""Passes of other tools: a manager who was shown one can choose to replace it."""

from __future__ import annotations

from onboarding import audit, clock, graph
from onboarding.lifecycle import IssueState
from onboarding.models import AuditEvent, PassIssue, Starter
from onboarding.passes import graph_quota
from onboarding.passes.confirmation import Confirmation, ForeignPass
from onboarding.passes.creation import settle_without_pass
from onboarding.passes.errors import PassNotCreated

Reason = PassIssue.Reason


def replace_foreign_passes(
    issue: PassIssue, confirmation: Confirmation, calls: graph_quota.IssueCalls
) -> None:
    """Delete the passes of other tools that the manager chose to replace. Raises PassNotCreated if one is still listed.

    Microsoft's 204 to a deletion is a hint; reading the list afterwards decides.
    """
    chosen = confirmation.replacing.intersection(issue.seen_before)
    if not chosen:
        return
    try:
        for method_id in sorted(chosen):
            calls.made += 1
            graph.client().delete_pass(issue.account_id, method_id)
        calls.made += 1
        listed = {live.method_id for live in graph.client().list_passes(issue.account_id)}
    except graph.Throttled as error:
        settle_without_pass(issue, IssueState.REJECTED, Reason.THROTTLED, error)
        raise
    except graph.GraphError as error:
        settle_without_pass(issue, IssueState.REJECTED, Reason.NOT_REPLACED, error)
        raise PassNotCreated(issue) from None
    for method_id in sorted(chosen - listed):
        with audit.transaction():
            audit.record(
                "issue.replaced_foreign",
                by=issue.actor,
                starter=issue.starter,
                issue=issue,
                facts={"method_id": method_id},
            )
    if chosen & listed:
        settle_without_pass(issue, IssueState.REJECTED, Reason.NOT_REPLACED)
        raise PassNotCreated(issue)


def calls_to_replace(confirmation: Confirmation) -> int:
    """Return the extra calls within the quota: a deletion for each chosen pass, and one reading of the list."""
    return len(confirmation.replacing) + 1 if confirmation.replacing else 0


def may_still_exist(foreign: ForeignPass, starter: Starter) -> bool:
    """Whether a pass of another tool may still exist: it has time left, and no request for this starter deleted it."""
    deleted = AuditEvent.objects.filter(
        starter=starter.public_id, event="issue.replaced_foreign", facts__method_id=foreign.method_id
    )
    return clock.now() < foreign.ends_at and not deleted.exists()
