"""The query options of OData that the portal uses: `$select`, `$filter`, `$search`, and what they demand."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from portal.sandbox.graph.call import Call, Refusal
from portal.sandbox.web import Json

Test = Callable[[Json], bool]
CLAUSE = re.compile(r"(?P<name>[A-Za-z]+) (?P<operator>eq|ne|ge|le) (?P<value>'(?:[^']|'')*'|[^\s']+)")
QUOTED = r"'(?:[^']|'')*'"
AMONG = re.compile(rf"(?P<name>[A-Za-z]+) in \((?P<values>\s*{QUOTED}(?:\s*,\s*{QUOTED})*\s*)\)")
MOST_VALUES = 15  # in one `in`: Graph takes it for as many alternatives
STARTS = re.compile(r"startswith\((?P<name>[A-Za-z]+),\s*(?P<value>'(?:[^']|'')*')\)", re.IGNORECASE)
ANY = re.compile(r"(?P<name>[A-Za-z]+)/any\((?P<each>\w+):(?P=each) eq (?P<value>'(?:[^']|'')*')\)")
JOINT = re.compile(r" (and|or) (?=(?:[^']*'[^']*')*[^']*$)")  # outside quotes
TERM = re.compile(r'"(?P<name>[A-Za-z]+):(?P<words>[^"]*)"')
SEARCHABLE = {"displayName", "mail", "userPrincipalName", "givenName", "surname"}


def is_advanced_query(call: Call) -> bool:
    return call.request.headers.get("consistencylevel", "").lower() == "eventual"


def require_advanced_query(call: Call) -> None:
    if not is_advanced_query(call) or call.query.get("$count", "").lower() != "true":
        raise unsupported_query(
            "Request not supported without the header ConsistencyLevel: eventual and the option $count=true."
        )


def select_properties(call: Call, properties: Json, default: tuple[str, ...]) -> Json:
    """Only what `$select` names, in whatever case; without it the default set."""
    names = [name.strip() for name in call.query.get("$select", "").split(",") if name.strip()] or list(
        default
    )
    known = {name.lower(): name for name in properties}
    missing = next((name for name in names if name.lower() not in known), None)
    if missing:
        raise Refusal(400, "Request_BadRequest", f"Could not find a property named '{missing}' on this type.")
    wanted = [known[name.lower()] for name in names]
    return {name: properties[name] for name in dict.fromkeys(wanted)}


def filter_items(call: Call, items: list[Json]) -> list[Json]:
    """`and` binds before `or`; no brackets."""
    text = call.query.get("$filter")
    if text is None:
        return items
    parts = JOINT.split(text.strip())
    alternatives: list[list[Test]] = [[_parse_clause(call, parts[0])]]
    for word, clause in zip(parts[1::2], parts[2::2], strict=True):
        if word == "or":
            alternatives.append([])
        alternatives[-1].append(_parse_clause(call, clause))
    return [item for item in items if any(all(test(item) for test in tests) for tests in alternatives)]


def _parse_clause(call: Call, text: str) -> Test:
    if starts := STARTS.fullmatch(text.strip()):
        name, beginning = starts["name"], _parse_literal(starts["value"]).lower()
        return lambda item: str(item.get(name) or "").lower().startswith(beginning)
    if among := AMONG.fullmatch(text.strip()):
        return _parse_in_clause(
            among["name"], [_parse_literal(value) for value in re.findall(QUOTED, among["values"])]
        )
    if any_of := ANY.fullmatch(text.strip()):
        list_name, wanted = any_of["name"], _parse_literal(any_of["value"]).lower()
        return lambda item: wanted in [str(value).lower() for value in item.get(list_name) or []]
    match = CLAUSE.fullmatch(text.strip())
    if match is None:
        raise Refusal(400, "Request_BadRequest", "Invalid filter clause.")
    name, operator, value = match["name"], match["operator"], _parse_literal(match["value"])
    if (name == "employeeHireDate" or operator in {"ne", "ge", "le"}) and not is_advanced_query(call):
        raise unsupported_query(
            f"Operator '{operator}' on '{name}' needs an advanced query: ConsistencyLevel: eventual."
        )
    return lambda item: _compare(operator, item.get(name), value)


def _parse_in_clause(name: str, values: list[str]) -> Test:
    if len(values) > MOST_VALUES:
        raise unsupported_query(
            "Too many child clauses specified in search filter expression containing 'OR' operators: "
            f"{len(values)}. Max allowed: {MOST_VALUES}."
        )
    wanted = {value.lower() for value in values}
    return lambda item: str(item.get(name) or "").lower() in wanted


def _compare(operator: str, found: Any, value: str) -> bool:
    if operator in {"ge", "le"}:
        return found is not None and ((str(found) >= value) if operator == "ge" else (str(found) <= value))
    same = (str(found).lower() if found is not None else "null") == value.lower()
    return same == (operator == "eq")


def _parse_literal(text: str) -> str:
    return text[1:-1].replace("''", "'") if text.startswith("'") else text


def search_items(call: Call, items: list[Json]) -> list[Json]:
    """`"displayName:word" OR "mail:word"`: every word begins a word of the property."""
    text = call.query.get("$search")
    if text is None:
        return items
    if not is_advanced_query(call):
        raise unsupported_query(
            "Request with $search query parameter only works through MSGraph with a special request header: "
            "'ConsistencyLevel: eventual'"
        )
    terms = list(TERM.finditer(text))
    if not terms or re.sub(r"\s*\b(OR|AND)\b\s*", "", TERM.sub("", text)).strip():
        raise Refusal(
            400, "Request_BadRequest", 'Syntax error in $search: use "property:words" with OR or AND between.'
        )
    if any(term["name"] not in SEARCHABLE for term in terms):
        raise Refusal(400, "Request_BadRequest", "A property in $search cannot be searched.")
    match_of = all if " AND " in text else any
    return [
        item
        for item in items
        if match_of(_matches_words(item, term["name"], term["words"]) for term in terms)
    ]


def _matches_words(item: Json, name: str, words: str) -> bool:
    parts = re.split(r"[\s.@']+", str(item.get(name) or "").lower())
    return all(
        any(part.startswith(word) for part in parts) for word in re.split(r"[\s.@']+", words.lower()) if word
    )


def unsupported_query(message: str) -> Refusal:
    return Refusal(400, "Request_UnsupportedQuery", message)
