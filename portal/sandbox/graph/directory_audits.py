"""Entra's audit log in Graph: its filter, its pages, and what it does not accept."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

from portal.sandbox.clock import parse_time
from portal.sandbox.graph.call import CONTEXT, Call, Refusal
from portal.sandbox.web import Json, Response, json_answer, with_query

READ = "AuditLog.Read.All"
LARGEST = 1000
OPTIONS = {"$filter", "$top", "$orderby", "$skiptoken"}
JOINT = re.compile(r" and (?=(?:[^']*'[^']*')*[^']*$)")  # outside quotes
TIME = re.compile(r"activityDateTime (?P<operator>eq|ge|le) (?P<value>[0-9T:.+Z-]+)")
EQUALS = re.compile(r"(?P<name>[A-Za-z/]+) eq '(?P<value>(?:[^']|'')*)'")
STARTS = re.compile(r"startswith\((?P<name>[A-Za-z/]+), ?'(?P<value>(?:[^']|'')*)'\)", re.IGNORECASE)
TARGET = re.compile(
    r"targetResources/any\((?P<each>\w+): ?(?P=each)/(?P<name>id|displayName) eq '(?P<value>[^']*)'\)"
)
# What Microsoft documents for `eq`, and for `startswith`.
COMPARED = {
    "activityDisplayName", "correlationId", "id", "loggedByService", "initiatedBy/user/id", "initiatedBy/user/displayName",
    "initiatedBy/user/userPrincipalName", "initiatedBy/app/appId", "initiatedBy/app/displayName",
}  # fmt: skip
BEGINNINGS = {"activityDisplayName", "initiatedBy/user/userPrincipalName"}
Test = Callable[[Json], bool]


def list_directory_audits(call: Call) -> Response:
    """The newest first. `$skiptoken` continues after the last entry of the page before."""
    call.take_from_method_limit()  # the log and the sign-in methods share one limit
    if READ not in call.roles:
        raise Refusal(
            403,
            "Authentication_MSGraphPermissionMissing",
            f"The principal does not have required Microsoft Graph permission(s): {READ}.",
        )
    unknown = sorted(name for name in call.query if name.startswith("$") and name not in OPTIONS)
    if unknown:
        raise bad_request(f"The query option '{unknown[0]}' is not supported.")
    if call.query.get("$orderby", "activityDateTime desc") not in (
        "activityDateTime desc",
        "activityDateTime",
    ):
        raise bad_request("Invalid $orderby.")
    tests = (
        [_parse_clause(clause) for clause in JOINT.split(call.query["$filter"])]
        if "$filter" in call.query
        else []
    )
    found = [entry.as_graph() for entry in call.tenant.audit_log.readable(call.tenant.clock.now())]
    found = [entry for entry in found if all(test(entry) for test in tests)]
    if call.query.get("$orderby") == "activityDateTime":
        found.reverse()
    return _page(call, found)


def _page(call: Call, found: list[Json]) -> Response:
    size = call.query.get("$top", "100")
    if not size.isascii() or not size.isdigit() or not 1 <= int(size) <= LARGEST:
        raise bad_request(
            f"Invalid page size specified: '{size}'. Must be between 1 and {LARGEST} inclusive."
        )
    start = _position(found, call.query["$skiptoken"]) if "$skiptoken" in call.query else 0
    end = start + min(int(size), call.tenant.list_page or LARGEST)
    payload: Json = {"@odata.context": f"{CONTEXT}#auditLogs/directoryAudits", "value": found[start:end]}
    if end < len(found):
        request = call.request
        address = f"http://{request.headers.get('host', '127.0.0.1')}{request.raw_path}"
        token = base64.urlsafe_b64encode(found[end - 1]["id"].encode()).decode()
        payload["@odata.nextLink"] = with_query(address, {**request.query, "$skiptoken": token})
    return json_answer(payload)


def _position(found: list[Json], token: str) -> int:
    """The place after the entry that the token names. Entries that arrived since do not shift it."""
    try:
        last = base64.urlsafe_b64decode(token.encode()).decode()
        return 1 + next(number for number, entry in enumerate(found) if entry["id"] == last)
    except (ValueError, StopIteration):
        raise bad_request("Skip token is not valid.") from None


def _parse_clause(text: str) -> Test:
    clause = text.strip()
    if match := TIME.fullmatch(clause):
        return _parse_time_clause(match["operator"], match["value"])
    if (match := EQUALS.fullmatch(clause)) and match["name"] in COMPARED:
        name, value = match["name"], match["value"].replace("''", "'")
        return lambda entry: str(_value(entry, name)).lower() == value.lower()
    if (match := STARTS.fullmatch(clause)) and match["name"] in BEGINNINGS:
        name, value = match["name"], match["value"].replace("''", "'")
        return lambda entry: str(_value(entry, name) or "").lower().startswith(value.lower())
    if match := TARGET.fullmatch(clause):
        name, value = match["name"], match["value"]
        return lambda entry: any(
            str(target[name]).lower() == value.lower() for target in entry["targetResources"]
        )
    raise bad_request("Invalid filter clause.")


def _parse_time_clause(operator: str, value: str) -> Test:
    try:
        moment = parse_time(value)
    except ValueError:
        raise bad_request("Invalid filter clause.") from None
    compare: dict[str, Callable[[float], bool]] = {
        "eq": lambda at: at == moment,
        "ge": lambda at: at >= moment,
        "le": lambda at: at <= moment,
    }
    return lambda entry: compare[operator](parse_time(entry["activityDateTime"]))


def _value(entry: Json, name: str) -> Any:
    value: Any = entry
    for part in name.split("/"):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def bad_request(message: str) -> Refusal:
    return Refusal(400, "BadRequest", message)
