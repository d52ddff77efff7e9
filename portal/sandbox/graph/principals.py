"""Service principals."""

from __future__ import annotations

from portal.sandbox.graph import app_roles
from portal.sandbox.graph.app_roles import GRAPH_APP_ID, GRAPH_PRINCIPAL_ID
from portal.sandbox.graph.applications import READ
from portal.sandbox.graph.bodies import already_exists, bad_request, check_properties, read_guid
from portal.sandbox.graph.call import CONTEXT, Call, Page, not_found
from portal.sandbox.graph.creators import add_creator
from portal.sandbox.graph.odata import filter_items, select_properties
from portal.sandbox.identity import ADMINISTRATOR_ID, PIPELINE_CLIENT_ID
from portal.sandbox.registrations import new_principal
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Json, Response, json_answer

GRAPH: Json = {
    **new_principal(GRAPH_APP_ID, "Microsoft Graph", object_id=GRAPH_PRINCIPAL_ID),
    "appRoles": app_roles.app_roles_as_graph(),
}
PIPELINE = new_principal(PIPELINE_CLIENT_ID, "Deployment pipeline", object_id=ADMINISTRATOR_ID)


def list_principals(call: Call) -> Response:
    call.require_any(*READ)
    found = filter_items(call, _all_principals(call.tenant))
    shown = [_select_properties(call, each) for each in found]
    return Page(call, "servicePrincipals", shown, shortest_page=call.tenant.list_page).response()


def read_principal(call: Call, principal: str) -> Response:
    call.require_any(*READ)
    found = find_principal(call, principal)
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
    offered = {
        "appRoles": application["appRoles"],
        "appOwnerOrganizationId": call.tenant.options.tenant_id,
    }
    made = {**new_principal(application["appId"], application["displayName"]), **offered, **body}
    call.tenant.registrations.principals.append(made)
    add_creator(call, made["id"])
    return json_answer({"@odata.context": f"{CONTEXT}#servicePrincipals/$entity", **made}, 201)


def _all_principals(tenant: Tenant) -> list[Json]:
    return [GRAPH, PIPELINE, *tenant.registrations.principals]


def find_principal(call: Call, object_id: str) -> Json:
    for found in _all_principals(call.tenant):
        if found["id"] == object_id.lower():
            return found
    raise not_found(object_id)


def _select_properties(call: Call, found: Json) -> Json:
    return select_properties(call, found, tuple(found))
