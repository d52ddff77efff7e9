"""Runs a workflow of Logic Apps over HTTP: the part of the language that our workflows use.

It keeps a run history as Azure does, without what `secureData` hides. What it does not know raises NotUnderstood.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.connectors.expressions import Expressions, InvalidValue, NotUnderstood

SCHEMA = "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#"
KNOWN_OF_HTTP = {"method", "uri", "headers", "body", "authentication", "retryPolicy"}
KNOWN_OF_ACTION = {"type", "kind", "inputs", "runAfter", "runtimeConfiguration", "operationOptions"}
KNOWN_OF_IF = {"type", "runAfter", "expression", "actions", "else"}
RETRIED = {408, 429, *range(500, 600)}
HIDDEN = "hidden by secureData"
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict, "string": str, "array": list, "integer": int, "boolean": bool, "null": type(None),
}  # fmt: skip


class InvalidContent(Exception):
    """What was sent does not have the form that a schema of the workflow asks for."""


@dataclass
class Run:
    """What one run did. `answer` is what the caller gets: a status and a body."""

    statuses: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    answer: tuple[int, Any] | None = None
    waits: list[int] = field(default_factory=list)  # seconds before each retry
    history: list[str] = field(default_factory=list)


class LogicApp:
    """`get_token` plays the managed identity: it returns a token for an audience. `values` are the parameters."""

    def __init__(self, path: Path, values: Mapping[str, Any], get_token: Callable[[str], str]) -> None:
        written = json.loads(path.read_text())
        self.definition, self.get_token = written["definition"], get_token
        assert self.definition["$schema"] == SCHEMA
        declared = self.definition["parameters"]
        if set(values) - set(declared):
            raise NotUnderstood(f"the parameters {set(values) - set(declared)}")
        defaults = {name: each["defaultValue"] for name, each in declared.items() if "defaultValue" in each}
        self.values = {**defaults, **values}

    def trigger(self, body: Any) -> Run:
        """Call the address of the trigger with this body, and run."""
        ((_, trigger),) = self.definition["triggers"].items()
        if (trigger["type"], trigger["kind"]) != ("Request", "Http"):
            raise NotUnderstood(f"the trigger {trigger['type']}")
        check_content(body, trigger["inputs"]["schema"])
        run = Run()
        functions = {
            "parameters": self._parameter,
            "triggerBody": lambda: body,
            "outputs": lambda name: run.outputs.get(name),
            "body": lambda name: (run.outputs.get(name) or {}).get("body"),
        }
        self._note(run, "trigger", trigger, None, body)
        self._run_actions(self.definition["actions"], run, functions)
        return run

    def _parameter(self, name: str) -> Any:
        if name not in self.values:
            raise NotUnderstood(f"the parameter {name} has no value")
        return self.values[name]

    def _run_actions(self, actions: Mapping[str, Any], run: Run, functions: Mapping[str, Any]) -> None:
        """Run what is ready until nothing is left. An action that is not to run is skipped."""
        left = dict(actions)
        while left:
            ready = [name for name, each in left.items() if not set(each["runAfter"]) & set(left)]
            if not ready:
                raise NotUnderstood(f"actions that wait for each other: {set(left)}")
            for name in ready:
                action = left.pop(name)
                wanted = action["runAfter"].items()
                is_due = all(run.statuses[before] in statuses for before, statuses in wanted)
                run.statuses[name] = self._run_action(name, action, run, functions) if is_due else "Skipped"

    def _run_action(self, name: str, action: Any, run: Run, functions: Mapping[str, Any]) -> str:
        known = KNOWN_OF_IF if action["type"] == "If" else KNOWN_OF_ACTION
        if set(action) - known:
            raise NotUnderstood(f"{set(action) - known} of {name}")
        kinds: dict[str, Callable[..., str]] = {
            "Http": self._http, "Response": self._respond, "If": self._decide, "ParseJson": self._parse,
            "Select": self._select,
        }  # fmt: skip
        if action["type"] not in kinds:
            raise NotUnderstood(f"the action {action['type']}")
        try:
            return kinds[action["type"]](name, action, run, functions)
        except (InvalidContent, InvalidValue):
            return "Failed"

    # --- Actions --------------------------------------------------------------------------------------------

    def _http(self, name: str, action: Any, run: Run, functions: Mapping[str, Any]) -> str:
        inputs = Expressions(functions).resolve(action["inputs"])
        if set(inputs) - KNOWN_OF_HTTP:
            raise NotUnderstood(f"{set(inputs) - KNOWN_OF_HTTP} of {name}")
        headers = dict(inputs.get("headers", {}))
        if who := inputs.get("authentication"):
            if set(who) != {"type", "audience"} or who["type"] != "ManagedServiceIdentity":
                raise NotUnderstood(f"the authentication of {name}")
            headers["Authorization"] = f"Bearer {self.get_token(who['audience'])}"
        answer = self._send(inputs, headers, run)
        run.outputs[name] = {
            "statusCode": answer.status_code,
            "headers": dict(answer.headers),
            "body": answer.json() if answer.content else None,
        }
        self._note(run, name, action, {**inputs, "headers": headers}, run.outputs[name])
        return "Succeeded" if answer.status_code < 400 else "Failed"

    def _send(self, inputs: Any, headers: dict[str, str], run: Run) -> requests.Response:
        """Send, and again as the retry policy says: after the time in Retry-After, otherwise after the interval."""
        policy = inputs.get("retryPolicy", {"type": "none"})
        tries = 1 if policy["type"] == "none" else 1 + policy["count"]
        for number in range(tries):
            answer = requests.request(
                inputs["method"], inputs["uri"], json=inputs.get("body"), headers=headers, timeout=60
            )
            if answer.status_code not in RETRIED or number == tries - 1:
                break
            seconds = answer.headers.get("Retry-After") or policy["interval"].strip("PTS")
            run.waits.append(int(seconds))  # nobody waits here
        return answer

    def _respond(self, name: str, action: Any, run: Run, functions: Mapping[str, Any]) -> str:
        inputs = Expressions(functions).resolve(action["inputs"])
        if action.get("kind") != "Http" or run.answer:
            raise NotUnderstood(f"the response {name}")
        run.answer = (int(inputs["statusCode"]), inputs.get("body"))
        self._note(run, name, action, inputs, None)
        return "Succeeded"

    def _decide(self, _name: str, action: Any, run: Run, functions: Mapping[str, Any]) -> str:
        condition = Expressions(functions).evaluate(action["expression"].removeprefix("@"))
        chosen, other = action["actions"], action.get("else", {"actions": {}})["actions"]
        if not condition:
            chosen, other = other, chosen
        run.statuses |= dict.fromkeys(other, "Skipped")
        self._run_actions(chosen, run, functions)
        return self._group_status(chosen, run)

    def _group_status(self, actions: Mapping[str, Any], run: Run) -> str:
        return "Failed" if "Failed" in {run.statuses[name] for name in actions} else "Succeeded"

    def _parse(self, name: str, action: Any, run: Run, functions: Mapping[str, Any]) -> str:
        content = Expressions(functions).resolve(action["inputs"]["content"])
        check_content(content, action["inputs"]["schema"])
        run.outputs[name] = {"body": content}
        self._note(run, name, action, content, content)
        return "Succeeded"

    def _select(self, name: str, action: Any, run: Run, functions: Mapping[str, Any]) -> str:
        rows = Expressions(functions).resolve(action["inputs"]["from"])
        run.outputs[name] = {
            "body": [
                Expressions({**functions, "item": lambda row=row: row}).resolve(action["inputs"]["select"])
                for row in rows
            ]
        }
        self._note(run, name, action, rows, run.outputs[name])
        return "Succeeded"

    def _note(self, run: Run, name: str, action: Any, inputs: Any, outputs: Any) -> None:
        secured = action.get("runtimeConfiguration", {}).get("secureData", {}).get("properties", [])
        if set(secured) - {"inputs", "outputs"}:
            raise NotUnderstood(f"the secured data of {name}")
        shown = {"inputs": inputs, "outputs": outputs} | dict.fromkeys(secured, HIDDEN)
        run.history.append(json.dumps({"name": name, **shown}))


def check_content(content: Any, schema: Mapping[str, Any]) -> None:
    """Raises InvalidContent. Of JSON schema it knows type, properties, required, items and enum."""
    unknown = set(schema) - {"type", "properties", "required", "items", "enum", "description", "title"}
    if unknown:
        raise NotUnderstood(f"{unknown} of a schema")
    names = schema.get("type", [])
    kinds = tuple(TYPES[name] for name in ([names] if isinstance(names, str) else names))
    if kinds and not isinstance(content, kinds):
        raise InvalidContent(f"{content!r} is not of type {names}")
    if "enum" in schema and content not in schema["enum"]:
        raise InvalidContent(f"{content!r} is not one of {schema['enum']}")
    if isinstance(content, dict):
        missing = [name for name in schema.get("required", []) if name not in content]
        if missing:
            raise InvalidContent(f"without {missing}")
        for name, inner in schema.get("properties", {}).items():
            if name in content:
                check_content(content[name], inner)
    if isinstance(content, list) and "items" in schema:
        for each in content:
            check_content(each, schema["items"])
