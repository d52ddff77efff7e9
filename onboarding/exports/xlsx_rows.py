"""An XLSX file in which every text is a text: no value is run as a formula."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import date
from typing import Any

Value = str | int | date


def write_workbook(title: str, rows: Iterable[Iterable[Value]]) -> bytes:
    """Return a workbook of one sheet. It is written row by row, so memory holds only the compressed file."""
    from openpyxl import Workbook  # large, and most processes never write a workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet(title[:31])
    for row in rows:
        sheet.append([_make_cell(sheet, value) for value in row])
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _make_cell(sheet: Any, value: Any) -> Any:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    if not isinstance(value, str):
        return WriteOnlyCell(sheet, value)
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value))
    cell.data_type = "s"  # openpyxl takes a text that begins with "=" for a formula
    return cell
