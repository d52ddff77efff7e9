"""App registrations and their federated credentials."""

from __future__ import annotations

import uuid
from urllib.parse import urlsplit

from portal.sandbox.graph.bodies import already_exists, bad_request, check_properties, read_guid, read_text
from portal.sandbox.graph.call import CONTEXT, Call, Page, not_found
from portal.sandbox.graph.creators import add_creator
from portal.sandbox.graph.odata import filter_items, select_properties
from portal.sandbox.registrations import APPLICATION, new_application
from portal.sandbox.web import Json, Response, json_answer

READ = (
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Application.ReadWrite.OwnedBy",
    "Directory.Read.All",
)
WRITE = ("Application.ReadWrite.All", "Application.ReadWrite.OwnedBy")
AUDIENCES = {
    "AzureADMyOrg",
    "AzureADMultipleOrgs",
    "AzureADandPersonalMicrosoftAccount",
    "PersonalMicrosoftAccount",
}
OPTIONAL_CLAIMS = {
    "auth_time",
    "acct",
    "login_hint",
    "acrs",
    "sid",
    "xms_cc",
    "email",
    "upn",
    "ipaddr",
    "idtyp",
}
TRUST = ("name", "issuer", "subject", "audiences")
MOST_TRUSTED = 20


def list_applications(call: Call) -> Response:
    call.require_any(*READ)
    found = filter_items(call, call.tenant.registrations.applications)
    shown = [_select_properties(call, each) for each in found]
    return Page(call, "applications", shown, shortest_page=call.tenant.list_page).response()


def read_application(call: Call, application: str) -> Response:
    call.require_any(*READ)
    found = find_application(call, application)
    return json_answer(
        {"@odata.context": f"{CONTEXT}#applications/$entity", **_select_properties(call, found)}
    )


def create_application(call: Call) -> Response:
    call.require_any(*WRITE)
    body = check_properties(call.json(), known=set(APPLICATION), needed=["displayName"])
    read_text(body, "displayName", longest=256)
    if body.get("signInAudience", "AzureADMyOrg") not in AUDIENCES:
        raise bad_request("Invalid value specified for property 'signInAudience' of resource 'Application'.")
    for address in (body.get("web") or {}).get("redirectUris", []):
        _check_redirect_uri(address)
    for claim in [each for kind in (body.get("optionalClaims") or {}).values() for each in kind]:
        if claim.get("name") not in OPTIONAL_CLAIMS:
            raise bad_request(f"One or more optional claims are not valid: '{claim.get('name')}'.")
    _check_roles(body.get("appRoles", []))
    _check_api(body.get("api") or {})
    if body.get("identifierUris"):
        raise bad_request("An identifier URI needs the appId, which exists only after the creation.")
    made = new_application(body)
    call.tenant.registrations.applications.append(made)
    add_creator(call, made["id"])
    return json_answer({"@odata.context": f"{CONTEXT}#applications/$entity", **made}, 201)


def name_application(call: Call, application: str) -> Response:
    """Set the App ID URI. By Microsoft's rule it contains the application's own id, the tenant's id or a domain."""
    call.require_any(*WRITE)
    found = find_application(call, application)
    body = check_properties(call.json(), known={"identifierUris"}, needed={"identifierUris"})
    if any(found["appId"] not in uri for uri in body["identifierUris"]):
        raise bad_request("Values of identifierUris property must use a verified domain of the organization.")
    found["identifierUris"] = body["identifierUris"]
    return Response(204)


def list_federated_credentials(call: Call, application: str) -> Response:
    call.require_any(*READ)
    found = call.tenant.registrations.federated.get(find_application(call, application)["id"], [])
    return Page(
        call, f"applications('{application}')/federatedIdentityCredentials", filter_items(call, found)
    ).response()


def trusted_one(call: Call, application: str, name: str) -> Response:
    call.require_any(*READ)
    for found in call.tenant.registrations.federated.get(find_application(call, application)["id"], []):
        if name in (found["id"], found["name"]):
            return json_answer(_select_properties(call, found))
    raise not_found(name)


def create_federated_credential(call: Call, application: str) -> Response:
    """What is wrong with issuer or subject is not noticed here, but when a token is exchanged."""
    call.require_any(*WRITE)
    found = find_application(call, application)
    body = check_properties(call.json(), known={*TRUST, "description"}, needed=TRUST)
    for name in ("name", "issuer", "subject"):
        read_text(body, name, longest=120 if name == "name" else 600)
    if not isinstance(body["audiences"], list) or len(body["audiences"]) != 1:
        raise bad_request("The audiences of a federated identity credential must be one value.")
    others = call.tenant.registrations.federated.setdefault(found["id"], [])
    if any(other["name"] == body["name"] for other in others):
        raise already_exists(f"FederatedIdentityCredential with name {body['name']} already exists.")
    if any((other["issuer"], other["subject"]) == (body["issuer"], body["subject"]) for other in others):
        raise already_exists("FederatedIdentityCredential with this issuer and subject already exists.")
    if len(others) >= MOST_TRUSTED:
        raise bad_request(f"The maximum of {MOST_TRUSTED} federated identity credentials is reached.")
    made = {"id": str(uuid.uuid4()), "description": None, **body}
    others.append(made)
    return json_answer(made, 201)


def find_application(call: Call, object_id: str) -> Json:
    for found in call.tenant.registrations.applications:
        if found["id"] == object_id.lower():
            return found
    raise not_found(object_id)


def _select_properties(call: Call, found: Json) -> Json:
    return select_properties(call, found, tuple(found))


def _check_redirect_uri(address: str) -> None:
    parts = urlsplit(address)
    loopback = parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1"}
    if not (parts.scheme == "https" or loopback) or not parts.hostname or "*" in address or parts.fragment:
        raise bad_request(f"The redirect URI '{address}' must begin with https, or be on localhost.")


def _check_api(api: Json) -> None:
    check_properties(api, known={"requestedAccessTokenVersion", "oauth2PermissionScopes"}, needed=())
    if api.get("requestedAccessTokenVersion") not in (None, 1, 2):
        raise bad_request("Invalid value specified for property 'requestedAccessTokenVersion'.")
    needed = {"id", "value", "type", "adminConsentDisplayName", "adminConsentDescription"}
    known = {*needed, "isEnabled", "userConsentDisplayName", "userConsentDescription"}
    for scope in api.get("oauth2PermissionScopes", []):
        check_properties(scope, known=known, needed=needed)
        read_guid(scope["id"], "oauth2PermissionScopes.id")
        if scope["type"] not in {"User", "Admin"} or " " in scope["value"]:
            raise bad_request("Invalid value specified for property 'oauth2PermissionScopes'.")


def _check_roles(roles: list[Json]) -> None:
    known = {"id", "value", "displayName", "description", "allowedMemberTypes", "isEnabled"}
    for role in roles:
        check_properties(role, known=known, needed=known - {"isEnabled"})
        read_guid(role["id"], "appRoles.id")
        if not set(role["allowedMemberTypes"]) <= {"User", "Application"} or " " in role["value"]:
            raise bad_request("Invalid value specified for property 'appRoles' of resource 'Application'.")
    for name in ("id", "value"):
        if len({role[name] for role in roles}) != len(roles):
            raise bad_request(f"It contains duplicate value. Please provide unique value for '{name}'.")
