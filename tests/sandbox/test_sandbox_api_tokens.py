"""Tokens for the portal's API, as Entra issues them: to other products, managed identities and people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
import requests
from django.conf import settings as portal_settings

from portal.sandbox.api_registration import (
    API_PRINCIPAL_ID,
    CONNECTOR,
    LOGIC_APP,
    PERMISSIONS,
    REPORT_TOOL,
    SERVICE_NOW,
    CallingApplication,
)
from portal.sandbox.options import GRAPH_RESOURCE, IDENTITY_PRINCIPAL_ID, OTHER_TENANT_ID, Options
from portal.sandbox.people import BY_KEY
from portal.sandbox.server import Sandbox
from portal.signin.access_tokens import AccessTokenRefused, verify_access_token
from portal.signin.tokens import signing_keys
from tests.sandbox.sandbox_visitor import Visitor

API = Options().api_client_id
SCOPES = "".join(f"api://{API}/{name} " for name in PERMISSIONS[:2]).strip()


class Product(Visitor):
    """Another product, with its secret or its managed identity."""

    def token_answer(self, caller: CallingApplication, scope: str, **more: str) -> requests.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": caller.client_id,
            "client_secret": caller.secret,
            "scope": scope,
            **more,
        }
        return requests.post(self.entra("oauth2/v2.0/token"), data=form, timeout=30)

    def application_token(self, caller: CallingApplication = SERVICE_NOW) -> str:
        answer = self.token_answer(caller, f"api://{API}/.default")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def managed_identity_token(self, resource: str = f"api://{API}") -> str:
        return str(self.imds(resource, client_id=LOGIC_APP.client_id).json()["access_token"])

    def connector_pick(self, person: str, scope: str = SCOPES, **more: str) -> dict[str, str]:
        asked = {
            "client_id": CONNECTOR.client_id,
            "redirect_uri": CONNECTOR.redirect_uri,
            "scope": scope,
            "code_challenge": "",
            "code_challenge_method": "",
            **more,
        }
        back = self.pick(person, **asked)
        assert back.headers["Location"].startswith(CONNECTOR.redirect_uri), back.text
        return dict(parse_qsl(urlsplit(back.headers["Location"]).query))

    def connector_redeem(self, code: str, **more: str) -> Any:
        form = {
            "grant_type": "authorization_code",
            "client_id": CONNECTOR.client_id,
            "client_secret": CONNECTOR.secret,
            "code": code,
            "redirect_uri": CONNECTOR.redirect_uri,
            **more,
        }
        return requests.post(self.entra("oauth2/v2.0/token"), data=form, timeout=30).json()

    def delegated_token(self, person: str = "hanna", scope: str = SCOPES) -> str:
        return str(self.connector_redeem(self.connector_pick(person, scope)["code"])["access_token"])

    def require_assignment(self, required: bool) -> None:
        principal = self.sandbox.tenant.registrations.principal_of(API)
        assert principal
        principal["appRoleAssignmentRequired"] = required


@pytest.fixture
def product(tenant: Sandbox) -> Iterator[Product]:
    signing_keys.clear()
    with Product(tenant) as one:
        yield one
    signing_keys.clear()


def claims_of(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def test_the_demo_and_its_tenant_have_the_same_api() -> None:
    assert portal_settings.API_CLIENT_ID == API


# --- Applications --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", [f"api://{API}/.default", f"{API}/.default"])
def test_product_with_a_secret_gets_a_token(product: Product, scope: str) -> None:
    answer = product.token_answer(SERVICE_NOW, scope).json()

    claims = claims_of(answer["access_token"])
    assert answer["token_type"] == "Bearer" and answer["expires_in"] == 3600
    assert (claims["aud"], claims["ver"], claims["idtyp"]) == (API, "2.0", "app")
    assert (claims["azp"], claims["azpacr"]) == (SERVICE_NOW.client_id, "1")
    assert claims["oid"] == claims["sub"] == SERVICE_NOW.principal_id
    assert claims["tid"] == product.options.tenant_id and claims["uti"]
    assert claims["roles"] == list(PERMISSIONS) and "scp" not in claims


def test_product_can_send_its_secret_in_a_header(product: Product) -> None:
    answer = requests.post(
        product.entra("oauth2/v2.0/token"),
        data={"grant_type": "client_credentials", "scope": f"api://{API}/.default"},
        auth=(SERVICE_NOW.client_id, SERVICE_NOW.secret),
        timeout=30,
    )

    assert claims_of(answer.json()["access_token"])["azpacr"] == "1"


@pytest.mark.parametrize("resource", [f"api://{API}", API])
def test_managed_identity_of_a_logic_app_gets_a_token(product: Product, resource: str) -> None:
    claims = claims_of(product.managed_identity_token(resource))

    assert (claims["aud"], claims["azp"], claims["azpacr"]) == (API, LOGIC_APP.client_id, "2")
    assert claims["oid"] == LOGIC_APP.principal_id
    assert claims["roles"] == ["Starters.Record", "Starters.Read", "Starters.Withdraw"]


@pytest.mark.parametrize(
    ("caller", "secret"),
    [(SERVICE_NOW, "wrong"), (SERVICE_NOW, ""), (SERVICE_NOW, CONNECTOR.secret), (LOGIC_APP, "any")],
    ids=["wrong", "empty", "another product's", "a managed identity's"],
)
def test_wrong_secret_gets_no_token(product: Product, caller: CallingApplication, secret: str) -> None:
    answer = product.token_answer(caller, f"api://{API}/.default", client_secret=secret)

    assert answer.status_code in (400, 401) and "access_token" not in answer.json()


@pytest.mark.parametrize("client_id", [Options().identity_client_id, Options().sign_in_client_id, API])
@pytest.mark.parametrize("secret", ["", SERVICE_NOW.secret])
def test_own_registrations_have_no_secret(product: Product, client_id: str, secret: str) -> None:
    for scope in (f"api://{API}/.default", f"{GRAPH_RESOURCE}/.default"):
        answer = product.token_answer(SERVICE_NOW, scope, client_id=client_id, client_secret=secret)

        assert answer.status_code == 401 and answer.json()["error_codes"] == [7000215]


def test_secret_of_a_product_opens_nothing_in_graph(product: Product) -> None:
    token = product.token_answer(SERVICE_NOW, f"{GRAPH_RESOURCE}/.default").json()["access_token"]

    answer = requests.get(
        f"{product.url}/v1.0/users/{BY_KEY['noor'].object_id}",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    assert "roles" not in claims_of(token)
    assert answer.status_code == 403


def test_application_without_a_role_gets_a_token_without_roles(product: Product) -> None:
    product.require_assignment(False)

    token = product.application_token(REPORT_TOOL)

    assert "roles" not in claims_of(token)
    with pytest.raises(AccessTokenRefused, match="no role"):
        verify_access_token(token)


def test_application_without_a_role_gets_none_where_one_is_required(product: Product) -> None:
    by_secret = product.token_answer(REPORT_TOOL, f"api://{API}/.default")
    by_identity = product.imds(f"api://{API}")  # the portal's own

    assert by_secret.json()["error_codes"] == [501051]
    assert by_identity.status_code == 400 and "AADSTS501051" in by_identity.text


def test_a_new_role_is_in_the_next_token(product: Product) -> None:
    api = product.sandbox.tenant.registrations.application_of(API)
    assert api
    read = next(role for role in api["appRoles"] if role["value"] == "Starters.Read")
    token = product.change(administrator=["AppRoleAssignment.ReadWrite.All", "Application.Read.All"])[
        "administrator"
    ]["graph"]
    assigned = {
        "principalId": REPORT_TOOL.principal_id,
        "resourceId": API_PRINCIPAL_ID,
        "appRoleId": read["id"],
    }
    address = f"{product.url}/v1.0/servicePrincipals/{API_PRINCIPAL_ID}/appRoleAssignedTo"
    headers = {"Authorization": f"Bearer {token}"}

    first, second = (requests.post(address, json=assigned, headers=headers, timeout=30) for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 400)
    assert claims_of(product.application_token(REPORT_TOOL))["roles"] == ["Starters.Read"]


def test_unknown_api_is_refused(product: Product) -> None:
    unknown = "api://99999999-0000-4000-8000-000000000009"

    assert product.token_answer(SERVICE_NOW, f"{unknown}/.default").json()["error_codes"] == [70011]
    assert product.token_answer(SERVICE_NOW, f"api://{API}/Starters.Read").json()["error_codes"] == [70011]
    assert product.imds(unknown, client_id=LOGIC_APP.client_id).json()["error"] == "invalid_resource"


# --- People --------------------------------------------------------------------------------------------------------


def test_person_in_hr_gets_a_delegated_token(product: Product) -> None:
    answer = product.connector_redeem(product.connector_pick("hanna")["code"])

    claims = claims_of(answer["access_token"])
    assert answer["scope"] == SCOPES and "id_token" not in answer
    assert (claims["aud"], claims["azp"], claims["azpacr"]) == (API, CONNECTOR.client_id, "1")
    assert claims["scp"] == "Starters.Record Starters.Read" and claims["roles"] == ["HR"]
    assert (claims["oid"], claims["name"]) == (BY_KEY["hanna"].object_id, BY_KEY["hanna"].name)
    assert claims["acct"] == 0 and "idtyp" not in claims and "nonce" not in claims


def test_default_scope_of_a_person_has_all_scopes(product: Product) -> None:
    claims = claims_of(product.delegated_token(scope=f"openid api://{API}/.default"))

    assert claims["scp"].split() == list(PERMISSIONS)


@pytest.mark.parametrize("scope", [f"api://{API}/Starters.Delete", "api://unknown/Starters.Read"])
def test_unknown_scope_is_refused(product: Product, scope: str) -> None:
    assert product.connector_pick("hanna", scope)["error"] == "invalid_scope"


def test_person_without_a_role_is_refused(product: Product) -> None:
    back = product.connector_pick("maria")

    assert back["error"] == "access_denied" and "AADSTS50105" in back["error_description"]


def test_single_sign_on_is_no_way_around_a_role(product: Product) -> None:
    product.pick("maria")

    back = product.authorize(
        client_id=CONNECTOR.client_id, redirect_uri=CONNECTOR.redirect_uri, scope=SCOPES, state="s"
    )

    assert "error=access_denied" in back.headers["Location"]


def test_code_of_a_connector_needs_its_secret(product: Product) -> None:
    code = product.connector_pick("hanna")["code"]

    assert "access_token" not in product.connector_redeem(code, client_secret="wrong")


def test_connector_with_pkce_must_prove_it(product: Product) -> None:
    asked = product.asking()
    pkce = {name: asked[name] for name in ("code_challenge", "code_challenge_method")}
    codes = [product.connector_pick("hanna", SCOPES, **pkce)["code"] for _ in range(2)]

    assert "access_token" not in product.connector_redeem(codes[0])
    assert "access_token" in product.connector_redeem(codes[1], code_verifier="v" * 43)


# --- What the registration asks for --------------------------------------------------------------------------------


def test_registration_without_version_2_gets_tokens_of_version_1(product: Product) -> None:
    api = product.sandbox.tenant.registrations.application_of(API)
    assert api
    api["api"]["requestedAccessTokenVersion"] = None

    claims = claims_of(product.application_token())

    assert (claims["ver"], claims["aud"]) == ("1.0", f"api://{API}")
    assert claims["iss"] == f"https://sts.windows.net/{product.options.tenant_id}/"
    assert claims["appid"] == SERVICE_NOW.client_id and "azp" not in claims


def test_optional_claims_come_only_if_they_are_requested(product: Product) -> None:
    api = product.sandbox.tenant.registrations.application_of(API)
    assert api
    api["optionalClaims"] = None

    assert "idtyp" not in claims_of(product.application_token())
    assert "acct" not in claims_of(product.delegated_token())


# --- What the portal makes of them ---------------------------------------------------------------------------------


def test_the_portal_accepts_tokens_of_the_tenant(product: Product) -> None:
    service_now = verify_access_token(product.application_token())
    logic_app = verify_access_token(product.managed_identity_token())
    person = verify_access_token(product.delegated_token())

    assert service_now.application_id == SERVICE_NOW.client_id and not service_now.is_person
    assert service_now.permissions == frozenset(PERMISSIONS)
    assert logic_app.oid == LOGIC_APP.principal_id and "Hooks.Manage" not in logic_app.permissions
    assert person.is_person and person.name == BY_KEY["hanna"].name
    assert person.permissions == {"Starters.Record", "Starters.Read"}


def test_the_portal_refuses_other_tokens_of_the_tenant(product: Product) -> None:
    api = product.sandbox.tenant.registrations.application_of(API)
    assert api
    graph = product.imds().json()["access_token"]
    assertion = product.imds("api://AzureADTokenExchange").json()["access_token"]
    sign_in = product.token_answer(SERVICE_NOW, f"{product.options.sign_in_client_id}/.default").json()
    identity = product.connector_redeem(product.connector_pick("hanna", f"openid {SCOPES}")["code"])
    api["api"]["requestedAccessTokenVersion"] = None
    version_1 = product.application_token()

    for token in (graph, assertion, sign_in["access_token"], identity["id_token"], version_1):
        with pytest.raises(AccessTokenRefused) as refused:
            verify_access_token(token)
        assert refused.value.reason == "invalid_token"


@pytest.mark.parametrize("person", ["guestmanager", "othertenant"])
def test_the_portal_refuses_guests_and_other_tenants(product: Product, person: str) -> None:
    product.change(person=person, set={"app_roles": ["HR"]})

    token = product.delegated_token(person)

    assert OTHER_TENANT_ID in str(claims_of(token))
    with pytest.raises(AccessTokenRefused):
        verify_access_token(token)


def test_the_portals_identity_gets_no_token_that_opens_its_api(product: Product) -> None:
    product.require_assignment(False)

    token = product.imds(f"api://{API}").json()["access_token"]

    assert claims_of(token)["oid"] == IDENTITY_PRINCIPAL_ID
    with pytest.raises(AccessTokenRefused, match="own registrations"):
        verify_access_token(token)
