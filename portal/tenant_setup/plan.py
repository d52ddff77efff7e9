"""The plan: what this installation needs in its tenant, in the order in which it is done."""

from __future__ import annotations

from portal.tenant_setup import registration
from portal.tenant_setup.api import api_registration, api_steps
from portal.tenant_setup.graph_registration import PRINCIPAL, graph_registration, graph_registration_steps
from portal.tenant_setup.installation import OBJECT_ID, Installation
from portal.tenant_setup.steps import (
    ByHand,
    Expected,
    Grants,
    Holders,
    Identity,
    Mailbox,
    PassPolicy,
    RoleAssignments,
    RoleGroup,
    RoleGroups,
    SignedIn,
    Step,
    Thing,
    Variables,
    filter_by_name,
    reference_to,
)

GROUPS_NEED_P1 = (
    "https://learn.microsoft.com/entra/identity/enterprise-apps/assign-user-or-group-access-portal"
)
LIFETIME = (
    60  # minutes: the portal's default; an admin of the portal may choose another within the tenant's bounds
)


def setup_plan(here: Installation) -> tuple[Step, ...]:
    groups = role_groups(here)
    return (
        signed_in_step(here),
        *([role_groups_step(groups)] if groups else []),
        holders_step(here),
        identity_step(here),
        registration.sign_in_registration(here),
        registration.enterprise_application(),
        *([role_assignments_step(groups)] if groups else []),
        registration.federated_credential(here),
        *(graph_registration_steps(here) if here.graph_registration else []),
        permissions_step(here),
        onboarding_group(here),
        privileged_unit(here),
        pass_policy_step(here),
        *([mailbox_step(here)] if here.mailbox else []),
        *(api_steps(here) if here.api else []),
        manual_step(),
        variables_step(here),
    )


def signed_in_step(here: Installation) -> SignedIn:
    return SignedIn(
        name="the right tenant",
        words=(
            (
                "Sign in with the Azure CLI to this tenant and to the subscription of the portal's machine. You "
                "need the role Privileged Role Administrator (or Global Administrator) and the right to create "
                "a managed identity there."
            ),
            "If you are signed in to another tenant, the script stops before it changes anything.",
        ),
        tenant_id=here.tenant_id,
        graph_url=here.graph_url,
    )


def role_groups(here: Installation) -> tuple[RoleGroup, ...]:
    return tuple(
        RoleGroup(role, group, f"role_group_{number}", by_id=bool(OBJECT_ID.fullmatch(group.lower())))
        for number, (role, group) in enumerate(here.role_groups, 1)
    )


def role_groups_step(groups: tuple[RoleGroup, ...]) -> RoleGroups:
    return RoleGroups(
        name="the groups of HR, admins and auditors",
        words=("The script finds these security groups. If more than one has the same name, it stops.",),
        groups=groups,
    )


def role_assignments_step(groups: tuple[RoleGroup, ...]) -> RoleAssignments:
    return RoleAssignments(
        name="the roles of these groups",
        words=(
            "The script assigns the app roles of the enterprise application to the groups.",
            f"Microsoft requires Entra ID P1 or P2 for this: {GROUPS_NEED_P1}.",
            "Only direct members of a group get its role, not members of groups in the group.",
        ),
        groups=groups,
    )


def holders_step(here: Installation) -> Holders:
    return Holders(
        name="owners and role holders",
        words=(
            (
                "Before it changes anything, the script reads who owns the objects that it finds and who has their "
                "roles, and which permissions the workload identity has."
            ),
            (
                "If that is anyone but you, the groups that you named and the object ids in --trusted, the script "
                "lists them and stops. It also stops if it cannot read this."
            ),
            (
                "Anyone can create an application of the same name. Microsoft Graph does not list the applications "
                "that own a group."
            ),
        ),
        applications=(
            registration.sign_in_registration(here),
            *([graph_registration(here)] if here.graph_registration else []),
            *([api_registration(here)] if here.api else []),
        ),
        groups=(onboarding_group(here),),
        identity=identity_step(here),
        permissions=here.permissions,
        trusted=here.trusted,
    )


def identity_step(here: Installation) -> Identity:
    made = f"A user-assigned managed identity, {here.identity_name}, in the resource group {here.resource_group}."
    known = f"The managed identity with the client id {here.identity_client_id}, from AZURE_CLIENT_ID."
    return Identity(
        name="the workload identity",
        words=(
            "The registration for Microsoft Graph trusts it. It has no password, no secret and no permissions in Graph."
            if here.graph_registration
            else "The portal creates passes with it. It has no password and no secret.",
            known if here.identity_client_id else made,
            "Attach it to the machine that the portal runs on.",
        ),
        client_id=here.identity_client_id,
        called="" if here.identity_client_id else here.identity_name,
        resource_group=here.resource_group,
    )


def permissions_step(here: Installation) -> Grants:
    only = "These application permissions and no others. You can remove the optional ones from the script."
    if here.graph_registration:
        return Grants(
            name="the registration's permissions in Microsoft Graph",
            words=(
                only,
                "The portal's tokens contain them after an hour at most.",
                "If the workload identity has such permissions, remove them once the portal uses the registration.",
            ),
            permissions=here.permissions,
            holder=PRINCIPAL,
        )
    return Grants(
        name="the workload identity's permissions in Microsoft Graph",
        words=(only, "It can take up to a day until the identity's tokens contain them."),
        permissions=here.permissions,
    )


