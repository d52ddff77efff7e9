"""Text that a POSIX shell takes for one word, whatever is in it."""

from __future__ import annotations

import json
import re
from typing import Any

from portal.tenant_setup.steps import CLOSES, OPENS, REFERENCE

NEEDS_NONE = re.compile(r"[A-Za-z0-9_./:=-]+")
ENDS_A_NAME = re.compile(r"[^A-Za-z0-9_]")


def quote_word(text: str) -> str:
    """One word. An id that an earlier step found becomes its variable."""
    if NEEDS_NONE.fullmatch(text):
        return text
    if set(text) & {OPENS, "'"} and not set(text) & set('`"\\'):
        return '"{}"'.format(_with_variables(text.replace("$", "\\$")))
    parts = REFERENCE.split(text)  # text, key, text, key, …, text
    words = [f'"${part}"' if index % 2 else _single_quoted(part) for index, part in enumerate(parts)]
    return "".join(word for word in words if word) or "''"


def _with_variables(text: str) -> str:
    def variable(mark: re.Match[str]) -> str:
        after = text[mark.end() : mark.end() + 1]
        return f"${mark[1]}" if not after or ENDS_A_NAME.match(after) else f"${{{mark[1]}}}"

    return REFERENCE.sub(variable, text)


def _single_quoted(text: str) -> str:
    return "'{}'".format(text.replace("'", "'\\''")) if text else ""


def as_json(body: dict[str, Any]) -> str:
    """Readable JSON in ASCII, so that no locale changes it. Marks of references stay."""
    return "".join(
        letter if letter.isascii() or letter in (OPENS, CLOSES) else json.dumps(letter)[1:-1]
        for letter in json.dumps(body, indent=2, ensure_ascii=False)
    )
