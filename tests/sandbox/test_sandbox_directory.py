"""People, groups, roles and `$batch` in the sandbox's Graph: what each call needs, returns and refuses."""

from __future__ import annotations

from collections.abc import Iterator

import jwt
import pytest
import requests

from portal.sandbox.people import ACCOUNT_TEAM, BY_KEY, ROLE_TEMPLATES, SERVER_OPERATORS
from portal.sandbox.server import Sandbox
from tests.sandbox.sandbox_visitor import Visitor


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    with Sandbox() as sandbox, Visitor(sandbox) as someone:
        yield someone


def user(key: str) -> str:
    return f"/users/{BY_KEY[key].object_id}"


def test_without_select_only_default_properties_are_returned(visitor: Visitor) -> None:
    found = visitor.graph("GET", user("noor")).json()

    assert found["displayName"] == "Noor de Vries"
    assert "accountEnabled" not in found and "employeeHireDate" not in found


def test_select_returns_named_properties_and_refuses_unknown_ones(visitor: Visitor) -> None:
    found = visitor.graph("GET", f"{user('noor')}?$select=id,accountEnabled,userType,employeeHireDate").json()
    wrong = visitor.graph("GET", f"{user('noor')}?$select=id,shoeSize")

    assert set(found) == {"@odata.context", "id", "accountEnabled", "userType", "employeeHireDate"}
    assert (found["accountEnabled"], found["userType"]) == (True, "Member")
    assert wrong.status_code == 400


def test_encoded_names_with_apostrophe_or_guest_suffix_are_found(visitor: Visitor) -> None:
    guest = visitor.graph("GET", "/users/gina.lake_partner.example%23EXT%23@contoso.example?$select=userType")

    assert visitor.graph("GET", "/users/liam.obrien@contoso.example").json()["displayName"] == "Liam O'Brien"
    assert guest.json()["userType"] == "Guest"


def test_expected_account_is_found_only_after_its_creation(visitor: Visitor) -> None:
    before = visitor.graph("GET", "/users/lotte.vos@contoso.example")
    visitor.change(appear="late")

    assert (before.status_code, before.json()["error"]["code"]) == (404, "Request_ResourceNotFound")
    assert visitor.graph("GET", "/users/lotte.vos@contoso.example").status_code == 200


def test_renamed_or_deleted_account_is_not_found_again(
    visitor: Visitor,
) -> None:
    old, new = "/users/noor.devries@contoso.example", "/users/noor.jansen@contoso.example"
    assert visitor.graph("GET", old).status_code == 200

    visitor.change(person="noor", set={"userPrincipalName": new.rpartition("/")[2]})
    visitor.change(person="liam", set={"userPrincipalName": old.rpartition("/")[2]})

    assert visitor.graph("GET", old).json()["id"] == BY_KEY["liam"].object_id
    assert visitor.graph("GET", new).json()["id"] == BY_KEY["noor"].object_id
    visitor.change(person="noor", set={"exists": False})
    assert visitor.graph("GET", new).status_code == 404
    assert visitor.graph("GET", user("noor")).status_code == 404


def test_manager_is_an_account_or_404(visitor: Visitor) -> None:
    manager = visitor.graph("GET", f"{user('noor')}/manager?$select=id,displayName").json()
    nobody = visitor.graph("GET", f"{user('ben')}/manager")

    assert manager["@odata.type"] == "#microsoft.graph.user"
    assert manager["id"] == BY_KEY["maria"].object_id
    assert nobody.status_code == 404


def test_changed_manager_is_returned_at_once(visitor: Visitor) -> None:
    visitor.change(person="noor", set={"manager": "tom", "accountEnabled": False})

    assert visitor.graph("GET", f"{user('noor')}/manager").json()["displayName"] == "Tom Becker"
    assert visitor.graph("GET", f"{user('noor')}?$select=accountEnabled").json()["accountEnabled"] is False


def test_account_without_sign_in_has_no_sign_in_activity(visitor: Visitor) -> None:
    never = visitor.graph("GET", f"{user('noor')}?$select=id,signInActivity").json()
    before = visitor.graph("GET", f"{user('signedin')}?$select=id,signInActivity").json()

    assert "signInActivity" not in never
    assert before["signInActivity"]["lastSuccessfulSignInDateTime"].endswith("Z")


