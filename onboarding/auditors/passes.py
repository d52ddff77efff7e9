"""Passes of one month: who confirmed, for which starter, under which policy, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from django.db.models import Count, Min, QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from onboarding import audit
from onboarding.auditors.rows import Name, find_starter_names
from onboarding.models import AuditEvent, PassIssue

PAGE_SIZE = 100
MAX_MONTHS = 240


@dataclass(frozen=True)
class Attempt:
    """One attempt to hand over a pass, as auditors read it."""

    issue: PassIssue
    starter_id: str
    starter: Name
    outcome: str
    reason: str
    policies: tuple[int, ...]
    faults: list[str]


def parse_month(text: str) -> date | None:
    """Return the first day of a month such as `2026-05`."""
    try:
        month = date.fromisoformat(f"{text}-01") if len(text) == 7 else None
    except ValueError:
        return None
    return month if month and 2000 <= month.year <= 2999 else None


def this_month() -> date:
    return timezone.localdate().replace(day=1)


def next_month(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def list_months() -> list[date]:
    """Return the months since the first pass, the newest first."""
    first = PassIssue.objects.aggregate(first=Min("intended_at"))["first"]
    found = [timezone.localtime(first).date().replace(day=1) if first else this_month()]
    while found[-1] < this_month() and len(found) < MAX_MONTHS:
        found.append(next_month(found[-1]))
    return found[::-1]


def passes_of(month: date) -> QuerySet[PassIssue]:
    """Return the attempts that a manager confirmed in this month of the reader's zone, in order."""
    zone = timezone.get_current_timezone()
    begin, end = (datetime.combine(day, time(), zone) for day in (month, next_month(month)))
    issues = PassIssue.objects.filter(intended_at__gte=begin, intended_at__lt=end)
    return issues.select_related("actor", "starter").order_by("intended_at", "pk")


def count_outcomes(issues: QuerySet[PassIssue]) -> list[dict[str, Any]]:
    """Return how many attempts ended in each state, the most frequent first."""
    counted = issues.order_by().values("state").annotate(count=Count("pk")).order_by("-count", "state")
    return [
        {"word": _capitalise(PassIssue.State(row["state"]).label), "count": row["count"]} for row in counted
    ]


def build_attempts(issues: Sequence[PassIssue]) -> list[Attempt]:
    """Return these attempts as rows. The number of queries does not depend on the number of attempts."""
    names = find_starter_names({issue.starter.public_id for issue in issues})
    intents = _read_intents(issues)
    return [
        Attempt(
            issue=issue,
            starter_id=issue.starter.public_id,
            starter=names[issue.starter.public_id],
            outcome=_capitalise(issue.get_state_display()),
            reason=_capitalise(issue.get_reason_display()),
            policies=tuple(filter(None, (issue.policy_id, issue.override_id))),
            faults=_compare(issue, intents.get(str(issue.pk))),
        )
        for issue in issues
    ]


def _read_intents(issues: Iterable[PassIssue]) -> dict[str, AuditEvent]:
    """The events in which the managers confirmed, by pass."""
    numbers = [str(issue.pk) for issue in issues]
    events = AuditEvent.objects.filter(issue__in=numbers, event="issue.intent").select_related(
        "detail", "code"
    )
    return {event.issue: event for event in events}


def _compare(issue: PassIssue, intent: AuditEvent | None) -> list[str]:
    """Return where the row of a pass differs from the audit log, which triggers protect."""
    if intent is None:
        return [gettext("The audit log has no event for this pass.")]
    found = []
    facts = intent.facts
    if intent.starter != issue.starter.public_id:
        found.append(gettext("According to the audit log, this pass is for a different starter."))
    if facts.get("identity_check") != issue.identity_check:
        found.append(gettext("According to the audit log, the identity check was different."))
    if (facts.get("policy"), facts.get("department_policy")) != (issue.policy_id, issue.override_id):
        found.append(gettext("According to the audit log, a different policy version applied."))
    if not audit.is_actor(intent, issue.actor):
        found.append(gettext("According to the audit log, a different person confirmed."))
    return found


def _capitalise(text: Any) -> str:
    return str(text)[:1].upper() + str(text)[1:]
