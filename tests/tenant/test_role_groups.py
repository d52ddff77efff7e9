"""Groups of HR, admins and auditors: the script finds them and gives them the app roles."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from portal.sandbox.people import ACCOUNT_TEAM, EVERYONE, SERVER_OPERATORS, Group
from portal.signin import tokens
from tests.tenant.setter import PORTAL, Setter, variables

HR, ADMINS = ("--hr-group", EVERYONE.name), ("--admin-group", SERVER_OPERATORS.object_id)
SOURCE = "https://learn.microsoft.com/entra/identity/enterprise-apps/assign-user-or-group-access-portal"


def run(setter: Setter, *options: str, **more: Any) -> Any:
    return setter.run(setter.script(*options), **more)


def assigned(setter: Setter) -> list[tuple[str, str]]:
    made = setter.sandbox.tenant.registrations
    names = {role["id"]: role["value"] for each in made.applications for role in each["appRoles"]}
    return [(names[each["appRoleId"]], each["principalDisplayName"]) for each in made.assignments]


def test_groups_get_their_roles(setter: Setter) -> None:
    done = run(setter, *HR, *ADMINS, "--auditor-group", ACCOUNT_TEAM.name, "--auditor-group", EVERYONE.name)

    assert done.returncode == 0, done.stderr
    assert assigned(setter) == [
        ("HR", EVERYONE.name),
        ("Admin", SERVER_OPERATORS.name),
        ("Auditor", ACCOUNT_TEAM.name),
        ("Auditor", EVERYONE.name),
    ]


@pytest.mark.django_db
def test_member_of_the_group_signs_in_with_the_role(setter: Setter, settings: LazySettings) -> None:
    client_id = variables(run(setter, *ADMINS).stdout)["SIGN_IN_CLIENT_ID"]
    settings.SIGN_IN_CLIENT_ID, settings.SANDBOX_URL = client_id, setter.url
    tokens.signing_keys.clear()
    setter.change(person="amir", set={"groups": [SERVER_OPERATORS.name]})
    back = {"client_id": client_id, "redirect_uri": f"{PORTAL}/signin/callback/"}

    def roles(key: str) -> tuple[str, ...]:
        code = setter.pick(key, **back).headers["Location"].split("code=")[1].split("&")[0]
        return tokens.verify_id_token(setter.redeem(code, **back).json()["id_token"], nonce="n-1").roles

    assert roles("amir") == ("Admin",) and roles("hanna") == ()


def test_second_run_assigns_nothing(setter: Setter) -> None:
    run(setter, *HR, *ADMINS)
    before, runs = setter.made(), list[Any]()

    written = setter.writes(lambda: runs.append(run(setter, *HR, *ADMINS)))

    assert written == [] and setter.made() == before
    assert runs[0].returncode == 0 and "Nothing was changed. Already there: 17." in runs[0].stderr


def test_group_and_role_can_be_added_later(setter: Setter) -> None:
    run(setter, *HR)

    done = run(setter, *HR, *ADMINS, "--auditor-group", EVERYONE.name)

    assert done.returncode == 0 and "Created: 2. Already there: 16." in done.stderr
    assert sorted(assigned(setter)) == [
        ("Admin", SERVER_OPERATORS.name),
        ("Auditor", EVERYONE.name),
        ("HR", EVERYONE.name),
    ]


def test_holders_beside_the_groups_are_shown(setter: Setter) -> None:
    run(setter, *HR)
    setter.change(person="ada", set={"app_roles": ["HR"]})

    done = run(setter, *HR)

    assert f"Named: {EVERYONE.name} (object id {EVERYONE.object_id}) has the role HR" in done.stderr
    assert "Trusted: Ada Jansen" in done.stderr and done.returncode == 0


@pytest.mark.parametrize(
    "options", [(), ADMINS, ("--admin-group", EVERYONE.name)], ids=["none", "other", "role"]
)
def test_unnamed_group_with_a_role_is_a_stranger(setter: Setter, options: tuple[str, ...]) -> None:
    run(setter, *HR)

    runs: list[Any] = []
    written = setter.writes(lambda: runs.append(run(setter, *options)))

    assert written == [] and runs[0].returncode == 1
    assert (
        f"{EVERYONE.name} (object id {EVERYONE.object_id}) has the role HR"
        in runs[0].stderr.split("not name")[1]
    )


def test_role_ids_are_read_from_the_registration(setter: Setter) -> None:
    setter.complete()
    made = setter.sandbox.tenant.registrations
    for role in [*made.applications[0]["appRoles"], *made.principals[-1]["appRoles"]]:
        if role["value"] == "HR":
            role["id"] = "0ddba11e-0000-4000-8000-0000000000aa"

    done = run(setter, *HR)

    assert done.returncode == 0 and assigned(setter) == [("HR", EVERYONE.name)]


# --- What can be wrong ---------------------------------------------------------------------------------------------


def stopped(setter: Setter, *options: str, **more: Any) -> str:
    """What a run says that stops before any change."""
    runs: list[Any] = []
    written = setter.writes(lambda: runs.append(run(setter, *options, **more)))
    assert written == [] and runs[0].returncode == 1 and runs[0].stdout == ""
    return str(runs[0].stderr)


def test_ambiguous_name_is_refused(setter: Setter) -> None:
    twins = Group(201, "HR team"), Group(202, "HR team")
    setter.sandbox.tenant.registrations.groups += twins
    setter.change(list_page=1)

    said = stopped(setter, "--hr-group", "HR team")
    done = run(setter, "--hr-group", twins[1].object_id)

    assert all(twin.object_id in said for twin in twins) and "Write the object id" in said
    assert done.returncode == 0
    assert setter.sandbox.tenant.registrations.assignments[0]["principalId"] == twins[1].object_id


@pytest.mark.parametrize("group", ["Nobody's", "96000000-0000-4000-8000-000000000999"], ids=["name", "id"])
def test_unknown_group_is_refused(setter: Setter, group: str) -> None:
    assert f"There is no group with the {'name' if 'N' in group else 'object id'} {group}" in stopped(
        setter, "--auditor-group", group
    )


def test_group_that_is_no_security_group_is_refused(setter: Setter) -> None:
    setter.fault(method="GET", path="^/v1.0/groups/", skip=1, mutate={"securityEnabled": False})

    assert "is not a security group" in stopped(setter, *ADMINS)


def test_refused_assignment_names_the_licence(setter: Setter) -> None:
    setter.fault(method="POST", path="appRoleAssignedTo", status=403)

    refused = run(setter, *HR)
    completed = run(setter, *HR)

    assert refused.returncode == 1 and "Groups need Entra ID P1 or P2." in refused.stderr
    assert completed.returncode == 0 and assigned(setter) == [("HR", EVERYONE.name)]


def test_disabled_registration_role_is_not_invented(setter: Setter) -> None:
    setter.complete()
    made = setter.sandbox.tenant.registrations
    made.principals[-1]["appRoles"] = [
        role for role in made.principals[-1]["appRoles"] if role["value"] != "HR"
    ]

    done = run(setter, *HR)

    assert done.returncode == 1 and "The enterprise application has no role HR." in done.stderr


@pytest.mark.parametrize(
    "name", ["O'Neil & Sons", '" $(touch owned) "', "a\ntouch owned", "100% `x` #1 $HOME"]
)
def test_group_name_is_never_run_as_a_command(setter: Setter, name: str) -> None:
    shown = " ".join(name.split())
    setter.sandbox.tenant.registrations.groups.append(Group(201, shown))

    done = run(setter, "--hr-group", name)

    assert done.returncode == 0, done.stderr
    assert assigned(setter) == [("HR", shown)] and not (setter.folder / "owned").exists()


# --- The plan ------------------------------------------------------------------------------------------------------


def plan(*options: str) -> str:
    out = StringIO()
    call_command("setup_tenant", *options, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_plan_names_groups_and_licence_with_its_source() -> None:
    for text in (plan(*HR, *ADMINS), plan("--script", "-", *HR, *ADMINS)):
        said = " ".join(text.replace("\n# ", " ").split())
        assert f"Microsoft requires Entra ID P1 or P2 for this: {SOURCE}." in said
        assert EVERYONE.name in text and SERVER_OPERATORS.object_id in text
        assert "not members of groups in the group" in said


def test_without_groups_the_plan_assigns_no_role() -> None:
    assert "The roles of these groups" not in plan() + plan("--script", "-")
    assert "assign_role" not in plan("--script", "-")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--trusted", "mallory@contoso.example"), "--trusted must be an object id"),
        (("--trusted", ""), "--trusted must be an object id"),
        (("--hr-group", " \n "), "The group of HR must be an object id or a display name"),
        (("--admin-group", "x" * 257), "The group of Admin must be"),
    ],
)
def test_invalid_option_is_refused(options: tuple[str, str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        plan(*options)
