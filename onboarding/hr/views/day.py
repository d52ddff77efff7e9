"""HR's page of one day: the starters, who must act next, what needs attention, and a calendar."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Q
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
from onboarding.hr.filters import StarterFilters
from onboarding.mail import health
from onboarding.models import EffectivePolicy, Starter
from onboarding.models.starter import needs_attention
from onboarding.permissions import hr_only
from onboarding.starters import timetable

MAX_ROWS = 300  # rows on the page; the list has them all
KNOWN_YEARS = range(2000, 2101)


@require_safe
@hr_only
def day_page(request: HttpRequest, day: str = "") -> HttpResponse:
    today = timezone.localdate()
    shown = _parse_day(day) if day else today
    everyone = Starter.objects.filter(start_date=shown, erased_at=None)
    starters = list(everyone.prefetch_related("issues").order_by("starts_at", "id")[:MAX_ROWS])
    rows, lapsed = _build_rows(starters), timetable.window_has_closed(clock.now())
    waiting = Counter(row["next_actor"] for row in rows)
    context = {
        "mail_delay": health.read_delay(),
        "day": shown,
        "is_today": shown == today,
        "count": len(rows) if len(rows) < MAX_ROWS else everyone.count(),
        "rows": rows,
        "needing_attention": [row for row in rows if row["action"]],
        "waiting": [{"word": word, "count": waiting[actor]} for actor, word in ACTORS if waiting[actor]],
        "is_cut": len(rows) == MAX_ROWS,
        **_count_other_days(shown, today, lapsed),
        "calendar": calendar.build_calendar(shown, today, lapsed),
        "list_url": StarterFilters(on=shown.isoformat(), state="all").url_with(),
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


def _count_other_days(shown: date, today: date, lapsed: Q) -> dict[str, dict[str, Any]]:
    """Count unfinished starters of other days: those that need attention and, on today's page, those left over."""
    counts = (
        Starter.objects.unfinished()
        .filter(erased_at=None)
        .aggregate(
            elsewhere=Count("pk", filter=needs_attention(lapsed) & ~Q(start_date=shown)),
            left_over=Count("pk", filter=Q(start_date__lt=today)),
        )
    )
    urls = {
        "elsewhere": StarterFilters(state="problem").url_with(),
        "left_over": StarterFilters(day="before").url_with(),
    }
    others = {name: {"count": counts[name], "url": url} for name, url in urls.items() if counts[name]}
    return others if shown == today else {name: link for name, link in others.items() if name == "elsewhere"}
