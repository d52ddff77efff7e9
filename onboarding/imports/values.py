"""Read the cells of one row as the values of a starter."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError

from onboarding.imports.dates import DayOrder, read_date, read_time
from onboarding.imports.findings import CellError, Finding
from onboarding.imports.header_names import ACCOUNT, IGNORED, MAIL, NOTE, START_DATE, START_TIME, TIME_ZONE
from onboarding.inputs.fields import refuse_hidden_characters
from onboarding.starters.input_rules import TIME_ZONES, is_account

MAX_NOTE, MAX_TEXT = 500, 320
FORMULA_STARTS = ("=", "+", "-", "@")
SPREADSHEET_ERROR = re.compile(
    r"#(N/A|N/B|NV|REF!|VERW!|BEZUG!|VALUE!|WAARDE!|WERT!|NAME\?|NAAM\?|DIV/0!|DEEL/0!|NUM!|GETAL!|ZAHL!|NULL!|LEEG!|#+)"
)
_TEXT_FORMULA = re.compile(r'="(.*)"')  # how a CSV keeps leading zeros in Excel
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘‛´`ʼ＇", "'") | dict.fromkeys("‐‑‒–−", "-") | {"\u00a0": " "})
_AROUND = re.compile(r"[\s<>()\[\],;|\"/]+")
_ZONES = {zone.casefold(): zone for zone in TIME_ZONES}
# Names of Windows for the zones of most European organisations, by the table of Unicode's CLDR and in today's spelling.
_WINDOWS_ZONES = {
    "gmt standard time": "Europe/London",
    "w. europe standard time": "Europe/Berlin",
    "romance standard time": "Europe/Paris",
    "central europe standard time": "Europe/Budapest",
    "central european standard time": "Europe/Warsaw",
    "e. europe standard time": "Europe/Chisinau",
    "fle standard time": "Europe/Kyiv",
    "gtb standard time": "Europe/Bucharest",
    "turkey standard time": "Europe/Istanbul",
    "eastern standard time": "America/New_York",
    "central standard time": "America/Chicago",
    "mountain standard time": "America/Denver",
    "pacific standard time": "America/Los_Angeles",
    "india standard time": "Asia/Kolkata",
    "singapore standard time": "Asia/Singapore",
}  # fmt: skip


@dataclass(frozen=True)
class Columns:
    """What each column is, by HR's choice, and how its dates are read."""

    fields: Sequence[str]
    day_order: DayOrder = ""
    epoch_1904: bool = False


@dataclass
class ReadRow:
    """The values of a row by field: texts, dates as 2026-12-31, times as 09:00. Cells with an error have no value."""

    values: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def add_error(self, name: str, code: str) -> None:
        self.values.pop(name, None)
        self.findings.append(Finding(name, code))


def read_row(cells: Sequence[str], columns: Columns) -> ReadRow:
    """Read one row. Every cell that has a column is read, so that HR sees all errors at once."""
    row = ReadRow()
    for name, cell in zip(columns.fields, cells, strict=False):
        if name not in {"", IGNORED} and (text := clean_cell(cell)):
            try:
                if SPREADSHEET_ERROR.fullmatch(text):
                    raise CellError("spreadsheet_error")
                _read_cell(row, name, text, columns)
            except CellError as error:
                row.add_error(name, error.code)
    if any(cells[len(columns.fields) :]):
        last = next((name for name in reversed(columns.fields) if name not in {"", IGNORED}), "row")
        row.add_error(last, "extra_cells")
    _require_cells(row, columns)
    return row


def clean_cell(cell: str) -> str:
    """Return the text of a cell without what keeps spreadsheets from reading it as a number or a formula."""
    text = cell.strip()
    if found := _TEXT_FORMULA.fullmatch(text):
        text = found[1]
    return text[1:] if text.startswith("'") and text[1:].lstrip(" ").startswith(FORMULA_STARTS) else text


def _read_cell(row: ReadRow, name: str, text: str, columns: Columns) -> None:
    if name == START_DATE:
        start = read_date(text, columns.day_order, epoch_1904=columns.epoch_1904)
        row.values[START_DATE] = start.day.isoformat()
        if start.at is not None:
            _set_time(row, f"{start.at:%H:%M}")
    elif name == START_TIME:
        _set_time(row, f"{read_time(text):%H:%M}")
    else:
        row.values[name] = READERS.get(name, _read_text)(text)


def _set_time(row: ReadRow, at: str) -> None:
    if row.values.setdefault(START_TIME, at) != at:
        raise CellError("two_times")


def _require_cells(row: ReadRow, columns: Columns) -> None:
    has_error = {finding.field for finding in row.findings}
    wanted = [START_DATE] if START_DATE in columns.fields else []
    identified = {ACCOUNT, MAIL} & (row.values.keys() | has_error)
    if not identified and {ACCOUNT, MAIL} & set(columns.fields):
        wanted.append(ACCOUNT if ACCOUNT in columns.fields else MAIL)
    for name in wanted:
        if name not in row.values and name not in has_error:
            row.add_error(name, "missing")


def _read_account(text: str) -> str:
    """Read the one account of a cell, which can have a name or `mailto:` around it. Raises CellError."""
    alike = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).translate(_APOSTROPHES).lower()
    if is_account(alike):
        return alike
    pieces = {piece.removeprefix("mailto:").rstrip(".'") for piece in _AROUND.split(alike)}
    likely = [piece for piece in pieces if "@" in piece or is_account(piece)]
    if len(likely) > 1:
        raise CellError("two_accounts")
    if not likely or not is_account(likely[0]):
        raise CellError("not_an_account")
    return likely[0]


def _read_zone(text: str) -> str:
    zone = _ZONES.get(text.casefold().replace(" ", "_")) or _WINDOWS_ZONES.get(text.casefold())
    if zone is None:
        raise CellError("unknown_zone")
    return zone


def _read_note(text: str) -> str:
    if len(text) > MAX_NOTE:
        raise CellError("too_long")
    try:
        return refuse_hidden_characters(text)
    except ValidationError:
        raise CellError("hidden_characters") from None


def _read_text(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise CellError("too_long")
    return " ".join(text.split())


READERS: dict[str, Callable[[str], str]] = {
    ACCOUNT: _read_account,
    MAIL: _read_account,
    TIME_ZONE: _read_zone,
    NOTE: _read_note,
}
