"""The list of all starters: filters with counts, search, sorting and pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from onboarding import clock, policy
from onboarding.hr import labels
from onboarding.hr.filters import LONG_PAGE_SIZE, PAGE_SIZE, SORTS, StarterFilters
from onboarding.mail import health
from onboarding.models import EffectivePolicy, Starter
from onboarding.permissions import hr_only
from onboarding.tickets import acceptance


@require_safe
@hr_only
def list_starters(request: HttpRequest) -> HttpResponse:
    if request.method == "HEAD":
        return HttpResponse()  # the search checks the session; it would not use the list
    filters = StarterFilters.from_query(request.GET)
    paginator = Paginator(filters.sorted_starters(), filters.page_size)
    paginator.count = filters.counts.count_all()  # avoids a query: the filters have counted already
    page = paginator.get_page(filters.page or 1)
    rules, now = policy.for_departments({starter.department for starter in page.object_list}), clock.now()
    states = filters.state_choices()
    context = {
        "mail_delay": health.read_delay(),
        "waiting_count": 0 if filters.q else acceptance.waiting_starters().count(),
        "page": page,
        "rows": [_build_row(starter, rules[starter.department], now) for starter in page.object_list],
        "filters": filters,
        "state_choices": states,
        "day_choices": filters.day_choices(),
        "department_choices": filters.department_choices(),
        "manager_choices": filters.manager_choices(),
        "sort_choices": SORTS,
        "column_heads": filters.column_heads(),
        "new_url": reverse("hr:record"),
        "several_url": reverse("hr:several"),
        "bulk_url": reverse("hr:together"),
        "count": page.paginator.count,
        "count_all": next(choice["count"] for choice in states if choice["code"] == "all"),
        "previous_url": filters.url_with(page=str(page.previous_page_number()))
        if page.has_previous()
        else None,
        "next_url": filters.url_with(page=str(page.next_page_number())) if page.has_next() else None,
        "page_size_link": _page_size_link(filters, page.paginator.count),
        "everything_url": filters.url_with(q="", day="", on="", department="", manager=""),
    }
    return render(request, "hr/list.html", context)


def _page_size_link(filters: StarterFilters, count: int) -> dict[str, Any] | None:
    """Return the link to longer pages, or back to shorter ones."""
    if filters.show:
        return {
            "word": gettext("%(count)s per page") % {"count": PAGE_SIZE},
            "url": filters.url_with(show=""),
        }
    return (
        {
            "word": gettext("%(count)s per page") % {"count": LONG_PAGE_SIZE},
            "url": filters.url_with(show=str(LONG_PAGE_SIZE)),
        }
        if count > PAGE_SIZE
        else None
    )


def _build_row(starter: Starter, rules: EffectivePolicy, now: datetime) -> dict[str, Any]:
    return {
        "public_id": starter.public_id,
        "name": starter.name,
        "account_name": starter.account_name,
        "department": starter.department,
        "manager_name": starter.confirmer_name,
        "away_name": starter.away_name,
        "when": labels.format_start(starter),
        "url": reverse("hr:starter", args=[starter.public_id]),
        "badge": labels.state_badge(starter),
        "problem": labels.problem_label(starter, rules, now),
        "can_be_chosen": starter.is_unfinished,
    }
