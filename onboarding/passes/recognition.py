"""Which pass on an account is ours: by its id, or by when it was made, its shape and what we asked for.

Microsoft's list names no maker. A pass whose id no answer told us can still be ours: an answer may be lost, say no
although the pass was made, or name a wrong id. See docs/decisions/0017-end-a-pass-only-by-microsofts-list.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from onboarding import graph
from onboarding.lifecycle import OPEN_ISSUE, IssueState
from onboarding.models import PassIssue

# Clocks of two machines may differ by this much; a pass made later than this after a lease is not ours.
SKEW = timedelta(minutes=15)
# After Microsoft's no, by Microsoft's own clock: a pass of that request was made before, or at the latest by then.
AFTER_A_NO = timedelta(minutes=2)
# An answer that could be trusted named the pass, and then it was not shown.
NAMED_BY_MICROSOFT = frozenset(
    {PassIssue.Reason.FROZEN, PassIssue.Reason.CHANGED, PassIssue.Reason.NOT_RECORDED}
)


def is_ours(issue: PassIssue, live: graph.LivePass) -> bool:
    """Whether this issue's request made the pass: by id, or since nothing else fits."""
    if live.method_id == issue.method_id:
        return True
    if not _has_our_shape(issue, live) or _is_somebody_elses(issue, live):
        return False
    if issue.valid_until is not None:  # it was shown: the same times to the microsecond, under another id
        return live.ends_at == issue.valid_until
    return not _is_fully_known(issue) and _made_in_time(issue, live)


def _is_fully_known(issue: PassIssue) -> bool:
    """Whether it is known which pass the request made, or that it made none: then no other is ours."""
    if issue.state == IssueState.REVOKED:
        return True
    if issue.state == IssueState.REJECTED and not issue.is_denied_by_microsoft:
        return True  # nothing was sent
    if not issue.method_id or issue.reason == PassIssue.Reason.STRANGE_ANSWER:
        return False
    return issue.state not in OPEN_ISSUE or issue.reason in NAMED_BY_MICROSOFT


def _has_our_shape(issue: PassIssue, live: graph.LivePass) -> bool:
    return live.usable_once is not False and live.lifetime_minutes == issue.lifetime_minutes


def _is_somebody_elses(issue: PassIssue, live: graph.LivePass) -> bool:
    """It was on the account before we asked, or another issue knows it by its id."""
    known = PassIssue.objects.filter(method_id=live.method_id).exclude(pk=issue.pk)
    return live.method_id in issue.seen_before or known.exists()


def _made_in_time(issue: PassIssue, live: graph.LivePass) -> bool:
    if issue.answered_at is not None:
        return live.created_at <= issue.answered_at + AFTER_A_NO
    return live.created_at <= issue.lease_until + SKEW


def find_late_passes(account_id: str, passes: Iterable[graph.LivePass]) -> dict[str, PassIssue]:
    """Passes that may open the account and came from an attempt of ours that has ended: by id, the attempt."""
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
