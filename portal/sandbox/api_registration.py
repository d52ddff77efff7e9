"""The registration of the portal's API, and applications of other products that call it."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portal.sandbox.options import Options
from portal.sandbox.web import Json

if TYPE_CHECKING:
    from portal.sandbox.registrations import Registrations

API_APPLICATION_ID = "5a4d0b0c-0000-4000-8000-0000000000f0"
API_PRINCIPAL_ID = "5a4d0b0c-0000-4000-8000-0000000000f2"
PERMISSIONS = ("Starters.Record", "Starters.Read", "Starters.Withdraw", "Hooks.Manage")
PERSON_ROLE = "HR"
ACCESS_TOKEN_CLAIMS = ("idtyp", "acct")
APPLICATION, MANAGED_IDENTITY = "Application", "ManagedIdentity"


@dataclass(frozen=True, slots=True)
class CallingApplication:
    """Only a product that has no managed identity has a secret. The portal's own identities never have one."""

    name: str
    number: int
    kind: str = APPLICATION
    roles: tuple[str, ...] = ()  # app roles of the API
    redirect_uri: str = ""  # where it signs people in

    @property
    def client_id(self) -> str:
        return f"5a4d0b0c-0000-4000-8000-0000ca11{self.number:02d}a1"

    @property
    def principal_id(self) -> str:
        return f"5a4d0b0c-0000-4000-8000-0000ca11{self.number:02d}a2"

    @property
    def secret(self) -> str:
        return f"sandbox-secret-of-application-{self.number}" if self.kind == APPLICATION else ""


SERVICE_NOW = CallingApplication("ServiceNow", 1, roles=PERMISSIONS)
LOGIC_APP = CallingApplication(
    "Logic App", 2, MANAGED_IDENTITY, roles=("Starters.Record", "Starters.Read", "Starters.Withdraw")
)
CONNECTOR = CallingApplication(
    "Power Automate connector", 3, redirect_uri="https://global.consent.azure-apim.net/redirect"
)
REPORT_TOOL = CallingApplication("Report tool without a role", 4)
CALLERS = (SERVICE_NOW, LOGIC_APP, CONNECTOR, REPORT_TOOL)


def api_application(options: Options) -> Json:
    """As `setup_tenant` plans it."""
    return {
        "displayName": "Starter passes API",
        "identifierUris": [f"api://{options.api_client_id}"],
        "api": {
            "requestedAccessTokenVersion": 2,
            "oauth2PermissionScopes": [_scope(name) for name in PERMISSIONS],
        },
        "appRoles": [*(_role(name, APPLICATION) for name in PERMISSIONS), _role(PERSON_ROLE, "User")],
        "optionalClaims": {
            "idToken": [],
            "accessToken": [
                {"name": name, "source": None, "essential": False, "additionalProperties": []}
                for name in ACCESS_TOKEN_CLAIMS
            ],
            "saml2Token": [],
        },
    }


def assign_callers(made: Registrations, application: Json) -> None:
    """Give each calling application its roles, and a secret if it has one."""
    role_ids = {role["value"]: role["id"] for role in application["appRoles"]}
    for caller in CALLERS:
        for role in caller.roles:
            made.assignments.append(
                new_assignment(caller.principal_id, API_PRINCIPAL_ID, role_ids[role], caller.name)
            )
        if caller.secret:
            made.secrets[caller.client_id] = digest_of_secret(caller.secret)


def new_assignment(principal_id: str, resource_id: str, role_id: str, principal_name: str) -> Json:
    return {
        "id": uuid.uuid4().hex,
        "appRoleId": role_id,
        "principalId": principal_id,
        "principalDisplayName": principal_name,
        "principalType": "ServicePrincipal",
        "resourceDisplayName": "Starter passes API",
        "resourceId": resource_id,
    }


def digest_of_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _role(name: str, member: str) -> Json:
    return {
        "id": str(uuid.uuid4()),
        "value": name,
        "allowedMemberTypes": [member],
        "displayName": name,
        "description": name,
        "isEnabled": True,
        "origin": "Application",
    }


def _scope(name: str) -> Json:
    return {
        "id": str(uuid.uuid4()),
        "value": name,
        "type": "Admin",
        "isEnabled": True,
        "adminConsentDisplayName": name,
        "adminConsentDescription": name,
        "userConsentDisplayName": None,
        "userConsentDescription": None,
    }
