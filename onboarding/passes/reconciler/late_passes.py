"""A request may take effect after its outcome was settled: passes that appear late are found and deleted."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from onboarding import audit, graph
from onboarding.jobs import JobPostponed
from onboarding.lifecycle import OPEN_ISSUE
from onboarding.models import PassIssue
from onboarding.passes.recognition import is_ours
from onboarding.passes.reconciler.deletion import delete_and_check
from onboarding.passes.reconciler.findings import record_found_pass, recorded_pass_ids
from onboarding.passes.reconciler.reading import list_passes, spend_quota

log = logging.getLogger(__name__)

SWEEP_INTERVAL, SWEEP_BEYOND_LIFETIME = timedelta(minutes=2), timedelta(hours=1)
# After a refusal that the list confirmed: for this long a pass may exist and not be listed yet.
SWEEP_AFTER_REFUSAL = timedelta(minutes=15)


def sweep_late_passes(issue: PassIssue, now: datetime, span: timedelta) -> datetime | None:
    """Check for late passes, less and less often, while one could exist. The last check comes after `span`."""
    since = now - (issue.ended_at or now)
    if _has_newer_open_issue(issue):
        return now + SWEEP_INTERVAL
    with spend_quota():
        orphans = [live for live in list_passes(issue, now) if is_ours(issue, live)]
    for live in orphans:
        _delete_orphan(issue, live, now)
    if not orphans:
        _record_deleted_orphans(issue)
        if since > span:
            return None
    # Check a deleted pass again: it may have been "not found" only because it is so new.
    return now + (timedelta(seconds=5) if orphans else max(SWEEP_INTERVAL, since))


def _has_newer_open_issue(issue: PassIssue) -> bool:
    """Whether a newer attempt for the account is open, of any starter: its pass may not be recorded yet."""
    later = PassIssue.objects.filter(
        account_id=issue.account_id, state__in=[state.value for state in OPEN_ISSUE]
    )
    return later.exclude(pk=issue.pk).exists()


def _delete_orphan(issue: PassIssue, live: graph.LivePass, now: datetime) -> None:
    # A claim is committed before its pass exists: if this pass is not ours, its issue can be read by now.
    if _has_newer_open_issue(issue) or not is_ours(issue, live):
        raise JobPostponed(SWEEP_INTERVAL.total_seconds())
    record_found_pass(issue, live)
    if delete_and_check(issue, now, settled=now).gone:
        _record_deleted_orphans(issue)


@audit.transaction()
def _record_deleted_orphans(issue: PassIssue) -> None:
    """Record that passes which appeared after their request was settled are gone."""
    found, noted = (recorded_pass_ids(issue, event) for event in ("issue.found", "issue.orphan_deleted"))
    for method_id in dict.fromkeys(method_id for method_id in found if method_id not in noted):
        log.error(
            "a pass appeared after its request was settled; it is deleted", extra={"issue": str(issue.pk)}
        )
        facts = {"method_id": method_id}
        audit.record("issue.orphan_deleted", starter=issue.starter, issue=issue, facts=facts)
