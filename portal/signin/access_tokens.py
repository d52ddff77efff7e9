"""Verifies access tokens for the portal's API: version 2 of Entra, issued to our own API registration.

`onboarding` reads the verifier from the setting ACCESS_TOKEN_VERIFIER, because it never imports `portal`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import jwt
from django.conf import settings

from portal.environment import GUID
from portal.models import HR
from portal.signin.app import issuer_url
from portal.signin.roles import roles_in
from portal.signin.tokens import (
    LEEWAY,
    TokenRefused,
    UnknownKey,
    check_member,
    name_claim,
    signing_keys,
)

PERMISSIONS = ("Starters.Record", "Starters.Read", "Starters.Withdraw", "Hooks.Manage")
REQUIRED_CLAIMS = ["iss", "aud", "exp", "nbf", "iat", "tid", "ver", "oid", "azp"]
LONGEST_NAME = 256
# Microsoft numbers what an actor or a subject is: an agent identity, and the user account of an agent.
# https://learn.microsoft.com/entra/agent-id/agent-token-claims
AGENT_FACETS = {"11", "13"}
FACET_CLAIMS = ("xms_act_fct", "xms_sub_fct")
PARENT_OF_AGENT = "xms_par_app_azp"  # only an agent's application has a parent
NO_SCOPES = ("", "/")  # Microsoft also writes these into an agent's token that has no scopes


class AccessTokenRefused(Exception):
    """`reason` is `invalid_token`, or `unavailable` if the signing keys could not be read.

    `detail` is for the log and contains nothing of the token.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class Caller:
    """The application that calls, and the person in whose name it does so, if the token is a delegated one."""

    tid: str
    application_id: str  # lower case
    oid: str  # of the application's service principal, or of the person
    name: str  # the person's; an application's token has none
    is_person: bool
    is_agent: bool
    permissions: frozenset[str]  # an application's roles, or the scopes of a delegated token


def verify_access_token(token: str) -> Caller:
    """Raises AccessTokenRefused unless Entra issued the token for this API, to this tenant, and it is valid now."""
    key = find_key(token)
    try:
        claims = genuine_claims(token, key)
        check_issue(claims)
        return person_of(claims) if has_scopes(claims) else application_of(claims)
    except TokenRefused as refusal:
        raise invalid(str(refusal)) from None
    except (ArithmeticError, TypeError, ValueError) as error:  # claims of an unexpected type
        raise invalid(f"the token is not good: {type(error).__name__}") from None


def find_key(token: str) -> jwt.PyJWK:
    """The published key that the token names. A token with another algorithm costs no request to Entra."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, TypeError, ValueError) as error:
        raise invalid(f"the token cannot be read: {type(error).__name__}") from None
    if header.get("alg") != "RS256" or not header.get("kid"):
        raise invalid("the token names another algorithm than RS256, or no key")
    try:
        return signing_keys.find_key(header["kid"])
    except UnknownKey as refusal:
        raise invalid(str(refusal)) from None
    except TokenRefused as refusal:
        raise AccessTokenRefused("unavailable", str(refusal)) from None
    except (jwt.PyJWTError, AttributeError, TypeError, ValueError) as error:  # the answer was not a key set
        raise AccessTokenRefused(
            "unavailable", f"the signing keys were not read: {type(error).__name__}"
        ) from None


def genuine_claims(token: str, key: jwt.PyJWK) -> dict[str, Any]:
    """Signed by Entra for the API registration, and valid now."""
    if not settings.API_CLIENT_ID:
        raise invalid("API_CLIENT_ID is not set, so no token is for this portal")
    try:
        return jwt.decode(
            token,
            key,
            algorithms=["RS256"],  # never the algorithm that the token names
            audience=settings.API_CLIENT_ID,
            issuer=issuer_url(),
            leeway=LEEWAY,
            options={"require": REQUIRED_CLAIMS, "strict_aud": True},
        )
    except jwt.MissingRequiredClaimError as error:
        raise invalid(f"the token has no `{error.claim}` claim") from None
    except jwt.PyJWTError as error:
        raise invalid(f"the token is not good: {type(error).__name__}") from None


def check_issue(claims: dict[str, Any]) -> None:
    """An access token of version 2, of the portal's own tenant, for an application that is not the portal itself."""
    if claims["tid"] != settings.TENANT_ID:
        raise invalid("the token is of another tenant")
    if claims["ver"] != "2.0":
        raise invalid(
            "the token is not of version 2: set requestedAccessTokenVersion on the API registration"
        )
    if "nonce" in claims:
        raise invalid("the token is an id token (nonce)")
    own = {
        settings.API_CLIENT_ID,
        settings.SIGN_IN_CLIENT_ID,
        settings.AZURE_CLIENT_ID,
        settings.GRAPH_APPLICATION_ID,
    }
    if guid_claim(claims, "azp") in own:
        raise invalid("the token was issued to one of the portal's own registrations")


def has_scopes(claims: dict[str, Any]) -> bool:
    return claims.get("scp") is not None and claims["scp"] not in NO_SCOPES


def application_of(claims: dict[str, Any]) -> Caller:
    if claims.get("idtyp") != "app":
        raise invalid("the token has no scopes, and no `idtyp` claim that says it is an application's")
    roles = claims.get("roles")
    if not roles or not isinstance(roles, list):
        # Any application of the tenant can get a token without roles.
        raise invalid("the application has no role of the API registration")
    return caller_of(claims, is_person=False, name="", named=roles)


def person_of(claims: dict[str, Any]) -> Caller:
    if claims.get("idtyp", "user") != "user":
        raise invalid("the token has scopes, but it is not a person's")
    if not isinstance(claims["scp"], str):
        raise invalid("the scopes cannot be read")
    check_member(claims)
    if HR not in roles_in(claims):
        raise invalid("the person does not have the role HR of the API registration")
    name = name_claim(claims, "name", LONGEST_NAME)
    return caller_of(claims, is_person=True, name=name, named=claims["scp"].split(" "))


def caller_of(claims: dict[str, Any], *, is_person: bool, name: str, named: list[str]) -> Caller:
    return Caller(
        tid=claims["tid"],
        application_id=guid_claim(claims, "azp"),
        oid=guid_claim(claims, "oid"),
        name=name,
        is_person=is_person,
        is_agent=is_agent(claims),
        permissions=frozenset(permission for permission in PERMISSIONS if permission in named),
    )


def is_agent(claims: dict[str, Any]) -> bool:
    """Whether an AI agent acts, or is the subject."""
    facets = {facet for name in FACET_CLAIMS for facet in facets_of(claims.get(name))}
    return bool(facets & AGENT_FACETS) or PARENT_OF_AGENT in claims


def facets_of(value: object) -> list[str]:
    """Microsoft writes numbers with spaces between them. A list or one number also counts."""
    if value is None:
        return []
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | int) and not isinstance(one, bool) for one in values):
        raise invalid("the token's facets cannot be read, so it could be an agent's")
    return [facet for one in values for facet in re.split(r"[\s,]+", str(one))]


def guid_claim(claims: dict[str, Any], name: str) -> str:
    value = claims[name].lower() if isinstance(claims[name], str) else ""
    if not GUID.fullmatch(value):
        raise invalid(f"the claim `{name}` is not a GUID")
    return value


def invalid(detail: str) -> AccessTokenRefused:
    return AccessTokenRefused("invalid_token", detail)
