"""Expressions of the workflow definition language of Logic Apps: the part that our workflows use.

`@expression`, `@{expression}` inside a text, functions, `['name']`, `?['name']` and `[0]`. What it does not know raises
NotUnderstood, so a workflow that uses more fails its test.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

Function = Callable[..., Any]
TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<name>[A-Za-z]\w*)|(?P<sign>\?\[|[()\[\],]))"
)
INSIDE = re.compile(r"@@|@\{((?:[^}']|'(?:[^']|'')*')*)\}")
WORDS = {"true": True, "false": False, "null": None}


class NotUnderstood(Exception):
    """The workflow uses something that this interpreter does not know."""


class InvalidValue(Exception):
    """A function got a value that it does not take. The action fails then, as in Azure."""


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _first_known(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _substring(text: Any, start: int, length: int) -> str:
    if not isinstance(text, str) or len(text) < start + length:
        raise InvalidValue(f"substring of {text!r}")
    return text[start : start + length]


FUNCTIONS: dict[str, Function] = {
    "and": lambda *values: all(values),
    "coalesce": _first_known,
    "concat": lambda *values: "".join(_text(value) for value in values),
    "empty": lambda value: value is None or len(value) == 0,
    "encodeUriComponent": lambda value: quote(_text(value), safe=""),
    "equals": lambda one, other: one == other,
    "if": lambda condition, yes, no: yes if condition else no,
    "join": lambda values, between: between.join(_text(value) for value in values),
    "not": lambda value: not value,
    "or": lambda *values: any(values),
    "substring": _substring,
}


class Expressions:
    """`functions` are those that know the run: parameters, triggerBody, body, outputs, item."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.functions = {**FUNCTIONS, **functions}

    def resolve(self, value: Any) -> Any:
        """Return the value with each expression in it replaced by its result."""
        if isinstance(value, dict):
            return {name: self.resolve(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.resolve(inner) for inner in value]
        if not isinstance(value, str):
            return value
        if value.startswith("@") and not value.startswith(("@@", "@{")):
            return self.evaluate(value[1:])
        return INSIDE.sub(lambda found: _text(self.evaluate(found[1])) if found[1] else "@", value)

    def evaluate(self, expression: str) -> Any:
        reader = _Reader(expression, self.functions)
        value = reader.read_value()
        if reader.tokens:
            raise NotUnderstood(f"the end of {expression!r}")
        return value


class _Reader:
    def __init__(self, expression: str, functions: Mapping[str, Function]) -> None:
        self.functions, self.tokens = functions, []
        place = 0
        while place < len(expression.rstrip()):
            found = TOKEN.match(expression, place)
            if not found:
                raise NotUnderstood(f"{expression[place:]!r} in {expression!r}")
            self.tokens.append(found[0].strip())
            place = found.end()

    def take(self, *expected: str) -> str:
        if not self.tokens or (expected and self.tokens[0] not in expected):
            raise NotUnderstood(f"{self.tokens[:1]} where {expected} should be")
        return self.tokens.pop(0)

    def read_value(self) -> Any:
        token = self.take()
        if token.startswith("'"):
            value: Any = token[1:-1].replace("''", "'")
        elif token.lstrip("-").isdigit():
            value = int(token)
        elif token in WORDS:
            value = WORDS[token]
        else:
            value = self._call(token)
        while self.tokens and self.tokens[0] in {"[", "?["}:
            value = self._pick(value)
        return value

    def _call(self, name: str) -> Any:
        if name not in self.functions:
            raise NotUnderstood(f"the function {name}")
        self.take("(")
        values = []
        while self.tokens and self.tokens[0] != ")":
            values.append(self.read_value())
            if self.tokens and self.tokens[0] == ",":
                self.take(",")
        self.take(")")
        return self.functions[name](*values)

    def _pick(self, value: Any) -> Any:
        """`?[` of nothing is nothing; `[` of nothing is an error."""
        sign = self.take()
        key = self.read_value()
        self.take("]")
        if sign == "?[":
            return value.get(key) if isinstance(value, dict) else None
        return value[key]