def test_sign_in_activity_without_permission_refuses_the_whole_request(visitor: Visitor) -> None:
    visitor.change(revoke=["AuditLog.Read.All"])

    assert visitor.graph("GET", f"{user('noor')}?$select=id,signInActivity").status_code == 403


def test_sign_in_activity_has_its_own_rate_limit(visitor: Visitor) -> None:
    visitor.change(tap_limit=[5, 10])
    path = f"{user('noor')}?$select=id,signInActivity"

    statuses = [visitor.graph("GET", path).status_code for _ in range(11)]

    assert statuses == [200] * 10 + [429]


@pytest.mark.parametrize("cast", ["group", "directoryRole"])
def test_transitive_membership_is_an_advanced_query(visitor: Visitor, cast: str) -> None:
    path = f"{user('groupadmin')}/transitiveMemberOf/microsoft.graph.{cast}"

    for answer in (visitor.graph("GET", f"{path}?$count=true"), visitor.advanced(path)):
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "Request_UnsupportedQuery")
    assert visitor.advanced(f"{path}?$count=true").json()["@odata.count"] >= 1


def test_role_through_a_group_is_listed_as_in_graph(visitor: Visitor) -> None:
    base = f"{user('groupadmin')}/transitiveMemberOf"
    held = visitor.advanced(
        f"{base}/microsoft.graph.directoryRole?$count=true&$select=roleTemplateId"
    ).json()["value"]
    groups = visitor.advanced(
        f"{base}/microsoft.graph.group?$count=true&$select=id,isAssignableToRole"
    ).json()["value"]

    assert [role["roleTemplateId"] for role in held] == [ROLE_TEMPLATES["User Administrator"]]
    assert {group["id"] for group in groups if group["isAssignableToRole"]} == {ACCOUNT_TEAM.object_id}
    assert assigned(visitor, BY_KEY["groupadmin"].object_id) == []
    assert assigned(visitor, ACCOUNT_TEAM.object_id) == [ROLE_TEMPLATES["User Administrator"]]


def test_eligible_role_is_not_listed_as_active(visitor: Visitor) -> None:
    principal = BY_KEY["eligible"].object_id
    path = f"/roleManagement/directory/roleEligibilityScheduleInstances?$filter=principalId eq '{principal}'"

    (found,) = visitor.graph("GET", path).json()["value"]

    assert found["roleDefinitionId"] == ROLE_TEMPLATES["Helpdesk Administrator"]
    assert assigned(visitor, principal) == []
    assert assigned(visitor, BY_KEY["ceo"].object_id) == [ROLE_TEMPLATES["Global Administrator"]]


def test_without_permission_properties_of_groups_and_roles_are_null(visitor: Visitor) -> None:
    visitor.change(revoke=["GroupMember.Read.All", "RoleManagement.Read.Directory"])
    base = f"{user('groupadmin')}/transitiveMemberOf"

    groups = visitor.advanced(f"{base}/microsoft.graph.group?$count=true").json()["value"]
    roles = visitor.advanced(f"{base}/microsoft.graph.directoryRole?$count=true").json()["value"]

    assert {group["isAssignableToRole"] for group in groups} == {None}
    assert [role["roleTemplateId"] for role in roles] == [None]
    path = f"/roleManagement/directory/roleAssignments?$filter=principalId eq '{BY_KEY['ceo'].object_id}'"
    assert visitor.graph("GET", path).status_code == 403


def test_owned_role_assignable_group_is_an_owned_object(visitor: Visitor) -> None:
    path = f"{user('noor')}/ownedObjects/microsoft.graph.group?$select=id,isAssignableToRole"
    before = visitor.graph("GET", path).json()["value"]
    visitor.change(person="noor", set={"owned_groups": [SERVER_OPERATORS.name]})

    (owned,) = visitor.graph("GET", path).json()["value"]

    assert before == []
    assert (owned["id"], owned["isAssignableToRole"]) == (SERVER_OPERATORS.object_id, True)


def test_users_can_be_filtered_and_searched(visitor: Visitor) -> None:
    by_name = visitor.graph("GET", "/users?$filter=startsWith(displayName,'Liam O''B')&$select=id").json()[
        "value"
    ]
    by_number = visitor.graph("GET", "/users?$filter=employeeId eq '000020'&$select=id").json()["value"]
    found = visitor.advanced(
        '/users?$search="displayName:vries" OR "mail:vries"&$select=id&$count=true'
    ).json()

    assert [entry["id"] for entry in by_name] == [BY_KEY["liam"].object_id]
    assert [entry["id"] for entry in by_number] == [BY_KEY["noor"].object_id]
    assert [entry["id"] for entry in found["value"]] == [BY_KEY["noor"].object_id]
    assert found["@odata.count"] == 1


