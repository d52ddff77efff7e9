"""A pass as a person reads it: in groups, and spelled out."""

from __future__ import annotations

from collections.abc import Iterator

from django.views.decorators.debug import sensitive_variables

HIDDEN = "[part of a pass hidden]"

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SIGNS = {
    "!": "exclamation mark", '"': "double quote", "#": "hash", "$": "dollar", "%": "percent", "&": "ampersand",
    "'": "apostrophe", "(": "open bracket", ")": "close bracket", "*": "asterisk", "+": "plus", ",": "comma",
    "-": "minus", ".": "full stop", "/": "slash", ":": "colon", ";": "semicolon", "<": "less than", "=": "equals",
    ">": "greater than", "?": "question mark", "@": "at sign", "[": "open square bracket", "\\": "backslash",
    "]": "close square bracket", "^": "caret", "_": "underscore", "`": "backtick", "{": "open brace", "|": "bar",
    "}": "close brace", "~": "tilde",
}  # fmt: skip


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
        return DIGITS[int(character)]
    if character.isalpha():
        return f"capital {character}" if character.isupper() else f"small {character}"
    return SIGNS.get(character, character)
