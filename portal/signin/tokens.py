"""Verifies id tokens: the signature and every claim that the portal uses.

MSAL no longer does this: since 1.38 it accepts an unsigned token of a foreign issuer.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from threading import Lock
from typing import Any

import jwt
import requests
from django.conf import settings

from onboarding.inputs.characters import clean_name
from portal.environment import GUID
from portal.identity import http_session
from portal.impossible_input import has_impossible_characters
from portal.signin import claims_seen
from portal.signin.app import issuer_url
from portal.signin.roles import roles_in

LEEWAY = 60  # seconds that two clocks may differ
KEYS_VALID_SECONDS = 24 * 3600
UNKNOWN_KEY_PAUSE = 60  # seconds: anyone can send the API a token that names a key of their own
CONTEXT = re.compile(r"c[1-9][0-9]?")
REQUIRED_CLAIMS = ["iss", "aud", "exp", "nbf", "iat", "nonce", "tid", "oid", "auth_time"]


class TokenRefused(Exception):
    """`reason` chooses the page, `detail` goes into the log. Neither contains anything of the token."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class UnknownKey(TokenRefused):
    """The token names a key that Entra does not publish."""


@dataclass(frozen=True, slots=True)
class Person:
    """The person of a verified id token, and when they signed in."""

    tid: str
    oid: str
    name: str
    user_principal_name: str
    roles: tuple[str, ...]
    auth_time: int
    login_hint: str
    contexts: tuple[str, ...] = ()  # authentication contexts whose rules this sign-in met
    sid: str = ""  # Entra's session, if the token names it


def verify_id_token(id_token: str, *, nonce: str) -> Person:
    claims = genuine_claims(id_token)
    claims_seen.record_claims(claims)
    check_home(claims)
    if claims["nonce"] != nonce:
        raise TokenRefused("not_genuine", "the token answers another sign-in (nonce)")
    check_auth_time(claims["auth_time"])
    return Person(
        tid=claims["tid"],
        oid=claims["oid"],
        name=name_claim(claims, "name", 256),
        user_principal_name=name_claim(claims, "preferred_username", 1024),
        roles=roles_in(claims),
        auth_time=claims["auth_time"],
        login_hint=text_claim(claims, "login_hint", 2000),
        contexts=contexts_of(claims.get("acrs")),
        sid=text_claim(claims, "sid", 200),
    )


def genuine_claims(id_token: str) -> dict[str, Any]:
    """Signed by Entra for this application, and valid now. The issuer is judged later, with the tenant."""
    try:
        key = signing_keys.find_key(jwt.get_unverified_header(id_token).get("kid"))
        return jwt.decode(
            id_token,
            key,
            algorithms=["RS256"],  # never the algorithm that the token names
            audience=settings.SIGN_IN_CLIENT_ID,
            leeway=LEEWAY,
            options={"require": REQUIRED_CLAIMS, "strict_aud": True},
        )
    except jwt.MissingRequiredClaimError as error:
        # PyJWT checks the signature before the claims, so it is valid here.
        claims_seen.record_claims(jwt.decode(id_token, options={"verify_signature": False}))
        reason = (
            "not_set_up" if error.claim == "auth_time" else "not_genuine"
        )  # an optional claim, to be asked for
        raise TokenRefused(reason, f"the token has no `{error.claim}` claim") from None
    except (jwt.PyJWTError, ArithmeticError, TypeError, ValueError) as error:  # times that are no numbers
        raise TokenRefused("not_genuine", f"the token is not good: {type(error).__name__}") from None


def check_home(claims: dict[str, Any]) -> None:
    """Accept only members of the portal's own tenant."""
    if claims["tid"] != settings.TENANT_ID:
        raise TokenRefused("other_tenant", "the account belongs to another tenant")
    if claims["iss"] != issuer_url():
        raise TokenRefused("not_genuine", "the token has another issuer")
    if not isinstance(claims["oid"], str) or not GUID.fullmatch(claims["oid"]):
        raise TokenRefused("not_genuine", "the token names no object id")
    check_member(claims)


