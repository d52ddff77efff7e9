"""A failing set-up stops with a clear sentence, and another run completes it."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings

from onboarding.graph.permissions import PERMISSIONS
from tests.tenant.setter import GROUP, PASS_POLICY, RIGHTS, UNIT, Setter

WRITES = [
    ("PUT", "userAssignedIdentities", "the workload identity"),
    ("POST", r"/v1\.0/applications$", "the sign-in registration"),
    ("POST", r"/v1\.0/servicePrincipals$", "the sign-in registration's enterprise application"),
    ("POST", "federatedIdentityCredentials", "the trust in the workload identity"),
    ("POST", "appRoleAssignedTo", "the workload identity's permissions in Microsoft Graph"),
    ("POST", r"/v1\.0/groups$", "the onboarding group"),
    ("POST", "administrativeUnits", "the unit for privileged accounts"),
    ("PATCH", PASS_POLICY, "the tenant's pass policy"),
]


LOST = [
    entry for entry in WRITES if entry[1] in ("appRoleAssignedTo", PASS_POLICY) or "applications" in entry[1]
]
FAILS = [(*entry, {"status": 503}) for entry in WRITES] + [(*entry, {"drop": "after"}) for entry in LOST]


@pytest.mark.parametrize(
    ("method", "path", "step", "how"), FAILS, ids=[f"{fails[2]}, {next(iter(fails[3]))}" for fails in FAILS]
)
def test_failed_call_stops_the_script_and_a_rerun_completes(
    setter: Setter, method: str, path: str, step: str, how: dict[str, Any]
) -> None:
    setter.fault(method=method, path=path, **how)

    stopped = setter.run()
    completed = setter.run()

    assert stopped.returncode == 1 and stopped.stdout == ""
    assert (
        f"stopped at: {step}".lower() in stopped.stderr.lower() and "run this script again" in stopped.stderr
    )
    assert completed.returncode == 0, completed.stderr
    assert [len(setter.made()[kind]) for kind in ("applications", "groups", "units", "identities")] == [1] * 4
    assert setter.made()["permissions"] == sorted(permission.name for permission in PERMISSIONS)
    assert setter.made()["policy"]["state"] == "enabled"


@pytest.mark.parametrize("skip", range(0, 35, 6))
def test_failed_read_stops_the_script(setter: Setter, skip: int) -> None:
    setter.complete()
    setter.fault(method="GET", path="^/v1", skip=skip, status=500)

    stopped = setter.run()

    assert stopped.returncode == 1 and stopped.stdout == "" and "Stopped at: " in stopped.stderr


def test_another_tenant_stops_the_script_before_any_change(setter: Setter) -> None:
    script = setter.script().replace(f"right_tenant {setter.options.tenant_id}", "right_tenant another")

    runs: list[Any] = []
    written = setter.writes(lambda: runs.append(setter.run(script)))

    assert written == [] and runs[0].returncode == 1
    assert "signed in to another tenant" in runs[0].stderr


def test_script_asks_a_signed_out_user_to_sign_in(setter: Setter) -> None:
    done = setter.run(signed_in=False)

    assert done.returncode == 1 and f"az login --tenant {setter.options.tenant_id}" in done.stderr


def test_missing_resource_group_stops_the_script(setter: Setter) -> None:
    done = setter.run(setter.script("--resource-group", "elsewhere"))

    assert done.returncode == 1 and "There is no resource group elsewhere" in done.stderr


def test_application_is_not_accepted_as_workload_identity(setter: Setter, settings: LazySettings) -> None:
    setter.complete()
    for principal in setter.sandbox.tenant.registrations.principals:
        principal["servicePrincipalType"] = "Application"

    done = setter.run()

    assert done.returncode == 1 and "not a managed identity" in done.stderr


def test_script_waits_for_a_slow_directory(setter: Setter) -> None:
    nothing_yet = {"status": 200, "body": {"value": []}}
    setter.fault(method="GET", path="^/v1.0/servicePrincipals$", skip=2, times=2, **nothing_yet)
    setter.fault(method="GET", path="^/v1.0/applications/[^/]+$", times=2, status=404)
    setter.fault(method="GET", path="^/v1.0/groups/[^/]+$", times=1, status=404)

    done = setter.run()

    assert done.returncode == 0, done.stderr
    assert "Nothing was changed" in setter.run().stderr


def test_steps_beyond_the_clis_permissions_are_described(setter: Setter) -> None:
    mine = tuple(right for right in RIGHTS if right[:6] not in ("Policy", "Admini"))

    done = setter.run(rights=mine)

    assert done.returncode == 2 and "SIGN_IN_CLIENT_ID" in done.stdout
    left = done.stderr.split("Left for you to do:")[1]
    assert f"include the group “{GROUP}”" in left and f"add “{UNIT}”" in left
    assert setter.made()["policy"]["state"] == "disabled" and setter.made()["units"] == []
    assert setter.run().returncode == 0


@pytest.mark.parametrize("right", ["AppRoleAssignment", "Application.", "Group."])
def test_other_missing_permissions_stop_the_script(setter: Setter, right: str) -> None:
    done = setter.run(rights=tuple(permission for permission in RIGHTS if not permission.startswith(right)))

    assert done.returncode == 1 and "Forbidden" in done.stderr and "Stopped at: " in done.stderr


def test_only_a_required_unavailable_permission_stops_the_script(
    setter: Setter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portal.sandbox.graph.principals import GRAPH

    all_of_them = GRAPH["appRoles"]
    optional, needed = PERMISSIONS[-1], PERMISSIONS[0]
    without = {
        name: [role for role in all_of_them if role["value"] != name] for name in (optional.name, needed.name)
    }

    monkeypatch.setitem(GRAPH, "appRoles", without[optional.name])
    lacking = setter.run()
    monkeypatch.setitem(GRAPH, "appRoles", without[needed.name])
    setter.sandbox.tenant.granted.discard(needed.name)
    stopped = setter.run()

    assert lacking.returncode == 2 and f"does not offer {optional.name}, which is optional" in lacking.stderr
    assert stopped.returncode == 1 and f"does not offer {needed.name}." in stopped.stderr
