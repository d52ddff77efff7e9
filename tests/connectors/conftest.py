"""A running portal with the sandbox tenant, the systems that it allows, and the tokens that they get."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests

from portal.demo.process import raise_daily_limits
from portal.sandbox.api_registration import CONNECTOR, LOGIC_APP, SERVICE_NOW
from portal.sandbox.options import Options
from tests.api.system import System, request_token
from tests.connectors.servers import TicketSystem, served
from tests.faults.replicas import Portal, portal

AUDIENCE = f"api://{Options().api_client_id}"
FIRST_DAY = f"{datetime.now(UTC).date() + timedelta(days=7)}"
ALLOWED = {SERVICE_NOW: "servicenow topdesk jira", LOGIC_APP: "jira lifecycle", CONNECTOR: "flow"}


@pytest.fixture(scope="session")
def site() -> Iterator[Portal]:
    with portal() as running:
        lines = [f"{caller.client_id} {sources}" for caller, sources in ALLOWED.items()]
        raise_daily_limits(running.environment, api_applications="\n".join(lines), hook_hosts="127.0.0.1")
        yield running


@pytest.fixture
def service_now(site: Portal) -> System:
    """A system with every permission, which looks at what a connector did."""
    return System(site.urls[0], request_token(site.tenant.url))


@pytest.fixture
def identity(site: Portal) -> Callable[[str], str]:
    """The managed identity of the Logic App: a token for an audience, from the metadata service."""

    def get_token(audience: str) -> str:
        answer = requests.get(
            f"{site.tenant.url}/metadata/identity/oauth2/token",
            params={"api-version": "2019-08-01", "resource": audience, "client_id": LOGIC_APP.client_id},
            headers={"Metadata": "true"},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    return get_token


@pytest.fixture
def tickets() -> Iterator[TicketSystem]:
    system = TicketSystem()
    with served(system.respond) as system.url:
        yield system
