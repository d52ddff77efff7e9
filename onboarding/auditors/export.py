"""The audit log as a file: CSV or JSON lines, written page by page.

No transaction or cursor stays open between two pages: on SQLite it would block every writer, and a slow reader could
keep it open for hours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.utils import translation

from onboarding.auditors.rows import EventRow, Name, build_rows
from onboarding.auditors.search import EventSearch
from onboarding.exports.csv_rows import BYTE_ORDER_MARK, format_csv_row

PAGE_SIZE = 500
FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}
FIELDS = (
    "seq", "at", "event", "words", "actor", "starter", "starter_id", "reason", "policy", "issue", "facts", "personal", "hash",
    "previous", "verified",
)  # fmt: skip
ERASED = "erased"


def export_events(found: EventSearch, kind: str) -> Iterator[str]:
    """Yield the file in parts of one page each, the oldest event first, in the language of this moment."""
    language, last = translation.get_language() or "en", 0
    yield BYTE_ORDER_MARK + format_csv_row(FIELDS) if kind == "csv" else ""
    while numbers := found.newer_than(last, PAGE_SIZE):
        with translation.override(language):  # not around a yield: other requests use this thread meanwhile
            page = "".join(_write_row(row, kind) for row in build_rows(numbers))
        yield page
        last = numbers[-1]


def _write_row(row: EventRow, kind: str) -> str:
    values = _list_values(row)
    if kind == "jsonl":
        return json.dumps(values, ensure_ascii=False) + "\n"
    return format_csv_row(_as_cell(values[name]) for name in FIELDS)


def _list_values(row: EventRow) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "at": row.at.isoformat(timespec="milliseconds") if row.at else "",
        "event": row.event,
        "words": row.words,
        "actor": _write_name(row.actor),
        "starter": _write_name(row.starter),
        "starter_id": row.starter_id,
        "reason": " ".join(row.reasons),
        "policy": list(row.policies),
        "issue": row.issue,
        "facts": dict(row.facts),
        "personal": dict(row.personal),
        "hash": row.hash,
        "previous": row.previous,
        "verified": "no" if row.faults else "yes",
    }


def _write_name(name: Name) -> str:
    return f"{ERASED} {name.pseudonym}" if name.pseudonym else name.text


def _as_cell(value: Any) -> object:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
