"""Recognise the portal's passes on an account: by id, or by creation time, shape and request.

Microsoft's list does not say who created a pass. A pass with an unknown id can still be the portal's: an answer may be
lost, refuse although the pass was created, or contain a wrong id. See
docs/decisions/0017-end-a-pass-only-by-microsofts-list.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from onboarding import graph
from onboarding.lifecycle import OPEN_ISSUE, IssueState
from onboarding.models import PassIssue, ProbePass

# Clocks of two machines may differ by this much. A pass that was created later after the lease is not ours.
SKEW = timedelta(minutes=15)
# After Microsoft refused a request, a pass of that request can still appear for this long, by Microsoft's own clock.
AFTER_REFUSAL = timedelta(minutes=2)
# For these reasons, a pass was not shown although a valid answer had named it.
NAMED_BY_MICROSOFT = frozenset(
    {PassIssue.Reason.FROZEN, PassIssue.Reason.CHANGED, PassIssue.Reason.NOT_RECORDED}
)


def is_ours(issue: PassIssue, live: graph.LivePass) -> bool:
    """Whether this issue's request created the pass: by id, or because nothing contradicts it."""
    if live.method_id == issue.method_id:
        return True
    if not _has_our_shape(issue, live) or _is_of_another_request(issue, live):
        return False
    if issue.valid_until is not None:  # it was shown: the same times to the microsecond, under another id
        return live.ends_at == issue.valid_until
    return not _is_fully_known(issue) and _made_in_time(issue, live)


def _is_fully_known(issue: PassIssue) -> bool:
    """Whether it is known which pass the request created, if any. Then no other pass is ours."""
    if issue.state == IssueState.REVOKED:
        return True
    if issue.state == IssueState.REJECTED and not issue.is_denied_by_microsoft:
        return True  # nothing was sent
    if not issue.method_id or issue.reason == PassIssue.Reason.STRANGE_ANSWER:
        return False
    return issue.state not in OPEN_ISSUE or issue.reason in NAMED_BY_MICROSOFT


def _has_our_shape(issue: PassIssue, live: graph.LivePass) -> bool:
    return live.usable_once is not False and live.lifetime_minutes == issue.lifetime_minutes


def _is_of_another_request(issue: PassIssue, live: graph.LivePass) -> bool:
    """Whether the pass was on the account before the request, or another issue has its id."""
    known = PassIssue.objects.filter(method_id=live.method_id).exclude(pk=issue.pk)
    is_probe = ProbePass.objects.filter(method_id=live.method_id).exists
    return live.method_id in issue.seen_before or known.exists() or is_probe()


def is_of_probe(probe: ProbePass, live: graph.LivePass) -> bool:
    """Whether this request for a probe pass created the pass: by id, or because nothing contradicts it."""
    if probe.method_id:
        return live.method_id == probe.method_id
    others = ProbePass.objects.filter(method_id=live.method_id).exclude(pk=probe.pk)
    if live.method_id in probe.seen_before or others.exists():
        return False
    if PassIssue.objects.filter(method_id=live.method_id).exists():
        return False
    has_our_shape = live.usable_once is not False and live.lifetime_minutes == probe.lifetime_minutes
    latest = probe.answered_at + AFTER_REFUSAL if probe.answered_at else probe.lease_until + SKEW
    return has_our_shape and live.created_at <= latest


def _made_in_time(issue: PassIssue, live: graph.LivePass) -> bool:
    if issue.answered_at is not None:
        return live.created_at <= issue.answered_at + AFTER_REFUSAL
    return live.created_at <= issue.lease_until + SKEW


def find_late_passes(account_id: str, passes: Iterable[graph.LivePass]) -> dict[str, PassIssue]:
    """Return the live passes of ended issues of the portal: the issue by the id of the pass."""
    listed = [live for live in passes if live.may_live]
    if not listed:
        return {}
    ended = PassIssue.objects.filter(account_id=account_id).exclude(state__in=OPEN_ISSUE)
    attempts = list(ended.select_related("starter", "policy").order_by("-intended_at"))
    found: dict[str, PassIssue] = {}
    for live in listed:
        maker = next((issue for issue in attempts if is_ours(issue, live)), None)
        if maker is not None:
            found[live.method_id] = maker
    return found
