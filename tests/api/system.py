"""Another system that calls a running portal over HTTP, with a token of the sandbox tenant."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from portal.sandbox.api_registration import SERVICE_NOW, CallingApplication
from portal.sandbox.options import Options


def request_token(sandbox_url: str, caller: CallingApplication = SERVICE_NOW) -> str:
    """Get an access token by client credentials, as ServiceNow does."""
    answer = requests.post(
        f"{sandbox_url}/{Options().tenant_id}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": caller.client_id,
            "client_secret": caller.secret,
            "scope": f"api://{Options().api_client_id}/.default",
        },
        timeout=30,
    )
    answer.raise_for_status()
    return str(answer.json()["access_token"])


@dataclass
class System:
    portal_url: str
    token: str

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        return requests.request(
            method,
            f"{self.portal_url}/api/v1/{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}", **headers},
            timeout=60,
        )

    def put(self, ticket: str, account: str, **changes: Any) -> requests.Response:
        day = datetime.now(UTC).date() + timedelta(days=7)
        body = {"account": account, "startDate": f"{day}", "timeZone": "Europe/Amsterdam", **changes}
        return self.send("PUT", f"starters/servicenow/{ticket}", body)


@dataclass
class Connection(System):
    """The same over one connection that stays open. Each thread needs its own."""

    http: requests.Session = field(default_factory=requests.Session)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        self.http.trust_env = False
        return self.http.request(
            method,
            f"{self.portal_url}/api/v1/{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}", **headers},
            timeout=60,
        )
