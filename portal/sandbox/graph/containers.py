"""Groups and administrative units, as the tenant's set-up creates them."""

from __future__ import annotations

import re
import uuid

from portal.sandbox.graph.bodies import bad_request, check_properties, read_text
from portal.sandbox.graph.call import CONTEXT, Call, Page, not_found
from portal.sandbox.graph.creators import add_creator
from portal.sandbox.graph.groups import SEE
from portal.sandbox.graph.odata import filter_items, select_properties
from portal.sandbox.people import Group
from portal.sandbox.web import Json, Response, json_answer

MAKE_GROUPS = ("Group.Create", "Group.ReadWrite.All", "Directory.ReadWrite.All")
MAKE_UNITS = "AdministrativeUnit.ReadWrite.All"
SEE_UNITS = ("AdministrativeUnit.Read.All", MAKE_UNITS, "Directory.Read.All")
NICKNAME = re.compile(r"[!-~]{1,64}")
UNIT = ("displayName", "description", "isMemberManagementRestricted", "visibility")


def list_groups(call: Call) -> Response:
    call.require_any(*SEE)
    found = filter_items(call, [_group_as_graph(each) for each in call.tenant.groups])
    shown = [select_properties(call, each, tuple(each)) for each in found]
    return Page(call, "groups", shown, shortest_page=call.tenant.list_page).response()


def read_group(call: Call, group: str) -> Response:
    call.require_any(*SEE)
    shown = _group_as_graph(find_group(call, group))
    return json_answer(
        {"@odata.context": f"{CONTEXT}#groups/$entity", **select_properties(call, shown, tuple(shown))}
    )


def create_group(call: Call) -> Response:
    call.require_any(*MAKE_GROUPS)
    needed = ("displayName", "mailNickname")
    body = check_properties(
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
    read_text(body, "displayName", longest=256)
    nickname = read_text(body, "mailNickname", longest=64)
    if not NICKNAME.fullmatch(nickname) or set(nickname) & set('@()\\[]";:<>,'):
        raise bad_request("Invalid value specified for property 'mailNickname' of resource 'Group'.")
    if body.get("mailEnabled") is not False or body.get("securityEnabled") is not True:
        raise bad_request("The service does not currently support writes of mail-enabled groups.")
    made = Group(
        100 + len(call.tenant.registrations.groups),
        body["displayName"],
        role_assignable=bool(body.get("isAssignableToRole")),
    )
    call.tenant.registrations.groups.append(made)
    add_creator(call, made.object_id)
    return json_answer({"@odata.context": f"{CONTEXT}#groups/$entity", **_group_as_graph(made)}, 201)


def list_administrative_units(call: Call) -> Response:
    call.require_any(*SEE_UNITS)
    found = filter_items(call, call.tenant.registrations.units)
    shown = [select_properties(call, each, tuple(each)) for each in found]
    return Page(call, "directory/administrativeUnits", shown).response()


def read_administrative_unit(call: Call, unit: str) -> Response:
    call.require_any(*SEE_UNITS)
    for found in call.tenant.registrations.units:
        if found["id"] == unit.lower():
            return json_answer(select_properties(call, found, tuple(found)))
    raise not_found(unit)


def create_administrative_unit(call: Call) -> Response:
    """Restricted management can be set only here; it cannot be changed later."""
    call.require_any(MAKE_UNITS)
    body = check_properties(call.json(), known=UNIT, needed=["displayName"])
    read_text(body, "displayName", longest=256)
    if type(body.get("isMemberManagementRestricted", False)) is not bool:
        raise bad_request("Cannot convert a value of the request body to its type.")
    made: Json = {"id": str(uuid.uuid4()), **dict.fromkeys(UNIT), **body}
    call.tenant.registrations.units.append(made)
    return json_answer({"@odata.context": f"{CONTEXT}#administrativeUnits/$entity", **made}, 201)


def find_group(call: Call, object_id: str) -> Group:
    for found in call.tenant.groups:
        if found.object_id == object_id.lower():
            return found
    raise not_found(object_id)


def _group_as_graph(found: Group) -> Json:
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
