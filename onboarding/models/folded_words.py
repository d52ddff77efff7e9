"""Search words without case, accents, apostrophes and compatibility forms.

Stored and typed words go through the same functions, so that `muller` finds Müller, `obrien` finds
O’Brien and `jorg` finds Jörg. Accents go by Unicode's own decomposition (NFKD); letters without one have a table.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MAX_WORD_LENGTH = 64  # characters of one word; longer ones are cut, when stored and when typed
# Letters that Unicode does not decompose, after case folding.
PLAIN_LETTERS = str.maketrans(
    {
        "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ŧ": "t", "ŋ": "n",
        "ı": "i", "ĸ": "k", "ə": "e", "ƒ": "f", "ɓ": "b", "ɗ": "d", "ƙ": "k",
    }
)  # fmt: skip
# How German and Scandinavian names are often spelled where their own letters are missing.
SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
# Apostrophes and look-alikes: they join the letters around them. For Unicode some are letters or accents.
APOSTROPHES = "'’‘‛′´`ʼʻʹʾʿˈ＇ꞌ"
HYPHENS = "-‐‑‒–—−﹣－"
_JOINING = re.compile(f"[{re.escape(APOSTROPHES + HYPHENS)}]")


def search_words(texts: Iterable[str]) -> set[str]:
    """All words that find a starter with these names."""
    return {word for text in texts for token in _split_tokens(text) for word in _stored_words(token)}


def search_alternatives(typed: str) -> list[list[set[str]]]:
    """For each typed word, the alternative sets of prefixes: a starter matches if it has all prefixes of one set.

    A word without a letter or digit has no set.
    """
    return [_ways_to_match(token) for token in _split_tokens(typed)]


def fold_case_and_accents(text: str) -> str:
    """Letters without case and accents."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(PLAIN_LETTERS)
    parts = unicodedata.normalize("NFKD", plain)
    return "".join(c for c in parts if not unicodedata.combining(c)).translate(PLAIN_LETTERS)


def _split_tokens(text: str) -> list[str]:
    visible = "".join(c for c in text if unicodedata.category(c) not in {"Cf", "Cc"} or c.isspace())
    return visible.split()


def _folded_spellings(token: str) -> list[str]:
    """A token folded, and, if it has umlauts, also folded with these spelled out."""
    composed = unicodedata.normalize("NFKC", token).casefold()
    return list(
        dict.fromkeys([fold_case_and_accents(token), fold_case_and_accents(composed.translate(SPELLED_OUT))])
    )


def _split_pieces(folded: str) -> list[str]:
    """The runs of letters, digits and marks."""
    spaced = "".join(c if unicodedata.category(c)[0] in "LNM" else " " for c in folded)
    return [piece[:MAX_WORD_LENGTH] for piece in spaced.split()]


def _join_hyphenated(token: str) -> str:
    """O’Brien as one word, Anne-Marie too."""
    return _JOINING.sub("", token)


def _split_hyphenated(token: str) -> str:
    return _JOINING.sub(" ", token)


def _stored_words(token: str) -> set[str]:
    forms = (_split_hyphenated(token), _join_hyphenated(token))
    return {
        piece for form in forms for spelling in _folded_spellings(form) for piece in _split_pieces(spelling)
    }


def _ways_to_match(token: str) -> list[set[str]]:
    forms = (_split_hyphenated(token), _join_hyphenated(token))
    ways = [set(_split_pieces(spelling)) for form in forms for spelling in _folded_spellings(form)]
    return [way for number, way in enumerate(ways) if way and way not in ways[:number]]
