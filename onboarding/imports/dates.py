"""Read dates and times as people and HR systems write them. What could mean two things is an error, never a guess."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Literal

from onboarding.imports.findings import CellError

DayOrder = Literal["", "dmy", "mdy"]
EXCEL_DAY_0, SHIFT_1904 = date(1899, 12, 30), 1462
SERIAL_DAYS = range(36_500, 73_000)  # 1999 to 2099; in the calendar of 1904 four years later
CENTURY = 2000

_TIME_PART = r"(?:[T ]\s*(?P<time>\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?"
_YEAR_FIRST = re.compile(
    rf"(?P<y>\d{{4}})(?P<s>[-/.])(?P<m>\d{{1,2}})(?P=s)(?P<d>\d{{1,2}}){_TIME_PART}\s*(?P<zone>Z|[+-]\d{{2}}:?\d{{2}})?"
)
_COMPACT = re.compile(r"(?P<y>20\d{2})(?P<m>\d{2})(?P<d>\d{2})")
_DOTS = re.compile(rf"(?P<d>\d{{1,2}})\.\s?(?P<m>\d{{1,2}})\.\s?(?P<y>\d{{4}}|\d{{2}}){_TIME_PART}")
_EITHER = re.compile(rf"(?P<a>\d{{1,2}})(?P<s>[-/])(?P<b>\d{{1,2}})(?P=s)(?P<y>\d{{4}}){_TIME_PART}")
_SHORT_YEAR = re.compile(r"\d{1,2}[-/]\d{1,2}[-/]\d{2}")
_SERIAL = re.compile(r"(?P<days>\d{5})(?:[.,](?P<part>\d+))?")
_DAY_MONTH = re.compile(r"(?P<d>\d{1,2})\.?[\s-]+(?P<name>[^\W\d_]+)\.?,?[\s-]+(?P<y>\d{4})")
_MONTH_DAY = re.compile(r"(?P<name>[^\W\d_]+)\.?\s+(?P<d>\d{1,2}),?\s+(?P<y>\d{4})")
# The first letters of each month that are enough in English, Dutch and German.
_MONTHS = (
    ("jan", "jän"), ("feb",), ("mar", "mrt", "maa", "mär", "maer", "mrz"), ("apr",), ("may", "mei", "mai"), ("jun",),
    ("jul",), ("aug",), ("sep",), ("oct", "okt"), ("nov",), ("dec", "dez"),
)  # fmt: skip
_LONG_MONTHS = {
    "january", "february", "march", "april", "june", "july", "august", "september", "october", "november", "december",
    "januari", "februari", "maart", "juni", "juli", "augustus", "oktober", "januar", "jänner", "februar", "märz",
    "maerz", "dezember", "sept",
}  # fmt: skip

_CLOCK = re.compile(
    r"(?P<h>\d{1,2})[:.](?P<m>\d{2})(?::(?P<s>\d{2})(?:\.0+)?)?\s*(?P<half>[ap]\.?m\.?)?(?:\s*(?:uhr|uur|h))?",
    re.I,
)
_HOUR = re.compile(r"(?P<h>\d{1,2})\s*(?:(?P<half>[ap]\.?m\.?)|uhr|uur|h|u)(?P<m>\d{2})?", re.I)
_FOUR = re.compile(r"(?P<h>\d{2})(?P<m>\d{2})")
_FRACTION = re.compile(r"0[.,](?P<part>\d|\d{3,})")  # 0.25 could also be a quarter of an hour past midnight
SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Start:
    """The date of a cell, and the time if the cell has one."""

    day: date
    at: time | None = None


def read_date(text: str, order: DayOrder = "", *, epoch_1904: bool = False) -> Start:
    """Read a date. Raises CellError."""
    if found := _YEAR_FIRST.fullmatch(text):
        return _read_year_first(found)
    if found := _COMPACT.fullmatch(text) or _DOTS.fullmatch(text):
        return Start(_make_date(found["y"], found["m"], found["d"]), _time_of(found))
    if found := _EITHER.fullmatch(text):
        return Start(_read_either_order(found, order), _time_of(found))
    if _SHORT_YEAR.fullmatch(text):
        raise CellError("short_year")
    if (found := _SERIAL.fullmatch(text)) and int(found["days"]) in SERIAL_DAYS:
        return _read_serial(found, epoch_1904=epoch_1904)
    if found := _DAY_MONTH.fullmatch(text) or _MONTH_DAY.fullmatch(text):
        return Start(_make_date(found["y"], _month_number(found["name"]), found["d"]))
    raise CellError("unknown_date")


def is_date(text: str) -> bool:
    """Return whether the text is a date, in whatever order. A bare number is none."""
    if text.isdigit():
        return False
    try:
        read_date(text)
    except CellError as error:
        return error.code != "unknown_date"
    return True


def is_ambiguous(text: str) -> bool:
    """Return whether the date could be read day first or month first."""
    try:
        read_date(text)
    except CellError as error:
        return error.code == "ambiguous_date"
    return False


def find_order(text: str) -> DayOrder:
    """Return the order that this date has for certain, or an empty text."""
    found = _EITHER.fullmatch(text)
    if found is None:
        return ""
    first, second = int(found["a"]), int(found["b"])
    if 12 < first <= 31 and second <= 12:
        return "dmy"
    return "mdy" if 12 < second <= 31 and first <= 12 else ""


def _read_year_first(found: re.Match[str]) -> Start:
    """Midnight is how programs write a day. A time in a zone would be another day elsewhere."""
    at = _time_of(found)
    if at is not None and found["zone"]:
        raise CellError("zoned_date")
    return Start(_make_date(found["y"], found["m"], found["d"]), at)


def _read_either_order(found: re.Match[str], order: DayOrder) -> date:
    first, second = found["a"], found["b"]
    certain = find_order(found[0].split()[0].split("T")[0])
    if certain and order and certain != order:
        raise CellError("other_order")
    if int(first) > 12 and int(second) > 12:
        raise CellError("no_such_date")
    if not certain and not order and int(first) != int(second) and max(int(first), int(second)) <= 12:
        raise CellError("ambiguous_date")
    is_day_first = (certain or order or "dmy") == "dmy"
    day, month = (first, second) if is_day_first else (second, first)
    return _make_date(found["y"], month, day)


def _read_serial(found: re.Match[str], *, epoch_1904: bool) -> Start:
    """Excel counts days from 1900, or from 1904 in old workbooks of a Mac; the time is a fraction of the day."""
    days = int(found["days"]) + (SHIFT_1904 if epoch_1904 else 0)
    part = float(f"0.{found['part']}") if found["part"] else 0.0
    return Start(EXCEL_DAY_0 + timedelta(days=days), _time_of_fraction(part) if part else None)


def _make_date(year: str | int, month: str | int, day: str | int) -> date:
    number = int(year)
    try:
        return date(number + CENTURY if number < 100 else number, int(month), int(day))
    except ValueError:
        raise CellError("no_such_date") from None


def _month_number(name: str) -> int:
    word = name.casefold()
    for number, starts in enumerate(_MONTHS, start=1):
        if word in starts or (word in _LONG_MONTHS and word.startswith(starts)):
            return number
    raise CellError("unknown_date")


def _time_of(found: re.Match[str]) -> time | None:
    text = found.groupdict().get("time")
    if not text:
        return None
    at = read_time(text.partition(".")[0])
    return None if at == time(0) else at


def read_time(text: str) -> time:
    """Read a time of day, to the minute. Raises CellError."""
    if found := _FRACTION.fullmatch(text):
        return _time_of_fraction(float(f"0.{found['part']}"))
    found = _CLOCK.fullmatch(text) or _HOUR.fullmatch(text) or _FOUR.fullmatch(text)
    if found is None:
        raise CellError("unknown_time")
    parts = found.groupdict()
    hour, minute, second = int(parts["h"]), int(parts["m"] or 0), int(parts.get("s") or 0)
    if half := parts.get("half"):
        if not 1 <= hour <= 12:
            raise CellError("unknown_time")
        hour = hour % 12 + (12 if half[0].lower() == "p" else 0)
    if hour > 23 or minute > 59 or second:
        raise CellError("unknown_time")
    return time(hour, minute)


def _time_of_fraction(part: float) -> time:
    seconds = round(part * SECONDS_A_DAY)
    if seconds % 60 or seconds >= SECONDS_A_DAY:
        raise CellError("unknown_time")
    return time(seconds // 3600, seconds // 60 % 60)
