"""The token endpoint: a code becomes an id token or a person's token for an API, an application becomes a token for
Graph or an API."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from portal.sandbox.api_tokens import (
    BY_ASSERTION,
    BY_SECRET,
    NotAssigned,
    application_claims,
    find_api,
    person_claims,
    read_api_request,
)
from portal.sandbox.entra.assertions import authenticated_client
from portal.sandbox.entra.errors import TokenRefused
from portal.sandbox.entra.id_token import id_token
from portal.sandbox.identity import app_claims
from portal.sandbox.options import GRAPH_RESOURCE, TOKEN_EXCHANGE_AUDIENCE
from portal.sandbox.records import Account
from portal.sandbox.sessions import Grant
from portal.sandbox.tenant import Tenant
from portal.sandbox.tokens import base64url
from portal.sandbox.web import Request, Response, json_answer

ACCESS_TOKEN_SECONDS = 3600
UNCACHED = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def answer_token_request(tenant: Tenant, request: Request) -> Response:
    try:
        client_id = authenticated_client(tenant, request)
        kind = request.form.get("grant_type")
        if kind == "authorization_code":
            payload = _redeem_code(tenant, request, client_id)
        elif kind == "client_credentials":
            payload = _issue_application_token(tenant, request, client_id)
        else:
            raise TokenRefused("unsupported_grant_type", 70003, f"The grant type '{kind}' is not supported.")
    except TokenRefused as refusal:
        return refusal.response()
    return json_answer(payload, headers=UNCACHED)


def _redeem_code(tenant: Tenant, request: Request, client_id: str) -> dict[str, Any]:
    grant = tenant.sessions.redeem_code(request.form.get("code", ""))
    if grant is None:
        raise TokenRefused("invalid_grant", 70008, "The authorization code is expired, used or not known.")
    if grant.client_id != client_id or grant.redirect_uri != request.form.get("redirect_uri"):
        raise TokenRefused("invalid_grant", 50148, "The client id or redirect URI does not match the code's.")
    if grant.challenge and not secrets.compare_digest(
        grant.challenge, _pkce_challenge(request.form.get("code_verifier", ""))
    ):
        raise TokenRefused("invalid_grant", 501481, "The code_verifier does not match the code_challenge.")
    account = tenant.accounts[grant.person]
    return {
        "token_type": "Bearer",
        "scope": grant.scope,
        "expires_in": ACCESS_TOKEN_SECONDS,
        "ext_expires_in": ACCESS_TOKEN_SECONDS,
        "access_token": _access_token(tenant, account, grant),
        **({"id_token": id_token(tenant, account, grant)} if "openid" in grant.scope.split() else {}),
        "client_info": _client_info(account.id, tenant, grant),
    }


def _access_token(tenant: Tenant, account: Account, grant: Grant) -> str:
    """For the requested API. Without one it is useless: the sign-in registration has no permissions."""
    asked = read_api_request(tenant, grant.scope)
    if asked is None:
        return secrets.token_urlsafe(48)
    return tenant.keys.sign_token(person_claims(tenant, asked, account, grant.client_id))


def _pkce_challenge(verifier: str) -> str:
    return base64url(hashlib.sha256(verifier.encode()).digest())


def _client_info(object_id: str, tenant: Tenant, grant: Grant) -> str:
    home = tenant.accounts[grant.person].home_tenant or tenant.options.tenant_id
    return base64url(json.dumps({"uid": object_id, "utid": home}).encode())


def _issue_application_token(tenant: Tenant, request: Request, client_id: str) -> dict[str, Any]:
    resource, _, default = request.form.get("scope", "").rpartition("/")
    if default == ".default" and find_api(tenant, resource):
        return _issue_api_token(tenant, request, client_id, resource)
    if default != ".default" or resource not in (GRAPH_RESOURCE, TOKEN_EXCHANGE_AUDIENCE):
        raise TokenRefused(
            "invalid_scope", 70011, "The scope must be a known resource followed by /.default."
        )
    principal = tenant.registrations.principal_of(client_id)
    if principal is None:
        raise TokenRefused(
            "invalid_client", 7000229, f"The client application '{client_id}' is missing service principal."
        )
    seconds = min(tenant.token_lifetime, ACCESS_TOKEN_SECONDS)
    claims = app_claims(tenant, client_id, resource, principal["id"])
    claims["exp"] = claims["iat"] + seconds
    return {"token_type": "Bearer", "expires_in": seconds, "access_token": tenant.keys.sign_token(claims)}


def _issue_api_token(tenant: Tenant, request: Request, client_id: str, resource: str) -> dict[str, Any]:
    proof = BY_ASSERTION if "client_assertion" in request.form else BY_SECRET
    try:
        claims = application_claims(tenant, resource, client_id, proof)
    except NotAssigned as refusal:
        raise TokenRefused("invalid_grant", 501051, str(refusal)) from None
    if claims is None:
        raise TokenRefused(
            "invalid_client", 7000229, f"The client application '{client_id}' is missing service principal."
        )
    seconds = claims["exp"] - claims["iat"]
    return {"token_type": "Bearer", "expires_in": seconds, "access_token": tenant.keys.sign_token(claims)}
