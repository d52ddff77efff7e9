"""Refuses requests with impossible characters or years.

PostgreSQL refuses NUL, nothing can encode half of a surrogate pair, and Python's dates end at the year 9999. Each
caused an error on the page that read it, so they are refused before any page reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.request import UnreadablePostError

# Control characters (Unicode: Cc) but for tab and line breaks of any kind, halves of surrogate pairs, and U+FFFE and
# U+FFFF. Word writes U+001E and U+001F for its own hyphens: a form says that beside its field, and loses nothing.
IMPOSSIBLE = re.compile(r"[\x00-\x08\x0e-\x1d\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
# A path has no line breaks either.
IMPOSSIBLE_IN_PATHS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# Fields for accounts take what other programs put on a clipboard, with control characters of Windows-1252 among them.
# The form names the line that it cannot take and keeps the others; none of it is stored as it is.
PASTED = {"account", "accounts", "pasted"}
IMPOSSIBLE_IN_PASTED = re.compile(r"[\x00\ud800-\udfff\ufffe\uffff]")
YEARS = range(1900, 2200)
DATE = re.compile(r"\s*([+-]?\d+)-\d{1,2}-\d{1,2}\b")
NUMBER = re.compile(r"\s*[+-]?\d+\s*")
PATTERNS = {"regex", "iregex"}
LONGEST_NUMBER = 18  # digits that every whole number in the database has room for


def has_impossible_characters(text: str) -> bool:
    return IMPOSSIBLE.search(text) is not None


def impossible_part(request: HttpRequest) -> str:
    """The part of the request with impossible input: path, query or body. Empty where there is none."""
    if IMPOSSIBLE_IN_PATHS.search(request.path_info):
        return "path"
    asked = list(request.GET.lists())
    if any(map(has_impossible_characters, names_and_values(asked))) or any(
        is_out_of_range(name, value) for name, values in asked for value in values
    ):
        return "query"
    return "" if is_upload(request) else unreadable_body(request)


def is_upload(request: HttpRequest) -> bool:
    """Whether the body can be large, so that nothing reads it before the person is known: portal/uploads."""
    return request.method == "POST" and request.path_info in settings.UPLOAD_PATHS


def unreadable_body(request: HttpRequest) -> str:
    """Return "body" if a field of the form has impossible characters, or the form did not arrive whole."""
    try:
        sent = list(request.POST.lists())
    except UnreadablePostError:  # the browser went away before it had sent everything
        return "body"
    pasted = [(name, values) for name, values in sent if name in PASTED]
    typed = [(name, values) for name, values in sent if name not in PASTED]
    is_odd = any(map(IMPOSSIBLE_IN_PASTED.search, names_and_values(pasted)))
    return "body" if is_odd or any(map(has_impossible_characters, names_and_values(typed))) else ""


def names_and_values(fields: Iterable[tuple[str, list[Any]]]) -> Iterable[str]:
    for name, values in fields:
        yield name
        yield from (str(value) for value in values)


def is_out_of_range(name: str, value: str) -> bool:
    """A date of another era, an impossible year, a number too large for the database, or a regular expression. A wrong
    one is a database error, a slow one blocks the database.

    The administration's addresses name lookups: `start_date__year=-1`, `start_date__year__in=1,99999`.
    """
    dated = DATE.match(value) if name != "q" else None  # a search may be for any number
    if dated and int(dated[1]) not in YEARS:
        return True
    numbers = [number for number in value.split(",") if NUMBER.fullmatch(number)]
    if {"year", "iso_year"} & set(name.split("__")[1:]) and any(
        int(number) not in YEARS for number in numbers
    ):
        return True
    if "__" in name and name.rpartition("__")[2] in PATTERNS:
        return True
    return "__" in name and any(len(number.strip().lstrip("+-")) > LONGEST_NUMBER for number in numbers)


def forget_impossible_cookies(request: HttpRequest) -> None:
    """Ignore these cookies: the browser would send them each time, and every request would be refused."""
    for name in [name for name, value in request.COOKIES.items() if has_impossible_characters(name + value)]:
        del request.COOKIES[name]
