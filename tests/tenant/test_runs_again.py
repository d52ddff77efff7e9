"""A second set-up run: existing objects are found, compared and left unchanged."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings

from onboarding.graph.permissions import PERMISSIONS
from portal.sandbox.people import BY_KEY
from tests.tenant.setter import PORTAL, Change, Setter, variables


def test_second_run_changes_nothing_and_reports_it(setter: Setter) -> None:
    first = setter.run()
    before = setter.made()

    runs: list[Any] = []
    written = setter.writes(lambda: runs.append(setter.run()))

    assert written == [] and setter.made() == before
    assert (runs[0].returncode, runs[0].stdout) == (0, first.stdout)
    assert "Nothing was changed. Already there: 15." in runs[0].stderr
    assert "created (" not in runs[0].stderr and "DIFFERS" not in runs[0].stderr


def test_ids_in_the_settings_find_the_same_objects(setter: Setter, settings: LazySettings) -> None:
    found = variables(setter.run().stdout)
    settings.AZURE_CLIENT_ID, settings.SIGN_IN_CLIENT_ID = (
        found["AZURE_CLIENT_ID"],
        found["SIGN_IN_CLIENT_ID"],
    )
    settings.ORGANISATION_NAME = "Contoso"
    setter.sandbox.tenant.registrations.applications[0]["displayName"] = "Renamed since"

    done: list[Any] = []
    written = setter.writes(lambda: done.append(setter.run()))

    assert written == [] and done[0].returncode == 0
    assert variables(done[0].stdout) == found


@pytest.mark.parametrize("name", ["AZURE_CLIENT_ID", "SIGN_IN_CLIENT_ID"])
def test_unknown_id_in_the_settings_stops_the_script(
    setter: Setter, settings: LazySettings, name: str
) -> None:
    setattr(settings, name, "00000000-1111-2222-3333-444444444444")

    done = setter.run()

    assert done.returncode == 1 and f"Check {name}." in done.stderr and done.stdout == ""
    assert setter.made()["applications"] == []


def forget_trust(made: Any) -> None:
    made.registrations.federated.clear()


def forget_enterprise_application(made: Any) -> None:
    made.registrations.principals = [
        principal
        for principal in made.registrations.principals
        if principal["servicePrincipalType"] == "ManagedIdentity"
    ]


def forget_registration(made: Any) -> None:
    made.registrations.applications.clear()
    forget_trust(made)
    forget_enterprise_application(made)


def forget_group(made: Any) -> None:
    made.registrations.groups.clear()
    made.policy["includeTargets"] = []


GONE: dict[str, tuple[Change, int]] = {
    "the registration": (forget_registration, 3),
    "the enterprise application": (forget_enterprise_application, 1),
    "the trust": (forget_trust, 1),
    "the group": (forget_group, 2),
    "the unit": (lambda made: made.registrations.units.clear(), 1),
    "the policy": (lambda made: made.policy.update(state="disabled"), 1),
    "the policy's group": (lambda made: made.policy.update(includeTargets=[]), 1),
    "a needed right": (lambda made: made.granted.discard(PERMISSIONS[0].name), 1),
    "an optional right": (lambda made: made.granted.discard(PERMISSIONS[-1].name), 1),
}


@pytest.mark.parametrize("what", GONE)
def test_second_run_creates_only_missing_objects(setter: Setter, what: str) -> None:
    setter.complete()
    forget, times = GONE[what]
    forget(setter.sandbox.tenant)

    runs: list[Any] = []
    written = setter.writes(lambda: runs.append(setter.run()))

    assert runs[0].returncode == 0, runs[0].stderr
    assert len(written) == times and f"Created: {times}. Already there: {15 - times}." in runs[0].stderr


def of_application(**values: Any) -> Change:
    return lambda made: made.registrations.applications[0].update(values)


def web(**values: Any) -> Change:
    return lambda made: made.registrations.applications[0]["web"].update(values)


def of_principal(kind: str, **values: Any) -> Change:
    def change(made: Any) -> None:
        for principal in made.registrations.principals:
            if principal["servicePrincipalType"] == kind:
                principal.update(values)

    return change


def of_trust(**values: Any) -> Change:
    return lambda made: next(iter(made.registrations.federated.values()))[0].update(values)


def another_trusted(made: Any) -> None:
    trusted = next(iter(made.registrations.federated.values()))
    trusted.append({**trusted[0], "id": "other", "name": "other", "subject": "somebody-else"})


def granted_to_sign_in(made: Any) -> None:
    principal = next(
        principal
        for principal in made.registrations.principals
        if principal["servicePrincipalType"] != "ManagedIdentity"
    )
    made.registrations.other_grants[principal["id"]] = ["User.Read.All"]


def group_excluded(made: Any) -> None:
    made.policy["excludeTargets"] = [{"id": made.registrations.groups[0].object_id, "targetType": "group"}]


def roles_off(made: Any) -> None:
    for role in made.registrations.applications[0]["appRoles"]:
        role["isEnabled"] = False


def implicit(which: str) -> Change:
    return lambda made: made.registrations.applications[0]["web"]["implicitGrantSettings"].update(
        {which: True}
    )


def for_everybody(made: Any) -> None:
    made.policy["includeTargets"] = [{"id": "all_users", "targetType": "group"}]


def lifetimes(least: int, most: int) -> Change:
    return lambda made: made.policy.update(minimumLifetimeInMinutes=least, maximumLifetimeInMinutes=most)


DIFFERENT: dict[str, tuple[Change, str]] = {
    "other tenants": (of_application(signInAudience="AzureADMultipleOrgs"), "It is AzureADMultipleOrgs"),
    "another return": (web(redirectUris=[f"{PORTAL}/signin/callback/", "https://evil.example/"]), "evil.example"),
    "a page of scripts": (of_application(spa={"redirectUris": ["https://evil.example/"]}), "single-page apps"),
    "an app on devices": (of_application(publicClient={"redirectUris": ["https://evil.example/"]}), "public clients"),
    "no optional claims": (of_application(optionalClaims=None), "optional claims in the ID token. It is []"),
    "a role less": (lambda made: made.registrations.applications[0]["appRoles"].pop(), '["Admin","HR"]'),
    "a role that is off": (roles_off, "app roles. It is []"),
    "a secret": (of_application(passwordCredentials=[{"keyId": "k"}]), "number of client secrets. It is 1"),
    "a certificate": (of_application(keyCredentials=[{"keyId": "k"}]), "number of certificates. It is 1"),
    "a secret of its own": (of_principal("Application", passwordCredentials=[{"keyId": "k"}]), "client secrets. It is 1"),
    "a certificate of its own": (of_principal("Application", keyCredentials=[{"keyId": "k"}]), "certificates. It is 1"),
    "asks for rights": (of_application(requiredResourceAccess=[{"resourceAppId": "x"}]), "with requested permissions"),
    "access tokens without a code": (implicit("enableAccessTokenIssuance"), "implicit grant of access tokens"),
    "id tokens without a code": (implicit("enableIdTokenIssuance"), "implicit grant of ID tokens"),
    "switched off": (of_principal("Application", accountEnabled=False), "sign-in enabled"),
    "roles needed": (of_principal("Application", appRoleAssignmentRequired=True), "managers have no role"),
    "sign-in has a right": (granted_to_sign_in, "number of application permissions. It is 1"),
    "another issuer": (of_trust(issuer="https://evil.example"), "issuer. It is https://evil.example"),
    "another subject": (of_trust(subject="5a4d0b0c-0000-4000-8000-0000000000a1"), "subject"),
    "another audience": (of_trust(audiences=["api://other"]), "audience"),
    "trusts somebody else": (another_trusted, "number of federated credentials. It is 2"),
    "an open unit": (lambda made: made.registrations.units[0].update(isMemberManagementRestricted=None), "management"),
    "a policy for all": (for_everybody, "on for all users"),
    "an excluded group": (group_excluded, "The group is also excluded"),
    "short passes": (lifetimes(10, 30), "of 10 to 30 minutes"),
    "long passes": (lifetimes(61, 480), "of 61 to 480 minutes"),
}  # fmt: skip


@pytest.mark.parametrize("what", DIFFERENT)
def test_differences_are_reported_and_left_unchanged(setter: Setter, what: str) -> None:
    setter.complete()
    change, said = DIFFERENT[what]
    change(setter.sandbox.tenant)
    before = setter.made()

    runs: list[Any] = []
    written = setter.writes(lambda: runs.append(setter.run()))

    assert written == [] and setter.made() == before
    assert runs[0].returncode == 2 and runs[0].stderr.count("DIFFERS") == 1, runs[0].stderr
    assert said in runs[0].stderr.split("Different from the plan and not changed:")[1]


def test_policy_stays_on_for_other_groups(setter: Setter) -> None:
    mine = {"id": BY_KEY["maria"].object_id, "targetType": "user", "isRegistrationRequired": False}
    setter.change(policy={"state": "enabled", "includeTargets": [mine]})

    setter.run()

    group = setter.sandbox.tenant.registrations.groups[0].object_id
    policy = setter.made()["policy"]
    assert [target["id"] for target in policy["includeTargets"]] == [mine["id"], group]
    assert policy["includeTargets"][0] == mine


def test_two_objects_of_one_name_stop_the_script(setter: Setter) -> None:
    setter.complete()
    made = setter.sandbox.tenant.registrations
    made.applications.append({**made.applications[0], "id": "x", "appId": "y"})

    done = setter.run()

    assert done.returncode == 1 and "More than one object has this name" in done.stderr
