"""The sign-in registration: it signs people in, trusts the workload identity, and can do nothing else."""

from __future__ import annotations

import json

from portal.models import ADMIN, AUDITOR, HR
from portal.tenant_setup.installation import Installation
from portal.tenant_setup.steps import Expected, Thing, by_client, by_name, ref

# Ids of our own; they mean something only inside the registration.
ROLES = (
    (HR, "9a4d1c5e-6b0f-4f57-9d5b-6f7a3a1e0001", "Records starters and sends their managers the link."),
    (ADMIN, "9a4d1c5e-6b0f-4f57-9d5b-6f7a3a1e0002", "Sets the policy, and can stop passes at once."),
    (AUDITOR, "9a4d1c5e-6b0f-4f57-9d5b-6f7a3a1e0003", "Reads everything that happened."),
)
TRUST = "workload-identity"
NOWHERE = "`[]`"  # JMESPath: an empty list, where Graph answers null


def registration(here: Installation) -> Thing:
    called = f"Starter passes, {here.organisation}"
    client_id = here.sign_in_client_id
    return Thing(
        name="the sign-in registration",
        words=("People sign in with it. It has no right in Microsoft Graph, and no secret.",),
        key="registration",
        has_owners=True,
        also=(("sign_in_client_id", "appId"),),
        called=called,
        place="/applications",
        look=by_client(client_id) if client_id else by_name(called),
        pick="value[].id",
        must_exist=f"There is no registration with the client id {client_id}: is SIGN_IN_CLIENT_ID right?"
        if client_id
        else "",
        body={
            "displayName": called,
            "signInAudience": "AzureADMyOrg",
            "web": {
                "redirectUris": here.returns,
                "implicitGrantSettings": {
                    "enableIdTokenIssuance": False,
                    "enableAccessTokenIssuance": False,
                },
            },
            "optionalClaims": {
                "idToken": [{"name": claim, "essential": False} for claim in here.claims],
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
        },
        expected=(
            Expected("whose accounts may sign in (this tenant's alone)", "signInAudience", "AzureADMyOrg"),
            Expected(
                "where sign-in may lead back to", "to_string(sort(web.redirectUris))", texts(here.returns)
            ),
            Expected("how many addresses of pages without a server it has", empty("spa.redirectUris"), "0"),
            Expected("how many addresses of apps on devices it has", empty("publicClient.redirectUris"), "0"),
            Expected(
                "its optional claims in the ID token",
                f"to_string(sort(optionalClaims.idToken[].name || {NOWHERE}))",
                texts(here.claims),
            ),
            Expected(
                "its app roles",
                "to_string(sort(appRoles[?isEnabled].value))",
                texts([value for value, _id, _description in ROLES]),
            ),
            Expected("how many secrets it has", empty("passwordCredentials"), "0"),
            Expected("how many APIs it asks for rights in", empty("requiredResourceAccess"), "0"),
            Expected(
                "whether ID tokens are given without a code",
                "to_string(web.implicitGrantSettings.enableIdTokenIssuance)",
                "false",
            ),
            Expected(
                "whether access tokens are given without a code",
                "to_string(web.implicitGrantSettings.enableAccessTokenIssuance)",
                "false",
            ),
        ),
    )


def enterprise_application() -> Thing:
    return Thing(
        name="the sign-in registration's enterprise application",
        words=("Its place in the tenant: there people are given the app roles. Managers need none.",),
        key="enterprise_application",
        place="/servicePrincipals",
        look=by_client(ref("sign_in_client_id")),
        pick="value[].id",
        body={
            "appId": ref("sign_in_client_id"),
            "tags": ["WindowsAzureActiveDirectoryIntegratedApp"],  # else the admin centre does not list it
        },
        expected=(
            Expected("whether people may sign in", "to_string(accountEnabled)", "true"),
            Expected(
                "whether only people with a role may sign in (managers have none)",
                "to_string(appRoleAssignmentRequired)",
                "false",
            ),
            Expected(
                "how many application permissions it has",
                "to_string(length(value))",
                "0",
                address=f"/servicePrincipals/{ref('enterprise_application')}/appRoleAssignments",
            ),
        ),
    )


def trust(here: Installation) -> Thing:
    """By the object id of the identity: with its client id Entra would take it now and refuse it at each sign-in."""
    place = f"/applications/{ref('registration')}/federatedIdentityCredentials"
    return Thing(
        name="the trust in the workload identity",
        words=(
            (
                "A federated credential of the sign-in registration, in place of a secret: it trusts the workload identity, "
                "named by its object (principal) id, and nobody else."
            ),
        ),
        key="trust",
        called=TRUST,
        place=place,
        look="",
        pick=f"value[?subject=='{ref('principal')}' || name=='{TRUST}'].id",
        body={
            "name": TRUST,
            "description": "The starter pass portal signs people in as this registration, without a secret.",
            "issuer": here.issuer,
            "subject": ref("principal"),
            "audiences": [here.audience],
        },
        expected=(
            Expected("its issuer", "issuer", here.issuer),
            Expected("its subject", "subject", ref("principal")),
            Expected("its audience", "to_string(audiences)", texts([here.audience])),
            Expected("how many the registration trusts", "to_string(length(value))", "1", address=place),
        ),
    )


def texts(values: list[str]) -> str:
    """A sorted list as JMESPath's to_string writes it."""
    return json.dumps(sorted(values), separators=(",", ":"))


def empty(place: str) -> str:
    return f"to_string(length({place} || {NOWHERE}))"
