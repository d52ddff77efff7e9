"""When something happens by itself for one starter: moments in UTC, worked out where the starter works.

A day before or after the start has 24 hours, whatever the clocks do meanwhile. The hour at which others are told is
read off the clock on the wall: where the clocks skip it, it moves forward; where it comes twice, the first counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from onboarding.models import PolicyVersion, Starter
from onboarding.models.rules import EscalateTo

AFTER_START = timedelta(hours=1)  # nobody is told of a manager sooner than this


@dataclass(frozen=True)
class Moments:
    """None where policy does without."""

    invited: datetime
    reminded_ahead: datetime | None
    opens: datetime
    reminded: datetime | None
    escalated: datetime | None
    closes: datetime

    def after(self, now: datetime) -> list[datetime]:
        """Those that are still to come, at which the worker has something to do."""
        planned = (self.invited, self.reminded_ahead, self.opens, self.escalated)
        return sorted(moment for moment in planned if moment is not None and moment > now)


def of(starter: Starter, rules: PolicyVersion) -> Moments:
    opens, closes = starter.window(rules.before, rules.after)
    ahead = timedelta(days=rules.remind_days_before)
    return Moments(
        invited=starter.starts_at - rules.lead,
        reminded_ahead=starter.starts_at - ahead if ahead else None,
        opens=opens,
        reminded=opens if rules.remind_on_day else None,
        escalated=_escalated(starter, rules),
        closes=closes,
    )


def _escalated(starter: Starter, rules: PolicyVersion) -> datetime | None:
    if rules.escalate_to == EscalateTo.NOBODY:
        return None
    on_the_wall = datetime.combine(starter.start_date, time(rules.escalate_hour), tzinfo=starter.zone)
    return max(on_the_wall.astimezone(UTC), starter.starts_at + AFTER_START)
