"""Runs an action sequence of TOPdesk over HTTP: placeholders, variables, earlier answers, one step after the other.

A placeholder is `${name}`, with built-ins behind a question mark, as in FreeMarker: `${(note!'')?json_string}`. What it
does not know raises NotUnderstood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

FORMAT = "2.7"
KNOWN_OF_STEP = {"name", "method", "url", "headers", "body"}
PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
EXPRESSION = re.compile(
    r"(?:\((?P<optional>[\w.]+)!'(?P<otherwise>[^']*)'\)|(?P<path>[\w.]+))(?P<changes>(?:\?.+)?)"
)
CHANGE = re.compile(r"\?(\w+)(?:\('([^']*)', '([^']*)'\))?")
CHANGES: dict[str, Callable[..., str]] = {
    "json_string": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "replace": lambda text, old, new: text.replace(old, new),
    "url": lambda text: quote(text, safe=""),
}


class NotUnderstood(Exception):
    """The sequence uses something that this interpreter does not know."""


class StepFailed(Exception):
    """A step got an error as its answer, so the steps after it do not run."""

    def __init__(self, name: str, answer: requests.Response) -> None:
        super().__init__(f"{name}: {answer.status_code} {answer.text}")
        self.name, self.status = name, answer.status_code


@dataclass
class ActionSequence:
    """`variables` are values for those of the file. Secrets have a value only here."""

    path: Path
    variables: dict[str, str]
    responses: dict[str, Any] = field(default_factory=dict)

    def run(self, card: Mapping[str, str]) -> dict[str, Any]:
        """Run all steps for one card of TOPdesk, and return their answers. Raises StepFailed."""
        written = json.loads(self.path.read_text())
        if written["formatVersion"] != FORMAT:
            raise NotUnderstood(f"the version {written['formatVersion']}")
        known = {each["name"]: each.get("value", "") for each in written["variables"]}
        if set(self.variables) - set(known):
            raise NotUnderstood(f"the variables {set(self.variables) - set(known)}")
        self.responses = {}
        names = {**card, "_variables": known | self.variables, "_responses": self.responses}
        for step in written["steps"]:
            self.responses[step["name"]] = self._send(step, names)
        return self.responses

    def _send(self, step: Any, names: Mapping[str, Any]) -> Any:
        if set(step) - KNOWN_OF_STEP:
            raise NotUnderstood(f"{set(step) - KNOWN_OF_STEP} of {step['name']}")
        headers = {name: fill(value, names) for name, value in step["headers"].items()}
        body = fill(step.get("body", ""), names).encode()
        answer = requests.request(
            step["method"], fill(step["url"], names), data=body, headers=headers, timeout=60
        )
        if answer.status_code >= 400:
            raise StepFailed(step["name"], answer)
        return answer.json()


def fill(text: str, names: Mapping[str, Any]) -> str:
    return PLACEHOLDER.sub(lambda found: evaluate(found[1], names), text)


def evaluate(expression: str, names: Mapping[str, Any]) -> str:
    found = EXPRESSION.fullmatch(expression)
    if not found:
        raise NotUnderstood(expression)
    value = look_up(found["path"] or found["optional"], names)
    if value is None:
        value = found["otherwise"]
    if not isinstance(value, str):
        raise NotUnderstood(f"{expression} has no text")
    changes = list(CHANGE.finditer(found["changes"]))
    if "".join(change[0] for change in changes) != found["changes"]:
        raise NotUnderstood(expression)
    for change in changes:
        if change[1] not in CHANGES:
            raise NotUnderstood(f"the built-in {change[1]}")
        value = CHANGES[change[1]](value, *(given for given in change.groups()[1:] if given is not None))
    return value


def look_up(path: str, names: Any) -> Any:
    for name in path.split("."):
        names = names.get(name) if isinstance(names, Mapping) else None
    return names