def check_member(claims: dict[str, Any]) -> None:
    """Refuse guests, and a token that does not say whether its person is one."""
    if "acct" not in claims:
        raise TokenRefused("not_set_up", "the token has no `acct` claim to tell guests by")
    if claims["acct"] not in (0, "0") or claims.get("idp", issuer_url()) not in home_providers():
        raise TokenRefused("guest", "the account is a guest")


def home_providers() -> set[str]:
    return {issuer_url(), f"https://sts.windows.net/{settings.TENANT_ID}/"}


def check_auth_time(auth_time: object) -> None:
    if not isinstance(auth_time, int) or isinstance(auth_time, bool) or auth_time > time.time() + LEEWAY:
        raise TokenRefused("not_genuine", "the time of authentication makes no sense")


def contexts_of(acrs: object) -> tuple[str, ...]:
    """Return the contexts. Entra sends one context as a string or several as a list; ignore anything else."""
    named = acrs if isinstance(acrs, list) else [acrs]
    return tuple(name for name in named if isinstance(name, str) and CONTEXT.fullmatch(name))


def text_claim(claims: dict[str, Any], name: str, longest: int) -> str:
    """The text of a claim, empty where it has none. Raises TokenRefused for characters that no text has."""
    value = claims.get(name)
    if not isinstance(value, str):
        return ""
    if has_impossible_characters(value):
        raise TokenRefused("unreadable", f"the claim `{name}` holds impossible characters")
    return value[:longest]


def name_claim(claims: dict[str, Any], name: str, longest: int) -> str:
    """The text of a claim that people read, without characters that nobody sees. Raises TokenRefused as `text_claim`."""
    return clean_name(text_claim(claims, name, longest), limit=longest)


class SigningKeys:
    """Entra's public keys, kept for a day and read again when a token names one that is not among them.

    Tokens that name unknown keys cause one request to Entra a minute, not one each.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self.clear()

    def clear(self) -> None:
        self._keys: dict[str, jwt.PyJWK] = {}
        self._good_until = self._next_search = 0.0

    def find_key(self, key_id: object) -> jwt.PyJWK:
        with self._lock:
            now = time.monotonic()
            if now > self._good_until:
                self._read()
            elif key_id not in self._keys and now >= self._next_search:
                self._next_search = now + UNKNOWN_KEY_PAUSE
                self._read()
                if key_id in self._keys:  # Entra has a new key: the next one is found at once too
                    self._next_search = 0.0
            if key_id not in self._keys:
                raise UnknownKey("not_genuine", "the token names an unknown key")
            return self._keys[str(key_id)]

    def _read(self) -> None:
        self._keys = read_keys()
        self._good_until = time.monotonic() + KEYS_VALID_SECONDS


def read_keys() -> dict[str, jwt.PyJWK]:
    """By `requests`, which honours the machine's certificates; PyJWT's own client does not."""
    try:
        with http_session() as session:
            published = read_json(session, f"{issuer_url()}/.well-known/openid-configuration")
            if published.get("issuer") != issuer_url():
                raise TokenRefused("not_genuine", "the metadata names another issuer")
            where = str(published.get("jwks_uri"))
            if not where.startswith("https://"):
                raise TokenRefused("not_genuine", "the keys are published at an address that is not https")
            keys = jwt.PyJWKSet.from_dict(read_json(session, where)).keys
    except requests.RequestException as error:
        raise TokenRefused("unavailable", f"the signing keys were not read: {type(error).__name__}") from None
    return {key.key_id: key for key in keys if key.key_id and key.key_type == "RSA"}


def read_json(session: requests.Session, url: str) -> dict[str, Any]:
    response = session.get(url)
    response.raise_for_status()
    answer: dict[str, Any] = response.json()
    return answer


signing_keys = SigningKeys()
