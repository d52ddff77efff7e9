"""The timetable of a starter: when mails are due and the window opens and closes, in UTC.

A day before or after the start has 24 hours, also when the clocks change. The hour of the escalation is local time: if
the clocks skip that hour, it moves forward; if it comes twice, the first one counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.db.models import Q, QuerySet

from onboarding import policy
from onboarding.models import EffectivePolicy, Starter
from onboarding.models.policy_settings import EscalateTo

AFTER_START = timedelta(hours=1)  # the earliest escalation after the start


@dataclass(frozen=True)
class Timetable:
    """None for what the policy does not use."""

    invited: datetime
    reminded_ahead: datetime | None
    opens: datetime
    reminded: datetime | None
    escalated: datetime | None
    closes: datetime

    def moments_after(self, now: datetime) -> list[datetime]:
        """Return the coming moments at which the worker has something to do."""
        planned = (self.invited, self.reminded_ahead, self.opens, self.escalated)
        return sorted(moment for moment in planned if moment is not None and moment > now)


def plan_timetable(starter: Starter, rules: EffectivePolicy) -> Timetable:
    opens, closes = starter.pass_window(rules.opens_before, rules.closes_after)
    ahead = timedelta(days=rules.remind_days_before)
    return Timetable(
        invited=starter.starts_at - rules.invite_before,
        reminded_ahead=starter.starts_at - ahead if ahead else None,
        opens=opens,
        reminded=opens if rules.remind_on_day else None,
        escalated=_escalation_time(starter, rules),
        closes=closes,
    )


def window_has_closed(now: datetime, among: QuerySet[Starter] | None = None) -> Q:
    """Return the condition for starters whose window has closed, each by the policy of their department.

    `among` are the starters to which it is applied: by default, the unfinished ones.
    """
    return split_by_window(now, among)[0]


def split_by_window(now: datetime, among: QuerySet[Starter] | None = None) -> tuple[Q, Q]:
    """Return the conditions for starters whose window has closed, and for all others.

    Each names a moment that an index can begin or end at. It costs one more query if a department closes at another time,
    and none per row.
    """
    site = now - policy.for_department("").closes_after
    own = policy.department_policies_with("closes_days_after")
    rows = Starter.objects.unfinished() if among is None else among
    spelled = _department_spellings(own, rows) if own else {}
    if not spelled:
        return Q(starts_at__lt=site), Q(starts_at__gte=site)
    found = Q(starts_at__lt=site) & ~Q(department__in=[name for names in spelled.values() for name in names])
    moments = [site]
    for key, names in spelled.items():
        moments.append(now - own[key].closes_after)
        found |= Q(department__in=names, starts_at__lt=moments[-1])
    return found & Q(starts_at__lt=max(moments)), ~found & Q(starts_at__gte=min(moments))


def _department_spellings(keys: Collection[str], among: QuerySet[Starter]) -> dict[str, list[str]]:
    """Map normalised department names to their spellings among these starters."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    rows = among.exclude(department="").order_by()
    for name in rows.values_list("department", flat=True).distinct():
        if (key := policy.normalise_department(name)) in keys:
            found[key].append(name)
    return dict(found)


def _escalation_time(starter: Starter, rules: EffectivePolicy) -> datetime | None:
    if rules.escalate_to == EscalateTo.NOBODY:
        return None
    local = datetime.combine(starter.start_date, time(rules.escalate_hour), tzinfo=starter.zone_info)
    return max(local.astimezone(UTC), starter.starts_at + AFTER_START)
