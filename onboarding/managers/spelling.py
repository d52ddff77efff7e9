"""A pass as a person reads it: in groups, and spelled out."""

from __future__ import annotations

from django.views.decorators.debug import sensitive_variables

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SIGNS = {
    "!": "exclamation mark", '"': "double quote", "#": "hash", "$": "dollar", "%": "percent", "&": "ampersand",
    "'": "apostrophe", "(": "open bracket", ")": "close bracket", "*": "asterisk", "+": "plus", ",": "comma",
    "-": "minus", ".": "full stop", "/": "slash", ":": "colon", ";": "semicolon", "<": "less than", "=": "equals",
    ">": "greater than", "?": "question mark", "@": "at sign", "[": "open square bracket", "\\": "backslash",
    "]": "close square bracket", "^": "caret", "_": "underscore", "`": "backtick", "{": "open brace", "|": "bar",
    "}": "close brace", "~": "tilde",
}  # fmt: skip


@sensitive_variables()
def groups(code: str, size: int = 4) -> list[list[str]]:
    """The characters in groups of `size`. The gaps between groups are not part of the pass."""
    return [list(code[start : start + size]) for start in range(0, len(code), size)]


@sensitive_variables()
def spelled(code: str) -> list[str]:
    """Each character as it is said aloud: "capital K", "seven", "plus"."""
    return [_said(character) for character in code]


@sensitive_variables()
def _said(character: str) -> str:
    if character.isdigit():
        return DIGITS[int(character)]
    if character.isalpha():
        return f"capital {character}" if character.isupper() else f"small {character}"
    return SIGNS.get(character, character)
