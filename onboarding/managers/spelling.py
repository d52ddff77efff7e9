"""A pass as a person reads it: in groups, and spelled out."""

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


class Unprinted:
    """Parts of a pass that a template goes through one by one. A whole context may be printed, as Django does into its
    log when a template asks for what is not there: then a placeholder stands in their place."""

    __slots__ = ("__parts",)

    @sensitive_variables()
    def __init__(self, parts: Iterator[object]) -> None:
        self.__parts = tuple(parts)

    def __iter__(self) -> Iterator[object]:
        return iter(self.__parts)

    def __repr__(self) -> str:
        return HIDDEN


@sensitive_variables()
def groups(code: str, size: int = 4) -> Unprinted:
    """The characters in groups of `size`. The gaps between groups are not part of the pass."""
    return Unprinted(Unprinted(iter(code[start : start + size])) for start in range(0, len(code), size))


@sensitive_variables()
def spelled(code: str) -> Unprinted:
    """Each character as it is said aloud: "capital K", "seven", "plus"."""
    return Unprinted(_said(character) for character in code)


@sensitive_variables()
def _said(character: str) -> str:
    if character.isdigit():
        return str(DIGITS[int(character)])
    if character.isalpha():
        said = gettext("capital %(letter)s") if character.isupper() else gettext("small %(letter)s")
        return said % {"letter": character}
    return str(SIGNS.get(character, character))
