"""Invisible characters, which can change what a text seems to say (decision 0020).

What a person types is refused with the character's name. From a name that a directory or a token sends, they are removed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import idna

ZERO_WIDTH_JOINER, JOINERS = "\u200d", "\u200c\u200d"
VIRAMA = 9  # the combining class of the sign that joins consonants in the scripts of India
# Cc controls, Cf formats, Cs halves of surrogate pairs, Co private use, Zl and Zp line and paragraph separators.
HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
# Formats in Unicode's table, but people see them: number and verse signs of Arabic, Syriac and Kaithi.
SEEN = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
# Letters, marks and signs without a shape, and code points that Unicode keeps for more formats (Default_Ignorable).
BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2065\u2800\u3164\uffa0")
IGNORED_PLANE = range(0xE0000, 0xE1000)  # tag characters among them
SELECTORS = (range(0x180B, 0x180E), range(0x180F, 0x1810), range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
PICTURES = frozenset({"So", "Sm", "Po"})


@dataclass(frozen=True, slots=True)
class HiddenCharacter:
    """One invisible character, and its position in the text, counted from 1."""

    character: str
    position: int

    @property
    def code(self) -> str:
        return f"U+{ord(self.character):04X}"

    @property
    def name(self) -> str:
        """Unicode's name in lower case. Controls and private characters have none."""
        return unicodedata.name(self.character, "").lower()


def find_hidden(text: str, *, line_breaks: bool = False) -> Iterator[HiddenCharacter]:
    """Yield each hidden character. `line_breaks` says whether tabs and line feeds may stand in this text."""
    if text.isascii() and text.isprintable():
        return
    for index, character in enumerate(text):
        if is_hidden(text, index) and not (line_breaks and character in "\n\t"):
            yield HiddenCharacter(character, index + 1)


def is_hidden(text: str, index: int) -> bool:
    """Whether the character at this place is invisible. Spelling decides about joiners and variation selectors."""
    character = text[index]
    if character in JOINERS:
        return not _spells(text, index)
    if any(ord(character) in selectors for selectors in SELECTORS):
        return not _selects(text[index - 1 : index])
    if character in BLANKS or ord(character) in IGNORED_PLANE:
        return True
    return unicodedata.category(character) in HIDDEN_CATEGORIES and character not in SEEN


def clean_name(value: object, *, limit: int = 256) -> str:
    """Return a name from a directory or a token without hidden characters, at most `limit` characters; else empty."""
    if not isinstance(value, str):
        return ""
    text = value[:limit]
    hidden = {found.position for found in find_hidden(text)}
    return "".join(letter for at, letter in enumerate(text, start=1) if at not in hidden).strip()


def _spells(text: str, index: int) -> bool:
    """Whether a joiner is part of the spelling here, by the rules for domain names (RFC 5892, A.1 and A.2).

    Persian separates letters with one inside a word, and the scripts of India choose the shape of joined consonants.
    """
    after = text[index + 1 : index + 2]
    if text[index] == ZERO_WIDTH_JOINER and after and unicodedata.combining(after) == VIRAMA:
        return text[index - 1 : index].isalpha()  # Bengali: before the sign too
    try:
        return idna.core.valid_contextj(text, index)
    except (ValueError, idna.IDNAError):  # a neighbour without a name, or a very long text
        return False


def _selects(before: str) -> bool:
    """Whether a variation selector after this character has a meaning: for pictures, Han characters and Mongolian."""
    if not before or before.isascii():
        return False
    script = unicodedata.name(before, "").partition(" ")[0]
    return script in {"CJK", "MONGOLIAN"} or unicodedata.category(before) in PICTURES
