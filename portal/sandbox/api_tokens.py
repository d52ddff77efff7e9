"""Access tokens for an API that the tenant registers, such as the portal's own.

`aud`, `ver` and the optional claims follow the API's registration, as in Entra.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from portal.sandbox.options import OTHER_TENANT_ID, Options
from portal.sandbox.records import Account
from portal.sandbox.tenant import Tenant
from portal.sandbox.tokens import base64url, lifetime_claims, unique_token_id
from portal.sandbox.web import Json

BY_SECRET, BY_ASSERTION = "1", "2"  # how the application proved who it is: `azpacr`


class NotAssigned(Exception):
    """The API requires an assigned role, and there is none."""


class UnknownScope(Exception):
    """The API has no such scope."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """The scopes of one API that a sign-in requests."""

    api: Json
    scopes: tuple[str, ...]


def find_api(tenant: Tenant, resource: str) -> Json | None:
    """The application that a resource names, by client id or App ID URI."""
    for application in tenant.registrations.applications:
        if resource.lower() == application["appId"] or resource in application["identifierUris"]:
            return application
    return None


def read_api_request(tenant: Tenant, scope: str) -> ApiRequest | None:
    """None if the sign-in requests no API. Raises UnknownScope."""
    named = [each.rpartition("/") for each in scope.split() if "/" in each]
    if not named:
        return None
    api = find_api(tenant, named[0][0])
    if api is None or any(find_api(tenant, resource) is not api for resource, _, _ in named):
        raise UnknownScope(f"The resource of the scope '{scope}' was not found, or there are several.")
    offered = [each["value"] for each in api["api"]["oauth2PermissionScopes"] if each["isEnabled"]]
    wanted = {name for _, _, name in named}
    if not wanted <= {*offered, ".default"}:
        raise UnknownScope(f"The API has only these scopes: {', '.join(offered)}.")
    return ApiRequest(api, tuple(name for name in offered if name in wanted or ".default" in wanted))


def application_claims(tenant: Tenant, resource: str, client_id: str, proof: str) -> dict[str, Any] | None:
    """An application's token; None if there is no such API. Without an assigned role it has no `roles`."""
    api, caller = find_api(tenant, resource), tenant.registrations.principal_of(client_id)
    if api is None or caller is None:
        return None
    roles = _roles_of_application(tenant, api, caller["id"])
    if not roles and _is_assignment_required(tenant, api):
        raise NotAssigned(
            f"Application '{client_id}' is not assigned to a role for the application '{resource}'."
        )
    claims = {
        **_common_claims(tenant.options.tenant_id, api, tenant.token_lifetime),
        "azp": client_id,
        "azpacr": proof,
        "idtyp": "app",
        "oid": caller["id"],
        "sub": caller["id"],
        **({"roles": roles} if roles else {}),
    }
    return _as_registered(api, claims, resource)


def person_claims(tenant: Tenant, asked: ApiRequest, account: Account, client_id: str) -> dict[str, Any]:
    """A delegated token: the person's, and with the scopes that the application requested."""
    roles = tenant.roles_of_person(asked.api, account)
    claims = {
        **_common_claims(account.home_tenant or tenant.options.tenant_id, asked.api, tenant.token_lifetime),
        "azp": client_id,
        "azpacr": BY_SECRET,
        "oid": account.id,
        "sub": base64url(hashlib.sha256(f"{asked.api['appId']}{account.id}".encode()).digest()),
        "name": account.name,
        "preferred_username": account.user_principal_name,
        "scp": " ".join(asked.scopes),
        "acct": 1 if account.is_external else 0,
        **({"roles": roles} if roles else {}),
        **({"idp": f"https://sts.windows.net/{OTHER_TENANT_ID}/"} if account.is_external else {}),
    }
    return _as_registered(asked.api, claims, asked.api["identifierUris"][0])


def check_person_is_assigned(tenant: Tenant, api: Json, account: Account) -> None:
    if _is_assignment_required(tenant, api) and not tenant.roles_of_person(api, account):
        raise NotAssigned(
            f"The signed in user is not assigned to a role for the application '{api['appId']}'."
        )


def _roles_of_application(tenant: Tenant, api: Json, principal_id: str) -> list[str]:
    resource = tenant.registrations.principal_of(api["appId"])
    assigned = {
        each["appRoleId"]
        for each in tenant.registrations.assignments
        if resource and (each["principalId"], each["resourceId"]) == (principal_id, resource["id"])
    }
    return [role["value"] for role in api["appRoles"] if role["id"] in assigned and role["isEnabled"]]


def _is_assignment_required(tenant: Tenant, api: Json) -> bool:
    principal = tenant.registrations.principal_of(api["appId"])
    return bool(principal and principal["appRoleAssignmentRequired"])


def _common_claims(tenant_id: str, api: Json, lifetime: int) -> dict[str, Any]:
    return {
        "aud": api["appId"],
        "iss": Options.issuer_of(tenant_id),
        **lifetime_claims(min(lifetime, 3600)),
        **unique_token_id(),
        "tid": tenant_id,
        "ver": "2.0",
    }


def _as_registered(api: Json, claims: dict[str, Any], resource: str) -> dict[str, Any]:
    """Optional claims only if the registration asks for them; version 1 unless it requests version 2."""
    asked = {claim["name"] for claim in (api["optionalClaims"] or {}).get("accessToken", [])}
    kept = {name: value for name, value in claims.items() if name not in {"idtyp", "acct"} - asked}
    if api["api"]["requestedAccessTokenVersion"] == 2:
        return kept
    issuer = f"https://sts.windows.net/{kept['tid']}/"
    caller = {"appid": kept.pop("azp"), "appidacr": kept.pop("azpacr")}
    return {**kept, **caller, "aud": resource, "iss": issuer, "ver": "1.0"}
