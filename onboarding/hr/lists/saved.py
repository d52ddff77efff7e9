"""Saved filters: each person in HR keeps some under names of their own, and nobody else sees them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from onboarding import clock
from onboarding.hr.filters import StarterFilters
from onboarding.inputs.characters import clean_name
from onboarding.models import SavedFilter
from onboarding.models.lists.saved_filter import LONGEST_NAME
from onboarding.permissions import hr_only

MOST_SAVED = 20  # of one person: a row of links that nobody reads is none
LONGEST_QUERY = 4000


def without_search(filters: StarterFilters) -> StarterFilters:
    """The filters that can be saved: without the search words and without a place in the list."""
    return replace(filters, q="", after="", before="")


def list_saved(person: Any, shown: StarterFilters) -> list[dict[str, Any]]:
    """Return the person's saved filters for the page. `current` is the one that is shown. One query, and no counts."""
    current = without_search(shown).query_string
    return [
        {
            "pk": saved.pk,
            "name": saved.name,
            "url": reverse("hr:list") + (f"?{saved.query}" if saved.query else ""),
            "current": saved.query == current and not shown.q,
        }
        for saved in SavedFilter.objects.filter(owner=person)[:MOST_SAVED]
    ]


@require_POST
@hr_only
def save_filter(request: HttpRequest) -> HttpResponse:
    """Save the filters of the page under a name. The same name again takes the new filters."""
    query = QueryDict(request.POST.get("query", "")[:LONGEST_QUERY])
    filters = StarterFilters.from_query(query, viewer=request.user.pk or 0)
    name = clean_name(request.POST.get("name", ""), limit=LONGEST_NAME).strip()
    kept = without_search(filters).query_string
    own = SavedFilter.objects.filter(owner=request.user.pk)
    if not name:
        messages.error(request, gettext("Enter a name for the filters."))
    elif not kept:
        messages.error(request, gettext("Choose a filter first. Search words are not saved."))
    elif own.exclude(name=name).count() >= MOST_SAVED:
        most = {"most": MOST_SAVED}
        messages.error(request, gettext("You can save at most %(most)s filters. Delete one first.") % most)
    else:
        SavedFilter.objects.update_or_create(
            owner_id=request.user.pk, name=name, defaults={"query": kept, "saved_at": clock.now()}
        )
        messages.success(request, gettext("The filters were saved as “%(name)s”.") % {"name": name})
    return redirect(filters.at_start().url_with())


@require_POST
@hr_only
def delete_filter(request: HttpRequest) -> HttpResponse:
    """Delete one of the person's own saved filters. Another person's is not found."""
    number = request.POST.get("filter", "")
    if not (
        number.isascii() and number.isdecimal() and len(number) < 19
    ):  # as many digits as fit in a column
        raise Http404
    saved = get_object_or_404(SavedFilter, pk=int(number), owner=request.user.pk)
    saved.delete()
    messages.success(request, gettext("The saved filter “%(name)s” was deleted.") % {"name": saved.name})
    return redirect("hr:list")
