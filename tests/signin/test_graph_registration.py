"""An app registration calls Graph with the managed identity as its credential, or the identity calls Graph itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from onboarding import graph
from onboarding.doctor.runner import run_checks
from portal import identity
from portal.sandbox.identity import app_claims
from portal.sandbox.options import GRAPH_RESOURCE, IDENTITY_PRINCIPAL_ID, TOKEN_EXCHANGE_AUDIENCE, Options
from portal.sandbox.people import BY_KEY
from portal.sandbox.server import Sandbox
from tests.conftest import forget_everything_cached

REGISTRATION = "88888888-9999-4aaa-8bbb-000000000000"
OTHER = "99999999-9999-4aaa-8bbb-000000000000"
HOUR = 3600


@pytest.fixture
def sandbox(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A tenant where an app registration has the permissions in Graph, and the managed identity has none."""
    with Sandbox(port=0, options=Options(graph_client_id=REGISTRATION)) as sandbox:
        settings.SANDBOX_URL = settings.GRAPH_URL = sandbox.url
        settings.GRAPH_CLIENT_ID = settings.GRAPH_APPLICATION_ID = REGISTRATION
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", sandbox.url)
        forget_everything_cached()
        yield sandbox
    forget_everything_cached()


def claims_of(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def test_the_registration_gets_an_hour_and_the_permissions(sandbox: Sandbox) -> None:
    claims = claims_of(identity.workload_identity().graph_token())

    assert claims["appid"] == REGISTRATION
    assert claims["exp"] - claims["iat"] == HOUR
    assert set(claims["roles"]) == sandbox.tenant.granted
    assert graph.client().list_passes(BY_KEY["noor"].object_id) == ()


def test_without_the_variable_the_identity_calls_graph_itself(tenant: Sandbox) -> None:
    claims = claims_of(identity.workload_identity().graph_token())

    assert claims["appid"] == tenant.tenant.options.identity_client_id
    assert claims["exp"] - claims["iat"] > 20 * HOUR


def test_beside_the_registration_the_identity_has_no_permissions(sandbox: Sandbox) -> None:
    assert "roles" not in claims_of(identity.ManagedIdentity().graph_token())


def test_the_database_still_sees_the_managed_identity(settings: Any) -> None:
    settings.GRAPH_CLIENT_ID = REGISTRATION
    source, asked = identity.RegistrationOfManagedIdentity(), []
    source._identity.database_token = lambda: asked.append("identity") or "a-token"  # type: ignore[method-assign, func-returns-value]

    assert (source.database_token(), asked) == ("a-token", ["identity"])


def test_sign_in_uses_the_managed_identity_too(sandbox: Sandbox) -> None:
    assertion = identity.workload_identity().sign_in_credential()["client_assertion"]()

    assert claims_of(assertion)["sub"] == IDENTITY_PRINCIPAL_ID


def test_a_new_grant_counts_with_the_next_token(sandbox: Sandbox) -> None:
    source = identity.workload_identity()
    sandbox.tenant.granted.discard("AuditLog.Read.All")
    before = claims_of(source.graph_token())
    sandbox.tenant.granted.add("AuditLog.Read.All")

    after = claims_of(source.graph_token(fresh=True))

    assert "AuditLog.Read.All" not in before["roles"] and "AuditLog.Read.All" in after["roles"]


# --- A wrong assertion -------------------------------------------------------------------------------------------------


def assertion_of(sandbox: Sandbox, **changed: Any) -> str:
    """The managed identity's token for the exchange, with some claims changed."""
    claims = app_claims(
        sandbox.tenant,
        sandbox.tenant.options.identity_client_id,
        TOKEN_EXCHANGE_AUDIENCE,
        IDENTITY_PRINCIPAL_ID,
    )
    return sandbox.tenant.keys.sign_token({**claims, **changed})


WRONG = {
    "audience": ({"aud": GRAPH_RESOURCE}, "AADSTS700212"),
    "issuer": ({"iss": Options.issuer_of(OTHER)}, "AADSTS700211"),
    "subject": ({"sub": OTHER}, "AADSTS700213"),
    "expired": ({"exp": 1_000_000_000}, "AADSTS700024"),
}


@pytest.mark.parametrize(("changed", "code"), WRONG.values(), ids=WRONG)
def test_a_wrong_assertion_gives_no_token(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], code: str
) -> None:
    monkeypatch.setattr(
        identity.ManagedIdentity, "_client_assertion", lambda _: assertion_of(sandbox, **changed)
    )

    with pytest.raises(identity.TokenUnavailable, match=code):
        identity.workload_identity().graph_token()


