"""Verifies the bearer token of a call to Graph, and reads its permissions."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from portal.sandbox.graph.call import Refusal
from portal.sandbox.options import GRAPH_RESOURCE
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Request


def verify_token(tenant: Tenant, request: Request) -> dict[str, Any]:
    """Return the claims of a valid token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise invalid_token("Access token is empty.")
    try:
        claims = _verified_claims(token, tenant.keys.private_key)
        if claims["exp"] <= time.time():
            raise jwt.ExpiredSignatureError
    except jwt.ExpiredSignatureError:
        raise invalid_token("Lifetime validation failed, the token is expired.") from None
    except jwt.InvalidAudienceError:
        raise invalid_token("Access token validation failure. Invalid audience.") from None
    except jwt.InvalidTokenError:
        raise invalid_token("IDX14100: JWT is not well formed, or its signature does not match.") from None
    if claims.get("generation") != tenant.token_generation:
        raise invalid_token("Access token has been revoked.")
    return claims


def permissions_of_token(claims: dict[str, Any]) -> frozenset[str]:
    """An application's permissions are roles, a person's are scopes."""
    return frozenset(claims.get("roles", ())) | frozenset(claims.get("scp", "").split())


def person_of_token(claims: dict[str, Any]) -> str:
    """The object id of the signed-in person; empty for an application."""
    return str(claims["oid"]) if "scp" in claims else ""


@lru_cache(maxsize=16)
def _verified_claims(token: str, key: RSAPrivateKey) -> dict[str, Any]:
    """The claims of a token with a valid signature. Cached, because a batch contains the same token many times."""
    claims: dict[str, Any] = jwt.decode(
        token,
        key.public_key(),
        algorithms=["RS256"],
        audience=GRAPH_RESOURCE,
        options={"require": ["exp", "nbf", "aud", "iss"]},
    )
    return claims


def invalid_token(message: str) -> Refusal:
    challenge = {
        "WWW-Authenticate": 'Bearer realm="", authorization_uri="https://login.sandbox.invalid/common/oauth2/authorize"'
    }
    return Refusal(401, "InvalidAuthenticationToken", message, challenge)
