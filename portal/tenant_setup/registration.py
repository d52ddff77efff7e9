"""The sign-in registration: it signs people in, trusts the workload identity, and can do nothing else."""

from __future__ import annotations

import json
from typing import Any

from portal.models import ADMIN, AUDITOR, HR
from portal.tenant_setup.installation import Installation
from portal.tenant_setup.steps import Expected, Thing, filter_by_client_id, filter_by_name, reference_to

# Ids of our own; they mean something only inside the registration.
ROLES = (
    (HR, "9a4d1c5e-6b0f-4f57-9d5b-6f7a3a1e0001", "Adds starters and sends their managers the link."),
    (ADMIN, "9a4d1c5e-6b0f-4f57-9d5b-6f7a3a1e0002", "Sets the policy and can stop all passes."),
    (AUDITOR, "9a4d1c5e-6b0f-4f57-9d5b-6f7a3a1e0003", "Can read everything, and change nothing."),
)
CREDENTIAL_NAME = "workload-identity"
EMPTY_LIST = "`[]`"  # JMESPath: an empty list, where Graph answers null


def sign_in_registration(here: Installation) -> Thing:
    called = f"Starter passes, {here.organisation}"
    client_id = here.sign_in_client_id
    return Thing(
        name="the sign-in registration",
        words=("People sign in with it. It has no permissions in Microsoft Graph and no secret.",),
        key="registration",
        also=(("sign_in_client_id", "appId"),),
        called=called,
        client_id=client_id,
        place="/applications",
        look=filter_by_client_id(client_id) if client_id else filter_by_name(called),
        pick="value[].id",
        must_exist=f"There is no registration with the client id {client_id}. Check SIGN_IN_CLIENT_ID."
        if client_id
        else "",
        body=_registration_body(here, called),
        expected=_expected_of_registration(here),
    )


def _registration_body(here: Installation, called: str) -> dict[str, Any]:
    return {
        "displayName": called,
        "signInAudience": "AzureADMyOrg",
        "web": {
            "redirectUris": here.redirect_uris,
            "logoutUrl": here.logout_url,
            "implicitGrantSettings": {
                "enableIdTokenIssuance": False,
                "enableAccessTokenIssuance": False,
            },
        },
        "optionalClaims": {
            "idToken": [{"name": claim, "essential": False} for claim in here.optional_claims],
            "accessToken": [],
            "saml2Token": [],
        },
        "appRoles": [
            {
                "id": role_id,
                "value": value,
                "displayName": value,
                "description": description,
                "allowedMemberTypes": ["User"],
                "isEnabled": True,
            }
            for value, role_id, description in ROLES
        ],
    }


def _expected_of_registration(here: Installation) -> tuple[Expected, ...]:
    return (
        Expected("accounts that can sign in (only this tenant's)", "signInAudience", "AzureADMyOrg"),
        Expected("redirect URIs", "to_string(sort(web.redirectUris))", sorted_json(here.redirect_uris)),
        Expected("front-channel sign-out URL", "web.logoutUrl", here.logout_url),
        Expected("number of redirect URIs for single-page apps", length_query("spa.redirectUris"), "0"),
        Expected(
            "number of redirect URIs for public clients", length_query("publicClient.redirectUris"), "0"
        ),
        Expected(
            "optional claims in the ID token",
            f"to_string(sort(optionalClaims.idToken[].name || {EMPTY_LIST}))",
            sorted_json(here.optional_claims),
        ),
        Expected(
            "app roles",
            "to_string(sort(appRoles[?isEnabled].value))",
            sorted_json([value for value, _id, _description in ROLES]),
        ),
        *no_credentials(),
        Expected("number of APIs with requested permissions", length_query("requiredResourceAccess"), "0"),
        Expected(
            "implicit grant of ID tokens",
            "to_string(web.implicitGrantSettings.enableIdTokenIssuance)",
            "false",
        ),
        Expected(
            "implicit grant of access tokens",
            "to_string(web.implicitGrantSettings.enableAccessTokenIssuance)",
            "false",
        ),
    )


def enterprise_application() -> Thing:
    return Thing(
        name="the sign-in registration's enterprise application",
        words=("Assign app roles to people here. Managers need no role.",),
        key="enterprise_application",
        place="/servicePrincipals",
        look=filter_by_client_id(reference_to("sign_in_client_id")),
        pick="value[].id",
        body={
            "appId": reference_to("sign_in_client_id"),
            "tags": ["WindowsAzureActiveDirectoryIntegratedApp"],  # else the admin centre does not list it
        },
        expected=(
            Expected("sign-in enabled", "to_string(accountEnabled)", "true"),
            *no_credentials(),
            Expected(
                "assignment required (must be off, because managers have no role)",
                "to_string(appRoleAssignmentRequired)",
                "false",
            ),
            Expected(
                "number of application permissions",
                "to_string(length(value))",
                "0",
                address=f"/servicePrincipals/{reference_to('enterprise_application')}/appRoleAssignments",
            ),
        ),
    )


def federated_credential(here: Installation) -> Thing:
    return trust_in_identity(
        here,
        registration="registration",
        key="trust",
        name="the trust in the workload identity",
        words="A federated credential of the sign-in registration instead of a secret.",
        description="The starter pass portal signs people in as this registration, without a secret.",
    )


def trust_in_identity(
    here: Installation, *, registration: str, key: str, name: str, words: str, description: str
) -> Thing:
    """By the object id of the identity: with its client id Entra would take it now and refuse it at each sign-in."""
    place = f"/applications/{reference_to(registration)}/federatedIdentityCredentials"
    return Thing(
        name=name,
        words=(f"{words} It trusts only the workload identity, by its object (principal) id.",),
        key=key,
        called=CREDENTIAL_NAME,
        place=place,
        look="",
        pick=f"value[?subject=='{reference_to('principal')}' || name=='{CREDENTIAL_NAME}'].id",
        body={
            "name": CREDENTIAL_NAME,
            "description": description,
            "issuer": here.issuer,
            "subject": reference_to("principal"),
            "audiences": [here.audience],
        },
        expected=(
            Expected("issuer", "issuer", here.issuer),
            Expected("subject", "subject", reference_to("principal")),
            Expected("audience", "to_string(audiences)", sorted_json([here.audience])),
            Expected("number of federated credentials", "to_string(length(value))", "1", address=place),
        ),
    )


def no_credentials() -> tuple[Expected, ...]:
    """Registrations and enterprise applications can each have credentials of their own."""
    return (
        Expected("number of client secrets", length_query("passwordCredentials"), "0"),
        Expected("number of certificates", length_query("keyCredentials"), "0"),
    )


def sorted_json(values: list[str]) -> str:
    """A sorted list as JMESPath's to_string writes it."""
    return json.dumps(sorted(values), separators=(",", ":"))


def length_query(place: str) -> str:
    return f"to_string(length({place} || {EMPTY_LIST}))"
