"""Temporary Access Passes in the sandbox's Graph: bounds, errors, one per person, and a code shown once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from portal.sandbox.people import BY_KEY
from portal.sandbox.server import Sandbox
from tests.sandbox.sandbox_visitor import Visitor


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    with Sandbox() as sandbox, Visitor(sandbox) as someone:
        yield someone


def test_new_pass_has_the_shape_of_graphs(visitor: Visitor) -> None:
    answer = visitor.make_pass("noor", lifetimeInMinutes=60)

    made = answer.json()
    assert answer.status_code == 201
    assert BY_KEY["noor"].object_id in made["@odata.context"]
    assert (made["isUsable"], made["methodUsabilityReason"]) == (True, "EnabledByPolicy")
    assert (made["isUsableOnce"], made["lifetimeInMinutes"]) == (True, 60)
    assert abs(datetime.fromisoformat(made["startDateTime"]).timestamp() - time.time()) < 5
    assert len(made["createdDateTime"].partition(".")[2]) == len("1234567Z")


def test_every_pass_contains_characters_that_need_escaping(visitor: Visitor) -> None:
    code = visitor.make_pass("noor").json()["temporaryAccessPass"]

    assert set("+&=<\"'%") <= set(code)
    assert len(code) == visitor.state()["policy"]["defaultLength"]


def test_code_is_only_in_the_answer_to_the_post(visitor: Visitor) -> None:
    made = visitor.make_pass("noor").json()

    (listed,) = visitor.list_passes("noor")
    read = visitor.graph("GET", f"{visitor.passes_of('noor')}/{made['id']}").json()
    assert listed["id"] == read["id"] == made["id"]
    assert listed["temporaryAccessPass"] is None and read["temporaryAccessPass"] is None
    assert made["temporaryAccessPass"] not in str(visitor.state())
    assert made["temporaryAccessPass"] not in str(vars(visitor.sandbox.tenant.passes[-1]))


def test_empty_body_uses_the_policys_defaults(visitor: Visitor) -> None:
    made = visitor.graph("POST", visitor.passes_of("noor"), json={}).json()

    assert (made["lifetimeInMinutes"], made["isUsableOnce"]) == (60, False)


def test_second_delete_of_a_pass_gets_404(visitor: Visitor) -> None:
    path = f"{visitor.passes_of('noor')}/{visitor.make_pass('noor').json()['id']}"

    assert visitor.graph("DELETE", path).status_code == 204
    assert visitor.graph("DELETE", path).status_code == 404
    assert visitor.list_passes("noor") == []


@pytest.mark.parametrize(
    ("policy", "key", "body", "words"),
    [
        ({}, "noor", {"lifetimeInMinutes": 481}, "The valid range between 10 and 480."),
        ({}, "noor", {"lifetimeInMinutes": 9}, "Invalid LifetimeInMinutes"),
        ({}, "noor", {"lifetimeInMinutes": "60"}, "Cannot convert"),
        ({}, "noor", {"length": 8}, "property 'length' does not exist"),
        ({"isUsableOnce": True}, "noor", {"isUsableOnce": False}, "Invalid IsUsableOnce specified."),
        ({"state": "disabled"}, "noor", {}, "Converged UserCredentialPolicy"),
        ({"includeTargets": []}, "noor", {}, "Converged UserCredentialPolicy"),
        ({}, "outofscope", {}, "Converged UserCredentialPolicy"),
        ({}, "guest", {}, "cannot be added to an external guest user"),
    ],
)
def test_every_refusal_has_one_code_and_graphs_own_words(
    visitor: Visitor, policy: dict[str, object], key: str, body: dict[str, object], words: str
) -> None:
    visitor.change(policy=policy)

    answer = visitor.make_pass(key, **body)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "badRequest")
    assert words in error["message"]
    assert error["innerError"]["request-id"] == answer.headers["request-id"]
    assert visitor.state()["people"][key]["pass_id"] is None


def test_a_second_post_replaces_the_first_pass(visitor: Visitor) -> None:
    first, second = visitor.make_pass("noor").json(), visitor.make_pass("noor").json()

    assert [found["id"] for found in visitor.list_passes("noor")] == [second["id"]]
    assert visitor.state()["past_passes"][-1]["id"] == first["id"]


def test_second_post_can_be_refused_until_deletion(visitor: Visitor) -> None:
    visitor.change(second_post="refuse")
    first = visitor.make_pass("noor").json()

    refused = visitor.make_pass("noor")
    visitor.graph("DELETE", f"{visitor.passes_of('noor')}/{first['id']}")

    assert refused.status_code == 400
    assert visitor.make_pass("noor").status_code == 201


def test_pass_with_a_future_start_becomes_valid_then_expires(
    visitor: Visitor,
) -> None:
    start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    made = visitor.make_pass("noor", startDateTime=start, lifetimeInMinutes=60).json()
    assert (made["isUsable"], made["methodUsabilityReason"]) == (False, "NotYetValid")

    visitor.change(clock_ahead=3700)
    assert visitor.list_passes("noor")[0]["methodUsabilityReason"] == "EnabledByPolicy"

    visitor.change(clock_ahead=7300)
    assert visitor.list_passes("noor")[0]["methodUsabilityReason"] == "Expired"


def test_creating_a_pass_needs_the_permission(visitor: Visitor) -> None:
    visitor.change(revoke=["UserAuthMethod-TAP.ReadWrite.All"])

    answer = visitor.make_pass("noor")

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "accessDenied")


def test_pass_permission_does_not_allow_listing_methods(visitor: Visitor) -> None:
    visitor.change(revoke=["UserAuthenticationMethod.Read.All"])

    path = f"/users/{BY_KEY['noor'].object_id}/authentication/methods"

    assert visitor.graph("GET", path).status_code == 403
    assert visitor.make_pass("noor").status_code == 201


def test_methods_of_a_starter_are_password_and_pass(visitor: Visitor) -> None:
    path = f"/users/{BY_KEY['noor'].object_id}/authentication/methods"
    before = visitor.graph("GET", path).json()["value"]
    visitor.make_pass("noor")

    after = visitor.graph("GET", path).json()["value"]

    assert [method["@odata.type"] for method in before] == ["#microsoft.graph.passwordAuthenticationMethod"]
    assert after[-1]["@odata.type"] == "#microsoft.graph.temporaryAccessPassAuthenticationMethod"
    assert after[-1]["temporaryAccessPass"] is None


def test_an_unknown_person_is_not_found(visitor: Visitor) -> None:
    assert visitor.make_pass("late").status_code == 404


def test_method_rate_limit_answers_429_with_retry_after(visitor: Visitor) -> None:
    visitor.change(tap_limit=[2, 10])

    statuses = [visitor.graph("GET", visitor.passes_of("noor")).status_code for _ in range(2)]
    refused = visitor.graph("GET", visitor.passes_of("noor"))

    assert statuses == [200, 200]
    assert refused.status_code == 429 and 1 <= int(refused.headers["Retry-After"]) <= 10
    assert refused.json()["error"]["code"] == "TooManyRequests"
    assert visitor.graph("GET", f"/users/{BY_KEY['noor'].object_id}").status_code == 200


def test_the_policy_can_be_read(visitor: Visitor) -> None:
    path = "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/temporaryAccessPass"
    policy = visitor.graph("GET", path).json()

    assert (policy["state"], policy["maximumLifetimeInMinutes"]) == ("enabled", 480)
    assert policy["includeTargets"][0]["id"] == "all_users"


def test_witness_receives_every_code(visitor: Visitor) -> None:
    visitor.sandbox.tenant.witness = []

    code = visitor.make_pass("noor").json()["temporaryAccessPass"]

    assert visitor.sandbox.tenant.witness == [code]
