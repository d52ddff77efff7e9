"""The application permissions of Microsoft Graph that the workload identity is given, and those it must never have.

Whoever sets a tenant up, or looks at one, reads them here; README's table says the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Permission:
    """`app_role_id` is what Graph calls it: the same in every tenant. Without an optional one the portal works, and
    `purpose` says what it then does not see."""

    name: str
    app_role_id: str
    purpose: str | Promise
    optional: bool = False


PERMISSIONS: tuple[Permission, ...] = (
    Permission(
        "UserAuthMethod-TAP.ReadWrite.All",
        "627169a8-8c15-451c-861a-5b80e383de5c",
        _("make, list and delete passes"),
    ),
    Permission(
        "UserAuthenticationMethod.Read.All",
        "38d9df27-64da-44fd-b7c5-a6fbac20248f",
        _("see that a starter has no method of their own yet, and later that they have one"),
    ),
    Permission(
        "User.Read.All",
        "df021288-bdef-4463-88db-98f22de89214",
        _("the account and its manager"),
    ),
    Permission(
        "GroupMember.Read.All",
        "98830695-27a2-44f7-8c18-0c3ebc9698f6",
        _("see which groups can carry administrator roles"),
    ),
    Permission(
        "RoleManagement.Read.Directory",
        "483bed4a-2ad3-4361-a73b-c83ccdbdc53c",
        _(
            "see administrator roles, active and eligible (where a tenant has no licence for the eligible ones, the "
            "policy must say that the portal may go on without)"
        ),
    ),
    Permission(
        "AuditLog.Read.All",
        "b0afded3-3588-46d8-8b3d-9842eff778da",
        _(
            "see that an account was never signed in to (needs Entra ID P1); without it only an account *made* around "
            "the start counts as new, whatever its hire date"
        ),
        optional=True,
    ),
    Permission(
        "Policy.Read.AuthenticationMethod",
        "8e3bc81b-d2f3-4b7b-838c-32c88218d2f0",
        _(
            "see beforehand that Entra would give this person such a pass; without it the policy must say that the "
            "portal may go on without"
        ),
        optional=True,
    ),
    Permission(
        "PrivilegedEligibilitySchedule.Read.AzureADGroup",
        "edb419d6-7edc-42a3-9345-509bfdf5d87c",
        _(
            "see who may join a group that PIM manages (needs Entra ID P2); without it the policy must say that the "
            "portal may go on without"
        ),
        optional=True,
    ),
)

# With one of these the identity could do what the portal refuses to do, or lift what keeps it in its bounds.
TOO_WIDE: Mapping[str, str | Promise] = MappingProxyType(
    {
        "UserAuthenticationMethod.ReadWrite.All": _(
            "it changes every sign-in method of everybody, not only passes"
        ),
        "User.ReadWrite.All": _(
            "it changes accounts and who their managers are, which is what the portal relies on"
        ),
        "Directory.ReadWrite.All": _(
            "it changes accounts, managers and groups, which is what the portal relies on"
        ),
        "Group.ReadWrite.All": _("it puts anybody into a group, so also into the one that may get passes"),
        "GroupMember.ReadWrite.All": _(
            "it puts anybody into a group, so also into the one that may get passes"
        ),
        "Policy.ReadWrite.AuthenticationMethod": _("it lets passes be made for more people, and last longer"),
        "RoleManagement.ReadWrite.Directory": _("it makes anybody an administrator"),
        "AppRoleAssignment.ReadWrite.All": _("it gives itself every other permission"),
        "Application.ReadWrite.All": _("it can act as any application of the tenant"),
        "Mail.Send": _(
            "it sends as every mailbox; give the one mailbox by RBAC for Applications in Exchange Online"
        ),
    }
)
