"""Setting up a tenant in the sandbox's Graph and Azure: what each call needs, accepts and refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from portal.sandbox.graph.app_roles import APP_ROLES, GRAPH_APP_ID, GRAPH_PRINCIPAL_ID
from portal.sandbox.options import IDENTITY_PRINCIPAL_ID, Options
from portal.sandbox.people import BY_KEY, EVERYONE
from portal.sandbox.registrations import SIGN_IN_APPLICATION_ID, SIGN_IN_PRINCIPAL_ID
from portal.sandbox.server import Sandbox
from tests.sandbox.sandbox_visitor import Visitor
from tests.tenant.setter import RIGHTS

APPLICATION = {"displayName": "An application"}
TRUSTED = f"/applications/{SIGN_IN_APPLICATION_ID}/federatedIdentityCredentials"
TRUST = {"name": "n", "issuer": "https://i.example", "subject": "s", "audiences": ["api://a"]}
GIVEN = f"/servicePrincipals/{GRAPH_PRINCIPAL_ID}/appRoleAssignedTo"
PASSES = "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/temporaryAccessPass"
TYPE = "#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration"
NAMED = f"/applications/{SIGN_IN_APPLICATION_ID}"
NAME = {"identifierUris": [f"api://{Options().sign_in_client_id}"]}
SCOPE = {
    "id": "9a4d1c5e-6b0f-4f57-9d5b-6f7a3a1e0099",
    "value": "Read",
    "type": "Admin",
    "adminConsentDisplayName": "Read",
    "adminConsentDescription": "Read",
}
GROUP = {"displayName": "G", "mailNickname": "g", "mailEnabled": False, "securityEnabled": True}
UNITS = "/directory/administrativeUnits"


class Administrator(Visitor):
    """A client with an administrator's tokens, or with other permissions."""

    def ask(
        self, method: str, path: str, body: Any = None, rights: tuple[str, ...] = RIGHTS, **who: str
    ) -> requests.Response:
        """`as` is the key of a signed-in person; without it, a pipeline asks."""
        token = self.change(administrator=list(rights), **who)["administrator"]["graph"]
        headers = {"Authorization": f"Bearer {token}"}
        return requests.request(method, f"{self.url}/v1.0{path}", json=body, headers=headers, timeout=30)

    def refusal(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, str]:
        answer = self.ask(method, path, body, **more)
        return answer.status_code, answer.json()["error"]["code"]

    def azure(self, method: str, path: str, *, token: str | None = None) -> requests.Response:
        mine = self.change(administrator=[])["administrator"]
        headers = {"Authorization": f"Bearer {mine['azure'] if token is None else token}"}
        address = f"{self.url}/subscriptions/{mine['subscription']}{path}?api-version=2023-01-31"
        return requests.request(method, address, headers=headers, json={}, timeout=30)


@pytest.fixture
def someone() -> Iterator[Administrator]:
    with Sandbox() as sandbox, Administrator(sandbox) as visitor:
        yield visitor


def given(principal: str, role: str) -> dict[str, str]:
    return {
        "principalId": principal,
        "resourceId": GRAPH_PRINCIPAL_ID,
        "appRoleId": APP_ROLES.get(role, role),
    }


# --- Rights --------------------------------------------------------------------------------------------------------

CALLS: list[tuple[str, str, Any, tuple[str, ...]]] = [
    ("GET", "/applications", None, ("Application.Read.All",)),
    ("POST", "/applications", APPLICATION, ("Application.ReadWrite.All",)),
    ("GET", TRUSTED, None, ("Application.Read.All",)),
    ("PATCH", NAMED, NAME, ("Application.ReadWrite.All",)),
    ("POST", TRUSTED, TRUST, ("Application.ReadWrite.All",)),
    ("GET", f"{NAMED}/owners", None, ("Application.Read.All",)),
    ("GET", f"/servicePrincipals/{SIGN_IN_PRINCIPAL_ID}/owners", None, ("Application.Read.All",)),
    ("GET", f"/servicePrincipals/{SIGN_IN_PRINCIPAL_ID}/appRoleAssignedTo", None, ("Application.Read.All",)),
    ("GET", "/servicePrincipals", None, ("Application.Read.All",)),
    (
        "GET",
        f"/servicePrincipals/{IDENTITY_PRINCIPAL_ID}/appRoleAssignments",
        None,
        ("Application.Read.All",),
    ),
    (
        "POST",
        GIVEN,
        given(IDENTITY_PRINCIPAL_ID, "Reports.Read.All"),
        ("AppRoleAssignment.ReadWrite.All", "Application.Read.All"),
    ),
    ("GET", "/groups", None, ("GroupMember.Read.All",)),
    ("POST", "/groups", GROUP, ("Group.Create",)),
    ("GET", UNITS, None, ("AdministrativeUnit.Read.All",)),
    ("POST", UNITS, {"displayName": "U"}, ("AdministrativeUnit.ReadWrite.All",)),
    ("PATCH", PASSES, {"@odata.type": TYPE, "state": "enabled"}, ("Policy.ReadWrite.AuthenticationMethod",)),
]


