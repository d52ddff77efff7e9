"""Only a current token of Entra for this portal and browser starts a session.

An adapter inside `requests` plays Entra, so that it can send any false answer. MSAL and our checks are real.
"""

from __future__ import annotations

import base64
import json
import logging
import time
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from django.conf import settings
from django.test import Client

from portal.logs.log_format import JsonFormatter
from portal.models import User
from tests.support.lying_entra import (
    FOREIGN_KEY,
    LIAM,
    METADATA,
    NOOR,
    OTHER_TENANT,
    OUR_KEY,
    come_back,
    leave,
    playing_entra,
    published,
    signed,
)

pytestmark = pytest.mark.django_db


def unsigned(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, None, "none", headers={"kid": "current"})


def signed_with_the_public_key_as_a_secret(claims: dict[str, Any]) -> str:
    """Encoded by hand, because PyJWT refuses to create such a token."""
    public = OUR_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "typ": "JWT", "kid": "current"}, claims)
    )
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(head + b"." + body, public)
    return b".".join((head, body, base64.urlsafe_b64encode(mac).rstrip(b"="))).decode()


def bringing_its_own_key(claims: dict[str, Any]) -> str:
    return signed(claims, FOREIGN_KEY, jwk=published(FOREIGN_KEY))


def changed_after_signing(claims: dict[str, Any]) -> str:
    head, _, mac = signed(claims).split(".")
    body = base64.urlsafe_b64encode(json.dumps(claims | {"oid": LIAM}).encode()).rstrip(b"=").decode()
    return f"{head}.{body}.{mac}"


@pytest.fixture
def entra(monkeypatch):
    with playing_entra(monkeypatch) as played:
        yield played


@pytest.fixture(autouse=True)
def nothing_told(entra, caplog):
    """No log names the person or contains a token, a code, the state or the nonce."""
    caplog.set_level(logging.DEBUG)
    yield
    records = caplog.get_records("call")
    told = "".join(JsonFormatter().format(record) for record in records)
    assert records
    secrets = ["Noor", "Liam", "noor.devries", "eyJ", "a-code", "vouched", *filter(None, [entra.nonce])]
    assert [secret for secret in secrets if secret in told] == []


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def says(response) -> str:
    return " ".join(response.content.decode().split())


def test_valid_token_begins_a_session(client, entra):
    response = come_back(client, entra, "/signin/?next=/hr/")

    assert response.status_code == 302 and response["Location"] == "/hr/"
    assert is_signed_in(client)


NOW = int(time.time())
CLAIMS = {
    "foreign issuer": (
        {"iss": f"https://login.evil.example/{settings.TENANT_ID}/v2.0"},
        "could not verify",
    ),
    "issuer of version 1": (
        {"iss": f"https://sts.windows.net/{settings.TENANT_ID}/"},
        "could not verify",
    ),
    "another application": ({"aud": "99999999-0000-4000-8000-00000000000f"}, "could not verify"),
    "us among several applications": ({"aud": [settings.SIGN_IN_CLIENT_ID, "x"]}, "could not verify"),
    "another tenant": (
        {"tid": OTHER_TENANT, "iss": f"https://login.sandbox.invalid/{OTHER_TENANT}/v2.0"},
        "another organisation",
    ),
    "another tenant in our name": ({"tid": OTHER_TENANT}, "another organisation"),
    "no tenant": ({"tid": None}, "could not verify"),
    "another sign-in's nonce": ({"nonce": "0" * 64}, "could not verify"),
    "no nonce": ({"nonce": None}, "could not verify"),
    "expired": ({"exp": NOW - 3600, "iat": NOW - 7200, "nbf": NOW - 7200}, "could not verify"),
    "without an end": ({"exp": None}, "could not verify"),
    "not valid yet": ({"nbf": NOW + 3600}, "could not verify"),
    "issued in the future": ({"iat": NOW + 3600}, "could not verify"),
    "no object id": ({"oid": None}, "could not verify"),
    "an address in place of an object id": ({"oid": "noor.devries@contoso.example"}, "could not verify"),
    "a list in place of an object id": ({"oid": [NOOR]}, "could not verify"),
    "a guest": ({"acct": 1}, "guest account"),
    "a guest, in text": ({"acct": "1"}, "guest account"),
    "a guest by another provider": ({"idp": f"https://sts.windows.net/{OTHER_TENANT}/"}, "guest account"),
    "perhaps a guest": ({"acct": None}, "not fully set up"),
    "no time of authentication": ({"auth_time": None}, "not fully set up"),
    "authenticated in the future": ({"auth_time": NOW + 3600}, "could not verify"),
    "authenticated in words": ({"auth_time": "now"}, "could not verify"),
}
SIGNATURES = {
    "unsigned": unsigned,
    "signed by someone else": lambda claims: signed(claims, FOREIGN_KEY),
    "signed by an unknown key": lambda claims: signed(claims, FOREIGN_KEY, kid="unknown"),
    "without a key's name": lambda claims: signed(claims, kid=""),
    "another algorithm": lambda claims: signed(claims, algorithm="RS512"),
    "our public key as a secret": signed_with_the_public_key_as_a_secret,
    "bringing its own key": bringing_its_own_key,
    "changed after signing": changed_after_signing,
    "not a token": lambda claims: "garbage",
    "three dots": lambda claims: "..",
    "nothing": lambda claims: "",
    "a number": lambda claims: 7,
}


