"""What the audit log says about found passes. A find is recorded before the pass is deleted."""

from __future__ import annotations

from onboarding import audit, graph
from onboarding.models import AuditEvent, PassIssue


@audit.transaction()
def record_found_pass(issue: PassIssue, live: graph.LivePass) -> None:
    """Record a find before the deletion, so that it is on record if the worker is killed in between."""
    if live.method_id in recorded_pass_ids(issue, "issue.found"):
        return
    known_by = "id" if live.method_id == issue.method_id else "time, shape and request"
    facts = {"number": issue.number, "method_id": live.method_id, "known_by": known_by}
    issue.method_id = live.method_id
    PassIssue.objects.filter(pk=issue.pk).update(method_id=live.method_id, counted=True)
    audit.record("issue.found", starter=issue.starter, issue=issue, facts=facts)


def recorded_pass_ids(issue: PassIssue, event: str) -> list[str]:
    """Return the ids of this issue's passes that have this event in the audit log."""
    events = AuditEvent.objects.filter(issue=str(issue.pk), event=event)
    return [recorded.facts.get("method_id", "") for recorded in events]
