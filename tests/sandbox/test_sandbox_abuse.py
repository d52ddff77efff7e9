"""After abuse, an administrator deletes methods and ends sessions in the sandbox tenant."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from portal.sandbox.people import BY_KEY
from portal.sandbox.server import Sandbox
from tests.sandbox.sandbox_visitor import Visitor

NOOR = f"/users/{BY_KEY['noor'].object_id}"
DELETE, REVOKE = "UserAuthenticationMethod.ReadWrite.All", "User.RevokeSessions.All"


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    with Sandbox() as sandbox, Visitor(sandbox) as someone:
        yield someone


def ask(visitor: Visitor, method: str, path: str, *rights: str, json: object = None) -> requests.Response:
    token = visitor.change(administrator=list(rights))["administrator"]["graph"]
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(method, f"{visitor.url}/v1.0{path}", headers=headers, json=json, timeout=30)


def methods(visitor: Visitor) -> dict[str, str]:
    found = visitor.graph("GET", f"{NOOR}/authentication/methods").json()["value"]
    return {method["@odata.type"].split(".")[-1]: method["id"] for method in found}


def passkey(visitor: Visitor) -> str:
    code = visitor.make_pass("noor").json()["temporaryAccessPass"]
    form = {"account": BY_KEY["noor"].user_principal_name, "pass": code}
    assert visitor.browser.post(f"{visitor.url}/mysignins", data=form, timeout=30).ok
    assert visitor.browser.post(f"{visitor.url}/mysignins/register", data={"name": "Key"}, timeout=30).ok
    return methods(visitor)["fido2AuthenticationMethod"]


def test_a_method_is_deleted_at_the_address_of_its_type(visitor: Visitor) -> None:
    key = passkey(visitor)
    path = f"{NOOR}/authentication/fido2Methods/{key}"

    assert ask(visitor, "DELETE", path, "UserAuthenticationMethod.Read.All").status_code == 403
    assert ask(visitor, "DELETE", path.replace("fido2", "phone"), DELETE).status_code == 404
    assert "fido2AuthenticationMethod" in methods(visitor)
    assert ask(visitor, "DELETE", path, DELETE).status_code == 204
    assert "fido2AuthenticationMethod" not in methods(visitor)
    assert ask(visitor, "DELETE", path, DELETE).status_code == 404


def test_a_password_cannot_be_deleted(visitor: Visitor) -> None:
    password = methods(visitor)["passwordAuthenticationMethod"]

    answer = ask(visitor, "DELETE", f"{NOOR}/authentication/passwordMethods/{password}", DELETE)

    assert answer.status_code == 400 and "passwordAuthenticationMethod" in methods(visitor)


def test_revoking_ends_the_sessions_of_one_person(visitor: Visitor) -> None:
    passkey(visitor)
    with Visitor(visitor.sandbox) as other:
        other.pick("maria")
        place = f"{visitor.url}/mysignins/done"

        assert ask(visitor, "POST", f"{NOOR}/revokeSignInSessions", "User.Read.All").status_code == 403
        assert "You are signed in" in visitor.browser.get(place, timeout=30).text
        answer = ask(visitor, "POST", f"{NOOR}/revokeSignInSessions", REVOKE)
        assert answer.status_code == 200 and answer.json()["value"] is True

        assert "You are signed in" not in visitor.browser.get(place, timeout=30).text
        assert other.authorize(prompt="none").headers["Location"].find("code=") > 0
        assert (
            ask(visitor, "POST", "/users/nobody@contoso.example/revokeSignInSessions", REVOKE).status_code
            == 404
        )


def test_the_portals_identity_can_do_neither(visitor: Visitor) -> None:
    key = passkey(visitor)

    assert visitor.graph("DELETE", f"{NOOR}/authentication/fido2Methods/{key}").status_code == 403
    assert visitor.graph("POST", f"{NOOR}/revokeSignInSessions").status_code == 403


def test_an_account_is_blocked_and_enabled_again(visitor: Visitor) -> None:
    enable = "User.EnableDisableAccount.All"
    off, on = {"accountEnabled": False}, {"accountEnabled": True}

    assert ask(visitor, "PATCH", NOOR, "User.Read.All", json=off).status_code == 403
    assert ask(visitor, "PATCH", NOOR, enable, json={"displayName": "x"}).status_code == 400
    assert ask(visitor, "PATCH", NOOR, enable, json=off).status_code == 204
    account = f"{NOOR}?$select=accountEnabled"
    assert ask(visitor, "GET", account, "User.Read.All").json()["accountEnabled"] is False
    assert ask(visitor, "PATCH", NOOR, enable, json=on).status_code == 204
    assert ask(visitor, "GET", account, "User.Read.All").json()["accountEnabled"] is True
