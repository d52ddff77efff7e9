"""What a sandbox is started with: the names it shares with the portal's settings, and its limits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

LOGIN_ORIGIN = "https://login.sandbox.invalid"
CLUSTER_ISSUER = "https://cluster.sandbox.invalid"
GRAPH_RESOURCE = "https://graph.microsoft.com"
TOKEN_EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"  # noqa: S105 (an address, not a secret)
SERVICE_ACCOUNT = "system:serviceaccount:portal:portal"
OTHER_TENANT_ID = "0ddba11e-0000-4000-8000-000000000002"
IDENTITY_PRINCIPAL_ID = "5a4d0b0c-0000-4000-8000-0000000000a2"
GRAPH_REGISTRATION_PRINCIPAL_ID = "5a4d0b0c-0000-4000-8000-0000000000c4"

Limit = tuple[int, float]  # calls, seconds
PUBLISHED_LIMIT: Limit = (5, 10.0)  # what Microsoft publishes for authentication methods, a tenant


@dataclass(frozen=True, slots=True)
class Options:
    tenant_id: str = "5a4d0b0c-0000-4000-8000-000000000001"
    identity_client_id: str = "5a4d0b0c-0000-4000-8000-0000000000a1"
    sign_in_client_id: str = "5a4d0b0c-0000-4000-8000-0000000000b1"
    api_client_id: str = "5a4d0b0c-0000-4000-8000-0000000000f1"
    graph_client_id: str = ""  # an app registration that calls Graph in place of the managed identity
    portal_url: str = "http://localhost:8000"
    mailbox: str = "starters@contoso.example"
    tap_limit: Limit | None = None
    state_file: Path | None = None

    @property
    def portal_client_id(self) -> str:
        """The application that calls Graph for the portal, and has the permissions."""
        return self.graph_client_id or self.identity_client_id

    @property
    def portal_principal_id(self) -> str:
        return GRAPH_REGISTRATION_PRINCIPAL_ID if self.graph_client_id else IDENTITY_PRINCIPAL_ID

    @property
    def issuer(self) -> str:
        return self.issuer_of(self.tenant_id)

    @staticmethod
    def issuer_of(tenant_id: str) -> str:
        return f"{LOGIN_ORIGIN}/{tenant_id}/v2.0"

    @property
    def token_endpoint(self) -> str:
        return f"{LOGIN_ORIGIN}/{self.tenant_id}/oauth2/v2.0/token"
