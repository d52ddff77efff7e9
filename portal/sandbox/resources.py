"""The used part of Azure Resource Manager: resource groups and their managed identities."""

from __future__ import annotations

import re
import uuid

import jwt

from portal.sandbox.options import IDENTITY_PRINCIPAL_ID
from portal.sandbox.registrations import new_principal
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Json, Request, Response, json_answer

AUDIENCE = "https://management.azure.com/"
SUBSCRIPTION_ID = "5a4d0b0c-0000-4000-8000-0000000000d1"
GROUP = re.compile(rf"/subscriptions/{SUBSCRIPTION_ID}/resourceGroups/(?P<group>[^/]+)", re.IGNORECASE)
IDENTITIES = re.compile(
    GROUP.pattern + r"/providers/Microsoft\.ManagedIdentity/userAssignedIdentities(/(?P<name>[^/]+))?",
    re.IGNORECASE,
)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}")


def answer_azure(tenant: Tenant, request: Request) -> Response:
    if not _is_allowed(tenant, request):
        return _error_response(401, "AuthenticationFailed", "Authentication failed.")
    if "api-version" not in request.query:
        return _error_response(
            400, "MissingApiVersionParameter", "The api-version query parameter is required."
        )
    if request.path == "/subscriptions" and request.method == "GET":
        subscription = {"subscriptionId": SUBSCRIPTION_ID, "tenantId": tenant.options.tenant_id}
        return json_answer({"value": [{**subscription, "displayName": "Sandbox", "state": "Enabled"}]})
    if (parts := GROUP.fullmatch(request.path)) and request.method == "GET":
        return _resource_group_as_azure(tenant, parts["group"])
    if parts := IDENTITIES.fullmatch(request.path):
        if _resource_group_as_azure(tenant, parts["group"]).status != 200:
            return _resource_group_as_azure(tenant, parts["group"])
        if request.method == "GET" and parts["name"] is None:
            found = [
                identity
                for identity in tenant.registrations.identities
                if parts["group"] == identity["resourceGroup"]
            ]
            return json_answer({"value": found})
        if request.method == "PUT" and parts["name"] is not None:
            return _create_identity(tenant, parts["group"], parts["name"])
    return _error_response(404, "ResourceNotFound", "The resource was not found.")


def _resource_group_as_azure(tenant: Tenant, name: str) -> Response:
    if name not in tenant.registrations.resource_groups:
        return _error_response(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
    return json_answer({"name": name, "location": "westeurope"})


def _create_identity(tenant: Tenant, group: str, name: str) -> Response:
    """Create a managed identity and its service principal. The first one is this machine's."""
    made = tenant.registrations
    for found in made.identities:
        if (found["resourceGroup"], found["name"]) == (group, name):
            return json_answer(found)
    if not NAME.fullmatch(name):
        return _error_response(400, "BadRequest", "The name of the identity is not valid.")
    first = not any(principal["servicePrincipalType"] == "ManagedIdentity" for principal in made.principals)
    client_id = tenant.options.identity_client_id if first else str(uuid.uuid4())
    principal_id = IDENTITY_PRINCIPAL_ID if first else str(uuid.uuid4())
    identity: Json = {
        "name": name,
        "resourceGroup": group,
        "location": "westeurope",
        "properties": {
            "tenantId": tenant.options.tenant_id,
            "clientId": client_id,
            "principalId": principal_id,
        },
    }
    made.identities.append(identity)
    made.principals.append(new_principal(client_id, name, "ManagedIdentity", principal_id))
    return json_answer(identity, 201)


def _is_allowed(tenant: Tenant, request: Request) -> bool:
    _, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        jwt.decode(
            token, tenant.keys.private_key.public_key(), algorithms=["RS256"], audience=AUDIENCE, leeway=5
        )
    except jwt.InvalidTokenError:
        return False
    return True


def _error_response(status: int, code: str, message: str) -> Response:
    return json_answer({"error": {"code": code, "message": message}}, status)
