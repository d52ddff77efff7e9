"""An app registration that calls Microsoft Graph, with the managed identity as its only credential; an option.

Its tokens last about an hour, so a new permission counts soon. Conditional Access for workload identities applies to app
registrations, and not to managed identities (Microsoft Entra documentation, "Conditional Access for workload identities").
"""

from __future__ import annotations

from portal.tenant_setup.installation import Installation
from portal.tenant_setup.registration import no_credentials, trust_in_identity
from portal.tenant_setup.steps import Expected, Thing, filter_by_client_id, filter_by_name, reference_to

PRINCIPAL = "graph_principal"


def graph_registration(here: Installation) -> Thing:
    called, client_id = f"Starter passes for Microsoft Graph, {here.organisation}", here.graph_client_id
    return Thing(
        name="the registration for Microsoft Graph",
        words=(
            "The portal calls Microsoft Graph as this app registration. Nobody signs in with it, and it has no secret.",
        ),
        key="graph_registration",
        also=(("graph_client_id", "appId"),),
        called=called,
        client_id=client_id,
        place="/applications",
        look=filter_by_client_id(client_id) if client_id else filter_by_name(called),
        pick="value[].id",
        must_exist=f"There is no registration with the client id {client_id}. Check GRAPH_CLIENT_ID."
        if client_id
        else "",
        body={"displayName": called, "signInAudience": "AzureADMyOrg"},
        expected=(
            Expected("accounts that can use it (only this tenant's)", "signInAudience", "AzureADMyOrg"),
            *no_credentials(),
        ),
    )


def graph_registration_steps(here: Installation) -> tuple[Thing, ...]:
    return (
        graph_registration(here),
        Thing(
            name="the enterprise application of this registration",
            words=("It gets the permissions in Microsoft Graph.",),
            key=PRINCIPAL,
            place="/servicePrincipals",
            look=filter_by_client_id(reference_to("graph_client_id")),
            pick="value[].id",
            body={"appId": reference_to("graph_client_id")},
            expected=(Expected("enabled", "to_string(accountEnabled)", "true"), *no_credentials()),
        ),
        trust_in_identity(
            here,
            registration="graph_registration",
            key="graph_trust",
            name="this registration's trust in the workload identity",
            words="A federated credential instead of a secret.",
            description="The starter pass portal calls Microsoft Graph as this registration, without a secret.",
        ),
    )
