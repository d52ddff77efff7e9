"""The list of all starters: filters with counts, search, sorting and pages."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from onboarding.hr.counts import MOST, format_count
from onboarding.hr.filters import LONG_PAGE_SIZE, PAGE_SIZE, SORTS, StarterFilters
from onboarding.hr.lists.printed import describe_fields
from onboarding.hr.lists.reading import Page, read_page
from onboarding.hr.lists.rows import render_rows
from onboarding.hr.lists.saved import list_saved, without_search
from onboarding.mail import health
from onboarding.models import Starter
from onboarding.permissions import hr_only
from onboarding.tickets import acceptance


@require_safe
@hr_only
def list_starters(request: HttpRequest) -> HttpResponse:
    if request.method == "HEAD":
        return HttpResponse()  # the search checks the session; it would not use the list
    filters = StarterFilters.from_query(request.GET, viewer=request.user.pk or 0)
    page, count = read_page(filters), filters.counts.count_all()
    managers = filters.manager_choices(page.starters)
    context = {
        "mail_delay": health.read_delay(),
        "waiting_count": 0 if filters.q else acceptance.waiting_starters()[: MOST + 1].count(),
        "page": page,
        "is_cut": page.is_cut,
        "rows": render_rows(page.starters),
        "filters": filters,
        "state_choices": filters.state_choices(),
        "day_choices": filters.day_choices(),
        "department_choices": filters.department_choices(),
        "managers": managers,
        "source_choices": filters.source_choices(),
        "sort_choices": SORTS,
        "printed_filters": describe_fields(filters, managers),
        "column_heads": filters.column_heads(),
        "saved_filters": list_saved(request.user, filters),
        "savable_query": without_search(filters).query_string,
        "saved_url": reverse("hr:saved"),
        "new_url": reverse("hr:record"),
        "several_url": reverse("hr:several"),
        "bulk_url": reverse("hr:together"),
        "export_url": reverse("hr:export"),
        "count": count,
        "count_number": count or 0,
        "count_text": format_count(count, filters.counts.most),
        "is_empty": not page.starters and not filters.is_narrowed and not Starter.objects.exists(),
        "previous_url": filters.url_with(before=page.previous) if page.previous else None,
        "next_url": filters.url_with(after=page.next) if page.next else None,
        "page_size_link": _page_size_link(filters, page),
        "everything_url": StarterFilters(state=filters.state, show=filters.show).url_with(),
    }
    return render(request, "hr/list.html", context)


def _page_size_link(filters: StarterFilters, page: Page) -> dict[str, Any] | None:
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
        if page.previous or page.next
        else None
    )