@pytest.mark.parametrize(("method", "path", "body", "rights"), CALLS)
def test_each_call_needs_exactly_its_permissions(
    someone: Administrator, method: str, path: str, body: Any, rights: tuple[str, ...]
) -> None:
    for missing in rights:
        less = tuple(right for right in rights if right != missing)
        assert someone.ask(method, path, body, rights=("User.Read.All", *less)).status_code == 403

    assert someone.ask(method, path, body, rights=rights).ok


def test_portals_identity_cannot_set_up_the_tenant(someone: Administrator) -> None:
    for method, path, body, _rights in CALLS:
        answer = someone.graph(method, path, json=body)
        assert answer.status_code == 403 or (method, path) == ("GET", "/groups")


# --- What is made --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"displayName": ""},
        {"displayName": "x" * 257},
        {**APPLICATION, "shoeSize": 43},
        {**APPLICATION, "signInAudience": "Everybody"},
        {**APPLICATION, "web": {"redirectUris": ["http://starters.contoso.example/signin/callback/"]}},
        {**APPLICATION, "web": {"redirectUris": ["https://*.contoso.example/"]}},
        {**APPLICATION, "optionalClaims": {"idToken": [{"name": "auth-time"}]}},
        {**APPLICATION, "optionalClaims": {"accessToken": [{"name": "id-type"}]}},
        {**APPLICATION, "identifierUris": ["api://x"]},
        {**APPLICATION, "api": {"requestedAccessTokenVersion": 3}},
        {**APPLICATION, "api": {"oauth2PermissionScopes": [{**SCOPE, "type": "Everybody"}]}},
        {**APPLICATION, "api": {"oauth2PermissionScopes": [{**SCOPE, "id": "x"}]}},
        {**APPLICATION, "api": {"preAuthorizedApplications": []}},
        {**APPLICATION, "appRoles": [{"value": "HR"}]},
        {
            **APPLICATION,
            "appRoles": [
                {
                    "id": APP_ROLES["User.Read.All"],
                    "value": value,
                    "displayName": value,
                    "description": value,
                    "allowedMemberTypes": ["User"],
                }
                for value in ("HR", "Admin")
            ],
        },
    ],
)
def test_invalid_registration_is_refused(someone: Administrator, body: Any) -> None:
    assert someone.refusal("POST", "/applications", body) == (400, "Request_BadRequest")


@pytest.mark.parametrize(
    "body",
    [{}, {"identifierUris": ["api://other"]}, {**NAME, "displayName": "x"}],
    ids=["none", "other", "more"],
)
def test_application_takes_only_its_own_id_as_a_name(someone: Administrator, body: Any) -> None:
    assert someone.refusal("PATCH", NAMED, body) == (400, "Request_BadRequest")
    assert someone.ask("PATCH", NAMED, NAME).status_code == 204
    assert someone.ask("GET", NAMED).json()["identifierUris"] == NAME["identifierUris"]


