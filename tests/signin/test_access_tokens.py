"""Only a current token of Entra, for the API's registration and with a role or a person, opens the API.

Entra is played by an adapter inside `requests`, so that it can lie in every way; our checks are real.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.utils.module_loading import import_string

from portal.signin import tokens
from portal.signin.access_tokens import PERMISSIONS, AccessTokenRefused, Caller, verify_access_token
from tests.support.lying_entra import (
    FOREIGN_KEY,
    HOME,
    METADATA,
    NOOR,
    OTHER_TENANT,
    OUR_KEY,
    playing_entra,
    published,
    signed,
)

API = settings.API_CLIENT_ID
LOGIC_APP = "5a4d0b0c-0000-4000-8000-00000000ca11"
PRINCIPAL = "5a4d0b0c-0000-4000-8000-00000000ca12"
CONNECTOR = "5a4d0b0c-0000-4000-8000-00000000ca13"
NOW = int(time.time())
Forgery = Callable[[], str]


def entra_claims(changes: dict[str, Any]) -> dict[str, Any]:
    """What every token of version 2 for the API contains. A change to None removes a claim."""
    now = int(time.time())
    honest = {
        "aud": API,
        "iss": f"{HOME}/v2.0",
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "tid": settings.TENANT_ID,
        "uti": "an-id",
        "ver": "2.0",
    }
    return {name: value for name, value in (honest | changes).items() if value is not None}


def of_application(**changes: Any) -> dict[str, Any]:
    own = {
        "azp": LOGIC_APP,
        "azpacr": "2",
        "idtyp": "app",
        "oid": PRINCIPAL,
        "sub": PRINCIPAL,
        "roles": ["Starters.Record", "Starters.Read"],
    }
    return entra_claims(own | changes)


def of_person(**changes: Any) -> dict[str, Any]:
    own = {
        "azp": CONNECTOR,
        "azpacr": "1",
        "oid": NOOR,
        "sub": "pairwise",
        "name": "Noor de Vries",
        "preferred_username": "noor.devries@contoso.example",
        "scp": "Starters.Record Hooks.Manage",
        "roles": ["HR"],
        "acct": 0,
    }
    return entra_claims(own | changes)


def application(**changes: Any) -> Forgery:
    return lambda: signed(of_application(**changes))


def person(**changes: Any) -> Forgery:
    return lambda: signed(of_person(**changes))


# --- Forged by hand, because PyJWT refuses to make such tokens -------------------------------------------------


def encoded(part: Any) -> bytes:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def by_hand(header: Any, claims: Any, signature: Callable[[bytes], bytes] = lambda _: b"") -> str:
    told = encoded(header) + b"." + encoded(claims)
    return b".".join((told, encoded(signature(told)))).decode()


def with_the_public_key(hash_name: str) -> Forgery:
    """The public key, which everyone knows, as the secret of an HMAC."""
    public = OUR_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    method = jwt.algorithms.HMACAlgorithm(getattr(jwt.algorithms.HMACAlgorithm, hash_name))
    return lambda: by_hand(
        {"alg": hash_name.replace("SHA", "HS"), "typ": "JWT", "kid": "current"},
        of_application(),
        lambda told: method.sign(told, public),
    )


def changed_after_signing() -> str:
    head, _, signature = signed(of_application()).split(".")
    return f"{head}.{encoded(of_application(azp=CONNECTOR)).decode()}.{signature}"


def without_its_signature() -> str:
    return signed(of_application()).rpartition(".")[0] + "."


def header_of_another_token() -> str:
    _, body, signature = signed(of_application(), algorithm="RS512").split(".")
    return f"{signed(of_application()).partition('.')[0]}.{body}.{signature}"


def by_elliptic_curve() -> str:
    return jwt.encode(
        of_application(), ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": "current"}
    )


def id_token(**changes: Any) -> Forgery:
    """What Entra issues when a person signs in: no scopes, and no application that calls."""
    honest = {"scp": None, "azp": None, "azpacr": None, "nonce": "a-nonce", "auth_time": NOW}
    return person(**(honest | changes))


def version_1(**changes: Any) -> Forgery:
    """What Entra issues for the API if its registration does not request version 2."""
    old = {"iss": f"https://sts.windows.net/{settings.TENANT_ID}/", "ver": "1.0", "aud": f"api://{API}"}
    return application(**(old | {"azp": None, "appid": LOGIC_APP, "appidacr": "2"} | changes))


# Name, how it is made, and why it is refused.
FORGERIES: tuple[tuple[str, Forgery, str], ...] = (
    # The signature
    ("unsigned", lambda: jwt.encode(of_application(), None, "none", headers={"kid": "current"}), "algorithm"),
    ("unsigned, in capitals", lambda: by_hand({"alg": "NONE", "kid": "current"}, of_application()), "algorithm"),
    ("no signature", without_its_signature, "InvalidSignatureError"),
    ("signed by someone else", lambda: signed(of_application(), FOREIGN_KEY), "InvalidSignatureError"),
    ("an unknown key", lambda: signed(of_application(), FOREIGN_KEY, kid="unknown"), "unknown key"),
    ("no name of a key", lambda: signed(of_application(), kid=""), "no key"),
    ("brings its own key", lambda: signed(of_application(), FOREIGN_KEY, jwk=published(FOREIGN_KEY)), "Signature"),
    ("points to its own keys", lambda: signed(of_application(), FOREIGN_KEY, jku="https://evil.example/keys"), "Signature"),
    ("the public key as a secret", with_the_public_key("SHA256"), "algorithm"),
    ("the public key as a long secret", with_the_public_key("SHA512"), "algorithm"),
    ("a longer hash", lambda: signed(of_application(), algorithm="RS512"), "algorithm"),
    ("another padding", lambda: signed(of_application(), algorithm="PS256"), "algorithm"),
    ("another kind of key", by_elliptic_curve, "algorithm"),
    ("another token's header", header_of_another_token, "InvalidSignatureError"),
    ("changed after signing", changed_after_signing, "InvalidSignatureError"),
    # Not a token
    ("nothing", lambda: "", "cannot be read"),
    ("a word", lambda: "garbage", "cannot be read"),
    ("three dots", lambda: "..", "cannot be read"),
    ("letters of another alphabet", lambda: "é.ü.\ud800", "cannot be read"),
    ("a header without end", lambda: by_hand(b"[" * 5000, {}), "cannot be read"),
    ("a header that is a list", lambda: by_hand(["RS256"], {}), "cannot be read"),
    ("a key named by a number", lambda: by_hand({"alg": "RS256", "kid": 7}, {}), "cannot be read"),
    ("two algorithms", lambda: by_hand({"alg": ["RS256", "none"], "kid": "current"}, {}), "algorithm"),
    ("claims without end", lambda: signed_payload(b"[" * 5000), "not good"),
    ("claims that are a list", lambda: signed_payload(b"[]"), "not good"),
    # The issuer and the audience
    ("another issuer", application(iss=f"https://login.evil.example/{settings.TENANT_ID}/v2.0"), "InvalidIssuerError"),
    ("another tenant", application(tid=OTHER_TENANT, iss=f"https://login.sandbox.invalid/{OTHER_TENANT}/v2.0"), "Issuer"),
    ("another tenant in our name", application(tid=OTHER_TENANT), "another tenant"),
    ("no tenant", application(tid=None), "`tid`"),
    ("no issuer", application(iss=None), "`iss`"),
    ("another audience", application(aud="99999999-0000-4000-8000-00000000000f"), "InvalidAudienceError"),
    ("no audience", application(aud=None), "`aud`"),
    ("an empty audience", application(aud=""), "`aud`"),
    ("the App ID URI as the audience", application(aud=f"api://{API}"), "InvalidAudienceError"),
    ("us among several audiences", application(aud=[API, "x"]), "InvalidAudienceError"),
    ("for Microsoft Graph", application(aud="https://graph.microsoft.com"), "InvalidAudienceError"),
    ("for the token exchange", application(aud="api://AzureADTokenExchange"), "InvalidAudienceError"),
    ("for the sign-in registration", application(aud=settings.SIGN_IN_CLIENT_ID), "InvalidAudienceError"),
    ("for the workload identity", application(aud=settings.AZURE_CLIENT_ID), "InvalidAudienceError"),
    ("issued to the sign-in registration", application(azp=settings.SIGN_IN_CLIENT_ID), "own registrations"),
    ("issued to the workload identity", application(azp=settings.AZURE_CLIENT_ID.upper()), "own registrations"),
    ("issued to the API itself", application(azp=API), "own registrations"),
    ("version 1", version_1(), "token"),
    ("version 1 for the client id", version_1(aud=API), "token"),
    ("version 1 under the issuer of version 2", application(ver="1.0"), "version 2"),
    ("a version as a number", application(ver=2.0), "version 2"),
    ("no version", application(ver=None), "`ver`"),
    # When
    ("expired", application(exp=NOW - 3600, iat=NOW - 7200, nbf=NOW - 7200), "ExpiredSignatureError"),
    ("expired more than a minute ago", application(exp=NOW - 90), "ExpiredSignatureError"),
    ("without an end", application(exp=None), "`exp`"),
    ("ends in words", application(exp="tomorrow"), "not good"),
    ("ends at infinity", application(exp=float("inf")), "not good"),
    ("not valid yet", application(nbf=NOW + 3600), "ImmatureSignatureError"),
    ("without a beginning", application(nbf=None), "`nbf`"),
    ("issued in the future", application(iat=NOW + 3600), "ImmatureSignatureError"),
    ("never issued", application(iat=None), "`iat`"),
    # An id token
    ("an id token of the portal's sign-in", id_token(aud=settings.SIGN_IN_CLIENT_ID), "token"),
    ("an id token for the API", id_token(), "`azp`"),
    ("an id token that names an application", id_token(azp=CONNECTOR), "id token"),
    ("an id token with scopes", id_token(azp=CONNECTOR, scp="Starters.Record"), "id token"),
    ("an id token without a nonce", id_token(azp=CONNECTOR, nonce=None), "`idtyp`"),
    # An application
    ("no application", application(azp=None), "`azp`"),
    ("an application by name", application(azp="servicenow"), "`azp` is not a GUID"),
    ("several applications", application(azp=[LOGIC_APP]), "`azp` is not a GUID"),
    ("no object id", application(oid=None), "`oid`"),
    ("an object id that is an address", application(oid="noor.devries@contoso.example"), "`oid` is not a GUID"),
    ("an object id with a line break", application(oid=f"{PRINCIPAL}\n"), "`oid` is not a GUID"),
    ("an application without a role", application(roles=None), "no role"),
    ("an application with an empty list of roles", application(roles=[]), "no role"),
    ("roles in one text", application(roles="Starters.Record"), "no role"),
    ("an application that does not say so", application(idtyp=None), "`idtyp`"),
    ("an application that says it is a person", application(idtyp="user"), "`idtyp`"),
    ("an application as a device", application(idtyp="device"), "`idtyp`"),
    ("an application with scopes", application(scp="Starters.Record"), "not a person's"),
    # A person
    ("a person without scopes", person(scp=None), "no scopes"),
    ("a person with empty scopes", person(scp=""), "no scopes"),
    ("a person with the scope of none", person(scp="/"), "no scopes"),
    ("scopes in a list", person(scp=["Starters.Record"]), "scopes cannot be read"),
    ("scopes as a number", person(scp=0), "scopes cannot be read"),
    ("a person who says to be an application", person(idtyp="app"), "not a person's"),
    ("a person without a role", person(roles=None), "role HR"),
    ("a person with another role", person(roles=["Admin", "Auditor", "Starters.Record"]), "role HR"),
    ("HR in a text", person(roles="HR"), "role HR"),
    ("a guest", person(acct=1), "guest"),
    ("a guest, in text", person(acct="1"), "guest"),
    ("perhaps a guest", person(acct=None), "`acct`"),
    ("guests in a list", person(acct=[0]), "guest"),
    ("a guest by another provider", person(idp=f"https://sts.windows.net/{OTHER_TENANT}/"), "guest"),
    ("a provider that is a list", person(idp=[]), "not good"),
    ("a name with a NUL", person(name="Noor\0de Vries"), "impossible characters"),
    ("a name with half a character", person(name="Noor \ud800"), "impossible characters"),
    ("a person by address", person(oid="noor.devries@contoso.example"), "`oid` is not a GUID"),
    # Perhaps an agent
    ("facets in an object", application(xms_act_fct={"11": True}), "could be an agent's"),
    ("facets that are true", person(xms_sub_fct=True), "could be an agent's"),
    ("facets in a list of lists", person(xms_act_fct=[["11"]]), "could be an agent's"),
)  # fmt: skip


def signed_payload(payload: bytes) -> str:
    method = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256)
    head = {"alg": "RS256", "typ": "JWT", "kid": "current"}
    return by_hand(head, payload, lambda told: method.sign(told, OUR_KEY))


@pytest.fixture(autouse=True)
def entra(monkeypatch):
    with playing_entra(monkeypatch) as one:
        yield one


def refusal_of(token: str) -> AccessTokenRefused:
    with pytest.raises(AccessTokenRefused) as refused:
        verify_access_token(token)
    return refused.value


def keys_read(entra) -> int:
    return sum(path.endswith("/keys") for path in entra.asked)


def test_the_table_of_forgeries_is_long_and_each_differs():
    names = [name for name, _forge, _why in FORGERIES]

    assert len(names) == len(set(names)) >= 45


@pytest.mark.usefixtures("no_collection_at_full_depth")
@pytest.mark.parametrize(("name", "forge", "why"), FORGERIES, ids=[name for name, *_ in FORGERIES])
def test_a_forged_token_is_refused(name, forge, why):
    refused = refusal_of(forge())

    assert refused.reason == "invalid_token"
    assert why in refused.detail


@pytest.mark.usefixtures("no_collection_at_full_depth")
def test_a_refusal_says_nothing_of_the_token():
    secrets = [
        "eyJ",
        "Noor",
        "noor.devries",
        NOOR,
        PRINCIPAL,
        LOGIC_APP,
        CONNECTOR,
        OTHER_TENANT,
        "servicenow",
    ]

    details = [refusal_of(forge()).detail for _name, forge, _why in FORGERIES]

    assert [text for text in secrets for detail in details if text in detail] == []


def test_application_with_roles_is_verified():
    assert verify_access_token(signed(of_application())) == Caller(
        tid=settings.TENANT_ID,
        application_id=LOGIC_APP,
        oid=PRINCIPAL,
        name="",
        is_person=False,
        is_agent=False,
        permissions=frozenset({"Starters.Record", "Starters.Read"}),
    )


def test_person_with_scopes_is_verified():
    assert verify_access_token(signed(of_person())) == Caller(
        tid=settings.TENANT_ID,
        application_id=CONNECTOR,
        oid=NOOR,
        name="Noor de Vries",
        is_person=True,
        is_agent=False,
        permissions=frozenset({"Starters.Record", "Hooks.Manage"}),
    )


def test_the_setting_names_this_verifier():
    assert import_string(settings.ACCESS_TOKEN_VERIFIER) is verify_access_token


GOOD = {
    "application in capitals": of_application(azp=LOGIC_APP.upper()),
    "application with an empty scope": of_application(scp=""),
    "application with a name that nobody reads": of_application(name="Logic\0App"),
    "person whose token says so": of_person(idtyp="user"),
    "member, in text": of_person(acct="0"),
    "member of our own provider": of_person(idp=f"https://sts.windows.net/{settings.TENANT_ID}/"),
    "person with further roles": of_person(roles=["Auditor", "HR"]),
    "person without a name": of_person(name=None),
}


@pytest.mark.parametrize("name", GOOD)
def test_an_unusual_but_honest_token_is_verified(name):
    caller = verify_access_token(signed(GOOD[name]))

    assert caller.application_id in (LOGIC_APP, CONNECTOR) and caller.permissions


def test_the_name_of_a_person_loses_hidden_characters():
    assert verify_access_token(signed(of_person(name="Ha\u202enna\u200b Reuter"))).name == "Hanna Reuter"


@pytest.mark.parametrize("change", [{"nbf": 30, "iat": 30}, {"exp": -30}])
def test_clocks_may_differ_by_half_a_minute(change, time_machine):
    time_machine.move_to(NOW, tick=False)
    times = {name: NOW + seconds for name, seconds in change.items()}

    assert verify_access_token(signed(of_application(**times))).application_id == LOGIC_APP


@pytest.mark.parametrize("roles", [[permission] for permission in PERMISSIONS] + [list(PERMISSIONS)])
def test_each_permission_is_reported(roles):
    as_application = verify_access_token(signed(of_application(roles=roles)))
    as_person = verify_access_token(signed(of_person(scp=" ".join(roles))))

    assert as_application.permissions == as_person.permissions == frozenset(roles)


@pytest.mark.parametrize(
    "claims",
    [
        of_application(roles=["Tickets.Read", "HR", "starters.record", "Starters.Record "]),
        of_application(roles=[["Starters.Record"], None, 7]),
        of_person(scp="User.Read Starters.RecordAll"),
        of_person(scp="User.Read", roles=["HR", *PERMISSIONS]),
    ],
    ids=["other roles", "roles of other types", "other scopes", "roles for scopes"],
)
def test_unknown_permissions_are_left_out(claims):
    assert verify_access_token(signed(claims)).permissions == frozenset()


AGENTS = {
    "an actor in Microsoft's form": {"xms_act_fct": "3 9 11"},
    "an actor at the beginning": {"xms_act_fct": "11 9 3"},
    "an actor as a number": {"xms_act_fct": 11},
    "an actor in a list of texts": {"xms_act_fct": ["9", "11"]},
    "an actor in a list of numbers": {"xms_act_fct": [9, 11]},
    "an actor in a list of one text": {"xms_act_fct": ["3 9 11"]},
    "a subject": {"xms_sub_fct": "9 3 11"},
    "the user account of an agent": {"xms_sub_fct": "13"},
    "an application with a parent": {"xms_par_app_azp": LOGIC_APP},
    "both, and no scope": {"xms_act_fct": "11", "xms_sub_fct": "11", "scp": "/"},
}


@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_is_reported_as_one(name):
    assert verify_access_token(signed(of_application(**AGENTS[name]))).is_agent


def test_an_agent_for_a_person_is_reported_as_one():
    caller = verify_access_token(signed(of_person(idtyp="user", xms_act_fct="3 9 11", xms_sub_fct="2 3")))

    assert caller.is_agent and caller.is_person


@pytest.mark.parametrize("facets", ["3 9", "1 1", "110 111", "", 3, [], ["3", 9]])
def test_other_facets_make_no_agent(facets):
    assert not verify_access_token(signed(of_application(xms_act_fct=facets, xms_sub_fct=facets))).is_agent


def test_without_an_api_registration_nothing_is_verified(settings):
    settings.API_CLIENT_ID = ""

    for token in (signed(of_application()), signed(of_application(aud=""))):
        assert "API_CLIENT_ID is not set" in refusal_of(token).detail


@pytest.mark.parametrize(
    "keys_answer",
    [(503, b""), (200, b"<html>"), (200, {"keys": []}), (200, []), (200, {"keys": "none"}), (200, {})],
    ids=["an error", "a page", "no keys", "a list", "a text", "nothing"],
)
def test_unreadable_keys_are_no_fault_of_the_token(entra, keys_answer):
    entra.keys_answer = keys_answer

    assert refusal_of(signed(of_application())).reason == "unavailable"


def test_unreachable_microsoft_is_no_fault_of_the_token(entra, monkeypatch):
    def unreachable(*args: Any, **kwargs: Any) -> None:
        raise requests.ConnectionError("name or service not known")

    monkeypatch.setattr(entra, "send", unreachable)

    assert refusal_of(signed(of_application())).reason == "unavailable"


def test_keys_are_not_read_without_tls(entra, monkeypatch):
    monkeypatch.setitem(METADATA, "jwks_uri", f"http://login.sandbox.invalid/{settings.TENANT_ID}/keys")

    assert refusal_of(signed(of_application())).reason == "unavailable"
    assert keys_read(entra) == 0


def test_a_token_of_another_algorithm_costs_no_request(entra):
    for name, forge, why in FORGERIES:
        if why == "algorithm" or why == "cannot be read":
            assert refusal_of(forge()).reason == "invalid_token", name

    assert entra.asked == []


def tokens_with_unknown_keys(count: int) -> Iterable[str]:
    return (signed(of_application(), FOREIGN_KEY, kid=f"unknown-{number}") for number in range(count))


@pytest.mark.parametrize(("pause", "reads"), [(86400, 2), (0, 21)])
def test_unknown_keys_cause_a_request_only_after_a_pause(entra, monkeypatch, pause, reads):
    monkeypatch.setattr(tokens, "UNKNOWN_KEY_PAUSE", pause)
    verify_access_token(signed(of_application()))

    for token in tokens_with_unknown_keys(20):
        assert "unknown key" in refusal_of(token).detail

    assert keys_read(entra) == reads
    assert verify_access_token(signed(of_application()))


def test_new_keys_are_found_at_once(entra):
    verify_access_token(signed(of_application()))

    for name in ("new", "newer"):
        entra.keys_answer = (200, {"keys": [published(FOREIGN_KEY) | {"kid": name}]})
        assert verify_access_token(signed(of_application(), FOREIGN_KEY, kid=name)).permissions
