"""HR's list as a file: every starter that the filters find, in the order of the list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from onboarding import audit, clock, policy
from onboarding.exports.csv_rows import BYTE_ORDER_MARK, format_csv_row
from onboarding.exports.xlsx_rows import Value, write_workbook
from onboarding.hr.filters import LONG_PAGE_SIZE, StarterFilters
from onboarding.hr.lists.reading import read_page
from onboarding.hr.lists.rows import describe_problem
from onboarding.models import Starter
from onboarding.permissions import hr_only

EXPORTED = "list.exported"
MAX_ROWS = 10_000
MAX_PAGES = 200  # a broad search may find few starters on each
FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class TooManyRows(Exception):
    """The filters find more starters than one file holds."""


@require_POST
@hr_only
def export_list(request: HttpRequest) -> HttpResponse:
    """Record the export, then answer with the file. A file is whole or there is none."""
    query = QueryDict(request.POST.get("query", "")[:4000])
    filters = StarterFilters.from_query(query, viewer=request.user.pk or 0).at_start()
    kind = request.POST.get("format", "")
    kind = kind if kind in FORMATS else "csv"
    try:
        starters = list(_read_all(filters))
    except TooManyRows:
        limit = {"limit": f"{MAX_ROWS:,}"}
        messages.error(
            request,
            gettext(
                "A file can contain at most %(limit)s starters. Use the filters to make the list shorter."
            )
            % limit,
        )
        return redirect(filters.url_with())
    facts = {"format": kind, "rows": len(starters), "filters": sorted(filters.used_filters)}
    audit.record_reading(EXPORTED, by=cast("Any", request.user), facts=facts)
    name = f"starters-{timezone.localtime(clock.now()):%Y-%m-%d-%H%M}.{kind}"
    return HttpResponse(
        _write_file(kind, [_list_heads(), *_list_rows(starters)]),
        content_type=FORMATS[kind],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _read_all(filters: StarterFilters) -> Iterator[Starter]:
    """Yield the starters page by page. Raises TooManyRows."""
    filters, count = replace(filters, show=str(LONG_PAGE_SIZE)), 0
    for _ in range(MAX_PAGES):
        page = read_page(filters)
        count += len(page.starters)
        if count > MAX_ROWS:
            break
        yield from page.starters
        if not page.next:
            return
        filters = replace(filters, after=page.next)
    raise TooManyRows


def _write_file(kind: str, rows: list[list[Value]]) -> bytes:
    if kind == "xlsx":
        return write_workbook(gettext("Starters"), rows)
    return (BYTE_ORDER_MARK + "".join(format_csv_row(map(_as_text, row)) for row in rows)).encode()


def _as_text(value: Value) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _list_heads() -> list[Value]:
    return [
        gettext("Name"),
        gettext("Account"),
        gettext("State"),
        gettext("Problem"),
        gettext("Start date"),
        gettext("Start time"),
        gettext("Time zone"),
        gettext("Department"),
        gettext("Manager"),
        gettext("Stand-in"),
    ]


def _list_rows(starters: list[Starter]) -> Iterator[list[Value]]:
    rules = policy.for_departments({starter.department for starter in starters})
    states, now = dict(Starter.State.choices), clock.now()
    for starter in starters:
        yield [
            starter.name,
            starter.account_name,
            str(states[starter.state]),
            describe_problem(starter, rules[starter.department], now),
            starter.start_date,
            f"{starter.start_time:%H:%M}",
            starter.time_zone,
            starter.department,
            starter.manager_name,
            starter.stand_in_name,
        ]