def test_registration_is_found_by_name_and_client_id(someone: Administrator) -> None:
    made = someone.ask("POST", "/applications", {"displayName": "O'Neil"}).json()

    by_name = someone.ask("GET", "/applications?$filter=displayName eq 'O''Neil'").json()["value"]
    by_id = someone.ask("GET", f"/applications?$filter=appId eq '{made['appId']}'&$select=id").json()["value"]

    assert [principal["id"] for principal in by_name] == [made["id"]] and by_id == [{"id": made["id"]}]
    assert made["id"] != made["appId"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**TRUST, "name": "workload-identity"}, 409),
        ({**TRUST, "issuer": Options().issuer, "subject": IDENTITY_PRINCIPAL_ID}, 409),
        ({**TRUST, "audiences": []}, 400),
        ({**TRUST, "audiences": ["api://a", "api://b"]}, 400),
        ({name: value for name, value in TRUST.items() if name != "subject"}, 400),
        ({**TRUST, "colour": "red"}, 400),
    ],
)
def test_duplicate_or_invalid_federated_credential_is_refused(
    someone: Administrator, body: Any, status: int
) -> None:
    assert someone.refusal("POST", TRUSTED, body)[0] == status


def test_registration_has_at_most_twenty_federated_credentials(someone: Administrator) -> None:
    for number in range(19):
        assert someone.ask("POST", TRUSTED, {**TRUST, "name": f"n{number}", "subject": f"s{number}"}).ok

    assert someone.refusal("POST", TRUSTED, TRUST)[0] == 400


def test_a_registration_becomes_one_service_principal(someone: Administrator) -> None:
    client_id = someone.ask("POST", "/applications", APPLICATION).json()["appId"]

    first = someone.ask("POST", "/servicePrincipals", {"appId": client_id})
    second = someone.refusal("POST", "/servicePrincipals", {"appId": client_id})

    assert first.status_code == 201 and first.json()["appRoleAssignmentRequired"] is False
    assert second == (409, "Request_MultipleObjectsWithSameKeyValue")
    nobody = {"appId": "00000000-0000-4000-8000-000000000009"}
    assert someone.refusal("POST", "/servicePrincipals", nobody)[0] == 400


# --- Grants --------------------------------------------------------------------------------------------------------


def test_graphs_service_principal_lists_its_permissions(someone: Administrator) -> None:
    found = someone.ask("GET", f"/servicePrincipals?$filter=appId eq '{GRAPH_APP_ID}'").json()["value"]

    assert [principal["id"] for principal in found] == [GRAPH_PRINCIPAL_ID]
    assert {role["value"]: role["id"] for role in found[0]["appRoles"]} == APP_ROLES


def test_a_grant_is_in_the_identitys_next_token(someone: Administrator) -> None:
    role = "Reports.Read.All"

    made = someone.ask("POST", GIVEN, given(IDENTITY_PRINCIPAL_ID, role))

    assert made.status_code == 201 and made.json()["principalId"] == IDENTITY_PRINCIPAL_ID
    assert role in someone.state()["permissions"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (given(IDENTITY_PRINCIPAL_ID, "User.Read.All"), 400, "already exists on the object"),
        (given(Options().identity_client_id, "AuditLog.Read.All"), 404, "does not exist"),  # a client id
        (
            given(IDENTITY_PRINCIPAL_ID, "00000000-0000-4000-8000-000000000009"),
            400,
            "not found on application",
        ),
        (
            {**given(IDENTITY_PRINCIPAL_ID, "Mail.Send"), "resourceId": SIGN_IN_PRINCIPAL_ID},
            400,
            "resourceId",
        ),
        ({"principalId": IDENTITY_PRINCIPAL_ID}, 400, "required"),
    ],
)
def test_duplicate_or_invalid_grant_is_refused(
    someone: Administrator, body: Any, status: int, words: str
) -> None:
    answer = someone.ask("POST", GIVEN, body)

    assert answer.status_code == status and words in answer.json()["error"]["message"]


def test_grant_to_another_principal_is_listed_separately(someone: Administrator) -> None:
    someone.ask("POST", GIVEN, given(SIGN_IN_PRINCIPAL_ID, "Mail.Send"))

    state = someone.state()
    assert "Mail.Send" not in state["permissions"]
    assert state["registrations"]["other_grants"] == {SIGN_IN_PRINCIPAL_ID: ["Mail.Send"]}


# --- Owners and role holders ---------------------------------------------------------------------------------------

ADA = {"as": "ada"}
MALLORY = {"@odata.type": "#microsoft.graph.user", "id": "m", "displayName": "Mallory"}
A_PROGRAM = {"@odata.type": "#microsoft.graph.servicePrincipal", "id": "p", "displayName": "A program"}