@pytest.mark.parametrize(
    "query",
    ['$search="displayName:lee"', "$filter=employeeHireDate ge 2026-01-01T00:00:00Z", "$filter=mail ne 'x'"],
)
def test_advanced_query_without_its_header_is_refused(visitor: Visitor, query: str) -> None:
    answer = visitor.graph("GET", f"/users?{query}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "Request_UnsupportedQuery")


def test_a_long_list_comes_in_pages(visitor: Visitor) -> None:
    visitor.change(add=[{"key": f"s{n}", "name": f"Starter Number{n}"} for n in range(120)])

    first = visitor.graph("GET", "/users?$filter=startsWith(displayName,'Starter')&$select=id").json()
    token = visitor.imds().json()["access_token"]
    second = requests.get(
        first["@odata.nextLink"], headers={"Authorization": f"Bearer {token}"}, timeout=30
    ).json()

    assert (len(first["value"]), len(second["value"])) == (100, 20)
    assert "@odata.nextLink" not in second


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (None, "Access token is empty."),
        ("not.a.token", "not well formed"),
        ("foreign", "not well formed"),
        ("assertion", "Invalid audience"),
    ],
)
def test_call_without_a_valid_token_gets_401(visitor: Visitor, token: str | None, words: str) -> None:
    if token == "assertion":
        token = visitor.imds("api://AzureADTokenExchange").json()["access_token"]
    if token == "foreign":
        token = jwt.encode({"aud": "https://graph.microsoft.com"}, "k" * 32)
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    answer = requests.get(f"{visitor.url}/v1.0{user('noor')}", headers=headers, timeout=30)

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")
    assert words in answer.json()["error"]["message"]
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_new_token_contains_permissions_granted_since(visitor: Visitor) -> None:
    old = {"Authorization": f"Bearer {visitor.imds().json()['access_token']}"}

    visitor.change(tokens="expire")

    assert requests.get(f"{visitor.url}/v1.0{user('noor')}", headers=old, timeout=30).status_code == 401
    assert visitor.graph("GET", user("noor")).status_code == 200


def test_request_ids_are_answered_and_echoed(visitor: Visitor) -> None:
    answer = visitor.graph("GET", user("noor"), headers={"client-request-id": "c-1"})

    assert answer.headers["client-request-id"] == "c-1"
    assert answer.headers["request-id"] and answer.headers["Date"]


def test_unknown_address_of_v1_is_refused(visitor: Visitor) -> None:
    assert (
        visitor.advanced("/roleManagement/directory/transitiveRoleAssignments?$count=true").status_code == 400
    )


def test_batch_answers_and_throttles_each_request_separately(visitor: Visitor) -> None:
    visitor.change(tap_limit=[1, 10])
    methods = f"{user('noor')}/authentication/methods"

    answers = batch(visitor, ["a", methods], ["b", methods], ["c", f"{user('ben')}/manager"])

    assert {name: answer["status"] for name, answer in answers.items()} == {"a": 200, "b": 429, "c": 404}
    assert int(answers["b"]["headers"]["Retry-After"]) >= 1
    assert [seen["batched"] for seen in visitor.requests_seen()[-4:]] == [False, True, True, True]


@pytest.mark.parametrize("count", [0, 21])
def test_empty_or_too_large_batch_is_refused(visitor: Visitor, count: int) -> None:
    requests_ = [{"id": str(n), "method": "GET", "url": user("noor")} for n in range(count)]

    assert visitor.graph("POST", "/$batch", json={"requests": requests_}).status_code == 400


def batch(visitor: Visitor, *entries: list[str]) -> dict[str, dict[str, object]]:
    asked = [{"id": name, "method": "GET", "url": url} for name, url in entries]
    answer = visitor.graph("POST", "/$batch", json={"requests": asked})
    assert answer.status_code == 200
    return {entry["id"]: entry for entry in answer.json()["responses"]}


def assigned(visitor: Visitor, principal: str) -> list[str]:
    path = f"/roleManagement/directory/roleAssignments?$filter=principalId eq '{principal}'"
    return [entry["roleDefinitionId"] for entry in visitor.graph("GET", path).json()["value"]]
