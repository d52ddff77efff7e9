"""The application permissions of Microsoft Graph that the workload identity is given, and those it must never have.

The tenant set-up and the doctor read them here. docs/how-to/install.md has the same table.
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
        _("create, list and delete passes"),
    ),
    Permission(
        "UserAuthenticationMethod.Read.All",
        "38d9df27-64da-44fd-b7c5-a6fbac20248f",
        _("check whether a starter has a sign-in method"),
    ),
    Permission(
        "User.Read.All",
        "df021288-bdef-4463-88db-98f22de89214",
        _("read the account and its manager"),
    ),
    Permission(
        "GroupMember.Read.All",
        "98830695-27a2-44f7-8c18-0c3ebc9698f6",
        _("see which groups can have administrator roles"),
    ),
    Permission(
        "RoleManagement.Read.Directory",
        "483bed4a-2ad3-4361-a73b-c83ccdbdc53c",
        _(
            "see active and eligible administrator roles (if the tenant has no licence for eligible roles, "
            "an admin must change the policy so that the portal continues without this check)"
        ),
    ),
    Permission(
        "AuditLog.Read.All",
        "b0afded3-3588-46d8-8b3d-9842eff778da",
        _(
            "check that nobody has signed in to the account, and compare Entra’s audit log with the portal’s "
            "(needs Entra ID P1; without it, only an account created around the start date counts as new)"
        ),
        optional=True,
    ),
    Permission(
        "Policy.Read.AuthenticationMethod",
        "8e3bc81b-d2f3-4b7b-838c-32c88218d2f0",
        _(
            "check whether Entra allows the pass for the account (without this permission, an admin must "
            "change the policy so that the portal continues without this check)"
        ),
        optional=True,
    ),
    Permission(
        "PrivilegedEligibilitySchedule.Read.AzureADGroup",
        "edb419d6-7edc-42a3-9345-509bfdf5d87c",
        _(
            "see who can join a group through PIM (needs Entra ID P2 or ID Governance; without this licence, an "
            "admin must change the policy so that the portal continues without this check)"
        ),
        optional=True,
    ),
)

# With one of these the identity could do what the portal refuses to do, or lift what keeps it in its bounds.
TOO_WIDE: Mapping[str, str | Promise] = MappingProxyType(
    {
        "UserAuthenticationMethod.ReadWrite.All": _(
            "lets the portal change all sign-in methods of all accounts, not only passes"
        ),
        "User.ReadWrite.All": _("lets the portal change the account and manager data that it checks"),
        "User.EnableDisableAccount.All": _("lets the portal enable and disable accounts"),
        "User.ManageIdentities.All": _("lets the portal change the sign-in identities of accounts"),
        "User.RevokeSessions.All": _("lets the portal end the sessions of all users"),
        "User.Invite.All": _("lets the portal invite guests"),
        "User-PasswordProfile.ReadWrite.All": _("lets the portal change all passwords"),
        "Directory.ReadWrite.All": _(
            "lets the portal change the account, manager and group data that it checks"
        ),
        "Group.ReadWrite.All": _(
            "lets the portal add any account to any group, including the group that can get passes"
        ),
        "GroupMember.ReadWrite.All": _(
            "lets the portal add any account to any group, including the group that can get passes"
        ),
        "Policy.ReadWrite.AuthenticationMethod": _(
            "lets the portal allow passes for more accounts and with a longer lifetime"
        ),
        "RoleManagement.ReadWrite.Directory": _("lets the portal make any account an administrator"),
        "AppRoleAssignment.ReadWrite.All": _("lets the portal give itself any other permission"),
        "Application.ReadWrite.All": _("lets the portal act as any application in the tenant"),
        "Mail.Read": _("lets the portal read all mailboxes"),
        "Mail.ReadWrite": _("lets the portal read and change all mailboxes"),
        "BitlockerKey.Read.All": _("lets the portal read the recovery keys of all devices"),
        "DeviceLocalCredential.Read.All": _(
            "lets the portal read the local administrator passwords of all devices"
        ),
        "Mail.Send": _(
            "lets the portal send email from any mailbox (to allow only one mailbox, use RBAC for "
            "Applications in Exchange Online)"
        ),
    }
)