@pytest.mark.parametrize("name", CLAIMS)
def test_token_with_a_wrong_claim_begins_no_session(client, entra, name):
    entra.changes, text = CLAIMS[name]

    response = come_back(client, entra)

    assert response.status_code == 403
    assert text in says(response)
    assert not is_signed_in(client) and not User.objects.exists()


@pytest.mark.parametrize("name", SIGNATURES)
def test_unsigned_or_foreign_token_begins_no_session(client, entra, name):
    entra.sign = SIGNATURES[name]

    response = come_back(client, entra)

    assert response.status_code == 403
    assert "could not verify" in says(response)
    assert not is_signed_in(client) and not User.objects.exists()


def test_sign_in_answer_works_once(client, entra):
    query = leave(client, entra)
    cookies = dict(client.cookies)
    client.get("/signin/callback/", query)
    client.session.flush()
    assert client.cookies[next(iter(cookies))].value == ""
    client.cookies.update(cookies)  # somebody kept a copy of them

    response = client.get("/signin/callback/", query)

    assert response.status_code == 400 and "This sign-in is no longer valid" in says(response)
    assert not is_signed_in(client)


def test_sign_in_answer_works_only_in_its_own_browser(client, entra):
    query = leave(client, entra)
    other = Client()
    leave(other, entra)  # it has its own binding cookie

    for browser in (other, Client()):
        response = browser.get("/signin/callback/", query)

        assert response.status_code == 400
        assert not is_signed_in(browser)
    assert "/oauth2/v2.0/token" not in "".join(entra.asked)


def test_sign_in_answer_expires_after_ten_minutes(client, entra, time_machine):
    query = leave(client, entra)
    time_machine.move_to(time.time() + 601)

    assert client.get("/signin/callback/", query).status_code == 400
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"state": "of-someone-else"}, 400),
        ({"state": ""}, 400),
        ({"code": ["a-code", "another"]}, 403),
        ({"state": ["", "x"]}, 403),
        ({"code": ""}, 403),
    ],
)
def test_changed_sign_in_answer_begins_no_session(client, entra, query, status):
    entra.token_answer = (400, {"error": "invalid_grant"}) if query == {"code": ""} else None

    assert come_back(client, entra, **query).status_code == status
    assert not is_signed_in(client)


def test_sign_in_answer_without_a_code_begins_no_session(client, entra):
    query = leave(client, entra)

    assert client.get("/signin/callback/", {"state": query["state"]}).status_code == 403
    assert not is_signed_in(client)


def test_sign_in_answer_by_post_is_refused(entra):
    client = Client(enforce_csrf_checks=True)
    query = leave(client, entra)

    assert client.post("/signin/callback/", query).status_code in {403, 405}
    assert client.head("/signin/callback/", query).status_code == 405
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ({"error": "access_denied", "error_description": "AADSTS65004: declined"}, 400, "was cancelled"),
        (
            {"error": "access_denied", "error_description": "AADSTS50105: not assigned"},
            403,
            "has no access to this portal",
        ),
        ({"error": "<script>alert(1)</script>"}, 403, "could not verify"),
    ],
)
def test_an_error_from_microsoft_becomes_a_page(client, entra, query, status, text):
    state = leave(client, entra)["state"]

    response = client.get("/signin/callback/", {"state": state} | query)

    assert response.status_code == status and text in says(response)
    assert "alert(1)" not in says(response)
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    ("token_answer", "status"),
    [
        ((400, {"error": "invalid_grant", "error_description": "AADSTS70008: expired"}), 403),
        ((200, {"access_token": "x", "token_type": "Bearer"}), 403),
        ((200, b"<html>"), 403),
        ((200, {"id_token": {"not": "text"}}), 403),
        ((500, {"error": "temporarily_unavailable"}), 503),
    ],
)
def test_code_without_a_token_begins_no_session(client, entra, token_answer, status):
    entra.token_answer = token_answer

    assert come_back(client, entra).status_code == status
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    ("keys_answer", "status"),
    [
        ((503, b""), 503),
        ((200, b"<html>"), 503),
        ((200, {"keys": []}), 403),
        ((200, {"keys": [published(FOREIGN_KEY)]}), 403),
        ((200, {"keys": [{"kty": "oct", "kid": "current", "k": "c2VjcmV0"}]}), 403),
    ],
)
def test_wrong_signing_keys_begin_no_session(client, entra, keys_answer, status):
    entra.keys_answer = keys_answer

    assert come_back(client, entra).status_code == status
    assert not is_signed_in(client)


