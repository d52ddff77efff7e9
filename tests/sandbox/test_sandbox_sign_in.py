"""Sign-in at the sandbox's Entra: the picker, single sign-on, codes and id tokens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests

from portal.sandbox.options import OTHER_TENANT_ID, Options
from portal.sandbox.people import BY_KEY
from portal.sandbox.server import Sandbox
from tests.sandbox.sandbox_visitor import Visitor, returned, text_of


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    with Sandbox() as sandbox, Visitor(sandbox) as someone:
        yield someone


def test_the_metadata_names_only_https_addresses_of_the_reserved_origin(visitor: Visitor) -> None:
    found = requests.get(visitor.entra("v2.0/.well-known/openid-configuration"), timeout=30).json()

    origin = f"https://login.sandbox.invalid/{visitor.options.tenant_id}"
    assert found["issuer"] == f"{origin}/v2.0"
    for name in ("authorization_endpoint", "token_endpoint", "end_session_endpoint", "jwks_uri"):
        assert found[name].startswith(origin)


def test_the_published_keys_do_not_say_their_algorithm(visitor: Visitor) -> None:
    (key,) = requests.get(visitor.entra("discovery/v2.0/keys"), timeout=30).json()["keys"]

    assert key["kty"] == "RSA"
    assert "alg" not in key


def test_picker_lists_existing_people_and_a_sandbox_notice(visitor: Visitor) -> None:
    page = visitor.authorize()

    assert 'value="hanna"' in page.text and 'value="ceo"' in page.text
    assert 'value="late"' not in page.text
    assert "Sandbox tenant." in text_of(page)
    assert "form-action 'self' http://localhost:8000" in page.headers["Content-Security-Policy"]


def test_picking_a_person_returns_code_state_and_id_token(visitor: Visitor) -> None:
    back = returned(visitor.pick("hanna", state="s-1"))
    answer = visitor.redeem(back["code"])

    claims = visitor.claims(answer.json()["id_token"])
    assert back["state"] == "s-1"
    assert claims["iss"] == visitor.options.issuer
    assert (claims["oid"], claims["tid"]) == (BY_KEY["hanna"].object_id, visitor.options.tenant_id)
    assert (claims["roles"], claims["acct"], claims["nonce"]) == (["HR"], 0, "n-1")
    assert abs(claims["auth_time"] - time.time()) < 5


def test_a_person_without_app_role_has_no_roles_claim(visitor: Visitor) -> None:
    assert "roles" not in visitor.sign_in("maria")


def test_tokens_distinguish_guests_and_other_tenants(visitor: Visitor) -> None:
    guest = visitor.sign_in("guestmanager")
    other = visitor.sign_in("othertenant")

    assert guest["acct"] == 1 and OTHER_TENANT_ID in guest["idp"]
    assert other["tid"] == OTHER_TENANT_ID and other["iss"] == Options.issuer_of(OTHER_TENANT_ID)


def test_a_disabled_account_gets_an_error_page_and_no_code(visitor: Visitor) -> None:
    page = visitor.pick("disabled")

    assert page.status_code == 400
    assert "AADSTS50057" in page.text


def test_cancelling_returns_an_error_to_the_portal(visitor: Visitor) -> None:
    back = returned(visitor.pick("cancel", state="s-2"))

    assert (back["error"], back["state"]) == ("access_denied", "s-2")


def test_single_sign_on_keeps_the_first_auth_time(visitor: Visitor) -> None:
    visitor.pick("maria", signed_in_ago="120")

    claims = visitor.claims(visitor.redeem(returned(visitor.authorize())["code"]).json()["id_token"])

    assert 115 < time.time() - claims["auth_time"] < 125


@pytest.mark.parametrize(
    "more", [{"prompt": "login"}, {"prompt": "select_account"}, {"max_age": "0"}, {"max_age": "60"}]
)
def test_prompt_shows_the_picker_despite_single_sign_on(visitor: Visitor, more: dict[str, str]) -> None:
    visitor.pick("maria", signed_in_ago="120")

    assert visitor.authorize(**more).status_code == 200


def test_only_prompt_login_renews_the_auth_time(visitor: Visitor) -> None:
    visitor.pick("maria", signed_in_ago="120")

    chosen = visitor.sign_in("maria", prompt="select_account")
    fresh = visitor.sign_in("maria", prompt="login", max_age="0")

    assert time.time() - chosen["auth_time"] > 115
    assert time.time() - fresh["auth_time"] < 5


def test_prompt_none_without_a_session_returns_an_error(visitor: Visitor) -> None:
    assert returned(visitor.authorize(prompt="none"))["error"] == "login_required"


def test_requested_authentication_context_is_in_the_token(visitor: Visitor) -> None:
    claims = visitor.sign_in("maria", claims='{"id_token":{"acrs":{"essential":true,"value":"c1"}}}')

    assert claims["acrs"] == ["c1"]


def test_context_with_a_policy_needs_that_policy_met(
    visitor: Visitor,
) -> None:
    visitor.change(contexts={"c1": ["tom"]})
    asked = '{"id_token":{"acrs":{"essential":true,"values":["c1","c2"]}}}'

    assert visitor.sign_in("maria", claims=asked)["acrs"] == ["c2"]
    assert visitor.sign_in("tom", claims=asked)["acrs"] == ["c1", "c2"]
    assert "acrs" not in visitor.sign_in("maria", claims='{"id_token":{"acrs":{"value":"c1"}}}')
    assert "acrs" not in visitor.sign_in("tom")
    assert visitor.state()["contexts"] == {"c1": ["tom"]}


@pytest.mark.parametrize(
    "changes", [{"set": {"acrs": "c1"}}, {"set": {"acrs": ["c7"]}}, {"remove": ["acrs"]}]
)
def test_a_context_can_be_withheld_exchanged_and_written_as_text(
    visitor: Visitor, changes: dict[str, Any]
) -> None:
    visitor.change(id_token=changes)

    claims = visitor.sign_in("maria", claims='{"id_token":{"acrs":{"value":"c1"}}}')

    assert claims.get("acrs") == changes.get("set", {}).get("acrs")


def test_a_code_works_once(visitor: Visitor) -> None:
    code = returned(visitor.pick("maria"))["code"]

    assert visitor.redeem(code).status_code == 200
    assert visitor.redeem(code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "more",
    [{"verifier": "w" * 43}, {"redirect_uri": "http://localhost:8000/elsewhere/"}],
    ids=["verifier", "address"],
)
def test_a_code_is_bound_to_its_verifier_and_address(visitor: Visitor, more: dict[str, str]) -> None:
    code = returned(visitor.pick("maria"))["code"]

    assert visitor.redeem(code, **more).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "more",
    [{"client_id": "00000000-0000-0000-0000-000000000000"}, {"redirect_uri": "https://evil.example/"}],
    ids=["application", "address"],
)
def test_unknown_application_or_redirect_uri_gets_no_redirect(visitor: Visitor, more: dict[str, str]) -> None:
    assert visitor.authorize(**more).status_code == 400
    assert visitor.pick("maria", **more).status_code == 400


def test_sign_in_without_pkce_is_refused(visitor: Visitor) -> None:
    assert returned(visitor.authorize(code_challenge=""))["error"] == "invalid_request"


def test_a_secret_is_refused(visitor: Visitor) -> None:
    answer = visitor.redeem(returned(visitor.pick("maria"))["code"], client_secret="s3cret")

    assert answer.status_code == 401
    assert answer.json()["error_codes"] == [7000215]


def test_signing_out_ends_single_sign_on_and_leads_back(visitor: Visitor) -> None:
    visitor.pick("maria")
    after = "http://localhost:8000/signout/done/"

    answer = visitor.browser.get(
        visitor.entra("oauth2/v2.0/logout"),
        params={"post_logout_redirect_uri": after},
        allow_redirects=False,
        timeout=30,
    )

    assert answer.headers["Refresh"] == f"1; url={after}"
    assert 'src="http://localhost:8000/signin/front-channel-logout?sid=' in answer.text
    assert visitor.authorize().status_code == 200


def test_id_token_can_be_forged_for_tests(visitor: Visitor) -> None:
    visitor.change(id_token={"set": {"iss": "https://evil.example"}, "remove": ["oid"]})
    assert visitor.sign_in("maria")["iss"] == "https://evil.example"

    visitor.change(id_token={"signature": "foreign"})
    with pytest.raises(jwt.InvalidSignatureError):
        visitor.sign_in("maria")


def test_replaced_signing_key_has_another_id(visitor: Visitor) -> None:
    before = requests.get(visitor.entra("discovery/v2.0/keys"), timeout=30).json()["keys"][0]["kid"]

    visitor.change(signing_key="roll")

    assert requests.get(visitor.entra("discovery/v2.0/keys"), timeout=30).json()["keys"][0]["kid"] != before
    assert visitor.sign_in("maria")["name"] == "Maria Lindqvist"
