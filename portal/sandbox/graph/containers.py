"""What holds accounts together: groups as whoever sets a tenant up makes them, and administrative units."""

from __future__ import annotations

import re
import uuid

from portal.sandbox.graph.bodies import bad, checked, text
from portal.sandbox.graph.call import CONTEXT, Call, Page, not_found
from portal.sandbox.graph.groups import SEE
from portal.sandbox.graph.odata import filtered, selected
from portal.sandbox.people import Group
from portal.sandbox.web import Json, Response, json_answer

MAKE_GROUPS = ("Group.Create", "Group.ReadWrite.All", "Directory.ReadWrite.All")
MAKE_UNITS = "AdministrativeUnit.ReadWrite.All"
SEE_UNITS = ("AdministrativeUnit.Read.All", MAKE_UNITS, "Directory.Read.All")
NICKNAME = re.compile(r"[!-~]{1,64}")
UNIT = ("displayName", "description", "isMemberManagementRestricted", "visibility")


def groups(call: Call) -> Response:
    call.allow(*SEE)
    found = filtered(call, [_group(each) for each in call.tenant.groups])
    return Page(call, "groups", [selected(call, each, tuple(each)) for each in found]).response()


def group(call: Call, group: str) -> Response:
    call.allow(*SEE)
    shown = _group(_found(call, group))
    return json_answer({"@odata.context": f"{CONTEXT}#groups/$entity", **selected(call, shown, tuple(shown))})


def owners(call: Call, group: str) -> Response:
    call.allow(*SEE)
    found = call.tenant.registrations.owners.get(_found(call, group).object_id, [])
    return Page(call, "directoryObjects", found).response()


def create_group(call: Call) -> Response:
    call.allow(*MAKE_GROUPS)
    needed = ("displayName", "mailNickname")
    body = checked(
        call.json(),
        known={
            *needed,
            "mailEnabled",
            "securityEnabled",
            "description",
            "groupTypes",
            "isAssignableToRole",
            "visibility",
        },
        needed=needed,
    )
    text(body, "displayName", longest=256)
    nickname = text(body, "mailNickname", longest=64)
    if not NICKNAME.fullmatch(nickname) or set(nickname) & set('@()\\[]";:<>,'):
        raise bad("Invalid value specified for property 'mailNickname' of resource 'Group'.")
    if body.get("mailEnabled") is not False or body.get("securityEnabled") is not True:
        raise bad("The service does not currently support writes of mail-enabled groups.")
    made = Group(
        100 + len(call.tenant.registrations.groups),
        body["displayName"],
        role_assignable=bool(body.get("isAssignableToRole")),
    )
    call.tenant.registrations.groups.append(made)
    return json_answer({"@odata.context": f"{CONTEXT}#groups/$entity", **_group(made)}, 201)


def units(call: Call) -> Response:
    call.allow(*SEE_UNITS)
    found = filtered(call, call.tenant.registrations.units)
    shown = [selected(call, each, tuple(each)) for each in found]
    return Page(call, "directory/administrativeUnits", shown).response()


def unit(call: Call, unit: str) -> Response:
    call.allow(*SEE_UNITS)
    for found in call.tenant.registrations.units:
        if found["id"] == unit.lower():
            return json_answer(selected(call, found, tuple(found)))
    raise not_found(unit)


def create_unit(call: Call) -> Response:
    """Whether its members are out of reach of tenant-wide roles is said here, and never again."""
    call.allow(MAKE_UNITS)
    body = checked(call.json(), known=UNIT, needed=["displayName"])
    text(body, "displayName", longest=256)
    if type(body.get("isMemberManagementRestricted", False)) is not bool:
        raise bad("Cannot convert a value of the request body to its type.")
    made: Json = {"id": str(uuid.uuid4()), **dict.fromkeys(UNIT), **body}
    call.tenant.registrations.units.append(made)
    return json_answer({"@odata.context": f"{CONTEXT}#administrativeUnits/$entity", **made}, 201)


def _found(call: Call, object_id: str) -> Group:
    for found in call.tenant.groups:
        if found.object_id == object_id.lower():
            return found
    raise not_found(object_id)


def _group(found: Group) -> Json:
    return {
        "id": found.object_id,
        "displayName": found.name,
        "isAssignableToRole": True if found.role_assignable else None,
        "securityEnabled": True,
        "mailEnabled": False,
        "groupTypes": [],
        "membershipRule": None,
        "onPremisesSyncEnabled": None,
    }
