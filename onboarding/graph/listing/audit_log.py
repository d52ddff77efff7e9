"""Passes in Entra's audit log (`/auditLogs/directoryAudits`). Reading it needs the optional right AuditLog.Read.All.

The calls count against the sign-in-method quota: Microsoft has one limit for both.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from onboarding.graph import parsing
from onboarding.graph.client import Graph
from onboarding.graph.errors import Incomplete
from onboarding.graph.listing.pages import read_next_token
from onboarding.graph.paths import build_path
from onboarding.graph.responses import GUID, Record

SERVICE = "Authentication Methods"
ROWS_AT_ONCE = "500"
# Microsoft has several names for the same act. The second kind is about a pass only if its reason says so.
CREATES_A_PASS = "create temporary access pass method for user"  # noqa: S105 (an activity)
REGISTERS = frozenset({"admin registered security info", "user registered security info"})
PASS = "temporary access pass"  # noqa: S105 (a kind of method)


@dataclass(frozen=True, slots=True)
class LoggedPass:
    """A pass that was created, as Entra's log says. Ids that the log does not name are empty."""

    entry_id: str
    at: datetime
    account_id: str
    principal_id: str  # of the application that created it
    application_id: str
    user_id: str  # of the person who created it


@dataclass(frozen=True, slots=True)
class LogPage:
    """The passes on one page, and the token of the next page; empty on the last."""

    passes: tuple[LoggedPass, ...]
    next_token: str


def read_page(client: Graph, *, since: datetime, until: datetime, token: str = "") -> LogPage:
    """Read one page of what happened to sign-in methods in this time.

    Raises ReadNotPermitted if the tenant does not permit it, Refused if the token is too old, and GraphError.
    """
    query = (
        f"activityDateTime ge {as_odata(since)} and activityDateTime le {as_odata(until)} "
        f"and loggedByService eq '{SERVICE}'"
    )
    options = {"filter": query, "top": ROWS_AT_ONCE} | ({"skiptoken": token} if token else {})
    answer = client.transport.get(build_path("/auditLogs/directoryAudits", **options))
    parsing.refuse_unless_permitted(answer, "its audit log")
    parsing.refuse_unless_read(answer)
    record = answer.record()
    passes = tuple(parse_entry(entry) for entry in record.records("value") if is_about_a_new_pass(entry))
    return LogPage(passes, read_next_token(record))


def is_about_a_new_pass(entry: Record) -> bool:
    """Whether a pass was created. An unknown result counts as a success."""
    if entry.text("result").casefold() in {"failure", "timeout"}:
        return False
    activity = entry.text("activityDisplayName").casefold()
    return activity == CREATES_A_PASS or (
        activity in REGISTERS and PASS in entry.text("resultReason").casefold()
    )


def parse_entry(entry: Record) -> LoggedPass:
    """Raises Incomplete if the log does not say when it happened."""
    at = entry.moment("activityDateTime")
    if at is None:
        raise entry.incomplete("activityDateTime")
    by = entry.record("initiatedBy")
    values = {
        "account_id": _find_account(entry),
        "principal_id": _guid(by.record("app").raw("servicePrincipalId")),
        "application_id": _guid(by.record("app").raw("appId")),
        "user_id": _guid(by.record("user").raw("id")),
    }
    return LoggedPass(entry_id=_name_entry(entry, at, values), at=at, **values)


def _name_entry(entry: Record, at: datetime, values: dict[str, str]) -> str:
    """Microsoft's id of the entry. Without one, a hash of what the entry says."""
    if name := entry.text("id", limit=128):
        return name
    return hashlib.sha256(json.dumps([at.isoformat(), values], sort_keys=True).encode()).hexdigest()


def _find_account(entry: Record) -> str:
    """The object id of the account whose methods changed; empty if the log names none, or several."""
    targets = entry.raw("targetResources")
    ids = {
        _guid(target.get("id"))
        for target in (targets if isinstance(targets, list) else [])
        if isinstance(target, dict) and str(target.get("type", "User")).casefold() == "user"
    } - {""}
    return ids.pop() if len(ids) == 1 else ""


def _guid(value: Any) -> str:
    text = value.lower() if isinstance(value, str) else ""
    return text if GUID.fullmatch(text) else ""


def as_odata(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@sensitive_variables()
def read_own_principal(client: Graph) -> str:
    """Return the object id of the portal's service principal, from its own token. Raises Unavailable."""
    try:
        claims = jwt.decode(client.transport.fetch_token(), options={"verify_signature": False})
    except jwt.PyJWTError:
        claims = {}
    principal = _guid(claims.get("oid"))
    if not principal:
        raise Incomplete(_("The portal cannot read the contents of the token."))
    return principal
