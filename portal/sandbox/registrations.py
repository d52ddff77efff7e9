"""The objects that the tenant's set-up creates: applications, service principals, identities, groups, units."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, field
from typing import Any

from portal.sandbox.api_registration import (
    API_APPLICATION_ID,
    API_PRINCIPAL_ID,
    CALLERS,
    api_application,
    assign_callers,
)
from portal.sandbox.api_registration import (
    APPLICATION as OTHER_PRODUCT,
)
from portal.sandbox.options import (
    GRAPH_REGISTRATION_PRINCIPAL_ID,
    IDENTITY_PRINCIPAL_ID,
    TOKEN_EXCHANGE_AUDIENCE,
    Options,
)
from portal.sandbox.people import Group
from portal.sandbox.web import Json

APPLICATION: Json = {
    "displayName": None,
    "signInAudience": "AzureADMyOrg",
    "web": {
        "redirectUris": [],
        "logoutUrl": None,
        "implicitGrantSettings": {"enableAccessTokenIssuance": False, "enableIdTokenIssuance": False},
    },
    "spa": {"redirectUris": []},
    "publicClient": {"redirectUris": []},
    "isFallbackPublicClient": None,
    "optionalClaims": None,
    "appRoles": [],
    "requiredResourceAccess": [],
    "passwordCredentials": [],
    "keyCredentials": [],
    "identifierUris": [],
    "api": {"requestedAccessTokenVersion": None, "oauth2PermissionScopes": []},
    "notes": None,
}
SIGN_IN_APPLICATION_ID = "5a4d0b0c-0000-4000-8000-0000000000b0"
SIGN_IN_PRINCIPAL_ID = "5a4d0b0c-0000-4000-8000-0000000000b2"
GRAPH_REGISTRATION_ID = "5a4d0b0c-0000-4000-8000-0000000000c5"
ROLES = ("HR", "Admin", "Auditor")


@dataclass
class Registrations:
    """Plain records, spelled as Graph and Azure spell them."""

    applications: list[Json] = field(default_factory=list)
    federated: dict[str, list[Json]] = field(default_factory=dict)  # by the application's object id
    principals: list[Json] = field(default_factory=list)  # but Graph's own
    other_grants: dict[str, list[str]] = field(
        default_factory=dict
    )  # the workload identity's are the tenant's
    assignments: list[Json] = field(default_factory=list)  # of roles of every API but Graph
    secrets: dict[str, str] = field(default_factory=dict)  # digests, by client id; never of the portal's own
    owners: dict[str, list[Json]] = field(default_factory=dict)  # by object id of what they own
    groups: list[Group] = field(default_factory=list)  # in addition to those of the people
    units: list[Json] = field(default_factory=list)
    identities: list[Json] = field(default_factory=list)
    resource_groups: list[str] = field(default_factory=lambda: ["starter-passes"])

    def application_of(self, client_id: str) -> Json | None:
        return next((found for found in self.applications if found["appId"] == client_id), None)

    def principal_of(self, client_id: str) -> Json | None:
        return next((found for found in self.principals if found["appId"] == client_id), None)

    def trusted_by(self, client_id: str) -> list[Json]:
        """The federated credentials of one application."""
        found = self.application_of(client_id)
        return self.federated.get(found["id"], []) if found else []

    def as_document(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Registrations:
        return cls(**{**document, "groups": [Group(**found) for found in document["groups"]]})


def new_application(body: Json, app_id: str | None = None, object_id: str | None = None) -> Json:
    made = {**json.loads(json.dumps(APPLICATION)), **body}
    for name in ("web", "api"):
        made[name] = {**APPLICATION[name], **(body.get(name) or {})}
    return {
        "id": object_id or str(uuid.uuid4()),
        "appId": app_id or str(uuid.uuid4()),
        "publisherDomain": "contoso.example",
        **made,
    }


def new_principal(app_id: str, name: str, kind: str = "Application", object_id: str | None = None) -> Json:
    return {
        "id": object_id or str(uuid.uuid4()),
        "appId": app_id,
        "displayName": name,
        "servicePrincipalType": kind,
        "accountEnabled": True,
        "appRoleAssignmentRequired": False,
        "tags": [],
        "appRoles": [],
        "appOwnerOrganizationId": None,  # the tenant of the registration; a managed identity has none
    }


def prepared_registrations(options: Options) -> Registrations:
    """A tenant that is set up for the portal, without the optional group and unit."""
    made = Registrations()
    made.principals = [
        new_principal(
            options.identity_client_id, "starter-pass-portal", "ManagedIdentity", IDENTITY_PRINCIPAL_ID
        ),
        new_principal(options.sign_in_client_id, "Starter passes", object_id=SIGN_IN_PRINCIPAL_ID),
    ]
    made.applications = [
        new_application(
            {
                "displayName": "Starter passes",
                "web": {
                    "redirectUris": [f"{options.portal_url}{end}" for end in REDIRECT_PATHS],
                    "logoutUrl": f"{options.portal_url}{LOGOUT_PATH}",
                },
                "optionalClaims": {
                    "idToken": [optional_claim(name) for name in ID_TOKEN_CLAIMS],
                    "accessToken": [],
                    "saml2Token": [],
                },
                "appRoles": [app_role(name) for name in ROLES],
            },
            options.sign_in_client_id,
            SIGN_IN_APPLICATION_ID,
        )
    ]
    made.principals[-1]["appRoles"] = made.applications[0]["appRoles"]
    made.federated[SIGN_IN_APPLICATION_ID] = [_trust_in_identity(options)]
    if options.graph_client_id:
        _add_graph_registration(made, options)
    _add_api(made, options)
    return made


def _trust_in_identity(options: Options) -> Json:
    return {
        "id": str(uuid.uuid4()),
        "name": "workload-identity",
        "issuer": options.issuer,
        "subject": IDENTITY_PRINCIPAL_ID,
        "audiences": [TOKEN_EXCHANGE_AUDIENCE],
        "description": None,
    }


def _add_graph_registration(made: Registrations, options: Options) -> None:
    """Add an app registration that calls Graph, with the managed identity as its only credential."""
    name = "Starter passes, Microsoft Graph"
    made.applications.append(
        new_application({"displayName": name}, options.graph_client_id, GRAPH_REGISTRATION_ID)
    )
    made.principals.append(
        new_principal(options.graph_client_id, name, object_id=GRAPH_REGISTRATION_PRINCIPAL_ID)
    )
    made.federated[GRAPH_REGISTRATION_ID] = [_trust_in_identity(options)]


def _add_api(made: Registrations, options: Options) -> None:
    """Add the portal's API, and applications of other products that call it."""
    api = new_application(api_application(options), options.api_client_id, API_APPLICATION_ID)
    principal = new_principal(options.api_client_id, api["displayName"], object_id=API_PRINCIPAL_ID)
    made.applications.append(api)
    made.principals.append({**principal, "appRoleAssignmentRequired": True, "appRoles": api["appRoles"]})
    for caller in CALLERS:
        if caller.kind == OTHER_PRODUCT:
            addresses = [caller.redirect_uri] if caller.redirect_uri else []
            made.applications.append(
                new_application(
                    {"displayName": caller.name, "web": {"redirectUris": addresses}}, caller.client_id
                )
            )
        made.principals.append(new_principal(caller.client_id, caller.name, caller.kind, caller.principal_id))
    assign_callers(made, api)


LOGOUT_PATH = "/signin/front-channel-logout"
ID_TOKEN_CLAIMS = ("auth_time", "acct", "login_hint", "sid", "acrs")
REDIRECT_PATHS = ("/signin/callback/", "/signout/done/")


def optional_claim(name: str) -> Json:
    return {"name": name, "source": None, "essential": False, "additionalProperties": []}


def app_role(name: str) -> Json:
    return {
        "id": str(uuid.uuid4()),
        "value": name,
        "allowedMemberTypes": ["User"],
        "displayName": name,
        "description": name,
        "isEnabled": True,
        "origin": "Application",
    }
