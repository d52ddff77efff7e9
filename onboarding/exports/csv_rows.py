"""CSV that a spreadsheet shows as text: no value is run as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
BYTE_ORDER_MARK = "\ufeff"  # without it Excel reads UTF-8 as Windows-1252


def format_csv_row(values: Iterable[object], *, separator: str = ",") -> str:
    """Return one line of CSV (RFC 4180). A text that could start a formula gets an apostrophe in front."""
    line = io.StringIO()
    csv.writer(line, delimiter=separator).writerow([_make_safe(value) for value in values])
    return line.getvalue()


def _make_safe(value: object) -> object:
    """Numbers stay as they are: only a text can be a formula. Spreadsheets skip spaces before one."""
    if not isinstance(value, str):
        return value
    return f"'{value}" if value.lstrip(" ").startswith(FORMULA_STARTS) else value
