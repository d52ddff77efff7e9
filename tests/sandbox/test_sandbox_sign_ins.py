"""Sign-in activity in the sandbox tenant: what it shows of each person, what it lists, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from onboarding import graph
from portal.sandbox.people import BY_KEY, CAST
from portal.sandbox.server import Sandbox
from tests.sandbox.sandbox_visitor import Visitor
from tests.support.sign_ins import CREATED, LAST, SUCCESS, TIMES, activity, proven

IDS = [person.object_id for person in CAST if person.exists]


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    with Sandbox() as sandbox, Visitor(sandbox) as someone:
        yield someone


def shown(visitor: Visitor, key: str) -> dict[str, Any]:
    answer = visitor.graph("GET", f"/users/{BY_KEY[key].object_id}?$select=id,signInActivity")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def listed(visitor: Visitor, ids: list[str], more: str = "") -> Any:
    named = ",".join(f"'{account_id}'" for account_id in ids)
    return visitor.graph("GET", f"/users?$select=id,signInActivity&$filter=id in ({named}){more}")


# --- One person -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("created", CREATED, ids=str)
def test_every_combination_of_sign_in_times_is_read_correctly(
    tenant: Sandbox, created: datetime | None
) -> None:
    noor = BY_KEY["noor"].object_id
    with Visitor(tenant) as visitor:
        for times in TIMES:
            said = {"signInActivity": activity(times), "createdDateTime": created and created.isoformat()}
            visitor.change(person="noor", set=said)

            account, _ = graph.client().look_up(noor)

            assert graph.client().read_sign_ins(noor).was_used(account.created_at) is proven(
                times, created
            ), times


def test_removed_activity_follows_from_actual_sign_ins(visitor: Visitor) -> None:
    visitor.change(person="signedin", set={"signInActivity": {SUCCESS: None}})
    assert shown(visitor, "signedin")["signInActivity"] == {SUCCESS: None}

    visitor.change(person="signedin", set={"signInActivity": None})

    assert shown(visitor, "signedin")["signInActivity"][SUCCESS] is not None


@pytest.mark.parametrize("value", ["yesterday", {"lastSignIn": None}, []])
def test_activity_with_unknown_names_is_refused(visitor: Visitor, value: Any) -> None:
    with pytest.raises(AssertionError, match="signInActivity"):
        visitor.change(person="noor", set={"signInActivity": value})


@pytest.mark.parametrize(
    ("when", "success"), [("2023-11-30T23:59:59Z", False), ("2023-12-01T00:00:00Z", True)]
)
def test_success_before_december_2023_is_empty(visitor: Visitor, when: str, success: bool) -> None:
    visitor.change(person="noor", set={"last_sign_in": when})

    told = shown(visitor, "noor")["signInActivity"]

    assert (told[LAST], told[SUCCESS]) == (when, when if success else None)


def test_failed_attempt_changes_last_sign_in_but_no_success(visitor: Visitor) -> None:
    visitor.browser.post(
        f"{visitor.url}/mysignins",
        data={"account": BY_KEY["noor"].user_principal_name, "pass": "a guess"},
        timeout=30,
    )

    told = shown(visitor, "noor")["signInActivity"]

    assert told[LAST].startswith(f"{datetime.now(UTC):%Y-%m}") and told[SUCCESS] is None


def test_the_control_page_shows_each_persons_activity(visitor: Visitor) -> None:
    visitor.change(person="noor", set={"last_attempt": "2026-01-02T03:04:05Z"})

    people = visitor.state()["people"]

    assert people["noor"]["signInActivity"][LAST] == "2026-01-02T03:04:05Z"
    assert people["noor"]["last_attempt"].startswith("2026-01-02T03:04:05")
    assert people["liam"]["signInActivity"] is None


# --- Lists ----------------------------------------------------------------------------------------------------------


def test_list_of_fifteen_leaves_out_unknown_accounts(visitor: Visitor) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"

    answer = listed(visitor, [*IDS[:14], nobody])

    assert answer.status_code == 200
    assert {item["id"] for item in answer.json()["value"]} == set(IDS[:14])
    assert all(set(item) <= {"id", "signInActivity"} for item in answer.json()["value"])


def test_a_list_of_sixteen_is_refused(visitor: Visitor) -> None:
    answer = listed(visitor, IDS[:16])

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "Request_UnsupportedQuery")


def test_list_counts_as_one_call_of_the_limit(visitor: Visitor) -> None:
    visitor.change(sign_in_limit=[2, 60])

    statuses = [listed(visitor, IDS[:15]).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert visitor.state()["sign_in_limit"] == [2, 60]


def test_short_page_links_to_the_next_page(visitor: Visitor) -> None:
    visitor.change(list_page=4)
    first = listed(visitor, IDS[:10]).json()

    rest = first["@odata.nextLink"].partition("/v1.0")[2]
    second = visitor.graph("GET", rest).json()

    found = [item["id"] for page in (first, second) for item in page["value"]]
    assert (len(first["value"]), len(second["value"]), len(set(found))) == (4, 4, 8)
    assert "@odata.nextLink" in second


def test_page_with_activity_has_graphs_largest_size(visitor: Visitor) -> None:
    assert listed(visitor, IDS[:2], "&$top=120").status_code == 200
    assert listed(visitor, IDS[:2], "&$top=121").status_code == 400


def test_tenant_can_refuse_lists_and_answer_single_reads(visitor: Visitor) -> None:
    visitor.change(sign_in_lists=False)

    refused = listed(visitor, IDS[:2])

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "Request_UnsupportedQuery")
    assert "signInActivity" in shown(visitor, "signedin")
    assert visitor.graph("GET", f"/users?$select=id&$filter=id in ('{IDS[0]}')").status_code == 200


def test_a_list_needs_the_same_permission_as_one_account(visitor: Visitor) -> None:
    visitor.change(revoke=["AuditLog.Read.All"])

    assert listed(visitor, IDS[:2]).status_code == 403


@pytest.mark.parametrize("wrong", ["id in ()", "id in 'x'", "id in ('a' 'b')", "id in (a,b)", "id in ('a',)"])
def test_invalid_filter_list_is_refused(visitor: Visitor, wrong: str) -> None:
    assert visitor.graph("GET", f"/users?$select=id&$filter={wrong}").status_code == 400
