"""Managed identities: a virtual machine's instance metadata service, and App Service's shape of it.

Both give tokens of the portal's identity. The metadata service also gives tokens of a Logic App's identity.
"""

from __future__ import annotations

import time
from typing import Any

from portal.sandbox.api_registration import LOGIC_APP
from portal.sandbox.api_tokens import BY_ASSERTION, NotAssigned, application_claims, find_api
from portal.sandbox.options import GRAPH_RESOURCE, IDENTITY_PRINCIPAL_ID, TOKEN_EXCHANGE_AUDIENCE
from portal.sandbox.records import Account
from portal.sandbox.tenant import Tenant
from portal.sandbox.tokens import lifetime_claims, unique_token_id
from portal.sandbox.web import Request, Response, json_answer

IMDS_PATH, APP_SERVICE_PATH = "/metadata/identity/oauth2/token", "/msi/token"
IMDS_VERSIONS, APP_SERVICE_VERSION = {"2018-02-01", "2019-08-01", "2021-12-13"}, "2019-08-01"
APP_SERVICE_HEADER = "sandbox"  # the value of IDENTITY_HEADER beside IDENTITY_ENDPOINT
AZURE_CLI_ID = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
ADMINISTRATOR_ID = "5a4d0b0c-0000-4000-8000-0000000000e1"  # a pipeline that sets the tenant up
PIPELINE_CLIENT_ID = "5a4d0b0c-0000-4000-8000-0000000000e0"
RESOURCES = (GRAPH_RESOURCE, TOKEN_EXCHANGE_AUDIENCE)


def answer_imds(tenant: Tenant, request: Request) -> Response:
    if request.headers.get("metadata", "").lower() != "true":
        return _imds_error("invalid_request", "Required metadata header not specified")
    if "x-forwarded-for" in request.headers:
        return _imds_error("invalid_request", "Proxies are not allowed")
    if request.query.get("api-version") not in IMDS_VERSIONS:
        return _imds_error("invalid_request", "Required query variable 'api-version' is missing or not known")
    if not _is_known_resource(tenant, _requested_resource(request)):
        return _imds_error(
            "invalid_resource", "AADSTS500011: The resource principal was not found in the tenant."
        )
    client_id = request.query.get("client_id", "").lower()
    if client_id not in (tenant.options.identity_client_id, LOGIC_APP.client_id):
        return _imds_error("invalid_request", "Identity not found")
    try:
        token = access_token(tenant, client_id, _requested_resource(request))
    except NotAssigned as refusal:
        return _imds_error("invalid_grant", f"AADSTS501051: {refusal}")
    seconds = str(tenant.token_lifetime)
    return json_answer(
        {**token, "expires_in": seconds, "ext_expires_in": seconds, "not_before": str(int(time.time()))}
    )


def answer_app_service(tenant: Tenant, request: Request) -> Response:
    if request.headers.get("x-identity-header") != APP_SERVICE_HEADER:
        return _app_service_error(401, "The X-IDENTITY-HEADER is missing or wrong.")
    if request.query.get("api-version") != APP_SERVICE_VERSION:
        return _app_service_error(400, "The api-version is not supported.")
    if _requested_resource(request) not in RESOURCES:  # the portal itself calls no other API
        return _app_service_error(400, "AADSTS500011: The resource principal was not found in the tenant.")
    if request.query.get("client_id", "").lower() != tenant.options.identity_client_id:
        return _app_service_error(
            400,
            "No User Assigned or Delegated Managed Identity found for specified "
            "ClientId/ResourceId/PrincipalId.",
        )
    client_id = tenant.options.identity_client_id
    return json_answer(access_token(tenant, client_id, _requested_resource(request)))


def access_token(tenant: Tenant, client_id: str, resource: str) -> dict[str, Any]:
    """Raises NotAssigned for an API that requires a role."""
    mine = client_id == tenant.options.identity_client_id
    principal = IDENTITY_PRINCIPAL_ID if mine else LOGIC_APP.principal_id
    claims = application_claims(tenant, resource, client_id, BY_ASSERTION) or app_claims(
        tenant, client_id, resource, principal
    )
    return {
        "access_token": tenant.keys.sign_token(claims),
        "client_id": client_id,
        "expires_on": str(claims["exp"]),
        "resource": resource,
        "token_type": "Bearer",
    }


def app_claims(tenant: Tenant, client_id: str, audience: str, principal: str) -> dict[str, Any]:
    """An app-only token. Only a Graph token contains permissions: those of the application's service principal."""
    permissions = tenant.permissions_of(principal) if audience == GRAPH_RESOURCE else set()
    return {
        "aud": audience,
        "iss": tenant.options.issuer,
        **lifetime_claims(tenant.token_lifetime),
        **unique_token_id(),
        "azp": client_id,
        "appid": client_id,
        "idtyp": "app",
        "oid": principal,
        "sub": principal,
        "tid": tenant.options.tenant_id,
        "ver": "2.0",
        "generation": tenant.token_generation,
        **({"roles": sorted(permissions)} if permissions else {}),
    }


def administrator_token(
    tenant: Tenant, audience: str, permissions: list[str], person: Account | None = None
) -> str:
    """The Azure CLI's token for a person who sets the tenant up, or for a pipeline that does."""
    if person is None:
        claims = app_claims(tenant, PIPELINE_CLIENT_ID, audience, ADMINISTRATOR_ID)
        return tenant.keys.sign_token({**claims, "roles": sorted(permissions)})
    claims = {**app_claims(tenant, AZURE_CLI_ID, audience, person.id), "idtyp": "user"}
    return tenant.keys.sign_token({**claims, "scp": " ".join(sorted(permissions))})


def _is_known_resource(tenant: Tenant, resource: str) -> bool:
    return resource in RESOURCES or find_api(tenant, resource) is not None


def _requested_resource(request: Request) -> str:
    return request.query.get("resource", "").rstrip("/")


def _imds_error(error: str, description: str) -> Response:
    return json_answer({"error": error, "error_description": description}, 400)


def _app_service_error(status: int, message: str) -> Response:
    return json_answer({"statusCode": status, "message": message}, status)
