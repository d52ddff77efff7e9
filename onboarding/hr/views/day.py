"""The page of a day: who starts, who waits for whom, what needs a hand, and the weeks to come."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from onboarding import clock, policy
from onboarding.hr import calendar, hands, words
from onboarding.hr.wanted import Wanted
from onboarding.models import PolicyVersion, Starter
from onboarding.permissions import hr_only

MOST = 300  # rows on the page; the list has them all
NEAR = range(2000, 2101)


@require_safe
@hr_only
def page(request: HttpRequest, day: str = "") -> HttpResponse:
    today = timezone.localdate()
    shown = _date(day) if day else today
    everyone = Starter.objects.filter(start_date=shown, erased_at=None)
    starters = list(everyone.prefetch_related("issues").order_by("starts_at", "id")[:MOST])
    rows = _rows(starters)
    waiting = Counter(row["waits_for"] for row in rows)
    context = {
        "day": shown,
        "is_today": shown == today,
        "count": len(rows) if len(rows) < MOST else everyone.count(),
        "rows": rows,
        "hands": [row for row in rows if row["hand"]],
        "waiting": [{"word": word, "count": waiting[who]} for who, word in WAITING if waiting[who]],
        "is_cut": len(rows) == MOST,
        "left_over": _left_over(today) if shown == today else None,
        "calendar": calendar.weeks(shown, today),
        "list_url": Wanted(on=shown.isoformat(), state="all").url(),
        "before_url": _url(shown - timedelta(days=1)),
        "after_url": _url(shown + timedelta(days=1)),
        "today_url": reverse("hr:today"),
        "record_url": f"{reverse('hr:several')}?start_date={shown.isoformat()}",
    }
    return render(request, "hr/day.html", context)


WAITING = (
    (hands.HR, _("wait for HR")),
    (hands.MANAGERS, _("wait for their manager")),
    (hands.STARTERS, _("have to sign in themselves")),
    (hands.PORTAL, _("go on by themselves")),
    (hands.DONE, _("can sign in")),
    (hands.STOPPED, _("are withdrawn")),
)


def _date(day: str) -> date:
    try:
        found = date.fromisoformat(day)
    except ValueError:
        raise Http404 from None
    if found.year not in NEAR:
        raise Http404
    return found


def _url(day: date) -> str:
    return reverse("hr:day", args=[day.isoformat()])


def _rows(starters: list[Starter]) -> list[dict[str, Any]]:
    version, now = policy.in_force(), clock.now()
    return [_row(starter, hands.hand_of(starter, version, now), version, now) for starter in starters]


def _row(starter: Starter, hand: hands.Hand | None, version: PolicyVersion, now: datetime) -> dict[str, Any]:
    return {
        "name": starter.name,
        "time": date_format(starter.start_local, "CLOCK"),
        "zone": starter.time_zone,
        "department": starter.department,
        "manager_name": starter.manager_name,
        "badge": words.badge(starter),
        "url": reverse("hr:starter", args=[starter.public_id]),
        "hand": hand,
        "hand_url": hands.place_of(starter, hand) if hand else "",
        "waits_for": hands.waits_for(starter, hand),
        "whom": _whom(starter, hand),
        "next": "" if hand else words.next_step(starter, version, now),
    }


def _whom(starter: Starter, hand: hands.Hand | None) -> str:
    """For whom this one waits, by name where there is one."""
    return {
        hands.HR: gettext("HR"),
        hands.PORTAL: gettext("The portal"),
        hands.MANAGERS: starter.manager_name or gettext("The manager"),
        hands.STARTERS: gettext("The starter"),
    }.get(hands.waits_for(starter, hand), gettext("Nobody"))


def _left_over(today: date) -> dict[str, Any] | None:
    """Whoever should have started before today, and is not done."""
    count = Starter.objects.unfinished().filter(start_date__lt=today).count()
    return {"count": count, "url": Wanted(day="before").url()} if count else None
