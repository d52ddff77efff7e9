"""Searches for a pass in every form in which it could have been stored.

`found_in` searches for a known code. `sightings` knows no code: it searches for two words that every code of a
recognisable tenant begins and ends with. They are letters, and no escaping changes letters. So it also finds a code in
HTML, JSON, an address, a log or a report, however often it was escaped.
"""

from __future__ import annotations

import base64
import html
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from urllib.parse import quote, quote_plus

from django.contrib.sessions.models import Session
from django.db import connection

from onboarding.managers import spelling
from portal.sandbox.graph import passes

WORDS = ("ZxQkvWjH", "YgTpRnLb")


def shapes(code: str) -> set[str]:
    """The code as it is, and as HTML, JSON, Python, an address or base64 would write it."""
    raw = {code, html.escape(code), html.escape(code, quote=False), json.dumps(code)[1:-1], repr(code)[1:-1]}
    raw |= {json.dumps(code, ensure_ascii=True)[1:-1], quote(code), quote_plus(code), quote(code, safe="")}
    raw |= {json.dumps(html.escape(code))[1:-1], repr(html.escape(code))[1:-1], repr(json.dumps(code))[1:-1]}
    return raw | {base64.b64encode(code.encode()).decode().rstrip("=")}


def found_in(text: str, code: str) -> bool:
    return any(shape in text for shape in shapes(code))


@contextmanager
def recognisable() -> Iterator[None]:
    """Every pass that a sandbox tenant of this process creates begins and ends with one of the words."""
    made = passes.new_code
    passes.new_code = lambda length: made(length).join(WORDS)
    try:
        yield
    finally:
        passes.new_code = made


def plainly(word: str) -> set[str]:
    """The word as it is, in groups as the page shows it, and spelled out on the page."""
    return {word, f">{word[:4]}<", f">{word[4:]}<", "</li><li>".join(spelling.spell_characters(word))}


def spellings(word: str) -> set[str]:
    """Also backwards, encoded, and in lists as Python, JSON and an error page would print them."""
    groups, said = [list(word[:4]), list(word[4:])], list(spelling.spell_characters(word))
    lists = {str(group)[1:-1] for group in groups} | {json.dumps(group)[1:-1] for group in groups}
    lists |= {between.join(said) for between in ("', '", "',\n '", '", "')}
    lists |= {html.escape(text) for text in lists}
    return (
        plainly(word)
        | lists
        | {word[::-1], word.encode().hex(), word.encode().hex().upper()}
        | {encoded(word, shift) for shift in range(3)}
    )


def encoded(word: str, shift: int) -> str:
    """The Base64 form of a word after `shift` other bytes, without the characters that depend on neighbours."""
    whole = base64.b64encode(b"\0" * shift + word.encode()).decode()
    return whole[-(-shift * 8 // 6) : (shift + len(word)) * 8 // 6]


@cache
def needles(words: tuple[str, ...], encoding: str = "utf-8") -> list[tuple[str, bytes]]:
    kinds = spellings if encoding == "utf-8" else plainly
    return sorted((needle, needle.encode(encoding)) for word in words for needle in kinds(word))


def sightings(content: bytes, words: tuple[str, ...] = WORDS, *, wide: bool = False) -> Counter[str]:
    """How often a part of a pass with these words occurs; `wide` also searches characters of two or four bytes."""
    found = Counter[str]()
    for encoding in ("utf-8", "utf-16-le", "utf-32-le") if wide else ("utf-8",):
        found.update({needle: content.count(written) for needle, written in needles(words, encoding)})
    return +found


def everything_in_the_database() -> str:
    """Each row of each table as text, and each session decoded."""
    with connection.cursor() as cursor:
        rows = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608  (names from the database itself)
            rows += [str(value) for row in cursor.fetchall() for value in row]
    return "\n".join(rows + [json.dumps(s.get_decoded()) for s in Session.objects.all()])
