"""The API registration: applications and people get tokens for the portal's API from it. Only with `--api`."""

from __future__ import annotations

from typing import Any

from portal.models import HR
from portal.tenant_setup.installation import Installation
from portal.tenant_setup.registration import length_query, no_credentials, sorted_json
from portal.tenant_setup.steps import (
    AppIdUri,
    Commands,
    Expected,
    Step,
    Thing,
    filter_by_client_id,
    filter_by_name,
    reference_to,
)

# Ids of our own; they mean something only inside the registration.
ROLE_IDS, SCOPE_IDS = "9a4d1c5e-6b0f-4f57-9d5b-6f7a3a1e0010", "9a4d1c5e-6b0f-4f57-9d5b-6f7a3a1e0020"
PERMISSIONS = (
    ("Starters.Record", "Add and change starters."),
    ("Starters.Read", "Read the state of starters."),
    ("Starters.Withdraw", "Withdraw starters."),
    ("Hooks.Manage", "Subscribe to changes of starters."),
)
HR_ROLE_ID = "9a4d1c5e-6b0f-4f57-9d5b-6f7a3a1e0019"
OPTIONAL_CLAIMS = ("idtyp", "acct")
CALLER = "CALLER-OBJECT-ID"  # in the printed commands


def api_steps(here: Installation) -> tuple[Step, ...]:
    return (api_registration(here), app_id_uri(), api_enterprise_application(), callers_step(here))


def role_id(number: int) -> str:
    return f"{ROLE_IDS[:-1]}{number}"


def api_registration(here: Installation) -> Thing:
    called = f"Starter passes API, {here.organisation}"
    client_id = here.api_client_id
    return Thing(
        name="the API registration",
        words=(
            "Service desks and other systems get tokens for the portal's API from it.",
            "It has no permissions in Microsoft Graph, no secret and no redirect URI.",
        ),
        key="api_registration",
        also=(("api_client_id", "appId"),),
        called=called,
        client_id=client_id,
        place="/applications",
        look=filter_by_client_id(client_id) if client_id else filter_by_name(called),
        pick="value[].id",
        must_exist=f"There is no registration with the client id {client_id}. Check API_CLIENT_ID."
        if client_id
        else "",
        body=_registration_body(called),
        expected=_expected_of_registration(),
    )


def _registration_body(called: str) -> dict[str, Any]:
    return {
        "displayName": called,
        "signInAudience": "AzureADMyOrg",
        "api": {
            "requestedAccessTokenVersion": 2,
            "oauth2PermissionScopes": [
                {
                    "id": f"{SCOPE_IDS[:-1]}{number}",
                    "value": value,
                    "type": "Admin",
                    "isEnabled": True,
                    "adminConsentDisplayName": value,
                    "adminConsentDescription": f"{description} For people with the role HR.",
                }
                for number, (value, description) in enumerate(PERMISSIONS, 1)
            ],
        },
        "optionalClaims": {
            "idToken": [],
            "accessToken": [{"name": claim, "essential": False} for claim in OPTIONAL_CLAIMS],
            "saml2Token": [],
        },
        "appRoles": [
            *(
                _role(role_id(number), value, description, "Application")
                for number, (value, description) in enumerate(PERMISSIONS, 1)
            ),
            _role(HR_ROLE_ID, HR, "Can use the API through a connector.", "User"),
        ],
    }


def _role(identifier: str, value: str, description: str, member: str) -> dict[str, Any]:
    return {
        "id": identifier,
        "value": value,
        "displayName": value,
        "description": description,
        "allowedMemberTypes": [member],
        "isEnabled": True,
    }


