"""Setting up the API registration: only on request, like the rest of the plan, and its tokens open the API."""

from __future__ import annotations

import os
import re
import subprocess
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command

from portal.sandbox.api_registration import digest_of_secret
from portal.sandbox.options import IDENTITY_PRINCIPAL_ID
from portal.signin import access_tokens, tokens
from portal.tenant_setup import api
from tests.sandbox.sandbox_visitor import Visitor
from tests.tenant.setter import RIGHTS, Change, Setter, variables

CALLED = "Starter passes API, Contoso"
PERMISSIONS = ["Starters.Record", "Starters.Read", "Starters.Withdraw", "Hooks.Manage"]


def summary(*options: str) -> str:
    out = StringIO()
    call_command("setup_tenant", *options, stdout=out, stderr=StringIO())
    return out.getvalue()


def run(setter: Setter, **more: Any) -> Any:
    return setter.run(setter.script("--api"), **more)


def registration(made: Any) -> Any:
    return next(one for one in made.registrations.applications if one["displayName"] == CALLED)


def principal(made: Any) -> Any:
    return made.registrations.principal_of(registration(made)["appId"])


# --- On request ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client_id", ["", "11111111-2222-3333-4444-555555555555"])
def test_without_the_option_nothing_of_the_api_is_planned(
    setter: Setter, settings: LazySettings, client_id: str
) -> None:
    settings.API_CLIENT_ID = client_id

    for text in (summary(), setter.script()):
        assert not re.search(r"\bAPI registration|API_CLIENT_ID|identifierUris|Starters\.Read", text)


def test_summary_and_script_plan_the_api(setter: Setter) -> None:
    in_words = re.findall(r"^(\d+)\. ([^:\n]+)", summary("--api"), re.M)
    in_script = re.findall(r"^# ---- (\d+)\. (.+?) -+$", setter.script("--api"), re.M)

    assert in_words == in_script and len(in_words) == 17
    assert "API_CLIENT_ID=CLIENT-ID-OF-THE-API" in summary("--api")


def test_the_planned_permissions_are_those_that_are_verified() -> None:
    assert tuple(value for value, _description in api.PERMISSIONS) == access_tokens.PERMISSIONS


def test_ids_of_roles_and_scopes_differ(setter: Setter) -> None:
    ids = re.findall(r'"id": "([0-9a-f-]+)"', setter.script("--api"))

    assert len(ids) == len(set(ids)) == 3 + 5 + 4


# --- The first run -------------------------------------------------------------------------------------------------


def test_first_run_creates_the_api_registration(setter: Setter) -> None:
    done = run(setter)

    assert done.returncode == 0, done.stderr
    made = registration(setter.sandbox.tenant)
    assert made["signInAudience"] == "AzureADMyOrg"
    assert made["identifierUris"] == [f"api://{made['appId']}"]
    assert made["api"]["requestedAccessTokenVersion"] == 2
    assert [scope["value"] for scope in made["api"]["oauth2PermissionScopes"]] == PERMISSIONS
    assert [(role["value"], role["allowedMemberTypes"]) for role in made["appRoles"]] == [
        *((name, ["Application"]) for name in PERMISSIONS),
        ("HR", ["User"]),
    ]
    assert [claim["name"] for claim in made["optionalClaims"]["accessToken"]] == ["idtyp", "acct"]
    assert made["passwordCredentials"] == made["keyCredentials"] == made["requiredResourceAccess"] == []
    assert made["web"]["redirectUris"] == []
    assert principal(setter.sandbox.tenant)["appRoleAssignmentRequired"] is True
    assert setter.made()["assignments"] == []
    assert variables(done.stdout)["API_CLIENT_ID"] == made["appId"]


def test_the_option_adds_the_api_to_a_finished_tenant(setter: Setter) -> None:
    setter.complete()

    done = run(setter)

    assert done.returncode == 0 and "Created: 3. Already there: 15." in done.stderr


class Caller(Visitor):
    """A product with a registration and a secret of its own, in the tenant of the setter."""

    client_id, principal_id = "5a4d0b0c-0000-4000-8000-00000000ab01", "5a4d0b0c-0000-4000-8000-00000000ab02"

    def register(self) -> None:
        made = self.sandbox.tenant.registrations
        made.applications.append(
            {**made.applications[0], "id": "x", "appId": self.client_id, "identifierUris": []}
        )
        made.principals.append({**made.principals[-1], "id": self.principal_id, "appId": self.client_id})
        made.secrets[self.client_id] = digest_of_secret("a secret")

    def token(self, scope: str) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": "a secret",
            "scope": scope,
        }
        answer = self.browser.post(self.entra("oauth2/v2.0/token"), data=form, timeout=30).json()
        return str(answer.get("access_token", answer.get("error_codes")))