def owners(someone: Administrator, place: str) -> list[str]:
    return [owner["id"] for owner in someone.ask("GET", f"{place}/owners").json()["value"]]


def test_only_a_signed_in_person_has_a_profile(someone: Administrator) -> None:
    assert someone.ask("GET", "/me?$select=id", **ADA).json()["id"] == BY_KEY["ada"].object_id
    assert someone.refusal("GET", "/me") == (400, "BadRequest")


def test_person_owns_what_the_person_creates(someone: Administrator) -> None:
    made = someone.ask("POST", "/applications", APPLICATION, **ADA).json()
    principal = someone.ask("POST", "/servicePrincipals", {"appId": made["appId"]}, **ADA).json()
    group = someone.ask("POST", "/groups", GROUP, **ADA).json()
    of_pipeline = someone.ask("POST", "/applications", {"displayName": "Other"}).json()

    for place in ("applications", "servicePrincipals", "groups"):
        found = {"applications": made, "servicePrincipals": principal, "groups": group}[place]
        assert owners(someone, f"/{place}/{found['id']}") == [BY_KEY["ada"].object_id]
    assert owners(someone, f"/applications/{of_pipeline['id']}") == []


def test_owners_come_in_pages(someone: Administrator) -> None:
    someone.sandbox.tenant.registrations.owners[SIGN_IN_APPLICATION_ID] = [MALLORY, A_PROGRAM]
    someone.change(list_page=1)

    first = someone.ask("GET", f"{NAMED}/owners").json()
    second = someone.ask("GET", first["@odata.nextLink"].partition("/v1.0")[2]).json()

    assert first["value"] == [MALLORY] and second["value"] == [A_PROGRAM]
    assert "@odata.nextLink" not in second


def test_group_hides_its_owning_applications(someone: Administrator) -> None:
    someone.sandbox.tenant.registrations.owners[EVERYONE.object_id] = [MALLORY, A_PROGRAM]

    assert owners(someone, f"/groups/{EVERYONE.object_id}") == ["m"]


def test_role_of_a_group_is_in_its_members_token(someone: Administrator) -> None:
    application = someone.ask("GET", NAMED).json()
    role = next(each["id"] for each in application["appRoles"] if each["value"] == "Auditor")
    place = f"/servicePrincipals/{SIGN_IN_PRINCIPAL_ID}/appRoleAssignedTo"
    body = {"principalId": EVERYONE.object_id, "resourceId": SIGN_IN_PRINCIPAL_ID, "appRoleId": role}

    first, second = someone.ask("POST", place, body), someone.ask("POST", place, body)

    held = [
        (each["principalType"], each["principalDisplayName"])
        for each in someone.ask("GET", place).json()["value"]
    ]
    assert (first.status_code, second.status_code) == (201, 400)
    assert held[0] == ("Group", EVERYONE.name) and ("User", "Hanna Reuter") in held
    assert someone.sign_in("maria")["roles"] == ["Auditor"]
    assert someone.sign_in("hanna")["roles"] == ["HR", "Auditor"]


# --- Groups, units, the policy -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"mailNickname": "with a space"},
        {"mailNickname": "at@sign"},
        {"mailNickname": ""},
        {"securityEnabled": False},
        {"mailEnabled": True},
        {"displayName": ""},
        {"shoeSize": 43},
    ],
)
def test_invalid_group_is_refused(someone: Administrator, change: dict[str, Any]) -> None:
    assert someone.refusal("POST", "/groups", {**GROUP, **change}) == (400, "Request_BadRequest")


def test_policy_includes_members_of_a_created_group(someone: Administrator) -> None:
    made = someone.ask("POST", "/groups", GROUP).json()
    targets = [{"id": made["id"], "targetType": "group"}]
    assert someone.ask("PATCH", PASSES, {"@odata.type": TYPE, "includeTargets": targets}).status_code == 204
    someone.change(person="noor", set={"groups": ["G"]})

    assert someone.make_pass("noor").status_code == 201
    assert someone.make_pass("liam").status_code == 400
    groups = someone.advanced(
        f"/users/{BY_KEY['noor'].object_id}/transitiveMemberOf/microsoft.graph.group?$count=true"
    ).json()["value"]
    assert {group["id"] for group in groups} == {made["id"], EVERYONE.object_id}


