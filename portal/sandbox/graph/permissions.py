"""Reading the bearer token of a call to Graph: is it ours, for Graph, still good, and what does it allow?"""

from __future__ import annotations

import jwt

from portal.sandbox.graph.call import Refusal
from portal.sandbox.options import GRAPH_RESOURCE
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Request


def roles_of_token(tenant: Tenant, request: Request) -> frozenset[str]:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise unauthorised("Access token is empty.")
    try:
        claims = jwt.decode(
            token,
            tenant.keys.private_key.public_key(),
            algorithms=["RS256"],
            audience=GRAPH_RESOURCE,
            options={"require": ["exp", "nbf", "aud", "iss"]},
        )
    except jwt.ExpiredSignatureError:
        raise unauthorised("Lifetime validation failed, the token is expired.") from None
    except jwt.InvalidAudienceError:
        raise unauthorised("Access token validation failure. Invalid audience.") from None
    except jwt.InvalidTokenError:
        raise unauthorised("IDX14100: JWT is not well formed, or its signature does not match.") from None
    if claims.get("generation") != tenant.token_generation:
        raise unauthorised("Access token has been revoked.")
    return frozenset(claims.get("roles", ()))


def unauthorised(message: str) -> Refusal:
    challenge = {
        "WWW-Authenticate": 'Bearer realm="", authorization_uri="https://login.sandbox.invalid/common/oauth2/authorize"'
    }
    return Refusal(401, "InvalidAuthenticationToken", message, challenge)
