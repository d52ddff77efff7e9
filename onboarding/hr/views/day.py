"""HR's page of one day: the starters, who must act next, what needs attention, and a calendar."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from onboarding import clock, policy
from onboarding.hr import attention, calendar, labels
from onboarding.hr.counts import MOST, format_count, on_days
from onboarding.hr.filters import StarterFilters
from onboarding.mail import health
from onboarding.models import EffectivePolicy, Starter
from onboarding.models.starter import HAS_PROBLEM, IS_OPEN
from onboarding.permissions import hr_only
from onboarding.starters import timetable

MAX_ROWS = 300  # rows on the page; the list has them all
MAX_ELSEWHERE = 5  # starters of other days that need attention
KNOWN_YEARS = range(2000, 2101)


@require_safe
@hr_only
def day_page(request: HttpRequest, day: str = "") -> HttpResponse:
    today = timezone.localdate()
    shown = _parse_day(day) if day else today
    everyone = Starter.objects.filter(start_date=shown, erased_at=None)
    starters = list(everyone.prefetch_related("issues").order_by("starts_at", "id")[:MAX_ROWS])
    windows = timetable.split_by_window(clock.now())
    elsewhere = _find_elsewhere(shown, windows)
    both = _build_rows([*starters, *elsewhere])
    rows = both[: len(starters)]
    waiting = Counter(row["next_actor"] for row in rows)
    zones = {row["zone"] for row in rows}
    context = {
        "mail_delay": health.read_delay(),
        "day": shown,
        "is_today": shown == today,
        "count": len(rows) if len(rows) < MAX_ROWS else everyone.count(),
        "rows": rows,
        "groups": _group_by_manager(rows),
        "zone": zones.pop() if len(zones) == 1 else "",
        "needing_attention": [row for row in both if row["action"]],
        "waiting": [{"word": word, "count": waiting[actor]} for actor, word in ACTORS if waiting[actor]],
        "is_cut": len(rows) == MAX_ROWS,
        **_count_other_days(shown, today, windows, len(elsewhere)),
        "calendar": calendar.build_calendar(shown, today, windows[0]),
        "list_url": StarterFilters(since=shown.isoformat(), until=shown.isoformat(), state="all").url_with(),
        "before_url": _day_url(shown - timedelta(days=1)),
        "after_url": _day_url(shown + timedelta(days=1)),
        "today_url": reverse("hr:today"),
        "record_url": f"{reverse('hr:several')}?start_date={shown.isoformat()}",
    }
    return render(request, "hr/day.html", context)


ACTORS = (
    (attention.HR, _("waiting for HR")),
    (attention.MANAGERS, _("waiting for the manager")),
    (attention.STARTERS, _("waiting for the starter to sign in")),
    (attention.PORTAL, _("waiting for the portal")),
    (attention.DONE, _("can sign in")),
    (attention.STOPPED, _("withdrawn")),
    (attention.LAPSED, _("not completed")),
)


def _parse_day(day: str) -> date:
    try:
        found = date.fromisoformat(day)
    except ValueError:
        raise Http404 from None
    if found.year not in KNOWN_YEARS:
        raise Http404
    return found


def _day_url(day: date) -> str:
    return reverse("hr:day", args=[day.isoformat()])


def _build_rows(starters: list[Starter]) -> list[dict[str, Any]]:
    rules, now = policy.for_departments({starter.department for starter in starters}), clock.now()
    return [_build_row(starter, rules[starter.department], now) for starter in starters]


def _build_row(starter: Starter, rules: EffectivePolicy, now: datetime) -> dict[str, Any]:
    action = attention.find_action_needed(starter, rules, now)
    actor = attention.find_next_actor(starter, action)
    return {
        "name": starter.name,
        "time": date_format(starter.start_local, "CLOCK"),
        "zone": starter.time_zone,
        "day": starter.start_date,
        "department": starter.department,
        "manager_name": starter.confirmer_name,
        "away_name": starter.away_name,
        "badge": labels.state_badge(starter),
        "url": reverse("hr:starter", args=[starter.public_id]),
        "action": action,
        "fix_url": attention.url_of_fix(starter, action) if action else "",
        "next_actor": actor,
        "actor_name": _name_next_actor(starter, actor),
        "next_step": "" if action else labels.describe_next_step(starter, rules, now),
    }


def _name_next_actor(starter: Starter, actor: str) -> str:
    """Name who must act next: the manager by name if it is known."""
    return {
        attention.HR: gettext("HR"),
        attention.PORTAL: gettext("The portal"),
        attention.MANAGERS: starter.confirmer_name or gettext("The manager"),
        attention.STARTERS: gettext("The starter"),
    }.get(actor, gettext("No one"))


def _group_by_manager(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Group the rows of a day by who confirms, by name; those without a manager come last."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["manager_name"], row["away_name"]), []).append(row)
    names = sorted(groups, key=lambda name: (not name[0], name[0].casefold(), name[1]))
    return [{"manager_name": name[0], "away_name": name[1], "rows": groups[name]} for name in names]


def _attention_elsewhere(shown: date, windows: tuple[Q, Q]) -> list[Any]:
    """Return the starters of other days that need attention, in two parts: the database finds each in one index."""
    closed, other = windows
    rows = Starter.objects.filter(IS_OPEN, ~Q(start_date=shown), erased_at=None).order_by("starts_at", "id")
    return [rows.filter(closed), rows.filter(HAS_PROBLEM, other)]


def _find_elsewhere(shown: date, windows: tuple[Q, Q]) -> list[Starter]:
    """Return the first of them: coming starters before those that are too late."""
    late, coming = _attention_elsewhere(shown, windows)
    found = list(coming.prefetch_related("issues")[:MAX_ELSEWHERE])
    return found + list(late.prefetch_related("issues")[: MAX_ELSEWHERE - len(found)])


def _count_other_days(
    shown: date, today: date, windows: tuple[Q, Q], found: int
) -> dict[str, dict[str, Any]]:
    """Count unfinished starters of other days: those that need attention and, on today's page, those left over.

    `found` is how many of the first the page lists.
    """
    counts = {"elsewhere": found}
    if found == MAX_ELSEWHERE:
        counts["elsewhere"] = sum(map(_count_bounded, _attention_elsewhere(shown, windows)))
    if shown == today:
        left_over = Starter.objects.filter(
            IS_OPEN, on_days(date.min, today - timedelta(days=1)), erased_at=None
        )
        counts["left_over"] = _count_bounded(left_over.order_by("starts_at", "id"))
    urls = {
        "elsewhere": StarterFilters(state="problem").url_with(),
        "left_over": StarterFilters(day="before").url_with(),
    }
    return {
        name: {"count": count, "text": format_count(count, MOST), "url": urls[name]}
        for name, count in counts.items()
        if count
    }


def _count_bounded(rows: Any) -> int:
    return int(rows[: MOST + 1].count())
