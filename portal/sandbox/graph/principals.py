"""Service principals and their permissions."""

from __future__ import annotations

import base64
import hashlib

from portal.sandbox.api_registration import new_assignment
from portal.sandbox.graph import app_roles
from portal.sandbox.graph.app_roles import GRAPH_APP_ID, GRAPH_PRINCIPAL_ID, NAMES
from portal.sandbox.graph.applications import READ
from portal.sandbox.graph.bodies import already_exists, bad_request, check_properties, read_guid
from portal.sandbox.graph.call import CONTEXT, Call, Page, not_found
from portal.sandbox.graph.odata import filter_items, select_properties
from portal.sandbox.options import IDENTITY_PRINCIPAL_ID
from portal.sandbox.registrations import new_principal
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Json, Response, json_answer

GIVE = "AppRoleAssignment.ReadWrite.All"
ASSIGNED = ("principalId", "resourceId", "appRoleId")
GRAPH: Json = {
    **new_principal(GRAPH_APP_ID, "Microsoft Graph", object_id=GRAPH_PRINCIPAL_ID),
    "appRoles": app_roles.app_roles_as_graph(),
}


def list_principals(call: Call) -> Response:
    call.require_any(*READ)
    found = filter_items(call, _all_principals(call.tenant))
    return Page(call, "servicePrincipals", [_select_properties(call, each) for each in found]).response()


def read_principal(call: Call, principal: str) -> Response:
    call.require_any(*READ)
    found = _find_principal(call, principal)
    return json_answer(
        {"@odata.context": f"{CONTEXT}#servicePrincipals/$entity", **_select_properties(call, found)}
    )


def create_principal(call: Call) -> Response:
    call.require_any("Application.ReadWrite.All", "Application.ReadWrite.OwnedBy")
    body = check_properties(
        call.json(), known={"appId", "accountEnabled", "appRoleAssignmentRequired", "tags"}, needed=["appId"]
    )
    application = call.tenant.registrations.application_of(read_guid(body["appId"], "appId"))
    if application is None:
        raise bad_request(
            f"The appId '{body['appId']}' of the service principal does not reference a valid application."
        )
    if any(found["appId"] == application["appId"] for found in _all_principals(call.tenant)):
        raise already_exists(
            "The service principal cannot be created, updated, or restored because the service principal "
            f"name {application['appId']} is already in use."
        )
    offered = {"appRoles": application["appRoles"]}
    made = {**new_principal(application["appId"], application["displayName"]), **offered, **body}
    call.tenant.registrations.principals.append(made)
    return json_answer({"@odata.context": f"{CONTEXT}#servicePrincipals/$entity", **made}, 201)


def list_app_role_assignments(call: Call, principal: str) -> Response:
    """List the roles of one principal: Graph's permissions, and roles of other APIs."""
    call.require_any(*READ)
    found = _find_principal(call, principal)
    items = [_assignment_as_graph(found, name) for name in sorted(permissions_of(call.tenant, found["id"]))]
    items += [each for each in call.tenant.registrations.assignments if each["principalId"] == found["id"]]
    return Page(call, "appRoleAssignments", filter_items(call, items)).response()


def create_app_role_assignment(call: Call, principal: str) -> Response:
    """Create the assignment at the resource, as Microsoft recommends."""
    call.require_any(GIVE)
    call.require_any(*READ)
    resource = _find_principal(call, principal)
    body = check_properties(call.json(), known=ASSIGNED, needed=ASSIGNED)
    if read_guid(body["resourceId"], "resourceId") != resource["id"]:
        raise bad_request("The resourceId is not the service principal that the address names.")
    receiver = _find_principal(call, read_guid(body["principalId"], "principalId"))
    if resource["id"] != GRAPH_PRINCIPAL_ID:
        return _assign_role(call.tenant, resource, receiver, read_guid(body["appRoleId"], "appRoleId"))
    name = NAMES.get(read_guid(body["appRoleId"], "appRoleId"))
    if name is None:
        raise bad_request("Permission being assigned was not found on application.")
    given = permissions_of(call.tenant, receiver["id"])
    if name in given:
        raise bad_request("Permission being assigned already exists on the object")
    if receiver["id"] == IDENTITY_PRINCIPAL_ID:
        call.tenant.granted.add(name)
    else:
        call.tenant.registrations.other_grants.setdefault(receiver["id"], []).append(name)
    return json_answer(_assignment_as_graph(receiver, name), 201)


def _assign_role(tenant: Tenant, resource: Json, receiver: Json, role_id: str) -> Response:
    """Assign an application's role to another application. People's roles are part of the people."""
    application = tenant.registrations.application_of(resource["appId"]) or {"appRoles": []}
    role = next((each for each in application["appRoles"] if each["id"] == role_id), None)
    if role is None or "Application" not in role["allowedMemberTypes"]:
        raise bad_request("Permission being assigned was not found on application.")
    made = new_assignment(receiver["id"], resource["id"], role_id, receiver["displayName"])
    assigned = tenant.registrations.assignments
    if any(all(each[name] == made[name] for name in ASSIGNED) for each in assigned):
        raise bad_request("Permission being assigned already exists on the object")
    assigned.append(made)
    return json_answer(made, 201)


def permissions_of(tenant: Tenant, principal: str) -> set[str]:
    if principal == IDENTITY_PRINCIPAL_ID:
        return {name for name in tenant.granted if name in app_roles.APP_ROLES}
    return set(tenant.registrations.other_grants.get(principal, []))


def _all_principals(tenant: Tenant) -> list[Json]:
    return [GRAPH, *tenant.registrations.principals]


def _find_principal(call: Call, object_id: str) -> Json:
    for found in _all_principals(call.tenant):
        if found["id"] == object_id.lower():
            return found
    raise not_found(object_id)


def _select_properties(call: Call, found: Json) -> Json:
    return select_properties(call, found, tuple(found))


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
