"""The set-up of a new tenant: the script runs for real, with a simulated Azure CLI."""

from __future__ import annotations

import re
from shutil import which

import jwt
import pytest
from django.conf import LazySettings

from onboarding.graph.permissions import PERMISSIONS
from portal.sandbox.options import IDENTITY_PRINCIPAL_ID, TOKEN_EXCHANGE_AUDIENCE
from portal.signin import tokens
from tests.sandbox.sandbox_visitor import returned
from tests.tenant.setter import GROUP, PORTAL, SIGN_IN, UNIT, Setter, variables


def test_first_run_creates_exactly_what_the_portal_needs(setter: Setter) -> None:
    done = setter.run()

    assert done.returncode == 0, done.stderr
    made = setter.made()
    application = made["applications"][0]
    assert len(made["applications"]) == 1
    assert application["displayName"] == SIGN_IN and application["signInAudience"] == "AzureADMyOrg"
    assert application["web"]["redirectUris"] == [f"{PORTAL}/signin/callback/", f"{PORTAL}/signout/done/"]
    assert application["web"]["logoutUrl"] == f"{PORTAL}/signin/front-channel-logout"
    assert [claim["name"] for claim in application["optionalClaims"]["idToken"]] == [
        "auth_time", "acct", "login_hint", "sid",
    ]  # fmt: skip
    assert [role["value"] for role in application["appRoles"]] == ["HR", "Admin", "Auditor"]
    assert application["passwordCredentials"] == application["requiredResourceAccess"] == []
    trusted = made["federated"][application["id"]]
    assert [
        (credential["issuer"], credential["subject"], credential["audiences"]) for credential in trusted
    ] == [(setter.options.issuer, IDENTITY_PRINCIPAL_ID, [TOKEN_EXCHANGE_AUDIENCE])]
    assert [identity["name"] for identity in made["identities"]] == ["starter-pass-portal"]
    assert made["permissions"] == sorted(permission.name for permission in PERMISSIONS)
    assert made["other_grants"] == {}
    assert {principal["servicePrincipalType"] for principal in made["principals"]} == {
        "ManagedIdentity",
        "Application",
    }
    assert [group["name"] for group in made["groups"]] == [GROUP]
    assert [(unit["displayName"], unit["isMemberManagementRestricted"]) for unit in made["units"]] == [
        (UNIT, True)
    ]
    group = setter.sandbox.tenant.registrations.groups[0].object_id
    assert made["policy"]["state"] == "enabled"
    assert [target["id"] for target in made["policy"]["includeTargets"]] == [group]


def test_standard_output_contains_only_the_portals_variables(
    setter: Setter,
) -> None:
    done = setter.run()

    assert variables(done.stdout) == {
        "AZURE_TENANT_ID": setter.options.tenant_id,
        "AZURE_CLIENT_ID": setter.options.identity_client_id,
        "SIGN_IN_CLIENT_ID": setter.made()["applications"][0]["appId"],
        "PORTAL_URL": PORTAL,
    }


@pytest.mark.django_db
def test_after_set_up_only_group_members_get_a_pass(setter: Setter, settings: LazySettings) -> None:
    client_id = variables(setter.run().stdout)["SIGN_IN_CLIENT_ID"]
    settings.SIGN_IN_CLIENT_ID, settings.SANDBOX_URL = client_id, setter.url
    tokens.signing_keys.clear()
    setter.change(person="noor", set={"groups": [GROUP]})
    setter.change(person="hanna", set={"app_roles": ["HR"]})
    back = {"client_id": client_id, "redirect_uri": f"{PORTAL}/signin/callback/"}

    answer = setter.pick("hanna", **back)
    code = answer.headers["Location"].split("code=")[1].split("&")[0]
    redeemed = setter.redeem(code, **back).json()
    elsewhere = setter.pick("hanna", client_id=client_id, redirect_uri=f"{PORTAL}/elsewhere/")

    person = tokens.verify_id_token(redeemed["id_token"], nonce="n-1")
    assert (person.name, person.roles) == ("Hanna Reuter", ("HR",)) and person.login_hint
    assert "50011" in elsewhere.text
    assert setter.make_pass("noor", lifetimeInMinutes=60).status_code == 201
    assert setter.make_pass("liam", lifetimeInMinutes=60).status_code == 400


def test_sign_in_fails_without_the_federated_credential(setter: Setter) -> None:
    client_id = variables(setter.run().stdout)["SIGN_IN_CLIENT_ID"]
    setter.sandbox.tenant.registrations.federated.clear()
    back = {"client_id": client_id, "redirect_uri": f"{PORTAL}/signin/callback/"}
    code = setter.pick("hanna", **back).headers["Location"].split("code=")[1].split("&")[0]

    assert setter.redeem(code, **back).json()["error"] == "invalid_client"


