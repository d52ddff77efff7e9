"""Find the header of a table, and what each column is. What is not certain is left to HR."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from onboarding.imports.errors import UnreadableFile
from onboarding.imports.header_names import IGNORED, find_field, normalise_title
from onboarding.imports.limits import MAX_ROWS
from onboarding.imports.tables import SourceRow, Table

HEADER_WITHIN = 15  # rows: reports have a title, a date and empty rows above their header
UNKNOWN = ""


@dataclass(frozen=True)
class Layout:
    """The columns of a file. `fields` has what each column is, or an empty text where HR must say it."""

    titles: list[str]
    fields: list[str]
    header_row: int = 0  # 0: the file has no header
    skipped: list[str] = field(default_factory=list)  # the texts above the header

    @property
    def signature(self) -> str:
        """Return a hash of the titles, under which the choices for them are remembered. Empty without a header.

        The portal's own column of problems is not among them, so that a mended file is read like the first one.
        """
        if not self.header_row:
            return ""
        titles = [self.titles[number] for number in self.remembered]
        return hashlib.sha256("\n".join(map(normalise_title, titles)).encode()).hexdigest()

    @property
    def remembered(self) -> list[int]:
        """Return the places of the columns whose choices are remembered."""
        return [number for number, title in enumerate(self.titles) if find_field(title) != IGNORED]

    @property
    def unknown(self) -> list[int]:
        return [number for number, name in enumerate(self.fields) if name == UNKNOWN]


def find_layout(table: Table) -> tuple[Layout, Iterator[SourceRow]]:
    """Return the layout, and the rows of starters. Raises UnreadableFile, also while rows are read."""
    first = list(islice(table.rows, HEADER_WITHIN))
    if not first:
        raise UnreadableFile("empty")
    place = next((number for number, row in enumerate(first) if _is_header(row)), None)
    if place is None:
        width = max(_width(row) for row in first)
        layout = Layout([column_letter(number) for number in range(width)], [UNKNOWN] * width)
        return layout, _require_rows(chain(first, table.rows))
    header, rest = first[place], first[place + 1 :]
    fields = [find_field(cell) for cell in header.cells]
    if rest and _is_second_header(rest[0]):
        second = [find_field(cell) for cell in rest.pop(0).cells]
        fields = [name or more for name, more in zip(fields, _widened(second, len(fields)), strict=True)]
    width = _width(header)
    layout = Layout(
        [cell or column_letter(number) for number, cell in enumerate(header.cells[:width])],
        _without_repeated(fields[:width]),
        header.number,
        [" ".join(filter(None, row.cells)) for row in first[:place]],
    )
    return layout, _require_rows(chain(rest, table.rows))


def column_letter(number: int) -> str:
    """Return the name that Excel gives a column: A to Z, then AA."""
    first, second = divmod(number, 26)
    return (chr(64 + first) if first else "") + chr(65 + second)


def _width(row: SourceRow) -> int:
    return max((number + 1 for number, cell in enumerate(row.cells) if cell), default=0)


def _is_header(row: SourceRow) -> bool:
    known = {name for cell in row.cells if (name := find_field(cell))}
    return len(known) >= 2 or (len(known) == 1 and len([cell for cell in row.cells if cell]) == 1)


def _is_second_header(row: SourceRow) -> bool:
    """SuccessFactors writes technical names and then titles. No row of a starter is only words like these."""
    return _is_header(row) and not any(c.isdigit() or c == "@" for cell in row.cells for c in cell)


def _widened(cells: Sequence[str], width: int) -> list[str]:
    return [*cells, *[""] * width][:width]


def _without_repeated(fields: Sequence[str]) -> list[str]:
    """Leave the choice to HR where two columns could be the same."""
    return [name if fields.count(name) == 1 or name == "ignored" else UNKNOWN for name in fields]


def _require_rows(rows: Iterator[SourceRow]) -> Iterator[SourceRow]:
    count = 0
    for count, row in enumerate(rows, start=1):
        if count > MAX_ROWS:
            raise UnreadableFile("rows")
        yield row
    if not count:
        raise UnreadableFile("no_rows")


def as_json(layout: Layout) -> dict[str, Any]:
    return {
        "titles": layout.titles,
        "fields": layout.fields,
        "header_row": layout.header_row,
        "skipped": layout.skipped,
    }


def from_json(stored: dict[str, Any]) -> Layout:
    return Layout(**stored)
