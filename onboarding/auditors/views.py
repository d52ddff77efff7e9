"""The auditors' pages. What somebody reads is recorded before it is shown.

No GET changes anything: a form asks for each search, export and starter with a POST, which records it and then leads to an
address with the number of that event. The address shows its result only to the person of that event, for eight hours.
So a link, a prefetch or another site can neither read without an event nor add one, and the pages of one search are one
event. The filters stay in the address, and can be sent to a colleague, who chooses "Search" there.
"""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from onboarding import audit, clock
from onboarding.auditors import passes
from onboarding.auditors.export import FORMATS, export_events
from onboarding.auditors.filters import EventFilters
from onboarding.auditors.rows import EventRow, build_rows, find_starter_names
from onboarding.auditors.search import EventSearch, TooManyFound
from onboarding.auditors.time_zone import in_readers_zone
from onboarding.history.event_words import EVENTS
from onboarding.models import AuditEvent, AuditHead, PassIssue, Starter
from onboarding.permissions import auditor_only

PAGE_SIZE, STORY_SIZE = 50, 200
# The groups of events, by the first part of their names.
GROUPS = (
    (_("Starters"), ("starter", "account", "mail")),
    (_("Passes"), ("issue",)),
    (_("Webhooks"), ("hook",)),
    (_("The portal"), ("policy", "audit", "database", "directory")),
)

readable = require_http_methods(["GET", "HEAD", "POST"])


# --- Events ---------------------------------------------------------------------------------------------------------


@readable
@auditor_only
@in_readers_zone
def list_events(request: HttpRequest) -> HttpResponse:
    """The newest events, or those of a search that was recorded."""
    if request.method == "POST":
        return _start_search(request)
    filters = EventFilters.from_query(request.GET)
    context: dict[str, Any] = {
        **_common_context(),
        "filters": filters,
        "event_groups": _list_event_groups(filters.event),
        "rows": [],
        "changed": 0,
        "is_searched": _was_searched(request, filters),
        "error": "",
        "older_url": "",
        "newer_url": "",
        "plain_url": reverse("audit:events"),
        "export_url": reverse("audit:export"),
        "formats": [("csv", "CSV"), ("jsonl", "JSON lines")],
    }
    if not filters.is_narrowed or context["is_searched"]:
        try:
            context |= _page_of_events(filters)
        except TooManyFound as error:
            context["error"] = str(error)
    return render(request, "auditors/events.html", context)


def _start_search(request: HttpRequest) -> HttpResponse:
    """Record the search, and show its result. Without a filter nothing is searched."""
    filters = EventFilters.from_query(request.POST)
    if not filters.is_narrowed:
        return redirect("audit:events")
    seq = audit.record_reading(
        audit.SEARCHED, by=_person(request), facts=filters.facts, personal=filters.personal
    )
    return redirect(filters.url_with(search=str(seq)))


def _was_searched(request: HttpRequest, filters: EventFilters) -> bool:
    return bool(filters.search) and audit.was_recorded(
        filters.search_number,
        audit.SEARCHED,
        by=_person(request),
        facts=filters.facts,
        personal=filters.personal,
    )


def _page_of_events(filters: EventFilters) -> dict[str, Any]:
    """One page of rows, newest first. A search shows what had happened when it was made. Raises TooManyFound."""
    found = EventSearch(filters, last=filters.search_number - 1 if filters.is_narrowed else None)
    if filters.after:
        numbers = found.newer_than(int(filters.after), PAGE_SIZE + 1)
        has_newer, numbers = len(numbers) > PAGE_SIZE, numbers[:PAGE_SIZE][::-1]
        has_older = bool(numbers)
    else:
        numbers = found.older_than(int(filters.before) if filters.before else None, PAGE_SIZE + 1)
        has_older, numbers = len(numbers) > PAGE_SIZE, numbers[:PAGE_SIZE]
        has_newer = bool(filters.before and numbers)
    rows = build_rows(numbers)
    return {
        "rows": rows,
        "changed": _count_changed(rows),
        "older_url": filters.url_with(before=str(numbers[-1])) if has_older else "",
        "newer_url": filters.url_with(after=str(numbers[0])) if has_newer else "",
    }


def _list_event_groups(chosen: str) -> list[dict[str, Any]]:
    return [
        {
            "word": word,
            "events": [
                {"code": code, "word": label, "is_chosen": code == chosen}
                for code, label in EVENTS.items()
                if code.partition(".")[0] in kinds
            ],
        }
        for word, kinds in GROUPS
    ]


# --- Export ---------------------------------------------------------------------------------------------------------


