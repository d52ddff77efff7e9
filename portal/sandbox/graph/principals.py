"""Service principals: what an application is in this tenant, and which rights it was given."""

from __future__ import annotations

import base64
import hashlib

from portal.sandbox.graph import app_roles
from portal.sandbox.graph.app_roles import GRAPH_APP_ID, GRAPH_PRINCIPAL_ID, NAMES
from portal.sandbox.graph.applications import READ
from portal.sandbox.graph.bodies import bad, checked, guid, taken
from portal.sandbox.graph.call import CONTEXT, Call, Page, Refusal, not_found
from portal.sandbox.graph.odata import filtered, selected
from portal.sandbox.options import IDENTITY_PRINCIPAL_ID
from portal.sandbox.registrations import new_principal
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Json, Response, json_answer

GIVE = "AppRoleAssignment.ReadWrite.All"
GRAPH: Json = {
    **new_principal(GRAPH_APP_ID, "Microsoft Graph", object_id=GRAPH_PRINCIPAL_ID),
    "appRoles": app_roles.as_graph(),
}


def listed(call: Call) -> Response:
    call.allow(*READ)
    found = filtered(call, _all(call.tenant))
    return Page(call, "servicePrincipals", [_shown(call, each) for each in found]).response()


def read(call: Call, principal: str) -> Response:
    call.allow(*READ)
    found = _principal(call, principal)
    return json_answer({"@odata.context": f"{CONTEXT}#servicePrincipals/$entity", **_shown(call, found)})


def create(call: Call) -> Response:
    call.allow("Application.ReadWrite.All", "Application.ReadWrite.OwnedBy")
    body = checked(
        call.json(), known={"appId", "accountEnabled", "appRoleAssignmentRequired", "tags"}, needed=["appId"]
    )
    application = call.tenant.registrations.application_of(guid(body["appId"], "appId"))
    if application is None:
        raise bad(
            f"The appId '{body['appId']}' of the service principal does not reference a valid application."
        )
    if any(found["appId"] == application["appId"] for found in _all(call.tenant)):
        raise taken(
            "The service principal cannot be created, updated, or restored because the service principal "
            f"name {application['appId']} is already in use."
        )
    made = {**new_principal(application["appId"], application["displayName"]), **body}
    call.tenant.registrations.principals.append(made)
    return json_answer({"@odata.context": f"{CONTEXT}#servicePrincipals/$entity", **made}, 201)


def granted(call: Call, principal: str) -> Response:
    """What one principal was given, by everybody who gives; here only Graph does."""
    call.allow(*READ)
    found = _principal(call, principal)
    items = [_assignment(found, name) for name in sorted(grants_of(call.tenant, found["id"]))]
    return Page(call, "appRoleAssignments", filtered(call, items)).response()


def grant(call: Call, principal: str) -> Response:
    """Asked of the resource, as Microsoft recommends; whoever gives may give himself everything."""
    call.allow(GIVE)
    call.allow(*READ)
    if _principal(call, principal)["id"] != GRAPH_PRINCIPAL_ID:
        raise Refusal(400, "Request_UnsupportedQuery", "This sandbox gives only what Graph has to give.")
    fields = ("principalId", "resourceId", "appRoleId")
    body = checked(call.json(), known=fields, needed=fields)
    if guid(body["resourceId"], "resourceId") != GRAPH_PRINCIPAL_ID:
        raise bad("The resourceId is not the service principal that the address names.")
    receiver = _principal(call, guid(body["principalId"], "principalId"))
    name = NAMES.get(guid(body["appRoleId"], "appRoleId"))
    if name is None:
        raise bad("Permission being assigned was not found on application.")
    given = grants_of(call.tenant, receiver["id"])
    if name in given:
        raise bad("Permission being assigned already exists on the object")
    if receiver["id"] == IDENTITY_PRINCIPAL_ID:
        call.tenant.granted.add(name)
    else:
        call.tenant.registrations.other_grants.setdefault(receiver["id"], []).append(name)
    return json_answer(_assignment(receiver, name), 201)


def grants_of(tenant: Tenant, principal: str) -> set[str]:
    if principal == IDENTITY_PRINCIPAL_ID:
        return {name for name in tenant.granted if name in app_roles.APP_ROLES}
    return set(tenant.registrations.other_grants.get(principal, []))


def _all(tenant: Tenant) -> list[Json]:
    return [GRAPH, *tenant.registrations.principals]


def _principal(call: Call, object_id: str) -> Json:
    for found in _all(call.tenant):
        if found["id"] == object_id.lower():
            return found
    raise not_found(object_id)


def _shown(call: Call, found: Json) -> Json:
    return selected(call, found, tuple(found))


def _assignment(receiver: Json, name: str) -> Json:
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
