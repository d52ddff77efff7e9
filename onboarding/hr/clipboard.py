"""Read accounts from pasted text: mail programs, word processors and tables add other text to an address.

Text that cannot be an account is kept as it was typed, with its line number and an error.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass, field

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding.imports.dates import is_date
from onboarding.starters.input_rules import ACCOUNT_NAME, MAX_LENGTH, OBJECT_ID, is_account

IS_TABLE = _(
    "You pasted a table with several columns, but this field accepts only accounts. Import the table instead."
)
NO_ACCOUNT = _("Enter an account name, like name@contoso.example, or an object ID.")
ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyz0123456789'._-!#^~+&=@")

_LINES = re.compile(r"\r\n|[\n\r\v\f\x1c\x1d\x85\u2028\u2029]")
# Windows-1252 instead of Unicode, and UTF-8 that was read as Windows-1252.
_MISREAD = {
    "ï»¿": "",
    "â€™": "'",
    "â€˜": "'",
    "â€œ": '"',
    "â€\x9d": '"',
    "â€“": "-",
    "â€¢": "•",
    "Â\xa0": " ",
}
_WORDS_HYPHENS = {0x1E: "-", 0x1F: ""}  # a non-breaking one, and a soft one
_WINDOWS_1252 = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0) if code != 0x85}
_LOOK_ALIKES = str.maketrans(
    {
        **dict.fromkeys("’‘‛′´`ʼʻʹ＇", "'"),
        **dict.fromkeys("‐‑‒–—−﹣－", "-"),
        **dict.fromkeys("“”„‟«»‹›‚〝〞", '"'),
        **dict.fromkeys("；，、", ";"),
        "。": ".",
    }
)
_TAG = re.compile(r"</?[a-z][^<>@]*>", re.IGNORECASE)
_LINK_TEXT = re.compile(r"""href=["']?mailto:""", re.IGNORECASE)
_SUBJECT = re.compile(r"(mailto:[^\s?>\":]+)\?[^\s>\"]*", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s<>()\[\]{}|,;:\"/?]+")
# Bullets before an address in a list, with or without a space.
_BULLETS = "-*+•·▪▫◦‣⁃●○■□☐☑☒✓✔#>'"
_NUMBER = re.compile(r"\(?(\d{1,4}|[a-z])[.)]?|o|x|\[x\]", re.IGNORECASE)
_SCHEMES = {"mailto", "sip", "sips", "smtp", "im", "https", "http", "to", "cc", "bcc"}


@dataclass(frozen=True)
class PastedEntry:
    """One account, or one piece of text that is not an account; `error` then says why."""

    typed: str
    line: int
    account: str = ""
    error: str = ""
    ignored_words: list[str] = field(default_factory=list)


def is_table(text: str) -> bool:
    """Return whether the text is a table with several columns: a cell is a date, or a row has several accounts.

    A list of accounts with names beside them, as mail programs and address lists have it, is none.
    """
    return any(_is_row_of_table(line) for line in text.splitlines())


def _is_row_of_table(line: str) -> bool:
    cells = [cell.strip() for cell in line.split("\t" if "\t" in line else ";")]
    if len(cells) > 1 and any(is_date(cell) for cell in cells):
        return True
    accounts = sum("@" in cell for cell in cells)
    return "\t" in line and accounts > 1 and any(cell and "@" not in cell for cell in cells)


def read_accounts(text: str) -> list[PastedEntry]:
    """Return each account once, in the order of the text, and each line without an account. `line` starts at 1."""
    found: dict[str, PastedEntry] = {}
    for number, line in enumerate(_LINES.split(_repair_encoding(text)), start=1):
        for entry in _read_line(line, number):
            found.setdefault(entry.account or f"{number}:{entry.typed}", entry)
    return list(found.values())


def _repair_encoding(text: str) -> str:
    for wrong, right in _MISREAD.items():
        text = text.replace(wrong, right)
    return text.translate(_WINDOWS_1252 | _WORDS_HYPHENS)


def _read_line(line: str, number: int) -> list[PastedEntry]:
    shown = _normalise_line(line)
    pieces = [piece for piece in map(_strip_punctuation, _SEPARATORS.split(shown)) if piece]
    likely = [piece for piece in pieces if "@" in piece.strip("@") or OBJECT_ID.fullmatch(piece.lower())]
    if not likely:
        return _entry_without_account(line, pieces, number)
    ignored = _ignored_words(shown) if len(likely) > 1 or ";" in shown else []
    read = [_parse_account(piece, number) for piece in likely]
    return [PastedEntry(read[0].typed, number, read[0].account, read[0].error, ignored), *read[1:]]


def _ignored_words(shown: str) -> list[str]:
    """Return list items that are not accounts. A name next to its own address is not one of them."""
    apart = ";" if re.search(r"[<(\[]", shown) else "[;,]"
    words = (" ".join(part.split()).strip(_BULLETS + ' ."') for part in re.split(apart, shown))
    return [word for word in words if word and "@" not in word and not _is_decoration(word)]


def _normalise_line(line: str) -> str:
    """Remove invisible characters and replace look-alikes of ASCII characters."""
    if "&" in line and ";" in line:
        line = html.unescape(line)
    alike = unicodedata.normalize("NFKC", line.translate(_LOOK_ALIKES)).translate(_LOOK_ALIKES)
    visible = "".join(c for c in alike if unicodedata.category(c) not in {"Cf", "Co"})
    links = _LINK_TEXT.sub("", _SUBJECT.sub(r"\1", visible))
    return _TAG.sub(" ", links)


def _strip_punctuation(piece: str) -> str:
    """Strip bullets before a piece and punctuation after it."""
    return piece.lstrip(_BULLETS).rstrip(".!'*`>").lstrip("`")


def _parse_account(piece: str, number: int) -> PastedEntry:
    name = piece.lower()
    if is_account(name):
        return PastedEntry(name, number, name)
    return PastedEntry(piece[:MAX_LENGTH], number, error=_describe_error(name))


def _entry_without_account(line: str, pieces: list[str], number: int) -> list[PastedEntry]:
    words = [piece for piece in pieces if not _is_decoration(piece)]
    if not words:
        return []
    typed = " ".join(line.split())
    return [
        PastedEntry(
            typed[:MAX_LENGTH], number, error=_describe_error(words[0].lower() if len(words) == 1 else "")
        )
    ]


def _is_decoration(piece: str) -> bool:
    """Return whether a piece is a list number, a table line or a prefix of an address."""
    letters = any(c.isalnum() for c in piece)
    return not letters or bool(_NUMBER.fullmatch(piece)) or piece.lower() in _SCHEMES


def _describe_error(name: str) -> str:
    """Return the error: the first character that an account name cannot contain, or that this is no account name."""
    if ACCOUNT_NAME.fullmatch(name):
        return gettext("An account name can have at most %(most)s characters.") % {"most": MAX_LENGTH}
    odd = next((c for c in name if c not in ALLOWED), "")
    if not odd:
        return str(NO_ACCOUNT)
    return gettext("An account name cannot contain the character %(character)s.") % {
        "character": _describe_character(odd)
    }


def _describe_character(character: str) -> str:
    code = f"U+{ord(character):04X}"
    name = CONTROL_NAMES.get(character) or unicodedata.name(character, "")
    details = f"({name}, {code})" if name else f"({code})"
    return f"“{character}” {details}" if character.isprintable() else details


CONTROL_NAMES = {"\x07": "BELL", "\x08": "BACKSPACE", "\x1b": "ESCAPE", "\x7f": "DELETE"}