@pytest.mark.parametrize(
    "change",
    [
        {"@odata.type": "#microsoft.graph.fido2AuthenticationMethodConfiguration"},
        {"state": "on"},
        {"colour": "red"},
        {"id": "Other"},
        {"minimumLifetimeInMinutes": 9},
        {"maximumLifetimeInMinutes": 43201},
        {"defaultLength": 7},
        {"defaultLifetimeInMinutes": 481},
        {"includeTargets": [{"id": "00000000-0000-4000-8000-000000000009", "targetType": "group"}]},
        {"includeTargets": [{"id": EVERYONE.object_id, "targetType": "everybody"}]},
    ],
)
def test_a_policy_outside_microsofts_bounds_is_refused(
    someone: Administrator, change: dict[str, Any]
) -> None:
    before = someone.state()["policy"]

    assert someone.refusal("PATCH", PASSES, {"@odata.type": TYPE, **change}) == (400, "badRequest")
    assert someone.state()["policy"] == before


def test_unit_reports_restricted_management(someone: Administrator) -> None:
    made = someone.ask("POST", UNITS, {"displayName": "U", "isMemberManagementRestricted": True}).json()

    assert someone.ask("GET", f"{UNITS}/{made['id']}").json() == {
        name: value for name, value in made.items() if name != "@odata.context"
    }
    assert (
        someone.refusal("POST", UNITS, {"displayName": "U", "isMemberManagementRestricted": "yes"})[0] == 400
    )
    assert someone.refusal("GET", f"{UNITS}/x") == (404, "Request_ResourceNotFound")


# --- Azure, and a tenant as it was before ---------------------------------------------------------------------------

IDENTITIES = "/resourceGroups/starter-passes/providers/Microsoft.ManagedIdentity/userAssignedIdentities"


def test_first_identity_belongs_to_this_machine(someone: Administrator) -> None:
    someone.change(set_up=False)

    made = someone.azure("PUT", f"{IDENTITIES}/mine").json()["properties"]
    again = someone.azure("PUT", f"{IDENTITIES}/mine").json()["properties"]
    other = someone.azure("PUT", f"{IDENTITIES}/other").json()["properties"]

    assert made == again and made["clientId"] == someone.options.identity_client_id
    assert made["principalId"] == IDENTITY_PRINCIPAL_ID != other["principalId"]
    principals = someone.ask("GET", "/servicePrincipals?$filter=servicePrincipalType eq 'ManagedIdentity'")
    assert [principal["displayName"] for principal in principals.json()["value"]] == ["mine", "other"]


def test_azure_refuses_graph_tokens_and_unknown_groups(someone: Administrator) -> None:
    graph = someone.change(administrator=list(RIGHTS))["administrator"]["graph"]

    assert someone.azure("GET", IDENTITIES, token=graph).status_code == 401
    assert someone.azure("GET", IDENTITIES.replace("starter-passes", "elsewhere")).status_code == 404
    assert someone.azure("PUT", f"{IDENTITIES}/a b").status_code == 400


def test_tenant_before_set_up_has_no_objects(someone: Administrator) -> None:
    someone.change(set_up=False)

    state = someone.state()
    assert state["permissions"] == [] and state["policy"]["state"] == "disabled"
    assert state["registrations"]["applications"] == state["registrations"]["principals"] == []
    assert "700016" in someone.authorize().text
    assert someone.make_pass("noor").status_code == 403


def test_restart_keeps_set_up_for_the_same_portal(tmp_path: Any) -> None:
    kept = Options(state_file=tmp_path / "sandbox.json")
    with Sandbox(options=kept) as first, Administrator(first) as visitor:
        visitor.ask("POST", "/groups", GROUP)
        visitor.ask("POST", UNITS, {"displayName": "U"})

    with Sandbox(options=kept) as second, Administrator(second) as visitor:
        assert [unit["displayName"] for unit in visitor.ask("GET", UNITS).json()["value"]] == ["U"]
        assert "G" in [group["displayName"] for group in visitor.ask("GET", "/groups").json()["value"]]
    other = Options(
        state_file=tmp_path / "sandbox.json", sign_in_client_id="66666666-7777-8888-9999-000000000000"
    )
    with Sandbox(options=other) as third, Administrator(third) as visitor:
        assert visitor.sign_in("hanna")["aud"] == other.sign_in_client_id
