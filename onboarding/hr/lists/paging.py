"""Pages of a long list by position instead of by number: a page costs the same wherever it is in the list.

An order is a row of parts. Each part is a condition that no two parts share, and within a part the rows are ordered by
the same columns. A cursor names the part, the values of the columns of one row, and its id. The next page has the rows
after that row, the previous page those before it. Rows that are added or moved meanwhile shift nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from onboarding.models import Starter
from onboarding.models.starter import StarterQuerySet

MAX_CURSOR_LENGTH = 1000  # characters


@dataclass(frozen=True)
class Order:
    """`columns` are fields of the starter, without the id, which comes last."""

    parts: tuple[Q, ...] = (Q(),)
    columns: tuple[str, ...] = ("starts_at",)
    descending: bool = False

    def turned(self) -> Order:
        """The same order from the end. A cursor in it counts its parts from the end too."""
        return Order(self.parts[::-1], self.columns, not self.descending)

    def turn_cursor(self, cursor: Cursor) -> Cursor:
        """The same place in the order from the end."""
        return Cursor(len(self.parts) - 1 - cursor.part, cursor.values, cursor.pk)


@dataclass(frozen=True)
class Cursor:
    """One row's place in an order."""

    part: int
    values: tuple[Any, ...]
    pk: int

    def encode(self) -> str:
        values = [value.isoformat() if isinstance(value, datetime) else value for value in self.values]
        text = json.dumps([self.part, self.pk, *values], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(text: str, order: Order) -> Cursor | None:
    """Read a cursor of a URL. Return None if it does not fit the order: bookmarks go stale."""
    if not text or len(text) > MAX_CURSOR_LENGTH:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        part, pk, *values = found
        read = tuple(_read_value(*pair) for pair in zip(order.columns, values, strict=True))
    except (ValueError, TypeError, binascii.Error):
        return None
    is_known = type(part) is int and 0 <= part < len(order.parts) and type(pk) is int and 0 <= pk < 2**63
    return Cursor(part, read, pk) if is_known else None


def _read_value(column: str, value: Any) -> Any:
    """Raises ValueError, TypeError."""
    if not isinstance(value, str) or "\0" in value:
        raise TypeError("no text")
    if column != "starts_at":
        return value
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None or not 1900 < moment.year < 9000:
        raise ValueError("no moment")
    return moment


@dataclass(frozen=True)
class Found:
    """A row and its place."""

    starter: Starter
    cursor: Cursor


def read_rows(rows: StarterQuerySet, order: Order, start: Cursor | None, count: int) -> list[Found]:
    """Return the next `count` rows after the cursor, or the first ones. It runs at most one query for each part."""
    return [
        Found(row, Cursor(part, tuple(getattr(row, name) for name in order.columns), row.pk))
        for part, row in _read_parts(rows, order, start, count)
    ]


def read_places(rows: StarterQuerySet, order: Order, start: Cursor | None, count: int) -> list[Cursor]:
    """The same without the rows themselves."""
    places: Any = rows.values_list(*order.columns, "pk")
    return [Cursor(part, row[:-1], row[-1]) for part, row in _read_parts(places, order, start, count)]


def _read_parts(rows: Any, order: Order, start: Cursor | None, count: int) -> list[tuple[int, Any]]:
    """Return the rows, each with the number of its part."""
    found: list[tuple[int, Any]] = []
    sign = "-" if order.descending else ""
    columns = [f"{sign}{name}" for name in (*order.columns, "id")]
    for number in range(start.part if start else 0, len(order.parts)):
        if len(found) == count:
            break
        part = rows.filter(order.parts[number])
        if start and number == start.part:
            part = part.filter(_after(order, start))
        found += [(number, row) for row in part.order_by(*columns)[: count - len(found)]]
    return found


def _after(order: Order, start: Cursor) -> Q:
    """Match the rows after this one. The first condition lets the database begin at its place in the index."""
    side = "lt" if order.descending else "gt"
    columns: Sequence[str] = (*order.columns, "id")
    values: Sequence[Any] = (*start.values, start.pk)
    after = Q(**{f"{columns[-1]}__{side}": values[-1]})
    for name, value in zip(columns[-2::-1], values[-2::-1], strict=True):
        after = Q(**{f"{name}__{side}e": value}) & (Q(**{f"{name}__{side}": value}) | after)
    return after
