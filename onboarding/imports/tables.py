"""Read a file as a table of texts: CSV in any encoding and with any separator, or a workbook.

Rows are read one after the other. Every bound of `limits.py` is checked on the way.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from onboarding.imports.errors import UnreadableFile
from onboarding.imports.header_names import find_field
from onboarding.imports.limits import MAX_BYTES, MAX_CELL, MAX_COLUMNS, MAX_ROWS

SEPARATORS = (";", "\t", ",", "|")
SAMPLE = 64_000  # bytes
SAMPLE_ROWS = 30
PART = 64_000
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
# Excel's own first line, which names the separator.
SEPARATOR_LINE = re.compile(r"\s*\"?sep=(.)\"?\r?\n?", re.IGNORECASE)


@dataclass(frozen=True)
class SourceRow:
    """One row of a file. `number` counts all rows from 1, also empty ones, as Excel does."""

    number: int
    cells: list[str]

    @property
    def is_blank(self) -> bool:
        return not any(self.cells)


@dataclass
class Table:
    """An opened file. `rows` can be read once and leaves out empty rows."""

    kind: str  # csv or xlsx
    rows: Iterator[SourceRow]
    encoding: str = ""
    separator: str = ""
    sheet: str = ""
    other_sheets: list[str] = field(default_factory=list)  # visible sheets with cells, which are not read
    epoch_1904: bool = False


def open_table(data: bytes) -> Table:
    """Open the file by its content; its name can be wrong. Raises UnreadableFile, also while rows are read."""
    if len(data) > MAX_BYTES:
        raise UnreadableFile("too_large")
    if not data.strip():
        raise UnreadableFile("empty")
    if data.startswith(OLE):
        raise UnreadableFile("old_workbook")
    if data.startswith(ZIP):
        from onboarding.imports import workbooks  # openpyxl is large, and most processes never need it

        return workbooks.open_workbook(data)
    if data.startswith((b"%PDF", b"{\\rtf")) or data.lstrip()[:1] == b"<":
        raise UnreadableFile("no_table")
    return _open_csv(data)


def bounded(rows: Iterator[SourceRow]) -> Iterator[SourceRow]:
    """Yield the rows with text. Raises UnreadableFile beyond a bound."""
    count = 0
    for row in rows:
        if len(row.cells) > MAX_COLUMNS and any(row.cells[MAX_COLUMNS:]):
            raise UnreadableFile("columns", row=row.number)
        if any(len(cell) > MAX_CELL for cell in row.cells):
            raise UnreadableFile("long_cell", row=row.number)
        if row.is_blank:
            continue
        count += 1
        if count > MAX_ROWS + 20:  # with titles and headers
            raise UnreadableFile("rows")
        yield SourceRow(row.number, row.cells[:MAX_COLUMNS])


# --- CSV ------------------------------------------------------------------------------------------------------------


def _open_csv(data: bytes) -> Table:
    encoding = _find_encoding(data)
    sample = data[:SAMPLE].decode(encoding, "ignore")
    named = SEPARATOR_LINE.match(sample)
    separator = named[1] if named else _find_separator(sample, is_whole=len(data) <= SAMPLE)
    text = io.TextIOWrapper(io.BytesIO(data), encoding, newline="")
    if named:
        text.readline()
    return Table("csv", bounded(_read_csv(text, separator)), encoding=encoding, separator=separator)


def _find_encoding(data: bytes) -> str:
    """Return the encoding. A BOM decides; then zeros, which only UTF-16 has; then whether it is valid UTF-8."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return _require_text(data, encoding)
    sample = data[:SAMPLE]
    zeros = [sample[start::2].count(0) / max(1, len(sample) // 2) for start in (0, 1)]
    if max(zeros) > 0.3:
        return _require_text(data, "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le")
    try:
        return _require_text(data, "utf-8")
    except UnreadableFile:
        return _require_text(data, "cp1252")


def _require_text(data: bytes, encoding: str) -> str:
    """Return the encoding if it can read all of the file, part by part. Raises UnreadableFile."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for start in range(0, len(data), PART):
            text = decoder.decode(data[start : start + PART], final=start + PART >= len(data))
            if "\0" in text:
                raise UnreadableFile("encoding")
    except UnicodeDecodeError:
        raise UnreadableFile("encoding") from None
    return encoding


def _find_separator(sample: str, *, is_whole: bool) -> str:
    """Return the separator that gives the most known headers, then the most even rows."""
    return max(SEPARATORS, key=lambda separator: _rate_separator(sample, separator, is_whole=is_whole))


def _rate_separator(sample: str, separator: str, *, is_whole: bool) -> tuple[int, float, int]:
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=separator)
    try:
        rows = [row for row in islice(reader, SAMPLE_ROWS) if any(row)]
    except csv.Error:
        return (0, 0, 0)
    if not is_whole and len(rows) < SAMPLE_ROWS:
        rows = rows[:-1]  # the sample ends within this row
    widths = [len(row) for row in rows if len(row) > 1]
    if not widths:
        return (0, 0, 0)
    usual = max(set(widths), key=widths.count)
    known = max(len({name for cell in row if (name := find_field(cell))}) for row in rows)
    return known, widths.count(usual) / len(rows), usual


def _read_csv(text: io.TextIOWrapper, separator: str) -> Iterator[SourceRow]:
    reader, number = csv.reader(text, delimiter=separator, strict=True), 0
    try:
        for number, cells in enumerate(reader, start=1):
            yield SourceRow(number, [cell.strip() for cell in cells])
    except csv.Error as error:
        code = "long_cell" if "field larger" in str(error) else "quotes"
        raise UnreadableFile(code, row=number + 1) from None