def test_unrequested_claim_is_not_in_the_token(setter: Setter) -> None:
    """So a test with a sign-in fails if the plan forgets a claim."""
    setter.change(set_up=False)
    setter.sandbox.reset()
    setter.sandbox.tenant.registrations.applications[0]["optionalClaims"] = None

    token = setter.redeem(returned(setter.pick("hanna"))["code"]).json()["id_token"]

    claims = jwt.decode(token, options={"verify_signature": False})
    assert not {"auth_time", "acct", "login_hint", "sid"} & set(claims)


# --- Names ---

AWKWARD = [
    "O'Neil & Sons",
    'The "Good" Company',
    "a' ; touch owned ; '",
    "$(touch owned)`touch owned`",
    "O'Neil $(touch owned) $HOME",
    '" $(touch owned) "',
    "two\nlines\ntouch owned\n#",
    "back\\slash $HOME ${x} !history",
    "Œuvre & Söhne 株式会社 😀",
    "%s %n \\n \\c",
    "--query @file",
    "{{x}} \ue000principal\ue001",
    "x" * 400,
]


@pytest.mark.parametrize("name", AWKWARD, ids=range(len(AWKWARD)))
def test_organisation_name_is_never_run_as_a_command(
    setter: Setter, settings: LazySettings, name: str
) -> None:
    settings.ORGANISATION_NAME = settings.SUPPORT_CONTACT = name
    settings.MAIL_FROM = f"{name} <o'neil+$(touch owned)@contoso.example>"

    done = setter.run()

    printable = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    assert done.returncode == 0, done.stderr
    assert setter.made()["applications"][0]["displayName"] == f"Starter passes, {printable[:100]}"
    assert setter.made()["groups"][0]["name"] == f"Starters, {printable[:100]}"
    assert not (setter.folder / "owned").exists()


def test_an_awkward_name_is_found_again(setter: Setter, settings: LazySettings) -> None:
    settings.ORGANISATION_NAME = """O'Neil & "Sons" $(x) 100% + ü #1"""

    setter.run()

    assert "Nothing was changed" in setter.run().stderr


def test_bash_runs_it_as_sh_does(setter: Setter) -> None:
    shells = [shell for shell in ("bash", "dash", "busybox") if which(shell)]
    assert shells

    for shell in shells:
        setter.change(set_up=False)
        first, second = setter.run(shell=shell), setter.run(shell=shell)
        assert first.returncode == 0 and "Nothing was changed" in second.stderr, shell


def test_organisation_name_is_quoted_for_powershell(setter: Setter, settings: LazySettings) -> None:
    settings.MAIL_FROM = "o'neil@contoso.example"

    said = setter.run().stderr

    assert "-RecipientRestrictionFilter 'PrimarySmtpAddress -eq ''o''''neil@contoso.example'''" in said
    assert "-Resource 'o''neil@contoso.example'" in said
    assert re.search(
        rf"New-ServicePrincipal -AppId {setter.options.identity_client_id} -ObjectId {IDENTITY_PRINCIPAL_ID} ",
        said,
    )


def test_graph_registration_gets_the_permissions_and_the_identity_none(setter: Setter) -> None:
    done = setter.run(setter.script("--graph-registration"))
    printed, made = variables(done.stdout), setter.made()

    assert done.returncode == 0, done.stderr
    registration = made["applications"][1]
    principal = next(each for each in made["principals"] if each["appId"] == registration["appId"])
    assert printed["GRAPH_CLIENT_ID"] == registration["appId"] != printed["SIGN_IN_CLIENT_ID"]
    assert made["permissions"] == []  # the identity's own
    assert {*made["other_grants"]} == {principal["id"]}
    assert {*made["other_grants"][principal["id"]]} == {permission.name for permission in PERMISSIONS}
    assert [
        (each["issuer"], each["subject"], each["audiences"]) for each in made["federated"][registration["id"]]
    ] == [(setter.options.issuer, IDENTITY_PRINCIPAL_ID, [TOKEN_EXCHANGE_AUDIENCE])]
    assert registration["passwordCredentials"] == registration["keyCredentials"] == []
    assert f"New-ServicePrincipal -AppId {registration['appId']} -ObjectId {principal['id']} " in done.stderr
    assert "Nothing was changed" in setter.run(setter.script("--graph-registration")).stderr


@pytest.mark.parametrize("part", ["issuer", "subject", "audiences"])
def test_a_graph_registration_that_trusts_something_else_is_reported(setter: Setter, part: str) -> None:
    setter.run(setter.script("--graph-registration"))
    registrations = setter.sandbox.tenant.registrations
    (credential,) = registrations.federated[registrations.applications[1]["id"]]
    credential[part] = ["api://other"] if part == "audiences" else "https://other.example"

    done = setter.run(setter.script("--graph-registration"))

    assert done.returncode == 2 and f"DIFFERS, not changed: {part.removesuffix('s')}" in done.stderr
