"""Directory roles: active ones, direct or through a group, and those eligible through PIM."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable

from portal.sandbox.graph.call import Call, Page, Refusal
from portal.sandbox.graph.odata import require_advanced_query, select_properties
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
    call.require_any(*READ)
    account = call.get_account(user)
    require_advanced_query(call)
    principals = [account.id, *sorted(call.tenant.group_ids(account))]
    names = {name for principal in principals for name in active_roles(call.tenant, principal)}
    items = [_role_as_graph(call, name) for name in ROLE_TEMPLATES if name in names]
    return Page(call, "directoryRoles", items, counted=True).response()


def list_role_assignments(call: Call) -> Response:
    """List the direct assignments of one principal. Roles through a group belong to the group."""
    call.require_any(*SEE)
    return _page_of_roles(call, "roleManagement/directory/roleAssignments", active_roles, {})


def list_role_eligibilities(call: Call) -> Response:
    call.require_any(*SEE_ELIGIBLE)
    more = {
        "memberType": "Direct",
        "startDateTime": "2026-01-05T08:00:00Z",
        "endDateTime": None,
        "appScopeId": None,
    }
    return _page_of_roles(
        call, "roleManagement/directory/roleEligibilityScheduleInstances", eligible_roles, more
    )


def list_eligible_groups(call: Call) -> Response:
    """PIM for groups: the groups that a person is eligible for."""
    call.require_any(*SEE_ELIGIBLE_GROUPS)
    principal = _filtered_principal(call)
    account = call.tenant.find_account(principal)
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
    account = tenant.find_account(principal)
    if account:
        return account.directory_roles
    return [name for group in tenant.groups if group.object_id == principal for name in group.directory_roles]


def eligible_roles(tenant: Tenant, principal: str) -> list[str]:
    account = tenant.find_account(principal)
    return account.eligible_roles if account else []


def _page_of_roles(call: Call, context: str, roles_of: RolesOf, more: Json) -> Response:
    principal = _filtered_principal(call)
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


def _filtered_principal(call: Call) -> str:
    match = PRINCIPAL.fullmatch(call.query.get("$filter", ""))
    if match is None:
        raise Refusal(
            400, "Request_UnsupportedQuery", "This sandbox answers only $filter=principalId eq '…' here."
        )
    return match[1]


def _role_as_graph(call: Call, name: str) -> Json:
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
    return {
        "@odata.type": "#microsoft.graph.directoryRole",
        **select_properties(call, properties, tuple(properties)),
    }
