"""The coming weeks, day by day: how many start, and how many of them need a hand. Drawn on the server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Count
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext

from onboarding.hr.wanted import lapsed_before
from onboarding.lifecycle import StarterState
from onboarding.models import Starter
from onboarding.models.starter import in_need

WEEKS, SIDE, HEAD, GAP = 6, 52, 24, 4
LEVELS = 4  # of fullness, beside none


@dataclass(frozen=True)
class Day:
    """One square: what it says, and where it stands in the drawing."""

    day: date
    count: int
    hands: int
    level: int
    x: int
    y: int
    is_shown: bool
    is_today: bool

    @property
    def url(self) -> str:
        return reverse("hr:day", args=[self.day.isoformat()])

    @property
    def label(self) -> str:
        names_its_month = self.day.day == 1 or (self.x, self.y) == (0, HEAD)
        return date_format(self.day, "SHORT_DAY") if names_its_month else str(self.day.day)

    @property
    def words(self) -> str:
        day = date_format(self.day, "WEEKDAY_DAY")
        if not self.count:
            return gettext("%(day)s: nobody starts") % {"day": day}
        told = ngettext("%(day)s: %(count)s starts", "%(day)s: %(count)s start", self.count)
        told = told % {"day": day, "count": self.count}
        if not self.hands:
            return told
        return gettext("%(told)s, %(count)s need a hand") % {"told": told, "count": self.hands}


def weeks(shown: date, today: date) -> dict[str, Any]:
    """From this week on, or from the week of the day that is shown, where that is elsewhere."""
    first, span = _monday(today), timedelta(weeks=WEEKS)
    if not first <= shown < first + span:
        first = _monday(shown)
    counts = _counts(first, first + span)
    most = max((n for n, _ in counts.values()), default=0)
    days = [_day(first, number, counts, most, shown, today) for number in range(7 * WEEKS)]
    return {
        "days": days,
        "busy": [day for day in days if day.count],
        "names": [
            {"word": date_format(first + timedelta(days=n), "WEEKDAY"), "x": n * SIDE + SIDE // 2}
            for n in range(7)
        ],
        "width": 7 * SIDE,
        "height": HEAD + WEEKS * SIDE,
        "side": SIDE - GAP,
        "first": first,
        "last": days[-1].day,
    }


def _counts(first: date, end: date) -> dict[date, tuple[int, int]]:
    """One query for all the days."""
    rows = Starter.objects.filter(start_date__gte=first, start_date__lt=end, erased_at=None)
    counted = (
        rows.exclude(state=StarterState.WITHDRAWN)
        .order_by()
        .values("start_date")
        .annotate(n=Count("pk"), hands=Count("pk", filter=in_need(lapsed_before())))
    )
    return {row["start_date"]: (row["n"], row["hands"]) for row in counted}


def _day(
    first: date, number: int, counts: dict[date, tuple[int, int]], most: int, shown: date, today: date
) -> Day:
    day = first + timedelta(days=number)
    count, hands = counts.get(day, (0, 0))
    return Day(
        day=day,
        count=count,
        hands=hands,
        level=-(-count * LEVELS // most) if count else 0,
        x=number % 7 * SIDE,
        y=HEAD + number // 7 * SIDE,
        is_shown=day == shown,
        is_today=day == today,
    )


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
