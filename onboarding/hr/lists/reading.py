"""One page of HR's list."""

from __future__ import annotations

from dataclasses import dataclass

from onboarding.hr.filters import StarterFilters
from onboarding.hr.lists.paging import Cursor, Found, Order, decode_cursor, read_places, read_rows
from onboarding.models import Starter, starter_search
from onboarding.models.starter import StarterQuerySet

# What a row of the list shows. The other columns are long, and some of them are JSON.
SHOWN_FIELDS = (
    "public_id", "state", "problem", "account_name", "display_name", "department", "manager_id", "manager_name",
    "stand_in_id", "stand_in_name", "start_date", "start_time", "time_zone", "starts_at",
)  # fmt: skip
# A broad search looks at so many starters, in the order of the list, before it stops for this page.
LOOKED_AT = (100, 400, 1500)


@dataclass(frozen=True)
class Page:
    """`previous` and `next` are cursors for the URL, empty if there is no such page.

    `is_cut` says that a broad search stopped before it had filled the page. The next page goes on from there.
    """

    starters: list[Starter]
    previous: str = ""
    next: str = ""
    is_cut: bool = False


def read_page(filters: StarterFilters) -> Page:
    order = filters.order
    if end := decode_cursor(filters.before, order):
        return _read_backwards(filters, end)
    start = decode_cursor(filters.after, order)
    found, stopped_at = _search(filters, order, start)
    shown = found[: filters.page_size]
    more = shown[-1].cursor if len(found) > len(shown) else stopped_at
    return Page(
        [row.starter for row in shown],
        previous=(shown[0].cursor if shown else start).encode() if start else "",
        next=more.encode() if more else "",
        is_cut=stopped_at is not None,
    )


def _read_backwards(filters: StarterFilters, end: Cursor) -> Page:
    """Read the page before a row. If nothing is before it any more, return the first page."""
    order = filters.order
    found, stopped_at = _search(filters, order.turned(), order.turn_cursor(end))
    if len(found) < filters.page_size and stopped_at is None:
        return read_page(filters.at_start())  # a first page is a full page
    shown = found[: filters.page_size][::-1]
    more = shown[0].cursor if len(found) > len(shown) else stopped_at
    return Page(
        [row.starter for row in shown],
        previous=order.turn_cursor(more).encode() if more else "",
        next=(order.turn_cursor(shown[-1].cursor) if shown else end).encode(),
        is_cut=stopped_at is not None,
    )


def _search(filters: StarterFilters, order: Order, start: Cursor | None) -> tuple[list[Found], Cursor | None]:
    """Return up to one row more than fits on a page, and the place where a broad search stopped before that."""
    rows: StarterQuerySet = filters.find_starters()
    wanted = filters.page_size + 1
    if not filters.is_broad_search:
        return read_rows(rows.only(*SHOWN_FIELDS), order, start, wanted), None
    hits: list[Cursor] = []
    for count in LOOKED_AT:
        looked_at = read_places(rows, order, start, count)
        matching = starter_search.narrow_to_matches([place.pk for place in looked_at], filters.q, rows.db)
        hits += [place for place in looked_at if place.pk in matching]
        if len(hits) >= wanted or len(looked_at) < count:
            return _read_at(rows, hits[:wanted]), None
        start = looked_at[-1]
    return _read_at(rows, hits), start


def _read_at(rows: StarterQuerySet, places: list[Cursor]) -> list[Found]:
    found = rows.only(*SHOWN_FIELDS).in_bulk([place.pk for place in places])
    return [Found(found[place.pk], place) for place in places if place.pk in found]
