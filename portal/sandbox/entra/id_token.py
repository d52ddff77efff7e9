"""The id token. Tests can order a forged one."""

from __future__ import annotations

import hashlib
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from portal.sandbox.options import OTHER_TENANT_ID, Options
from portal.sandbox.records import Account
from portal.sandbox.sessions import Grant, sid_of
from portal.sandbox.tenant import Tenant
from portal.sandbox.tokens import base64url, lifetime_claims, unique_token_id

ID_TOKEN_SECONDS = 3600
OPTIONAL = {"auth_time", "acct", "login_hint", "acrs", "sid"}


def id_token(tenant: Tenant, account: Account, grant: Grant) -> str:
    changes = tenant.id_token_changes
    claims = {
        **_keep_registered_claims(tenant, account, _claims_of(tenant.options, account, grant)),
        **changes.get("set", {}),
    }
    for name in changes.get("remove", ()):
        claims.pop(name, None)
    if changes.get("signature") == "none":
        return jwt.encode(claims, "", algorithm="none")
    if changes.get("signature") == "foreign":
        return jwt.encode(claims, generate_private_key(65537, 2048), "RS256", {"kid": tenant.keys.key_id})
    if changes.get("signature") == "unknown key":
        return jwt.encode(claims, generate_private_key(65537, 2048), "RS256", {"kid": "not-published"})
    return tenant.keys.sign_token(claims)


def _keep_registered_claims(tenant: Tenant, account: Account, claims: dict[str, Any]) -> dict[str, Any]:
    """Optional claims come when the registration asks for them, roles when it has them."""
    application = tenant.registrations.application_of(claims["aud"]) or {}
    asked = {claim["name"] for claim in (application.get("optionalClaims") or {}).get("idToken", [])}
    kept = {name: value for name, value in claims.items() if name not in OPTIONAL or name in asked}
    held = tenant.roles_of_person(application, account) if application else []
    return {**kept, **({"roles": held} if held else {})}


def _claims_of(options: Options, account: Account, grant: Grant) -> dict[str, Any]:
    tenant_id = account.home_tenant or options.tenant_id
    claims: dict[str, Any] = {
        "aud": grant.client_id,
        "iss": Options.issuer_of(tenant_id),
        **lifetime_claims(ID_TOKEN_SECONDS),
        **unique_token_id(),
        "tid": tenant_id,
        "oid": account.id,
        "sub": base64url(
            hashlib.sha256(f"{grant.client_id}{account.id}".encode()).digest()
        ),  # differs by application
        "name": account.name,
        "preferred_username": account.user_principal_name,
        "nonce": grant.nonce,
        "auth_time": grant.auth_time,
        "acct": 1 if account.is_external else 0,
        "login_hint": base64url(f"O.{account.id}".encode()),
        "sid": sid_of(grant.session),
        "ver": "2.0",
    }
    if account.is_external:
        claims["idp"] = f"https://sts.windows.net/{OTHER_TENANT_ID}/"
    if grant.contexts:
        claims["acrs"] = list(grant.contexts)
    return claims
