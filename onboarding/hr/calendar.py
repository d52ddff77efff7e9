"""Draw the coming weeks on the server: starters per day, and how many of them need attention."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from html import escape
from typing import Any

from django.db.models import Count, Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation.trans_real import catalog

from onboarding.lifecycle import StarterState
from onboarding.models import Starter
from onboarding.models.starter import needs_attention

WEEKS, SIDE, HEAD, GAP = 6, 52, 24, 4
LEVELS = 4  # shades for days with starters
KIND = ("has_count", "has_attention", "is_shown", "is_today", "shows_month")  # what makes squares differ


@dataclass(frozen=True)
class Day:
    """One square: its text and its position in the drawing."""

    day: date
    count: int
    attention_count: int
    level: int
    x: int
    y: int
    is_shown: bool
    is_today: bool
    url: str

    @property
    def shows_month(self) -> bool:
        return self.day.day == 1 or (self.x, self.y) == (0, HEAD)

    @property
    def label(self) -> str:
        return _format_day(catalog(), self.day, "SHORT_DAY") if self.shows_month else str(self.day.day)

    @property
    def description(self) -> str:
        day = _format_day(catalog(), self.day, "WEEKDAY_DAY")
        if not self.count:
            return gettext("%(day)s: no starters") % {"day": day}
        description = ngettext("%(day)s: %(count)s starter", "%(day)s: %(count)s starters", self.count)
        description = description % {"day": day, "count": self.count}
        if not self.attention_count:
            return description
        return gettext("%(told)s, need attention: %(count)s") % {
            "told": description,
            "count": self.attention_count,
        }


@lru_cache(maxsize=1024)
def _format_day(_language: object, day: date, form: str) -> str:
    return date_format(day, form)


def build_calendar(shown: date, today: date, lapsed: Q) -> dict[str, Any]:
    """Return six weeks from this week, or from the week of the shown day if that is another one.

    `lapsed` matches the starters whose time for a pass is over.
    """
    first, span = _monday_of(today), timedelta(weeks=WEEKS)
    if not first <= shown < first + span:
        first = _monday_of(shown)
    counts = _count_by_day(first, first + span, lapsed)
    most = max((n for n, _ in counts.values()), default=0)
    base = reverse("hr:today")  # the pages of the days are below it
    days = [_build_day(base, first, number, counts, most, shown, today) for number in range(7 * WEEKS)]
    return {
        "days": days,
        "squares": _draw_squares(days),
        "busy": [day for day in days if day.count],
        "names": [
            {"word": date_format(first + timedelta(days=n), "WEEKDAY"), "x": n * SIDE + SIDE // 2}
            for n in range(7)
        ],
        "width": 7 * SIDE,
        "height": HEAD + WEEKS * SIDE,
        "first": first,
        "last": days[-1].day,
    }


def _count_by_day(first: date, end: date, lapsed: Q) -> dict[date, tuple[int, int]]:
    """Count starters per day in one query."""
    rows = Starter.objects.filter(start_date__gte=first, start_date__lt=end, erased_at=None)
    counted = (
        rows.exclude(state=StarterState.WITHDRAWN)
        .order_by()
        .values("start_date")
        .annotate(n=Count("pk"), attention=Count("pk", filter=needs_attention(lapsed)))
    )
    return {row["start_date"]: (row["n"], row["attention"]) for row in counted}


def _draw_squares(days: list[Day]) -> SafeString:
    """The squares as SVG. The template is rendered once for each kind of square, and every value is escaped here."""
    frames: dict[tuple[bool, ...], str] = {}
    drawn = []
    for day in days:
        kind = (day.count > 0, day.attention_count > 0, day.is_shown, day.is_today, day.shows_month)
        if kind not in frames:
            given = dict(zip(KIND, kind, strict=True))
            frames[kind] = render_to_string("hr/day_square.html", given)
        values = {
            "url": day.url,
            "description": day.description,
            "level": day.level,
            "x": day.x,
            "y": day.y,
            "side": SIDE - GAP,
            "label": day.label,
            "count": day.count,
        }
        drawn.append(frames[kind].format(**{name: escape(str(value)) for name, value in values.items()}))
    return SafeString("".join(drawn))


def _build_day(
    base: str,
    first: date,
    number: int,
    counts: dict[date, tuple[int, int]],
    most: int,
    shown: date,
    today: date,
) -> Day:
    day = first + timedelta(days=number)
    count, attention_count = counts.get(day, (0, 0))
    return Day(
        day=day,
        count=count,
        attention_count=attention_count,
        level=-(-count * LEVELS // most) if count else 0,
        x=number % 7 * SIDE,
        y=HEAD + number // 7 * SIDE,
        is_shown=day == shown,
        is_today=day == today,
        url=f"{base}{day.isoformat()}/",
    )


def _monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())
