"""Tokens for the portal itself: managed identity, federated token, certificate; and never a secret."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import jwt
import msal
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.x509.oid import NameOID

from portal.sandbox.options import GRAPH_RESOURCE, IDENTITY_PRINCIPAL_ID, TOKEN_EXCHANGE_AUDIENCE
from portal.sandbox.server import Sandbox
from portal.sandbox.transport import SandboxLoginAdapter, on_sandbox
from tests.sandbox.sandbox_visitor import Visitor


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    with Sandbox() as sandbox, Visitor(sandbox) as someone:
        yield someone


@pytest.fixture
def http(visitor: Visitor) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.mount("https://login.sandbox.invalid", SandboxLoginAdapter(visitor.url))
        yield session


def application(
    visitor: Visitor, http: requests.Session, credential: object
) -> msal.ConfidentialClientApplication:
    return msal.ConfidentialClientApplication(
        visitor.options.identity_client_id,
        authority=f"https://login.sandbox.invalid/{visitor.options.tenant_id}",
        client_credential=credential,
        http_client=http,
        instance_discovery=False,
    )


def graph_token(app: msal.ConfidentialClientApplication) -> dict[str, object]:
    return dict(app.acquire_token_for_client([f"{GRAPH_RESOURCE}/.default"]))


def test_a_graph_token_names_the_granted_permissions(visitor: Visitor) -> None:
    claims = jwt.decode(visitor.imds().json()["access_token"], options={"verify_signature": False})

    assert claims["aud"] == GRAPH_RESOURCE
    assert "UserAuthMethod-TAP.ReadWrite.All" in claims["roles"]


def test_assertion_contains_the_principal_and_no_permission(visitor: Visitor) -> None:
    token = visitor.imds(TOKEN_EXCHANGE_AUDIENCE).json()["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})

    assert (claims["sub"], claims["aud"]) == (IDENTITY_PRINCIPAL_ID, TOKEN_EXCHANGE_AUDIENCE)
    assert "roles" not in claims


@pytest.mark.parametrize(
    ("headers", "query", "error"),
    [
        ({}, {}, "invalid_request"),
        ({"Metadata": "true", "X-Forwarded-For": "10.0.0.1"}, {}, "invalid_request"),
        (None, {"api-version": "1999-01-01"}, "invalid_request"),
        (None, {"resource": "https://vault.azure.net"}, "invalid_resource"),
        (None, {"client_id": "00000000-0000-0000-0000-000000000000"}, "invalid_request"),
    ],
    ids=["no header", "proxied", "version", "resource", "identity"],
)
def test_the_metadata_service_refuses_what_the_real_one_refuses(
    visitor: Visitor, headers: dict[str, str] | None, query: dict[str, str], error: str
) -> None:
    asked = {"resource": GRAPH_RESOURCE, **query}
    answer = visitor.imds(asked.pop("resource"), headers, **asked)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_app_service_requires_its_header(visitor: Visitor) -> None:
    query = {
        "api-version": "2019-08-01",
        "resource": GRAPH_RESOURCE,
        "client_id": visitor.options.identity_client_id,
    }

    without = requests.get(f"{visitor.url}/msi/token", params=query, timeout=30)
    with_it = requests.get(
        f"{visitor.url}/msi/token", params=query, headers={"X-IDENTITY-HEADER": "sandbox"}, timeout=30
    )

    assert without.status_code == 401
    assert int(with_it.json()["expires_on"]) > 0


def test_only_a_current_projected_token_gets_a_graph_token(visitor: Visitor, http: requests.Session) -> None:
    good, old = (visitor.change(projected_token=seconds)["projected_token"] for seconds in (3600, -3600))

    assert "access_token" in graph_token(application(visitor, http, {"client_assertion": lambda: good}))
    assert graph_token(application(visitor, http, {"client_assertion": lambda: old}))["error_codes"] == [
        700024
    ]


def test_the_managed_identity_is_no_credential_of_its_own_registration(
    visitor: Visitor, http: requests.Session
) -> None:
    token = visitor.imds(TOKEN_EXCHANGE_AUDIENCE).json()["access_token"]

    assert graph_token(application(visitor, http, {"client_assertion": lambda: token}))["error_codes"] == [
        700213
    ]


def test_registered_certificate_gets_a_graph_token(visitor: Visitor, http: requests.Session) -> None:
    key, certificate = certificate_pair()
    credential = {"private_key": key, "public_certificate": certificate}

    before = graph_token(application(visitor, http, credential))
    visitor.change(certificate=certificate)

    assert before["error_codes"] == [700027]
    assert "access_token" in graph_token(application(visitor, http, credential))


def test_a_client_secret_is_refused(visitor: Visitor, http: requests.Session) -> None:
    assert graph_token(application(visitor, http, "secret"))["error_codes"] == [7000215]


def test_only_the_reserved_origin_is_mapped_to_the_sandbox() -> None:
    assert (
        on_sandbox("https://login.sandbox.invalid/t/x?y=1", "http://127.0.0.1:1")
        == "http://127.0.0.1:1/t/x?y=1"
    )
    assert on_sandbox("https://login.sandbox.invalid.evil.example/", "http://127.0.0.1:1").startswith(
        "https://"
    )
    assert on_sandbox("https://login.microsoftonline.com/t", "http://127.0.0.1:1").startswith(
        "https://login.micro"
    )


def certificate_pair() -> tuple[str, str]:
    key = generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "portal")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()
