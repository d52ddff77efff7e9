"""The plan: what this installation needs in its tenant, in the order in which it is done."""

from __future__ import annotations

from portal.tenant_setup import registration
from portal.tenant_setup.installation import Installation
from portal.tenant_setup.steps import (
    ByHand,
    Expected,
    Grants,
    Identity,
    Mailbox,
    PassPolicy,
    SignedIn,
    Step,
    Thing,
    Variables,
    by_name,
    ref,
)

LIFETIME = (
    60  # minutes: the portal's default; an admin of the portal may choose another within the tenant's bounds
)


def plan(here: Installation) -> tuple[Step, ...]:
    return (
        signed_in(here),
        identity(here),
        registration.registration(here),
        registration.enterprise_application(),
        registration.trust(here),
        grants(here),
        group(here),
        unit(here),
        pass_policy(here),
        *([mailbox(here)] if here.mailbox else []),
        by_hand(),
        variables(here),
    )


def signed_in(here: Installation) -> SignedIn:
    return SignedIn(
        name="the right tenant",
        words=(
            (
                "Whoever runs the script is signed in with the Azure CLI, to this tenant and to the subscription that the "
                "portal's machine is in, as Privileged Role Administrator (or Global Administrator), and may make a "
                "managed identity there."
            ),
            "If it is another tenant, the script stops before it does anything.",
        ),
        tenant_id=here.tenant_id,
        graph_url=here.graph_url,
    )


def identity(here: Installation) -> Identity:
    made = f"A user-assigned managed identity, {here.identity_name}, in the resource group {here.resource_group}."
    known = f"It is the one with the client id {here.identity_client_id}, as AZURE_CLIENT_ID says."
    return Identity(
        name="the workload identity",
        words=(
            "It makes passes. It has no password and no secret.",
            known if here.identity_client_id else made,
            "Attach it to the machine that the portal runs on.",
        ),
        client_id=here.identity_client_id,
        called="" if here.identity_client_id else here.identity_name,
        resource_group=here.resource_group,
    )


def grants(here: Installation) -> Grants:
    return Grants(
        name="the rights of the workload identity in Microsoft Graph",
        words=(
            "These application permissions, and no others. An optional one can be left out of the script.",
            "They reach the identity's tokens within about a day.",
        ),
        permissions=here.permissions,
    )


def group(here: Installation) -> Thing:
    called = f"Starters, {here.organisation}"
    return Thing(
        name="the onboarding group",
        words=("Who is in it may get a pass. Put starters into it, and take them out again.",),
        key="group",
        has_owners=True,
        called=called,
        place="/groups",
        look=by_name(called),
        pick="value[].id",
        body={
            "displayName": called,
            "description": "Current starters: who may get a Temporary Access Pass from the starter pass portal.",
            "mailEnabled": False,
            "mailNickname": "starter-passes",
            "securityEnabled": True,
        },
        expected=(Expected("that it is a security group", "to_string(securityEnabled)", "true"),),
    )


def unit(here: Installation) -> Thing:
    called = f"Privileged accounts, {here.organisation}"
    return Thing(
        name="the unit for privileged accounts",
        words=(
            (
                "A restricted management administrative unit. Microsoft itself refuses a pass for who is in it, whatever "
                "happens to the portal."
            ),
        ),
        key="unit",
        called=called,
        place="/directory/administrativeUnits",
        look=by_name(called),
        pick="value[].id",
        body={
            "displayName": called,
            "description": "Out of reach of the starter pass portal and of every role that covers the whole tenant.",
            "isMemberManagementRestricted": True,
        },
        expected=(
            Expected(
                "that its members are out of reach (which cannot be changed later: make another)",
                "to_string(isMemberManagementRestricted)",
                "true",
                address=f"/directory/administrativeUnits/{ref('unit')}?$select=isMemberManagementRestricted",
            ),
        ),
        by_hand=f"In the Entra admin centre, Roles and admins, Admin units: add “{called}” as a restricted management "
        "administrative unit.",
    )


def pass_policy(here: Installation) -> PassPolicy:
    return PassPolicy(
        name="the tenant's pass policy",
        words=(
            "Temporary Access Pass is switched on, for the onboarding group.",
            (
                "If it is on already, the group is added to those that it is on for. If it is off, it is switched on for "
                "the group and for nobody else."
            ),
            f"Its lifetimes must include {LIFETIME} minutes; the script does not change them.",
            "The Azure CLI has no right to this when a person signed in: then the script says what to do by hand.",
        ),
        lifetime=LIFETIME,
        by_hand="In the Entra admin centre, Authentication methods, Policies, Temporary Access Pass: enable it, and "
        f"include the group “Starters, {here.organisation}”. Its lifetimes must include {LIFETIME} minutes.",
    )


def mailbox(here: Installation) -> Mailbox:
    address = powershell(here.mailbox)
    return Mailbox(
        name="the mailbox",
        words=(
            (
                f"The workload identity may send as {here.mailbox}, and as nobody else: by RBAC for Applications in "
                "Exchange Online. This is not Microsoft Graph, so it is done in Exchange Online PowerShell."
            ),
            "It takes up to two hours to be seen. The last line shows whether it is right.",
        ),
        lines=(
            "Connect-ExchangeOnline",
            (
                f"New-ServicePrincipal -AppId {ref('client_id')} -ObjectId {ref('principal')} "
                "-DisplayName 'Starter pass portal'"
            ),
            "New-ManagementScope -Name 'Starter pass portal' -RecipientRestrictionFilter "
            + powershell(f"PrimarySmtpAddress -eq {address}"),
            (
                f"New-ManagementRoleAssignment -App {ref('principal')} -Role 'Application Mail.Send' "
                "-CustomResourceScope 'Starter pass portal'"
            ),
            f"Test-ServicePrincipalAuthorization -Identity {ref('principal')} -Resource {address}",
        ),
    )


def by_hand() -> ByHand:
    return ByHand(
        name="what only you can decide",
        words=(
            (
                "Who is in HR, who administers the portal, who audits it: give people or groups the app roles of the "
                "enterprise application. Managers need none."
            ),
            "Which accounts are privileged: put them into the unit.",
            (
                "If people in your tenant may not consent to applications, consent for all of them to openid and profile "
                "for the sign-in registration: it asks for nothing else."
            ),
            "Who owns what was found by its name: anybody may have made it, and its owners can change it.",
            "On Kubernetes, or outside Azure: what differs there is in README, “What a real tenant needs”.",
        ),
    )


def variables(here: Installation) -> Variables:
    usual = {
        "AZURE_AUTHORITY_HOST": (here.authority_host, "https://login.microsoftonline.com"),
        "GRAPH_URL": (here.graph_url, "https://graph.microsoft.com"),
        "TOKEN_EXCHANGE_AUDIENCE": (here.audience, "api://AzureADTokenExchange"),
    }
    return Variables(
        name="the portal's variables",
        words=(
            "The script prints them at its end, and nothing else, on its standard output. None is a secret.",
        ),
        variables=(
            ("AZURE_TENANT_ID", here.tenant_id),
            ("AZURE_CLIENT_ID", ref("client_id")),
            ("SIGN_IN_CLIENT_ID", ref("sign_in_client_id")),
            ("PORTAL_URL", here.portal_url),
            *((name, value) for name, (value, default) in usual.items() if value != default),
        ),
    )


def powershell(text: str) -> str:
    """PowerShell takes the typographic quotes for quotes as well."""
    return "'{}'".format("".join(letter * 2 if letter in "'‘’‚‛" else letter for letter in text))
