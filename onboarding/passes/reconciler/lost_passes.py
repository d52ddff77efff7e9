"""An issue whose outcome is unknown: was a pass created? If so it is found in Microsoft's list and deleted."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from onboarding import audit
from onboarding.jobs import JobPostponed
from onboarding.lifecycle import IssueState
from onboarding.mail import notifications
from onboarding.models import AuditEvent, PassIssue
from onboarding.passes import graph_quota
from onboarding.passes.recognition import is_ours
from onboarding.passes.reconciler.deletion import delete_and_check
from onboarding.passes.reconciler.ending import end_issue
from onboarding.passes.reconciler.findings import record_found_pass, recorded_pass_ids
from onboarding.passes.reconciler.late_passes import SWEEP_INTERVAL
from onboarding.passes.reconciler.reading import alarm_if_overdue, list_passes, spend_quota

Reason = PassIssue.Reason


def find_lost_pass(issue: PassIssue, now: datetime) -> datetime | None:
    """Delete a pass of ours if there is one.

    After a refusal, one empty list confirms that there is none. Without an answer it takes two, the second after the
    quarantine.
    """
    with alarm_if_overdue(issue, since=issue.lease_until, now=now):
        # A pass that is known is not looked for again: those calls would use up what its deletion needs.
        if not _is_known_to_exist(issue):
            with spend_quota(yields=False):
                lost = [live for live in list_passes(issue, now) if is_ours(issue, live)]
            for live in lost:
                record_found_pass(issue, live)
        if _is_known_to_exist(issue):
            return _delete_known_pass(issue, now)
    if issue.is_denied_by_microsoft:
        return _confirm_refusal(issue, now)
    if issue.first_empty_at is None:
        PassIssue.objects.filter(pk=issue.pk).update(first_empty_at=now)
        return max(now + settings.PASS_QUARANTINE / 2, _list_is_final_at(issue))
    if now < _list_is_final_at(issue):
        return _list_is_final_at(issue)
    end_issue(issue, IssueState.VOID)
    return now + SWEEP_INTERVAL


def _delete_known_pass(issue: PassIssue, now: datetime) -> datetime | None:
    final_at = _list_is_final_at(issue)
    result = delete_and_check(issue, now, settled=final_at)
    if result.gone:
        end_issue(issue, IssueState.REVOKED, facts={"deleted": [issue.method_id]})
        return None
    if result.listed:
        raise JobPostponed(5)
    return max(now + timedelta(seconds=5), final_at)


def _list_is_final_at(issue: PassIssue) -> datetime:
    """Return when a list that does not show a pass begins to mean that there is none."""
    return issue.lease_until + settings.PASS_QUARANTINE


def _is_known_to_exist(issue: PassIssue) -> bool:
    """Whether a pass is known to exist: it was found, or an answer that can be trusted named it."""
    if issue.method_id and issue.reason != Reason.STRANGE_ANSWER:
        return True
    return issue.method_id in recorded_pass_ids(issue, "issue.found")


@audit.transaction()
def _confirm_refusal(issue: PassIssue, now: datetime) -> datetime:
    """End an issue that Microsoft refused: its list shows no pass of ours. Notify HR if a person must fix the cause."""
    end_issue(issue, IssueState.REJECTED)
    if issue.reason == Reason.THROTTLED:
        graph_quota.open_queue_position(issue.starter)
    if issue.reason == Reason.REFUSED:
        event = AuditEvent.objects.filter(issue=str(issue.pk), event="issue.unknown").last()
        notifications.write_microsoft_refusal(issue, event.facts.get("refusal", "") if event else "")
    return now + SWEEP_INTERVAL
