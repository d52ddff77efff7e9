"""The kinds of steps. Most are a `Thing`: the script looks for it, creates it if missing, and compares it otherwise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from portal.tenant_setup.installation import Permission

# `reference_to("group")` inside a text stands for the id that the step of that key found or made. The two marks cannot be
# printed, and no name of an installation holds what cannot be printed.
OPENS, CLOSES = "\ue000", "\ue001"
REFERENCE = re.compile(f"{OPENS}([a-z_][a-z0-9_]*){CLOSES}")


def reference_to(key: str) -> str:
    return f"{OPENS}{key}{CLOSES}"


def filter_by_name(called: str) -> str:
    return "$filter=displayName eq '{}'".format(called.replace("'", "''"))


def filter_by_client_id(client_id: str) -> str:
    return f"$filter=appId eq '{client_id}'"


def filter_by_name_or_client_id(called: str, client_id: str) -> str:
    return filter_by_name(called) + (f" or appId eq '{client_id}'" if client_id else "")


@dataclass(frozen=True, slots=True)
class Step:
    """`words` explains the step, one sentence per item."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """One expected property: its name, how the CLI reads it, and the expected value."""

    what: str
    query: str
    value: str
    address: str = ""  # where this is read, if not at the thing itself


@dataclass(frozen=True, slots=True)
class Thing(Step):
    """One object of the directory."""

    key: str
    place: str  # the list it is in, and where it is made
    look: str  # an OData query, or nothing
    pick: str  # which of the list it is
    body: dict[str, Any]
    expected: tuple[Expected, ...]
    called: str = ""
    client_id: str = ""  # if an application's is known
    also: tuple[tuple[str, str], ...] = ()  # what else later steps refer to, and how the CLI reads it
    must_exist: str = ""  # if set, the script never creates it and shows this message
    by_hand: str = ""  # what to do by hand where the CLI has no permission

    @property
    def address(self) -> str:
        return f"{self.place}/{reference_to(self.key)}"


@dataclass(frozen=True, slots=True)
class SignedIn(Step):
    """The CLI is signed in to this tenant, and Graph's own service principal is known."""

    tenant_id: str
    graph_url: str


@dataclass(frozen=True, slots=True)
class Identity(Step):
    """The workload identity: a user-assigned managed identity, and its service principal."""

    client_id: str
    called: str
    resource_group: str


@dataclass(frozen=True, slots=True)
class RoleGroup:
    """A group whose members get an app role of the sign-in registration."""

    role: str
    group: str  # its object id or display name
    key: str
    by_id: bool


@dataclass(frozen=True, slots=True)
class RoleGroups(Step):
    """The groups exist, and no name is ambiguous."""

    groups: tuple[RoleGroup, ...]


@dataclass(frozen=True, slots=True)
class RoleAssignments(Step):
    groups: tuple[RoleGroup, ...]


@dataclass(frozen=True, slots=True)
class Holders(Step):
    """Stop before any change if a stranger owns an object of the plan or has one of its roles."""

    applications: tuple[Thing, ...]
    groups: tuple[Thing, ...]
    identity: Identity
    permissions: tuple[Permission, ...]
    trusted: tuple[str, ...]  # object ids


@dataclass(frozen=True, slots=True)
class Grants(Step):
    """Permissions in Graph for the service principal of an earlier step; `holder` is its key."""

    permissions: tuple[Permission, ...]
    holder: str = "principal"


@dataclass(frozen=True, slots=True)
class PassPolicy(Step):
    """The group's place in the tenant's pass policy; `lifetime` in minutes must lie within its bounds."""

    lifetime: int
    by_hand: str


@dataclass(frozen=True, slots=True)
class Mailbox(Step):
    """Lines for Exchange Online PowerShell: that is not Graph, so the script only shows them."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AppIdUri(Step):
    """The name of an API, `api://` and its client id. Both are keys of an earlier step."""

    application: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Commands(Step):
    """Commands for the reader to adapt and run: the script only shows them."""

    lead: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ByHand(Step):
    """Decisions that only the organisation can make."""


@dataclass(frozen=True, slots=True)
class Variables(Step):
    """What the portal's environment is to hold: the values of ids are references."""

    variables: tuple[tuple[str, str], ...]