def shown_commands(said: str) -> list[str]:
    return [line.strip() for line in said.splitlines() if line.strip().startswith("az rest")]


def test_shown_command_gives_a_caller_its_role(setter: Setter, settings: LazySettings) -> None:
    done = run(setter)
    client_id = variables(done.stdout)["API_CLIENT_ID"]
    settings.API_CLIENT_ID, settings.SANDBOX_URL = client_id, setter.url
    tokens.signing_keys.clear()
    commands = shown_commands(done.stderr)
    assert len(commands) == 4 and not re.search("[\ue000\ue001$]", "".join(commands))

    with Caller(setter.sandbox) as caller:
        caller.register()
        before = caller.token(f"{client_id}/.default")
        for command in commands[:2]:
            subprocess.run(
                ["/bin/sh", "-euc", command.replace(api.CALLER, caller.principal_id)],
                env={"PATH": f"{setter.folder / 'bin'}:{os.environ['PATH']}"},
                check=True,
                capture_output=True,
            )
        after = access_tokens.verify_access_token(caller.token(f"api://{client_id}/.default"))

    tokens.signing_keys.clear()
    assert before == "[501051]"
    assert after.oid == caller.principal_id
    assert after.permissions == {"Starters.Record", "Starters.Read"}


def test_summary_shows_the_same_commands(setter: Setter) -> None:
    done = run(setter)
    found = principal(setter.sandbox.tenant)["id"]

    in_words = [line.replace("OBJECT-ID-OF-THE-API", found) for line in shown_commands(summary("--api"))]

    assert in_words == shown_commands(done.stderr)


# --- Another run ---------------------------------------------------------------------------------------------------


def test_second_run_leaves_the_api_unchanged(setter: Setter) -> None:
    setter.complete("--api")
    before = setter.made()

    runs: list[Any] = []
    written = setter.writes(lambda: runs.append(run(setter)))

    assert written == [] and setter.made() == before
    assert runs[0].returncode == 0 and "Nothing was changed. Already there: 18." in runs[0].stderr


def test_id_in_the_settings_finds_the_same_registration(setter: Setter, settings: LazySettings) -> None:
    setter.complete("--api")
    settings.API_CLIENT_ID = registration(setter.sandbox.tenant)["appId"]
    registration(setter.sandbox.tenant)["displayName"] = "Renamed since"

    done = run(setter)

    assert done.returncode == 0 and "Nothing was changed" in done.stderr
    assert variables(done.stdout)["API_CLIENT_ID"] == settings.API_CLIENT_ID


def test_unknown_api_id_stops_the_script(setter: Setter, settings: LazySettings) -> None:
    settings.API_CLIENT_ID = "00000000-1111-2222-3333-444444444444"

    done = run(setter)

    assert done.returncode == 1 and "Check API_CLIENT_ID." in done.stderr and done.stdout == ""


def forget_registration(made: Any) -> None:
    made.registrations.principals.remove(principal(made))
    made.registrations.applications.remove(registration(made))


GONE: dict[str, tuple[Change, int]] = {
    "the registration": (forget_registration, 3),
    "the enterprise application": (lambda made: made.registrations.principals.remove(principal(made)), 1),
    "the name": (lambda made: registration(made).update(identifierUris=[]), 1),
}


@pytest.mark.parametrize("what", GONE)
def test_second_run_creates_only_missing_parts(setter: Setter, what: str) -> None:
    setter.complete("--api")
    forget, times = GONE[what]
    forget(setter.sandbox.tenant)

    runs: list[Any] = []
    written = setter.writes(lambda: runs.append(run(setter)))

    assert runs[0].returncode == 0, runs[0].stderr
    assert len(written) == times and f"Created: {times}. Already there: {18 - times}." in runs[0].stderr


def of_application(**values: Any) -> Change:
    return lambda made: registration(made).update(values)


def of_api(**values: Any) -> Change:
    return lambda made: registration(made)["api"].update(values)


def of_role(name: str, **values: Any) -> Change:
    def change(made: Any) -> None:
        next(role for role in registration(made)["appRoles"] if role["value"] == name).update(values)

    return change


def granted(made: Any) -> None:
    made.registrations.other_grants[principal(made)["id"]] = ["User.Read.All"]


def web(made: Any) -> None:
    registration(made)["web"]["redirectUris"] = ["https://evil.example/"]


