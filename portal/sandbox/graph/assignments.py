"""App roles: who has which role of an application, and which permissions an application has."""

from __future__ import annotations

import base64
import hashlib

from portal.sandbox.api_registration import new_assignment
from portal.sandbox.graph import app_roles
from portal.sandbox.graph.app_roles import GRAPH_PRINCIPAL_ID, NAMES
from portal.sandbox.graph.applications import READ
from portal.sandbox.graph.bodies import bad_request, check_properties, read_guid
from portal.sandbox.graph.call import Call, Page
from portal.sandbox.graph.odata import filter_items
from portal.sandbox.graph.principals import find_principal
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Json, Response, json_answer

GIVE = "AppRoleAssignment.ReadWrite.All"
ASSIGNED = ("principalId", "resourceId", "appRoleId")
GROUP, APPLICATION = "Group", "ServicePrincipal"  # types of principals


def list_roles_of_principal(call: Call, principal: str) -> Response:
    """List the roles of one principal: Graph's permissions, and roles of other APIs."""
    call.require_any(*READ)
    found = find_principal(call, principal)
    items = [_assignment_as_graph(found, name) for name in sorted(permissions_of(call.tenant, found["id"]))]
    items += [each for each in call.tenant.registrations.assignments if each["principalId"] == found["id"]]
    return _page_of_assignments(call, "appRoleAssignments", items)


def list_role_holders(call: Call, principal: str) -> Response:
    """List the people, groups and applications that have roles of this application."""
    call.require_any(*READ)
    resource = find_principal(call, principal)
    items = [each for each in call.tenant.registrations.assignments if each["resourceId"] == resource["id"]]
    return _page_of_assignments(
        call, "appRoleAssignedTo", [*items, *_assignments_of_people(call.tenant, resource)]
    )


def assign_role(call: Call, principal: str) -> Response:
    """Create the assignment at the resource, as Microsoft recommends."""
    call.require_any(GIVE)
    call.require_any(*READ)
    resource = find_principal(call, principal)
    body = check_properties(call.json(), known=ASSIGNED, needed=ASSIGNED)
    if read_guid(body["resourceId"], "resourceId") != resource["id"]:
        raise bad_request("The resourceId is not the service principal that the address names.")
    receiver, kind = _find_receiver(call, read_guid(body["principalId"], "principalId"))
    role_id = read_guid(body["appRoleId"], "appRoleId")
    if resource["id"] != GRAPH_PRINCIPAL_ID:
        return _assign_role_of_application(call.tenant, resource, receiver, kind, role_id)
    name = NAMES.get(role_id)
    if name is None or kind == GROUP:
        raise bad_request("Permission being assigned was not found on application.")
    given = permissions_of(call.tenant, receiver["id"])
    if name in given:
        raise bad_request("Permission being assigned already exists on the object")
    if receiver["id"] == call.tenant.options.portal_principal_id:
        call.tenant.granted.add(name)
    else:
        call.tenant.registrations.other_grants.setdefault(receiver["id"], []).append(name)
    return json_answer(_assignment_as_graph(receiver, name), 201)


def _find_receiver(call: Call, object_id: str) -> tuple[Json, str]:
    """A group or an application. People's roles are part of the people."""
    for group in call.tenant.groups:
        if group.object_id == object_id:
            return {"id": group.object_id, "displayName": group.name}, GROUP
    return find_principal(call, object_id), APPLICATION


def _assign_role_of_application(
    tenant: Tenant, resource: Json, receiver: Json, kind: str, role_id: str
) -> Response:
    application = tenant.registrations.application_of(resource["appId"]) or {"appRoles": []}
    role = next((each for each in application["appRoles"] if each["id"] == role_id), None)
    needed = "User" if kind == GROUP else "Application"
    if role is None or needed not in role["allowedMemberTypes"]:
        raise bad_request("Permission being assigned was not found on application.")
    made = {
        **new_assignment(receiver["id"], resource["id"], role_id, receiver["displayName"]),
        "principalType": kind,
        "resourceDisplayName": resource["displayName"],
    }
    assigned = tenant.registrations.assignments
    if any(all(each[name] == made[name] for name in ASSIGNED) for each in assigned):
        raise bad_request("Permission being assigned already exists on the object")
    assigned.append(made)
    return json_answer(made, 201)


def permissions_of(tenant: Tenant, principal: str) -> set[str]:
    return {name for name in tenant.permissions_of(principal) if name in app_roles.APP_ROLES}


def _assignments_of_people(tenant: Tenant, resource: Json) -> list[Json]:
    application = tenant.registrations.application_of(resource["appId"]) or {"appRoles": []}
    return [
        {
            **new_assignment(account.id, resource["id"], role["id"], account.name),
            "id": hashlib.sha256(f"{account.id}{role['id']}".encode()).hexdigest()[:43],
            "principalType": "User",
            "resourceDisplayName": resource["displayName"],
        }
        for account in tenant.existing_accounts()
        for role in application["appRoles"]
        if role["value"] in account.app_roles and "User" in role["allowedMemberTypes"]
    ]


def _page_of_assignments(call: Call, context: str, items: list[Json]) -> Response:
    found = filter_items(call, items)
    return Page(call, context, found, shortest_page=call.tenant.list_page).response()


def _assignment_as_graph(receiver: Json, name: str) -> Json:
    digest = hashlib.sha256(f"{receiver['id']}{name}".encode()).digest()
    return {
        "id": base64.urlsafe_b64encode(digest).decode()[:43],
        "appRoleId": app_roles.APP_ROLES[name],
        "principalId": receiver["id"],
        "principalDisplayName": receiver["displayName"],
        "principalType": "ServicePrincipal",
        "resourceDisplayName": "Microsoft Graph",
        "resourceId": GRAPH_PRINCIPAL_ID,
    }