def test_keys_are_not_read_without_tls(client, entra, monkeypatch):
    monkeypatch.setitem(METADATA, "jwks_uri", f"http://login.sandbox.invalid/{settings.TENANT_ID}/keys")

    assert come_back(client, entra).status_code == 403
    assert not [path for path in entra.asked if path.endswith("/keys")]


def test_signing_keys_are_read_daily_and_for_an_unknown_key(client, entra):
    come_back(client, entra)
    come_back(client, entra)
    assert sum(path.endswith("/keys") for path in entra.asked) == 1
    assert sum(path.endswith("/openid-configuration") for path in entra.asked) == 2  # MSAL's and ours

    entra.sign = SIGNATURES["signed by an unknown key"]
    come_back(client, entra)
    assert sum(path.endswith("/keys") for path in entra.asked) == 2


def test_unreachable_microsoft_gets_a_page(client, entra, monkeypatch):
    def unreachable(*args, **kwargs):
        raise requests.ConnectionError("name or service not known")

    monkeypatch.setattr(entra, "send", unreachable)

    response = client.get("/signin/")

    assert response.status_code == 503 and "could not reach" in says(response)
    assert not client.cookies


def test_another_person_cannot_answer_a_step_up(client, entra):
    come_back(client, entra)
    before = client.session["auth_time"]
    entra.changes = {"oid": LIAM, "name": "Liam O'Brien"}

    response = come_back(client, entra, "/signin/again/?next=/")

    assert response.status_code == 403 and "different account" in says(response)
    assert client.session["auth_time"] == before
    assert User.objects.get(pk=client.session["_auth_user_id"]).oid == NOOR


def test_an_earlier_sign_in_cannot_answer_a_step_up(client, entra):
    come_back(client, entra)
    before = client.session["auth_time"]
    entra.changes = {"auth_time": NOW - 600}

    response = come_back(client, entra, "/signin/again/?next=/")

    assert response.status_code == 403 and "you must sign in again" in says(response)
    assert client.session["auth_time"] == before


# --- A step-up for one purpose, with an authentication context ------------------------------------------------------

NOORS, LIAMS = "purpose-of-noor", "purpose-of-liam"


def context_of(purpose: str, *, person: Any) -> str:
    """A replacement for the function of the setting STEP_UP_CONTEXT."""
    return {NOORS: "c1", LIAMS: "c2"}.get(purpose, "")


@pytest.fixture
def signed_in(client, entra, settings):
    """Noor, who signed in a while ago at a portal that requires a context for each purpose."""
    settings.STEP_UP_CONTEXT = f"{__name__}.context_of"
    entra.changes = {"auth_time": NOW - 900}
    come_back(client, entra)
    entra.changes = {}
    return client


def proofs(client: Client) -> dict[str, Any]:
    return client.session.get("step_ups", {})


def step_up_path(purpose: str) -> str:
    return f"/signin/again/?{urlencode({'next': '/', 'for': purpose})}"


MET = {
    "a list of one": ["c1"],
    "text": "c1",
    "among others": ["c9", "c1", 7, None],
}
NOT_MET: dict[str, Any] = {
    "missing": None,
    "an empty list": [],
    "nothing, as text": "",
    "another context": ["c2"],
    "another context as text": "c2",
    "a longer name": ["c10", "c11"],
    "a name around it": ["xc1", "c1x", " c1", "c1 "],
    "capitals": ["C1"],
    "several in one text": "c1 c2",
    "a list written as text": '["c1"]',
    "a list in a list": [["c1"]],
    "an object": {"c1": True},
    "an object of OpenID Connect": {"essential": True, "value": "c1"},
    "a plain yes": True,
    "a number": 1,
}


@pytest.mark.parametrize("name", MET)
def test_met_context_is_a_proof_for_its_purpose_only(signed_in, entra, name):
    entra.changes = {"acrs": MET[name]}

    response = come_back(signed_in, entra, step_up_path(NOORS))

    assert response.status_code == 302
    assert list(proofs(signed_in)) == [NOORS]
    proof = proofs(signed_in)[NOORS]
    assert (proof["for"], proof["oid"]) == (NOORS, NOOR) and "c1" in proof["contexts"]
    assert len(bytes.fromhex(proof["id"])) == 16
    assert proof["at"] == signed_in.session["auth_time"] >= NOW


