"""The hire date in the directory: a date, although Graph has a date and time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, tzinfo


def hire_day(moment: datetime, zone: tzinfo) -> date:
    """The day that the directory means by this value, for a person who works in this zone.

    Graph's `employeeHireDate` is a DateTimeOffset in UTC. HR systems write midnight in UTC, or midnight in the person's
    zone: the first is the day in UTC, the second the day in the zone.
    """
    written = moment.astimezone(UTC)
    return written.date() if written.time() == time(0) else written.astimezone(zone).date()