def _expected_of_registration() -> tuple[Expected, ...]:
    permissions = sorted_json([value for value, _description in PERMISSIONS])
    return (
        Expected("accounts that can sign in (only this tenant's)", "signInAudience", "AzureADMyOrg"),
        Expected("version of access tokens", "to_string(api.requestedAccessTokenVersion)", "2"),
        Expected(
            "optional claims in the access token",
            "to_string(sort(optionalClaims.accessToken[].name || `[]`))",
            sorted_json(list(OPTIONAL_CLAIMS)),
        ),
        Expected("app roles of applications", _roles_for("Application"), permissions),
        Expected("app roles of people", _roles_for("User"), sorted_json([HR])),
        Expected("app roles that are disabled", "to_string(appRoles[?isEnabled==`false`].value)", "[]"),
        Expected(
            "scopes", "to_string(sort(api.oauth2PermissionScopes[?isEnabled].value || `[]`))", permissions
        ),
        *no_credentials(),
        Expected("number of redirect URIs", length_query("web.redirectUris"), "0"),
        Expected("number of redirect URIs for single-page apps", length_query("spa.redirectUris"), "0"),
        Expected(
            "number of redirect URIs for public clients", length_query("publicClient.redirectUris"), "0"
        ),
        Expected("number of APIs with requested permissions", length_query("requiredResourceAccess"), "0"),
    )


def _roles_for(member: str) -> str:
    return f"to_string(sort(appRoles[?contains(allowedMemberTypes, '{member}')].value))"


def app_id_uri() -> AppIdUri:
    return AppIdUri(
        name="the API's App ID URI",
        words=(
            "Other systems request tokens for the API by this name. The script sets it if there is none.",
        ),
        application="api_registration",
        client_id="api_client_id",
    )


def api_enterprise_application() -> Thing:
    return Thing(
        name="the API registration's enterprise application",
        words=(
            (
                "Assign app roles here: HR to people who use a connector, and the other roles to applications. "
                "Without a role, Microsoft issues no token for the API."
            ),
        ),
        key="api_principal",
        place="/servicePrincipals",
        look=filter_by_client_id(reference_to("api_client_id")),
        pick="value[].id",
        body={
            "appId": reference_to("api_client_id"),
            "appRoleAssignmentRequired": True,
            "tags": ["WindowsAzureActiveDirectoryIntegratedApp"],  # else the admin centre does not list it
        },
        expected=(
            Expected("sign-in enabled", "to_string(accountEnabled)", "true"),
            *no_credentials(),
            Expected("assignment required", "to_string(appRoleAssignmentRequired)", "true"),
            Expected(
                "number of application permissions",
                "to_string(length(value))",
                "0",
                address=f"/servicePrincipals/{reference_to('api_principal')}/appRoleAssignments",
            ),
        ),
    )


def callers_step(here: Installation) -> Commands:
    return Commands(
        name="the API's callers",
        words=(
            (
                f"Give each Logic App, function or automation the roles that it needs. {CALLER} is the object "
                "(principal) id of its managed identity, not its client id. Its tokens contain the role after "
                "up to a day."
            ),
            (
                "A product without a managed identity, such as ServiceNow or TOPdesk, needs a registration of "
                "its own with a secret or a certificate. Give its service principal roles in the same way."
            ),
            (
                "A connector of Power Automate or Copilot Studio needs a registration of its own with the "
                "delegated scopes, and admin consent."
            ),
            "Name each caller's client id in the portal's policy. Until then the portal refuses it.",
            "Before you run this script again, write it again with --trusted and each caller's object id.",
        ),
        lead=f"To give a role to an application, replace {CALLER} and run its command:",
        lines=tuple(
            line
            for number, (value, description) in enumerate(PERMISSIONS, 1)
            for line in (f"# {value}: {description}", assign_command(here.graph_url, role_id(number)))
        ),
    )


def assign_command(graph_url: str, role: str) -> str:
    """One line for the Azure CLI. The settings' address has no quotes: it is one origin."""
    principal = reference_to("api_principal")
    body = f'{{"principalId": "{CALLER}", "resourceId": "{principal}", "appRoleId": "{role}"}}'
    return (
        f"az rest --method post --url {graph_url}/v1.0/servicePrincipals/{principal}/appRoleAssignedTo "
        f"--resource {graph_url} --headers Content-Type=application/json --body '{body}'"
    )