@pytest.mark.parametrize("name", NOT_MET)
def test_a_token_without_the_context_proves_nothing(signed_in, entra, name):
    before = signed_in.session["auth_time"]
    entra.changes = {"acrs": NOT_MET[name]}

    response = come_back(signed_in, entra, step_up_path(NOORS))

    assert response.status_code == 403 and "This step needs a stronger sign-in" in says(response)
    assert proofs(signed_in) == {}
    assert signed_in.session["auth_time"] == before and is_signed_in(signed_in)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"oid": LIAM}, "different account"),
        ({"auth_time": NOW - 600}, "you must sign in again"),
        ({"auth_time": None}, "not fully set up"),
        ({"auth_time": NOW + 3600}, "could not verify"),
        ({"nonce": "0" * 64}, "could not verify"),
        ({"tid": OTHER_TENANT}, "another organisation"),
        ({"aud": "99999999-0000-4000-8000-00000000000f"}, "could not verify"),
        ({"exp": NOW - 3600, "iat": NOW - 7200, "nbf": NOW - 7200}, "could not verify"),
    ],
    ids=[
        "other person",
        "stale",
        "undated",
        "ahead",
        "other sign-in",
        "other tenant",
        "other app",
        "expired",
    ],
)
def test_context_counts_only_in_a_valid_current_token(signed_in, entra, changes, text):
    before = signed_in.session["auth_time"]
    entra.changes = {"acrs": ["c1"]} | changes

    response = come_back(signed_in, entra, step_up_path(NOORS))

    assert response.status_code == 403 and text in says(response)
    assert proofs(signed_in) == {} and signed_in.session["auth_time"] == before


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_context_that_entra_did_not_sign_proves_nothing(signed_in, entra, name):
    entra.changes, entra.sign = {"acrs": ["c1"]}, SIGNATURES[name]

    response = come_back(signed_in, entra, step_up_path(NOORS))

    assert response.status_code == 403 and proofs(signed_in) == {}
    assert "could not verify" in says(response)


def test_proof_for_one_purpose_does_not_serve_another(signed_in, entra):
    entra.changes = {"acrs": ["c1"]}
    come_back(signed_in, entra, step_up_path(NOORS))
    first = proofs(signed_in)

    response = come_back(signed_in, entra, step_up_path(LIAMS))  # this purpose needs c2

    assert response.status_code == 403 and "needs a stronger sign-in" in says(response)
    assert proofs(signed_in) == first


def test_answer_for_one_purpose_cannot_serve_another(signed_in, entra):
    """Two step-ups are in progress; the token of the first comes with the state of the second."""
    entra.changes = {"acrs": ["c1", "c2"]}
    first = leave(signed_in, entra, step_up_path(NOORS))
    nonce = entra.nonce
    second = leave(signed_in, entra, step_up_path(LIAMS))
    entra.nonce = nonce

    assert signed_in.get("/signin/callback/", second).status_code == 403
    assert proofs(signed_in) == {}
    assert signed_in.get("/signin/callback/", first).status_code == 302
    assert list(proofs(signed_in)) == [NOORS]


def test_used_answer_makes_no_second_proof(signed_in, entra):
    entra.changes = {"acrs": ["c1"]}
    query = leave(signed_in, entra, step_up_path(NOORS))
    signed_in.get("/signin/callback/", query)
    first = proofs(signed_in)

    assert signed_in.get("/signin/callback/", query).status_code == 400
    assert proofs(signed_in) == first


def test_each_step_up_makes_a_proof_of_its_own(signed_in, entra):
    entra.changes = {"acrs": ["c1"]}
    ids = set()
    for _ in range(2):
        come_back(signed_in, entra, step_up_path(NOORS))
        ids.add(proofs(signed_in)[NOORS]["id"])

    assert len(ids) == 2 and len(proofs(signed_in)) == 1


@pytest.mark.parametrize("path", ["/signin/?next=/&for=purpose-of-noor", "/signin/again/?next=/"])
def test_unrequested_context_proves_nothing(signed_in, entra, path):
    entra.changes = {"acrs": ["c1", "c2"]}

    assert come_back(signed_in, entra, path).status_code == 302
    assert proofs(signed_in) == {}


def test_proofs_end_with_the_session(signed_in, entra):
    entra.changes = {"acrs": ["c1"]}
    come_back(signed_in, entra, step_up_path(NOORS))
    entra.changes = {"oid": LIAM}

    come_back(signed_in, entra)  # another person signs in, in the same browser

    assert is_signed_in(signed_in) and proofs(signed_in) == {}


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "http:evil.example",
        "evil",
        " //evil.example",
        "/\t/evil.example",
        "/" + "x" * 3000,
        "/signin/callback/",
        "/signout/",
    ],
)
def test_sign_in_never_redirects_to_another_site(client, entra, wanted):
    response = come_back(client, entra, f"/signin/?{urlencode({'next': wanted})}")

    assert response["Location"] == "/"
    assert is_signed_in(client)