def test_an_assertion_with_another_signature_gives_no_token(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged = jwt.encode(claims_of(assertion_of(sandbox)), generate_private_key(65537, 2048), "RS256")
    monkeypatch.setattr(identity.ManagedIdentity, "_client_assertion", lambda _: forged)

    with pytest.raises(identity.TokenUnavailable, match="AADSTS700027"):
        identity.workload_identity().graph_token()


def test_without_trust_in_the_identity_there_is_no_token(sandbox: Sandbox) -> None:
    sandbox.tenant.registrations.federated.clear()

    with pytest.raises(identity.TokenUnavailable, match="AADSTS700213"):
        identity.workload_identity().graph_token()


def test_without_a_managed_identity_there_is_no_token(sandbox: Sandbox, settings: Any) -> None:
    settings.AZURE_CLIENT_ID = OTHER

    with pytest.raises(identity.TokenUnavailable, match="AZURE_CLIENT_ID"):
        identity.workload_identity().graph_token()


def test_an_expired_token_is_replaced_without_a_restart(sandbox: Sandbox) -> None:
    client = graph.client()
    client.list_passes(BY_KEY["noor"].object_id)
    sandbox.tenant.expire_tokens()

    assert client.list_passes(BY_KEY["noor"].object_id) == ()


# --- What the doctor and the logs say ------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("choice", ["registration", "identity"])
def test_the_doctor_says_which_is_in_use(
    request: pytest.FixtureRequest, choice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    request.getfixturevalue("sandbox" if choice == "registration" else "tenant")
    said = {result.id: (result.state, result.detail) for result in run_checks()}

    kinds = {
        "registration": "app registration with the managed identity as its credential",
        "identity": "managed identity",
    }
    for check in ("identity.token", "identity.who"):
        assert said[check][0] == "ok" and said[check][1].endswith(f"with: {kinds[choice]}."), said[check]


@pytest.mark.django_db
def test_the_doctor_names_the_variable_that_is_wrong(sandbox: Sandbox, settings: Any) -> None:
    settings.GRAPH_APPLICATION_ID = OTHER
    found = {result.id: result for result in run_checks()}["identity.who"]

    assert found.state == "wrong" and f"GRAPH_CLIENT_ID is set to {OTHER}" in found.detail


LEFT = "UserAuthenticationMethod.ReadWrite.All"


@pytest.mark.django_db
@pytest.mark.parametrize("left", [[], [LEFT]], ids=["nothing", "a permission"])
def test_the_doctor_finds_permissions_left_with_the_identity(sandbox: Sandbox, left: list[str]) -> None:
    sandbox.tenant.registrations.other_grants[IDENTITY_PRINCIPAL_ID] = left

    found = {result.id: result for result in run_checks()}["identity.credential"]

    assert found.state == ("wrong" if left else "ok")
    assert (LEFT in found.detail) == bool(left)


def test_entras_log_names_the_registration(sandbox: Sandbox) -> None:
    graph.client().create_pass(BY_KEY["noor"].object_id, lifetime_minutes=60, request_id=UUID(OTHER))

    assert sandbox.tenant.audit_log.entries[-1].app["displayName"] == "Starter pass portal"