DIFFERENT: dict[str, tuple[Change, str]] = {
    "other tenants": (of_application(signInAudience="AzureADMultipleOrgs"), "It is AzureADMultipleOrgs"),
    "no version": (of_api(requestedAccessTokenVersion=None), "version of access tokens. It is null"),
    "version 1": (of_api(requestedAccessTokenVersion=1), "version of access tokens. It is 1"),
    "no optional claims": (of_application(optionalClaims=None), "optional claims in the access token. It is []"),
    "no scopes": (of_api(oauth2PermissionScopes=[]), "scopes. It is []"),
    "a role less": (lambda made: registration(made)["appRoles"].pop(), "app roles of people. It is []"),
    "an application with a person's role": (of_role("HR", allowedMemberTypes=["User", "Application"]), '["HR","Hooks'),
    "a person with an application's role": (of_role("Hooks.Manage", allowedMemberTypes=["User", "Application"]), "people"),
    "a role that is off": (of_role("HR", isEnabled=False), 'app roles that are disabled. It is ["HR"]'),
    "a secret": (of_application(passwordCredentials=[{"keyId": "k"}]), "number of client secrets. It is 1"),
    "a certificate": (of_application(keyCredentials=[{"keyId": "k"}]), "number of certificates. It is 1"),
    "a secret of its own": (lambda made: principal(made).update(passwordCredentials=[{"keyId": "k"}]), "secrets. It is 1"),
    "a redirect URI": (web, "number of redirect URIs. It is 1"),
    "a page of scripts": (of_application(spa={"redirectUris": ["https://evil.example/"]}), "single-page apps"),
    "an app on devices": (of_application(publicClient={"redirectUris": ["https://evil.example/"]}), "public clients"),
    "asks for rights": (of_application(requiredResourceAccess=[{"resourceAppId": "x"}]), "with requested permissions"),
    "another name": (of_application(identifierUris=["api://other"]), "App ID URI. It is"),
    "two names": (lambda made: registration(made)["identifierUris"].append("api://other"), "App ID URI. It is"),
    "turned off": (lambda made: principal(made).update(accountEnabled=False), "sign-in enabled"),
    "open to all": (lambda made: principal(made).update(appRoleAssignmentRequired=False), "assignment required"),
    "a right": (granted, "number of application permissions. It is 1"),
}  # fmt: skip


@pytest.mark.parametrize("what", DIFFERENT)
def test_differences_of_the_api_are_reported_and_left(setter: Setter, what: str) -> None:
    setter.complete("--api")
    change, said = DIFFERENT[what]
    change(setter.sandbox.tenant)
    before = setter.made()

    runs: list[Any] = []
    written = setter.writes(lambda: runs.append(run(setter)))

    assert written == [] and setter.made() == before
    assert runs[0].returncode == 2 and runs[0].stderr.count("DIFFERS") == 1, runs[0].stderr
    assert said in runs[0].stderr.split("Different from the plan and not changed:")[1]


# --- What can fail -------------------------------------------------------------------------------------------------


FAILS = [
    ("POST", r"/v1\.0/applications$", 1, "the API registration"),
    ("PATCH", r"/v1\.0/applications/", 0, "the API's App ID URI"),
    ("POST", r"/v1\.0/servicePrincipals$", 1, "the API registration's enterprise application"),
]


@pytest.mark.parametrize("how", [{"status": 503}, {"drop": "after"}], ids=["refused", "lost"])
@pytest.mark.parametrize(("method", "path", "skip", "step"), FAILS, ids=[fails[3] for fails in FAILS])
def test_failed_call_is_made_good_by_another_run(
    setter: Setter, method: str, path: str, skip: int, step: str, how: dict[str, Any]
) -> None:
    setter.fault(method=method, path=path, skip=skip, **how)

    stopped, completed = run(setter), run(setter)

    assert stopped.returncode == 1 and stopped.stdout == ""
    assert f"stopped at: {step}".lower() in stopped.stderr.lower()
    assert completed.returncode == 0, completed.stderr
    assert len(setter.made()["applications"]) == 2
    assert registration(setter.sandbox.tenant)["identifierUris"]


def test_missing_permission_stops_before_the_api(setter: Setter) -> None:
    done = run(setter, rights=tuple(one for one in RIGHTS if not one.startswith("Application.")))

    assert done.returncode == 1 and "Forbidden" in done.stderr


@pytest.mark.parametrize("name", ["O'Neil & Sons", '" $(touch owned) "', "two\nlines\ntouch owned\n#"])
def test_organisation_name_of_the_api_is_never_run(setter: Setter, settings: LazySettings, name: str) -> None:
    settings.ORGANISATION_NAME = name

    done = run(setter)

    assert done.returncode == 0, done.stderr
    assert not (setter.folder / "owned").exists()
    assert IDENTITY_PRINCIPAL_ID in done.stderr
