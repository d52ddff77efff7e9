"""Directory roles: held now, directly or through a group, and those that PIM lets a person take up."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable

from portal.sandbox.graph.call import Call, Page, Refusal
from portal.sandbox.graph.odata import demand_advanced, selected
from portal.sandbox.graph.users import READ
from portal.sandbox.people import ROLE_TEMPLATES
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Json, Response

SEE = ("RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory", "Directory.Read.All")
SEE_ELIGIBLE = ("RoleEligibilitySchedule.Read.Directory", "RoleManagement.Read.Directory")
SEE_ELIGIBLE_GROUPS = ("PrivilegedEligibilitySchedule.Read.AzureADGroup",)
PRINCIPAL = re.compile(r"principalId eq '([^']+)'")
RolesOf = Callable[[Tenant, str], list[str]]


def member_of(call: Call, user: str) -> Response:
    """Active built-in roles, also through groups; never the eligible ones."""
    call.allow(*READ)
    account = call.account(user)
    demand_advanced(call)
    principals = [account.id, *sorted(call.tenant.group_ids(account))]
    names = {name for principal in principals for name in active_roles(call.tenant, principal)}
    items = [_as_graph(call, name) for name in ROLE_TEMPLATES if name in names]
    return Page(call, "directoryRoles", items, counted=True).response()


def assignments(call: Call) -> Response:
    """Direct assignments of one principal; what comes through a group is the group's."""
    call.allow(*SEE)
    return _page(call, "roleManagement/directory/roleAssignments", active_roles, {})


def eligibilities(call: Call) -> Response:
    call.allow(*SEE_ELIGIBLE)
    more = {
        "memberType": "Direct",
        "startDateTime": "2026-01-05T08:00:00Z",
        "endDateTime": None,
        "appScopeId": None,
    }
    return _page(call, "roleManagement/directory/roleEligibilityScheduleInstances", eligible_roles, more)


def eligible_groups(call: Call) -> Response:
    """PIM for groups: what a person may become a member or an owner of."""
    call.allow(*SEE_ELIGIBLE_GROUPS)
    principal = _principal(call)
    account = call.tenant.find(principal)
    names = account.eligible_groups if account else []
    items: list[Json] = [
        {
            "id": f"{group.object_id}_member_{principal}",
            "principalId": principal,
            "groupId": group.object_id,
            "accessId": "member",
            "memberType": "direct",
            "startDateTime": "2026-01-05T08:00:00Z",
            "endDateTime": None,
        }
        for group in call.tenant.groups
        if group.name in names
    ]
    return Page(
        call, "identityGovernance/privilegedAccess/group/eligibilityScheduleInstances", items
    ).response()


def active_roles(tenant: Tenant, principal: str) -> list[str]:
    account = tenant.find(principal)
    if account:
        return account.directory_roles
    return [name for group in tenant.groups if group.object_id == principal for name in group.directory_roles]


def eligible_roles(tenant: Tenant, principal: str) -> list[str]:
    account = tenant.find(principal)
    return account.eligible_roles if account else []


def _page(call: Call, context: str, roles_of: RolesOf, more: Json) -> Response:
    principal = _principal(call)
    items: list[Json] = [
        {
            "id": base64.urlsafe_b64encode(
                hashlib.sha256(f"{context}{name}{principal}".encode()).digest()
            ).decode()[:44],
            "principalId": principal,
            "roleDefinitionId": ROLE_TEMPLATES[name],
            "directoryScopeId": "/",
            **more,
        }
        for name in roles_of(call.tenant, principal)
    ]
    return Page(call, context, items).response()


def _principal(call: Call) -> str:
    match = PRINCIPAL.fullmatch(call.query.get("$filter", ""))
    if match is None:
        raise Refusal(
            400, "Request_UnsupportedQuery", "This sandbox answers only $filter=principalId eq '…' here."
        )
    return match[1]


def _as_graph(call: Call, name: str) -> Json:
    template = ROLE_TEMPLATES[name]
    properties: Json = {
        "id": hashlib.md5(
            template.encode(), usedforsecurity=False
        ).hexdigest(),  # differs from tenant to tenant
        "displayName": name,
        "description": None,
        "roleTemplateId": template,
    }
    if call.roles.isdisjoint(SEE):
        properties = {key: value if key == "id" else None for key, value in properties.items()}
    return {"@odata.type": "#microsoft.graph.directoryRole", **selected(call, properties, tuple(properties))}
