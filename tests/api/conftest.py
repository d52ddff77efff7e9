"""Another system that calls the API with a token that the sandbox tenant signed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone

from onboarding.api.authentication import READ, RECORD, WITHDRAW
from portal.sandbox.server import Sandbox

SERVICENOW = "5a4d0b0c-0000-4000-8000-00000000ca11"
OTHER_SYSTEM = "5a4d0b0c-0000-4000-8000-00000000ca21"
PRINCIPAL = "5a4d0b0c-0000-4000-8000-00000000ca12"
Answer = Any


def token_of(tenant: Sandbox, application: str = SERVICENOW, **changes: Any) -> str:
    now = int(time.time())
    claims: dict[str, Any] = {
        "aud": django_settings.API_CLIENT_ID,
        "iss": tenant.tenant.options.issuer,
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "tid": django_settings.TENANT_ID,
        "ver": "2.0",
        "azp": application,
        "azpacr": "2",
        "idtyp": "app",
        "oid": PRINCIPAL,
        "sub": PRINCIPAL,
        "roles": [RECORD, READ, WITHDRAW],
    }
    return tenant.tenant.keys.sign_token({k: v for k, v in (claims | changes).items() if v is not None})


def starter_body(account: str = "noor.devries@contoso.example", **changes: Any) -> dict[str, Any]:
    day = timezone.localdate() + timedelta(days=7)
    body = {"account": account, "startDate": f"{day}", "startTime": "09:00", "timeZone": "Europe/Amsterdam"}
    return {name: value for name, value in (body | changes).items() if value is not None}


@pytest.fixture
def allowed(policy_says: Callable[..., Any]) -> None:
    """The policy lists two systems, each with its application."""
    policy_says(api_applications=f"{SERVICENOW} servicenow\n{OTHER_SYSTEM} topdesk")


@pytest.fixture
def call(tenant: Sandbox, allowed: None, worker_alive: None) -> Callable[..., Answer]:
    """Send a request to the API, as ServiceNow unless `token` says otherwise."""

    def send(method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str) -> Answer:
        sent = headers | {"Authorization": f"Bearer {token_of(tenant) if token is None else token}"}
        content = body if isinstance(body, bytes | str) else json.dumps(body) if body is not None else ""
        return Client(enforce_csrf_checks=True).generic(
            method,
            f"/api/v1/{path}",
            content,
            content_type=sent.pop("Content-Type", "application/json"),
            headers=sent,
        )

    return send


@pytest.fixture
def add(call: Callable[..., Answer]) -> Callable[..., Answer]:
    """Add the starter of a ticket."""

    def put(ticket: str = "RITM0000001", source: str = "servicenow", **changes: Any) -> Answer:
        return call("PUT", f"starters/{source}/{ticket}", starter_body(**changes))

    return put
