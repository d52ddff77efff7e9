"""Write a pass for people to read: in groups of characters, and spelled out."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

HIDDEN = "[part of a pass hidden]"

DIGITS = (
    _("zero"),
    _("one"),
    _("two"),
    _("three"),
    _("four"),
    _("five"),
    _("six"),
    _("seven"),
    _("eight"),
    _("nine"),
)
SIGNS = {
    "!": _("exclamation mark"),
    '"': _("double quote"),
    "#": _("hash"),
    "$": _("dollar"),
    "%": _("percent"),
    "&": _("ampersand"),
    "'": _("apostrophe"),
    "(": _("open bracket"),
    ")": _("close bracket"),
    "*": _("asterisk"),
    "+": _("plus"),
    ",": _("comma"),
    "-": _("minus"),
    ".": _("full stop"),
    "/": _("slash"),
    ":": _("colon"),
    ";": _("semicolon"),
    "<": _("less than"),
    "=": _("equals"),
    ">": _("greater than"),
    "?": _("question mark"),
    "@": _("at sign"),
    "[": _("open square bracket"),
    "\\": _("backslash"),
    "]": _("close square bracket"),
    "^": _("caret"),
    "_": _("underscore"),
    "`": _("backtick"),
    "{": _("open brace"),
    "|": _("bar"),
    "}": _("close brace"),
    "~": _("tilde"),
}


class HiddenParts:
    """Parts of a pass for a template to loop over. Printed, they are a placeholder.

    Django writes a whole context into its log if a template uses a missing name.
    """

    __slots__ = ("__parts",)

    @sensitive_variables()
    def __init__(self, parts: Iterator[object]) -> None:
        self.__parts = tuple(parts)

    def __iter__(self) -> Iterator[object]:
        return iter(self.__parts)

    def __repr__(self) -> str:
        return HIDDEN


@sensitive_variables()
def group_characters(code: str, size: int = 4) -> HiddenParts:
    """The characters in groups of `size`. The gaps between groups are not part of the pass."""
    return HiddenParts(HiddenParts(iter(code[start : start + size])) for start in range(0, len(code), size))


@sensitive_variables()
def spell_characters(code: str) -> HiddenParts:
    """Return how each character is said aloud: "capital K", "seven", "plus"."""
    return HiddenParts(_spell_character(character) for character in code)


@sensitive_variables()
def _spell_character(character: str) -> str:
    if character.isdigit():
        return str(DIGITS[int(character)])
    if character.isalpha():
        spoken = gettext("capital %(letter)s") if character.isupper() else gettext("small %(letter)s")
        return spoken % {"letter": character}
    return str(SIGNS.get(character, character))