def onboarding_group(here: Installation) -> Thing:
    called = f"Starters, {here.organisation}"
    return Thing(
        name="the onboarding group",
        words=("Only its members can get a pass. Add starters to it, and remove them afterwards.",),
        key="group",
        called=called,
        place="/groups",
        look=filter_by_name(called),
        pick="value[].id",
        body={
            "displayName": called,
            "description": "Current starters. They can get a Temporary Access Pass from the starter pass portal.",
            "mailEnabled": False,
            "mailNickname": "starter-passes",
            "securityEnabled": True,
        },
        expected=(Expected("security group", "to_string(securityEnabled)", "true"),),
    )


def privileged_unit(here: Installation) -> Thing:
    called = f"Privileged accounts, {here.organisation}"
    return Thing(
        name="the unit for privileged accounts",
        words=(
            (
                "A restricted management administrative unit. Microsoft itself refuses a pass for its members, "
                "even if the portal is compromised."
            ),
        ),
        key="unit",
        called=called,
        place="/directory/administrativeUnits",
        look=filter_by_name(called),
        pick="value[].id",
        body={
            "displayName": called,
            "description": "The starter pass portal and tenant-wide roles cannot manage these accounts.",
            "isMemberManagementRestricted": True,
        },
        expected=(
            Expected(
                "restricted management (cannot be changed later: create another unit)",
                "to_string(isMemberManagementRestricted)",
                "true",
                address=f"/directory/administrativeUnits/{reference_to('unit')}?$select=isMemberManagementRestricted",
            ),
        ),
        by_hand=f"In the Entra admin centre, Roles and admins, Admin units: add “{called}” as a restricted management "
        "administrative unit.",
    )


def pass_policy_step(here: Installation) -> PassPolicy:
    return PassPolicy(
        name="the tenant's pass policy",
        words=(
            "The script turns on Temporary Access Pass for the onboarding group.",
            (
                "If it is already on, the script adds the group. If it is off, the script turns it on for the "
                "group only."
            ),
            f"Its lifetimes must include {LIFETIME} minutes. The script does not change them.",
            (
                "The Azure CLI has no permission for this if a person is signed in. The script then shows what "
                "to do by hand."
            ),
        ),
        lifetime=LIFETIME,
        by_hand="In the Entra admin centre, Authentication methods, Policies, Temporary Access Pass: enable it, and "
        f"include the group “Starters, {here.organisation}”. Its lifetimes must include {LIFETIME} minutes.",
    )


def mailbox_step(here: Installation) -> Mailbox:
    address = quote_for_powershell(here.mailbox)
    sender = "registration for Microsoft Graph" if here.graph_registration else "workload identity"
    client_id = reference_to("graph_client_id" if here.graph_registration else "client_id")
    principal = reference_to(PRINCIPAL if here.graph_registration else "principal")
    return Mailbox(
        name="the mailbox",
        words=(
            (
                f"RBAC for Applications in Exchange Online lets the {sender} send only as "
                f"{here.mailbox}. Set it up in Exchange Online PowerShell, because the script cannot."
            ),
            "The change takes effect within two hours. The last line checks that it works.",
        ),
        lines=(
            "Connect-ExchangeOnline",
            (
                f"New-ServicePrincipal -AppId {client_id} -ObjectId {principal} "
                "-DisplayName 'Starter pass portal'"
            ),
            "New-ManagementScope -Name 'Starter pass portal' -RecipientRestrictionFilter "
            + quote_for_powershell(f"PrimarySmtpAddress -eq {address}"),
            (
                f"New-ManagementRoleAssignment -App {principal} -Role 'Application Mail.Send' "
                "-CustomResourceScope 'Starter pass portal'"
            ),
            f"Test-ServicePrincipalAuthorization -Identity {principal} -Resource {address}",
        ),
    )


def manual_step() -> ByHand:
    return ByHand(
        name="your decisions",
        words=(
            (
                "Assign the app roles of the enterprise application to people or groups: HR, admins and "
                "auditors. With --hr-group, --admin-group and --auditor-group the script does it for groups. "
                "Managers need no role."
            ),
            "Add the privileged accounts to the unit.",
            (
                "If people in your tenant cannot consent to applications, grant admin consent for openid and "
                "profile to the sign-in registration. It requests nothing else."
            ),
            (
                "Run the script again from time to time. It lists new owners and role holders until you write it again "
                "with --trusted and their object ids."
            ),
            "On Kubernetes or outside Azure, docs/how-to/install.md describes the differences.",
        ),
    )


def variables_step(here: Installation) -> Variables:
    usual = {
        "AZURE_AUTHORITY_HOST": (here.authority_host, "https://login.microsoftonline.com"),
        "GRAPH_URL": (here.graph_url, "https://graph.microsoft.com"),
        "TOKEN_EXCHANGE_AUDIENCE": (here.audience, "api://AzureADTokenExchange"),
    }
    return Variables(
        name="the portal's variables",
        words=("The script prints only these on standard output, at the end. None of them is a secret.",),
        variables=(
            ("AZURE_TENANT_ID", here.tenant_id),
            ("AZURE_CLIENT_ID", reference_to("client_id")),
            *([("GRAPH_CLIENT_ID", reference_to("graph_client_id"))] if here.graph_registration else []),
            ("SIGN_IN_CLIENT_ID", reference_to("sign_in_client_id")),
            *([("API_CLIENT_ID", reference_to("api_client_id"))] if here.api else []),
            ("PORTAL_URL", here.portal_url),
            *((name, value) for name, (value, default) in usual.items() if value != default),
        ),
    )


def quote_for_powershell(text: str) -> str:
    """PowerShell takes the typographic quotes for quotes as well."""
    return "'{}'".format("".join(letter * 2 if letter in "'‘’‚‛" else letter for letter in text))
