"""Strangers: who owns what the script finds, or has its roles, is known before the script changes anything."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings

from onboarding.graph.permissions import PERMISSIONS
from portal.sandbox.identity import ADMINISTRATOR_ID
from portal.sandbox.options import IDENTITY_PRINCIPAL_ID
from portal.sandbox.people import BY_KEY, EVERYONE
from portal.sandbox.registrations import Registrations, new_application, new_principal
from tests.tenant.setter import GROUP, RIGHTS, SETTER, SIGN_IN, Change, Setter

API = "Starter passes API, Contoso"
MALLORY = "0ddba11e-0000-4000-8000-00000000000a"
OTHER = "0ddba11e-0000-4000-8000-00000000000b"
ELSEWHERE = "0ddba11e-0000-4000-8000-0000000000ee"
ROLE = "9a4d1c5e-6b0f-4f57-9d5b-6f7a3a1e0002"  # Admin, of a stranger's registration


def owner(object_id: str, name: str | None = "Mallory") -> dict[str, Any]:
    return {"@odata.type": "#microsoft.graph.user", "id": object_id, "displayName": name}


def application(made: Any, name: str = SIGN_IN) -> Any:
    return next(each for each in made.registrations.applications if each["displayName"] == name)


def principal(made: Any, name: str = SIGN_IN) -> Any:
    return made.registrations.principal_of(application(made, name)["appId"])


def assign(made: Any, name: str, role: str, holder: str = MALLORY) -> None:
    role_id = next(each["id"] for each in application(made, name)["appRoles"] if each["value"] == role)
    made.registrations.assignments.append(
        {
            "principalId": holder,
            "resourceId": principal(made, name)["id"],
            "appRoleId": role_id,
            "principalDisplayName": "Mallory",
            "principalType": "ServicePrincipal",
        }
    )


def owned(find: Any) -> Change:
    def change(made: Any) -> None:
        made.registrations.owners.setdefault(find(made), []).append(owner(MALLORY))

    return change


def run_without_writing(setter: Setter, *options: str, **more: Any) -> Any:
    before, runs = setter.made(), list[Any]()

    written = setter.writes(lambda: runs.append(setter.run(setter.script(*options), **more)))

    assert written == [] and setter.made() == before
    return runs[0]


STRANGERS: dict[str, tuple[Change, str]] = {
    "the registration": (
        owned(lambda made: application(made)["id"]), f"owns the app registration {SIGN_IN}",
    ),
    "the enterprise application": (
        owned(lambda made: principal(made)["id"]), f"owns the enterprise application {SIGN_IN}",
    ),
    "the group": (
        owned(lambda made: made.registrations.groups[0].object_id), f"owns the group {GROUP}",
    ),
    "the identity": (owned(lambda _made: IDENTITY_PRINCIPAL_ID), "owns the workload identity"),
    "the API registration": (
        owned(lambda made: application(made, API)["id"]), f"owns the app registration {API}",
    ),
    "the API's enterprise application": (
        owned(lambda made: principal(made, API)["id"]), f"owns the enterprise application {API}",
    ),
    "the role HR": (lambda made: assign(made, SIGN_IN, "HR"), "has the role HR of the enterprise application"),
    "the role Admin": (lambda made: assign(made, SIGN_IN, "Admin"), "has the role Admin of"),
    "the role Auditor": (lambda made: assign(made, SIGN_IN, "Auditor"), "has the role Auditor of"),
    "a role of the API": (
        lambda made: assign(made, API, "Starters.Read"), "has the role Starters.Read of the enterprise",
    ),
}  # fmt: skip


def change_all(setter: Setter) -> list[str]:
    """Mallory owns everything and has every kind of role. Returns how the script says it."""
    setter.complete("--api")
    for change, _said in STRANGERS.values():
        change(setter.sandbox.tenant)
    return [f"Mallory (object id {MALLORY}) {said}" for _change, said in STRANGERS.values()]


def test_strangers_stop_the_script_before_any_change(setter: Setter) -> None:
    expected = change_all(setter)

    done = run_without_writing(setter, "--api")

    assert done.returncode == 1 and done.stdout == ""
    listed = done.stderr.split("that you did not name:")[1]
    assert [said for said in expected if said not in listed] == []
    assert listed.count("(object id") == len(expected)


@pytest.mark.parametrize("what", ["the enterprise application", "a role of the API"])
def test_one_stranger_is_enough(setter: Setter, what: str) -> None:
    setter.complete("--api")
    STRANGERS[what][0](setter.sandbox.tenant)

    assert run_without_writing(setter, "--api").returncode == 1


def test_trusted_holders_stop_nothing(setter: Setter) -> None:
    expected = change_all(setter)

    done = run_without_writing(setter, "--api", "--trusted", OTHER, "--trusted", MALLORY.upper())

    assert done.returncode == 0 and "Nothing was changed" in done.stderr, done.stderr
    assert [said for said in expected if f"Trusted: {said}" not in done.stderr] == []


def test_person_with_a_role_is_a_stranger(setter: Setter) -> None:
    setter.complete()
    setter.change(person="hanna", set={"app_roles": ["HR"]})
    setter.change(person=SETTER, set={"app_roles": ["Admin"]})

    done = run_without_writing(setter)

    assert done.returncode == 1
    assert f"Hanna Reuter (object id {BY_KEY['hanna'].object_id}) has the role HR" in done.stderr
    assert "Trusted: Ada Jansen" in done.stderr and done.stderr.count("NOT TRUSTED") == 1


def test_assignment_without_a_role_is_no_concern(setter: Setter) -> None:
    setter.complete()
    assign(setter.sandbox.tenant, SIGN_IN, "HR")
    without = "00000000-0000-0000-0000-000000000000"
    setter.sandbox.tenant.registrations.assignments[0]["appRoleId"] = without

    assert run_without_writing(setter).returncode == 0


def test_objects_of_the_previous_administrator_are_a_strangers(setter: Setter) -> None:
    setter.complete()

    done = run_without_writing(setter, by="amir")

    assert done.returncode == 1
    assert done.stderr.split("did not name:")[1].count("Ada Jansen") == 3
    assert run_without_writing(setter, "--trusted", BY_KEY[SETTER].object_id, by="amir").returncode == 0


def test_pipeline_finds_its_own_objects(setter: Setter) -> None:
    first = setter.run(by="")

    again = run_without_writing(setter, by="")

    assert first.returncode == again.returncode == 0, again.stderr
    assert f"object id {ADMINISTRATOR_ID}" in again.stderr


def test_managed_identity_trusts_only_named_object_ids(setter: Setter) -> None:
    setter.complete()
    sign_in = setter.cli.sign_in
    nameless = {"name": "systemAssignedIdentity", "type": "servicePrincipal"}
    setter.cli.sign_in = lambda tokens, subscription, _user: sign_in(tokens, subscription, nameless)  # type: ignore[method-assign]

    refused = run_without_writing(setter, by="")
    trusted = run_without_writing(setter, "--trusted", BY_KEY[SETTER].object_id, by="")

    assert refused.returncode == 1 and "(object id unknown)" in refused.stderr
    assert trusted.returncode == 0


# --- Applications of the same name ---------------------------------------------------------------------------------


def strangers_application(made: Registrations, *, organisation: str | None = None) -> dict[str, Any]:
    """A stranger creates an enterprise application with our name, and gets the role Admin of it."""
    roles = [{"id": ROLE, "value": "Admin", "allowedMemberTypes": ["User", "Application"], "isEnabled": True}]
    registered = new_application({"displayName": SIGN_IN, "appRoles": roles})
    found = {**new_principal(registered["appId"], SIGN_IN), "appRoles": roles}
    found["appOwnerOrganizationId"] = organisation
    made.principals.append(found)
    made.owners[found["id"]] = [owner(MALLORY)]
    if organisation is None:
        made.applications.append(registered)
        made.owners[registered["id"]] = [owner(MALLORY)]
        made.assignments.append(
            {
                "principalId": OTHER,
                "resourceId": found["id"],
                "appRoleId": ROLE,
                "principalDisplayName": "Oscar",
                "principalType": "User",
            }
        )
    return found


def test_o8_strangers_application_stops_a_first_run(setter: Setter) -> None:
    strangers_application(setter.sandbox.tenant.registrations)

    done = run_without_writing(setter)

    assert done.returncode == 1 and "Stopped at: Owners and role holders" in done.stderr
    listed = done.stderr.split("that you did not name:")[1]
    assert f"Mallory (object id {MALLORY}) owns the app registration" in listed
    assert f"Mallory (object id {MALLORY}) owns the enterprise application" in listed
    assert f"Oscar (object id {OTHER}) has the role Admin" in listed


@pytest.mark.parametrize("organisation", [None, ELSEWHERE], ids=["here", "elsewhere"])
def test_o8_strangers_application_stops_a_later_run(setter: Setter, organisation: str | None) -> None:
    setter.complete()
    strangers_application(setter.sandbox.tenant.registrations, organisation=organisation)

    done = run_without_writing(setter)

    assert done.returncode == 1
    assert f"Mallory (object id {MALLORY}) owns the enterprise application" in done.stderr


def test_o8_application_of_another_tenant_is_named(setter: Setter) -> None:
    setter.complete()
    found = strangers_application(setter.sandbox.tenant.registrations, organisation=ELSEWHERE)
    setter.sandbox.tenant.registrations.owners.pop(found["id"])

    refused = run_without_writing(setter)
    trusted = run_without_writing(setter, "--trusted", found["id"])

    assert refused.returncode == 1
    assert f"(object id {found['id']}) is an enterprise application of another registration" in refused.stderr
    assert f"client id {found['appId']}, tenant {ELSEWHERE}" in refused.stderr
    assert trusted.returncode == 0, trusted.stderr


def test_o8_known_client_id_still_finds_a_namesake(setter: Setter, settings: LazySettings) -> None:
    setter.complete()
    settings.SIGN_IN_CLIENT_ID = application(setter.sandbox.tenant)["appId"]
    strangers_application(setter.sandbox.tenant.registrations)

    done = run_without_writing(setter)

    assert done.returncode == 1 and f"Mallory (object id {MALLORY}) owns the app registration" in done.stderr


def test_known_client_id_checks_a_renamed_registration(setter: Setter, settings: LazySettings) -> None:
    setter.complete()
    found = application(setter.sandbox.tenant)
    settings.SIGN_IN_CLIENT_ID = found["appId"]
    found["displayName"] = principal_name = "Renamed since"
    setter.sandbox.tenant.registrations.principal_of(found["appId"])["displayName"] = principal_name
    setter.sandbox.tenant.registrations.owners[found["id"]].append(owner(MALLORY))

    assert run_without_writing(setter).returncode == 1


# --- The workload identity's permissions ---------------------------------------------------------------------------


def test_permission_beyond_the_plan_stops_the_script(setter: Setter) -> None:
    setter.complete()
    setter.sandbox.tenant.granted.add("User.ReadWrite.All")

    done = run_without_writing(setter)

    assert done.returncode == 1
    assert (
        f"The workload identity (object id {IDENTITY_PRINCIPAL_ID}) has the permission User.ReadWrite.All of "
        "Microsoft Graph, which the portal does not need" in done.stderr
    )


def test_permission_of_another_api_stops_the_script(setter: Setter) -> None:
    """Also if the other API chose the id of a planned permission for its role."""
    setter.complete("--api")
    made = setter.sandbox.tenant
    for role in [*application(made, API)["appRoles"], *principal(made, API)["appRoles"]]:
        if role["value"] == "Starters.Withdraw":
            role["id"] = PERMISSIONS[0].app_role_id
    assign(made, API, "Starters.Withdraw", holder=IDENTITY_PRINCIPAL_ID)

    done = run_without_writing(setter)

    assert done.returncode == 1 and "has the permission Starters.Withdraw of" in done.stderr


# --- What Microsoft answers ----------------------------------------------------------------------------------------


def test_stranger_on_the_last_page_is_found(setter: Setter) -> None:
    setter.complete()
    made = setter.sandbox.tenant
    made.registrations.owners[application(made)["id"]] += [owner(OTHER, "Oscar"), owner(MALLORY)]
    setter.change(person="hanna", set={"app_roles": ["HR", "Admin"]})
    setter.change(list_page=1)

    done = run_without_writing(setter, "--trusted", OTHER)

    assert done.returncode == 1
    listed = done.stderr.split("did not name:")[1]
    assert f"Mallory (object id {MALLORY})" in listed and listed.count("Hanna Reuter") == 2
    assert "Oscar" not in listed


def test_small_pages_change_nothing(setter: Setter) -> None:
    setter.change(list_page=1)
    first = setter.run()

    again = run_without_writing(setter)

    assert first.returncode == again.returncode == 0, again.stderr
    assert "Nothing was changed" in again.stderr


def test_list_that_continues_elsewhere_is_not_followed(setter: Setter) -> None:
    setter.complete()
    evil = {"@odata.nextLink": "https://evil.example/v1.0/owners"}
    setter.fault(method="GET", path="/owners$", mutate=evil)

    done = run_without_writing(setter)

    assert done.returncode == 1 and "continues at another address: https://evil.example" in done.stderr


IN_OBJECTS = {
    r"^/v1.0/applications/[^/]+/owners$": f"the owners of the app registration {SIGN_IN}",
    r"^/v1.0/servicePrincipals/[^/]+/owners$": "the owners of the workload identity",
    r"^/v1.0/groups/[^/]+/owners$": f"the owners of the group {GROUP}",
    "appRoleAssignedTo$": f"the role holders of the enterprise application {SIGN_IN}",
    "appRoleAssignments$": "the permissions of the workload identity",
}
IN_LISTS = {
    "^/v1.0/applications$": f"the app registrations with the name {SIGN_IN}",
    "^/v1.0/groups$": f"the groups with the name {GROUP}",
}


@pytest.mark.parametrize("paths", [IN_OBJECTS, IN_LISTS], ids=["objects", "lists"])
def test_unreadable_holders_are_named_and_stop_the_script(setter: Setter, paths: dict[str, str]) -> None:
    setter.complete()
    for path in paths:
        setter.fault(method="GET", path=path, status=403)

    done = run_without_writing(setter)

    assert done.returncode == 1 and done.stdout == ""
    listed = done.stderr.split("Could not be read")[1]
    assert [said for said in paths.values() if said not in listed] == []


def test_one_unreadable_list_is_enough(setter: Setter) -> None:
    setter.complete()
    setter.fault(method="GET", path="appRoleAssignedTo$", status=403)

    assert run_without_writing(setter).returncode == 1


def test_missing_permission_to_read_groups_is_named(setter: Setter) -> None:
    done = run_without_writing(setter, rights=tuple(one for one in RIGHTS if not one.startswith("Group.")))

    assert done.returncode == 1 and f"the groups with the name {GROUP}" in done.stderr


def test_error_that_is_no_refusal_stops_at_once(setter: Setter) -> None:
    setter.complete()
    setter.fault(method="GET", path="/owners$", status=500)

    done = run_without_writing(setter)

    assert done.returncode == 1 and "Could not be read" not in done.stderr


def test_name_of_a_stranger_hides_nothing(setter: Setter) -> None:
    setter.complete()
    second_line = f"A\n{BY_KEY[SETTER].object_id} Ada Jansen"
    names = ["$(touch owned) `touch owned`", second_line, "*\\n%s'\"", None, "", "\x1b[2K\rNobody"]
    ids = [f"{MALLORY[:-2]}{number:02d}" for number, _name in enumerate(names)]
    made = setter.sandbox.tenant
    made.registrations.owners[application(made)["id"]] = [
        owner(object_id, name) for object_id, name in zip(ids, names, strict=True)
    ]

    done = run_without_writing(setter)

    assert done.returncode == 1 and not (setter.folder / "owned").exists()
    listed = done.stderr.split("did not name:")[1]
    assert [object_id for object_id in ids if f"(object id {object_id}) owns the app" not in listed] == []
    assert "\x1b" not in done.stderr and "\r" not in done.stderr


def test_part_of_a_trusted_object_id_is_a_stranger(setter: Setter) -> None:
    setter.complete()
    assign(setter.sandbox.tenant, SIGN_IN, "Admin", holder=EVERYONE.object_id[:-1])

    assert run_without_writing(setter, "--trusted", EVERYONE.object_id).returncode == 1
