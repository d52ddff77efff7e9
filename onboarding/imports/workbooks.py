"""Read a workbook (.xlsx) as texts, with openpyxl in its read-only mode.

A workbook is a ZIP file from outside, so its sizes are checked before it is opened.
"""

from __future__ import annotations

import io
import logging
import re
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, time, timedelta
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from onboarding.imports.errors import UnreadableFile
from onboarding.imports.limits import MAX_BLANK_ROWS, MAX_PARTS, MAX_ROWS, MAX_UNPACKED, MAX_UNPACKED_PART
from onboarding.imports.tables import SourceRow, Table, bounded

log = logging.getLogger(__name__)
SHEETS = "xl/worksheets/"
ZEROS = re.compile(r"0{2,30}")  # a number format such as 000000


def open_workbook(data: bytes) -> Table:
    """Open the first visible sheet with cells. Raises UnreadableFile, also while rows are read."""
    _check_sizes(data)
    try:
        book: Any = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        filled = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible" and _has_cells(sheet)]
        epoch_1904 = book.epoch == CALENDAR_MAC_1904
    except Exception as error:
        raise _unreadable(error) from None
    if not filled:
        raise UnreadableFile("empty")
    return Table(
        "xlsx",
        bounded(_read_sheet(book, filled[0])),
        sheet=filled[0].title,
        other_sheets=[sheet.title for sheet in filled[1:]],
        epoch_1904=epoch_1904,
    )


def _check_sizes(data: bytes) -> None:
    """Raise UnreadableFile unless the file unpacks to a workbook of a bounded size.

    `zipfile` never unpacks more of a part than the size that is checked here.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as folder:
            parts = folder.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise UnreadableFile("workbook") from None
    if "xl/workbook.xml" not in {part.filename for part in parts}:
        raise UnreadableFile("no_table")
    whole = [part.file_size for part in parts if not part.filename.startswith(SHEETS)]
    is_large = sum(part.file_size for part in parts) > MAX_UNPACKED or sum(whole) > MAX_UNPACKED_PART
    if is_large or len(parts) > MAX_PARTS:
        raise UnreadableFile("unpacked")


def _has_cells(sheet: Any) -> bool:
    sheet.reset_dimensions()  # what the file says about its size can be wrong, and openpyxl would fill it up
    return any(any(cell.value is not None for cell in row) for row in _first_rows(sheet))


def _first_rows(sheet: Any) -> Iterator[Any]:
    for number, row in enumerate(sheet.iter_rows()):
        if number >= 100:
            return
        yield row


def _read_sheet(book: Any, sheet: Any) -> Iterator[SourceRow]:
    rows = enumerate(sheet.iter_rows(), start=1)
    with closing(book):
        while True:
            try:
                number, row = next(rows)
                cells = [_as_text(cell) for cell in row]
            except StopIteration:
                return
            except Exception as error:
                raise _unreadable(error) from None
            if number > MAX_ROWS + MAX_BLANK_ROWS:
                raise UnreadableFile("rows")
            yield SourceRow(number, cells)


def _unreadable(error: Exception) -> UnreadableFile:
    """A file from outside can cause any error in openpyxl. The log gets its type: its text may repeat a cell."""
    log.info("a workbook could not be read", extra={"error": type(error).__name__})
    return UnreadableFile("workbook")


def _as_text(cell: Any) -> str:
    value = cell.value
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case datetime():
            has_time = value.time().replace(microsecond=0) != time(0)
            return f"{value:%Y-%m-%d %H:%M:%S}".removesuffix(":00") if has_time else f"{value:%Y-%m-%d}"
        case date():
            return value.isoformat()
        case time():
            return f"{value:%H:%M:%S}".removesuffix(":00")
        case timedelta():
            return str(value)
        case int() | float():
            return _number_as_text(value, cell.number_format or "")
    return str(value).strip()


def _number_as_text(value: float, number_format: str) -> str:
    """Return the number as Excel shows it, with leading zeros if its format has them."""
    if value != int(value):
        return repr(value)
    text = str(int(value))
    return text.zfill(len(number_format)) if ZEROS.fullmatch(number_format) else text
