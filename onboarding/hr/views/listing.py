"""The list of all starters: filters, search, and page after page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from onboarding import clock, policy
from onboarding.hr import words
from onboarding.lifecycle import UNFINISHED, StarterState
from onboarding.models import Starter
from onboarding.permissions import hr_only

PAGE = 50


@require_safe
@hr_only
def starters(request: HttpRequest) -> HttpResponse:
    query = request.GET.get("q", "").replace("\0", "").strip()[:100]
    # Who searches wants to find, also what is finished; who only looks wants to see what is to be done.
    state = request.GET.get("state") or ("all" if query else "")
    found = Starter.objects.matching(query).filter(erased_at=None)
    filters = _filters(found, query, state)
    shown = _of_filter(found, state).order_by("starts_at", "id")
    page = Paginator(shown, PAGE).get_page(request.GET.get("page"))
    page.object_list = [_row(starter) for starter in page.object_list]
    context = {
        "page": page,
        "filters": filters,
        "query": query,
        "state": state,
        "new_url": reverse("hr:record"),
        "count": page.paginator.count,
        "count_all": next(one["count"] for one in filters if one["word"] == "All"),
        "previous_url": _list_url(query, state, page.previous_page_number()) if page.has_previous() else None,
        "next_url": _list_url(query, state, page.next_page_number()) if page.has_next() else None,
    }
    return render(request, "hr/list.html", context)


FILTERS = (
    ("", "Unfinished"),
    ("problem", "Needs a hand"),
    ("all", "All"),
    *((s.value, Starter.State(s.value).label) for s in StarterState),
)


def _of_filter(found: Any, state: str) -> Any:
    if state == "problem":
        return found.needing_a_hand(_lapsed_before())
    if state == "all":
        return found
    return found.filter(state=state) if state in Starter.State.values else found.unfinished()


def _lapsed_before() -> datetime:
    return clock.now() - policy.in_force().after


def _filters(found: Any, query: str, current: str) -> list[dict[str, Any]]:
    counts = {row["state"]: row["n"] for row in found.order_by().values("state").annotate(n=Count("pk"))}
    counts["all"] = sum(counts.values())
    counts[""] = sum(counts.get(s, 0) for s in UNFINISHED)
    counts["problem"] = found.needing_a_hand(_lapsed_before()).count()
    known = current if current in dict(FILTERS) else ""
    return [
        {"word": word, "count": counts.get(code, 0), "url": _list_url(query, code), "current": code == known}
        for code, word in FILTERS
    ]


def _list_url(query: str, state: str, page: int = 1) -> str:
    parts = {"q": query, "state": state, "page": "" if page == 1 else str(page)}
    given = {name: value for name, value in parts.items() if value}
    return reverse("hr:list") + (f"?{urlencode(given)}" if given else "")


def _row(starter: Starter) -> dict[str, Any]:
    return {
        "name": starter.name,
        "account_name": starter.account_name,
        "department": starter.department,
        "manager_name": starter.manager_name,
        "when": f"{starter.start_local:%a} {starter.start_local.day} {starter.start_local:%b %Y, %H:%M}",
        "url": reverse("hr:starter", args=[starter.public_id]),
        "badge": words.badge(starter),
        "problem": starter.get_problem_display() if starter.is_unfinished else "",
    }