@require_POST
@auditor_only
@in_readers_zone
def export_file(request: HttpRequest) -> HttpResponseBase:
    """Record the export, and stream the events that match the filters, up to this moment."""
    filters = EventFilters.from_query(request.POST)
    kind = request.POST.get("format", "")
    kind = kind if kind in FORMATS else "csv"
    try:
        found = EventSearch(filters, last=AuditHead.objects.get(id=1).seq)
    except TooManyFound:
        return redirect(filters.url_with())
    audit.record_reading(
        audit.EXPORTED,
        by=_person(request),
        facts={**filters.facts, "format": kind},
        personal=filters.personal,
    )
    name = f"audit-log-{timezone.localtime(clock.now()):%Y-%m-%d-%H%M}.{kind}"
    return StreamingHttpResponse(
        export_events(found, kind),
        content_type=FORMATS[kind],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


# --- One starter ------------------------------------------------------------------------------------------------------


@readable
@auditor_only
@in_readers_zone
def starter_story(request: HttpRequest, public_id: str) -> HttpResponse:
    """A starter's whole story, once it was recorded that this person opened it."""
    starter = Starter.objects.filter(public_id=public_id).first()
    if starter is None and not AuditEvent.objects.filter(starter=public_id).exists():
        raise Http404
    here = reverse("audit:starter", args=[public_id])
    facts = {"opened": public_id}
    if request.method == "POST":
        opened = audit.record_reading(audit.STARTER_OPENED, by=_person(request), facts=facts)
        return redirect(f"{here}?opened={opened}")
    numbers = EventFilters.from_query(
        {"search": request.GET.get("opened"), "after": request.GET.get("after")}
    )
    is_opened = bool(numbers.search) and audit.was_recorded(
        numbers.search_number, audit.STARTER_OPENED, by=_person(request), facts=facts
    )
    context: dict[str, Any] = {
        **_common_context(),
        "is_opened": is_opened,
        "public_id": public_id,
        "here": here,
    }
    if is_opened:
        context |= _read_story(starter, public_id, int(numbers.after or 0), numbers.search_number)
    return render(request, "auditors/starter.html", context)


def _read_story(starter: Starter | None, public_id: str, after: int, opened: int) -> dict[str, Any]:
    """The events after `after`, the oldest first, and the attempts to hand over a pass."""
    found = EventSearch(EventFilters(starter=public_id), last=opened - 1)
    numbers = found.newer_than(after, STORY_SIZE + 1)
    rows: list[EventRow] = build_rows(numbers[:STORY_SIZE])
    issues = list(
        PassIssue.objects.filter(starter=starter).select_related("actor", "starter").order_by("number")
    )
    more = f"?opened={opened}&after={numbers[STORY_SIZE - 1]}" if len(numbers) > STORY_SIZE else ""
    return {
        "name": find_starter_names([public_id])[public_id],
        "starter": starter,
        "rows": rows,
        "changed": _count_changed(rows),
        "attempts": passes.build_attempts(issues),
        "more_url": more,
        "is_later_page": bool(after),
    }


# --- Passes by month --------------------------------------------------------------------------------------------------


@readable
@auditor_only
@in_readers_zone
def list_passes(request: HttpRequest) -> HttpResponse:
    """The passes of this month, or of another month if that search was recorded."""
    typed = request.POST if request.method == "POST" else request.GET
    month = passes.parse_month(typed.get("month", ""))
    facts = {"page": "passes", "month": f"{month:%Y-%m}" if month else ""}
    here = reverse("audit:passes")
    if request.method == "POST":
        if month is None:
            return redirect(here)
        seq = audit.record_reading(audit.SEARCHED, by=_person(request), facts=facts)
        return redirect(f"{here}?month={facts['month']}&search={seq}")
    numbers = EventFilters.from_query({"search": request.GET.get("search")})
    is_searched = month is None or (
        bool(numbers.search)
        and audit.was_recorded(numbers.search_number, audit.SEARCHED, by=_person(request), facts=facts)
    )
    chosen = month or passes.this_month()
    context = {
        **_common_context(),
        "month": chosen,
        "months": passes.list_months(),
        "is_searched": is_searched,
        "page": None,
    }
    if is_searched:
        context |= _page_of_passes(request, chosen)
    return render(request, "auditors/passes.html", context)


def _page_of_passes(request: HttpRequest, month: Any) -> dict[str, Any]:
    issues = passes.passes_of(month)
    page = Paginator(issues, passes.PAGE_SIZE).get_page(request.GET.get("page"))
    query = request.GET.copy()

    def url_of(number: int) -> str:
        query["page"] = str(number)
        return f"?{query.urlencode()}"

    return {
        "page": page,
        "attempts": passes.build_attempts(list(page.object_list)),
        "counts": passes.count_outcomes(issues),
        "older_url": url_of(page.next_page_number()) if page.has_next() else "",
        "newer_url": url_of(page.previous_page_number()) if page.has_previous() else "",
    }


# --- Shared ---------------------------------------------------------------------------------------------------------


def _common_context() -> dict[str, Any]:
    return {"zone": timezone.get_current_timezone_name()}


def _count_changed(rows: list[EventRow]) -> int:
    return sum(bool(row.faults) for row in rows)


def _person(request: HttpRequest) -> audit.Person:
    person: Any = request.user
    return person  # type: ignore[no-any-return]
