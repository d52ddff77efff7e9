"""The list of all starters: filters that say how many they find, search, order, and page after page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from onboarding.hr import words
from onboarding.hr.wanted import LONG_PAGE, PAGE, SORTS, Wanted, lapsed_before
from onboarding.models import Starter
from onboarding.permissions import hr_only


@require_safe
@hr_only
def starters(request: HttpRequest) -> HttpResponse:
    if request.method == "HEAD":
        return (
            HttpResponse()
        )  # the search asks so whether it may still read; the list itself would be thrown away
    wanted = Wanted.of(request.GET)
    page = Paginator(wanted.in_order(), wanted.page_size).get_page(wanted.page or 1)
    lapsed = lapsed_before()
    states = wanted.states()
    context = {
        "page": page,
        "rows": [_row(starter, lapsed) for starter in page.object_list],
        "wanted": wanted,
        "filters": states,
        "days": wanted.days(),
        "departments": wanted.departments(),
        "managers": wanted.managers(),
        "sorts": SORTS,
        "columns": wanted.columns(),
        "new_url": reverse("hr:record"),
        "several_url": reverse("hr:several"),
        "together_url": reverse("hr:together"),
        "count": page.paginator.count,
        "count_all": next(one["count"] for one in states if one["code"] == "all"),
        "previous_url": wanted.url(page=str(page.previous_page_number())) if page.has_previous() else None,
        "next_url": wanted.url(page=str(page.next_page_number())) if page.has_next() else None,
        "longer": _longer(wanted, page.paginator.count),
        "everything_url": wanted.url(q="", day="", on="", department="", manager=""),
    }
    return render(request, "hr/list.html", context)


def _longer(wanted: Wanted, count: int) -> dict[str, Any] | None:
    """The way to more rows on a page, and back."""
    if wanted.show:
        return {"word": gettext("%(count)s on a page") % {"count": PAGE}, "url": wanted.url(show="")}
    return (
        {
            "word": gettext("%(count)s on a page") % {"count": LONG_PAGE},
            "url": wanted.url(show=str(LONG_PAGE)),
        }
        if count > PAGE
        else None
    )


def _row(starter: Starter, lapsed: datetime) -> dict[str, Any]:
    return {
        "public_id": starter.public_id,
        "name": starter.name,
        "account_name": starter.account_name,
        "department": starter.department,
        "manager_name": starter.manager_name,
        "when": words.when(starter),
        "url": reverse("hr:starter", args=[starter.public_id]),
        "badge": words.badge(starter),
        "problem": words.trouble(starter, lapsed),
        "can_be_chosen": starter.is_unfinished,
    }
