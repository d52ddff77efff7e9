"""The OpenAPI and Swagger files, and the custom connector of Power Platform that uses them."""

from __future__ import annotations

import json
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from portal.sandbox.api_registration import CONNECTOR
from portal.sandbox.options import Options
from tests.connectors import openapi
from tests.connectors.conftest import FIRST_DAY
from tests.connectors.importer import Document, Importer
from tests.connectors.servers import Answer, Request, served
from tests.connectors.written import FOLDER, NO_ID, written_documents
from tests.faults.replicas import Portal

DOCUMENT = Document(FOLDER / "swagger.json")
SWAGGER = DOCUMENT.written
PROPERTIES = json.loads((FOLDER / "power-platform/apiProperties.json").read_text())["properties"]
SETTINGS = PROPERTIES["connectionParameters"]["token"]["oAuthSettings"]
DOCUMENTS = ("openapi.json", "swagger.json")
PATIENCE = 180  # seconds


def sign_in(sandbox_url: str, person: str = "hanna") -> str:
    """Get a token as Power Platform does: with the file's scopes and redirect address, and the connector's secret."""
    entra = f"{sandbox_url}/{Options().tenant_id}/oauth2/v2.0"
    scope = " ".join(SETTINGS["scopes"]).replace(NO_ID, Options().api_client_id)
    asked = {
        "client_id": CONNECTOR.client_id,
        "response_type": "code",
        "redirect_uri": SETTINGS["redirectUrl"],
        "scope": scope,
        "state": "state",
    }
    back = requests.post(
        f"{entra}/authorize", data={**asked, "person": person}, allow_redirects=False, timeout=30
    )
    code = parse_qs(urlsplit(back.headers["Location"]).query)["code"][0]
    form = {
        "grant_type": "authorization_code",
        "client_id": CONNECTOR.client_id,
        "client_secret": CONNECTOR.secret,
        "redirect_uri": SETTINGS["redirectUrl"],
        "code": code,
        "scope": scope,
    }
    answer = requests.post(f"{entra}/token", data=form, timeout=30)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


@pytest.fixture
def connector(site: Portal) -> Importer:
    return Importer(DOCUMENT, site.urls[0], sign_in(site.tenant.url))


# --- The documents ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_document_is_what_the_code_writes(name):
    assert (FOLDER / name).read_text() == written_documents()[FOLDER / name], "Run `make connectors`."


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_shipped_document_is_valid(name):
    assert openapi.errors_in(json.loads((FOLDER / name).read_text())) == []


def test_power_platform_finds_what_it_needs():
    triggers = [
        (path, operation)
        for path, _, operation in DOCUMENT.operations.values()
        if "x-ms-trigger" in operation
    ]

    assert all(
        operation["summary"] and operation["description"] for _, _, operation in DOCUMENT.operations.values()
    )
    assert [operation["operationId"] for _, operation in triggers] == ["AddHook"]
    ((path, trigger),) = triggers
    assert "x-ms-notification-content" in SWAGGER["paths"][path]
    (body,) = [each["schema"] for each in trigger["parameters"] if each["in"] == "body"]
    sent = SWAGGER["definitions"][body["$ref"].rpartition("/")[2]]["properties"]
    assert [name for name, field in sent.items() if field.get("x-ms-notification-url")] == ["url"]
    assert "Location" in trigger["responses"]["201"]["headers"]
    assert "delete" in SWAGGER["paths"]["/hooks/{hook}"]


def test_the_connector_signs_in_for_the_documents_api():
    token_url = SWAGGER["securityDefinitions"]["entra"]["tokenUrl"]
    tenant = SETTINGS["customParameters"]["tenantId"]["value"]

    assert (PROPERTIES["connectionParameters"]["token"]["type"], SETTINGS["identityProvider"]) == (
        "oauthSetting",
        "aad",
    )
    assert token_url.startswith(f"{SETTINGS['customParameters']['loginUri']['value']}/{tenant}/")
    resources = {scope.rpartition("/")[0] for scope in SETTINGS["scopes"]}
    assert resources == {f"api://{SETTINGS['customParameters']['resourceUri']['value']}"}
    assert SETTINGS["properties"]["AzureActiveDirectoryResourceId"] == NO_ID
    assert "secret" not in json.dumps(PROPERTIES).lower()


# --- The connector against a portal -------------------------------------------------------------------------------------


def test_each_operation_works_in_a_persons_name(connector: Importer):
    ticket = {"source": "flow", "ticket": "FLOW-1"}
    body = {"account": "flow.one@contoso.example", "startDate": FIRST_DAY, "timeZone": "Europe/Amsterdam"}

    assert connector.call("PutStarter", body, **ticket).status_code == 201
    assert connector.call("GetStarter", **ticket).json()["account"] == body["account"]
    listed = connector.call("ListStarters", cursor="0", state="recorded").json()["starters"]
    assert "FLOW-1" in {starter["ticket"] for starter in listed}
    withdrawn = connector.call("WithdrawStarter", {"reason": "The flow was cancelled"}, **ticket)
    assert withdrawn.json()["state"] == "withdrawn"


def test_a_flow_subscribes_receives_and_unsubscribes(connector: Importer):
    received: list[Any] = []
    arrived = threading.Event()

    def respond(request: Request) -> Answer:
        received.append(request.json)
        arrived.set()
        return Answer(202)

    with served(respond) as address:
        added = connector.call("AddHook", {"url": f"{address}/flow?sig=key"})
        body = {"account": "flow.two@contoso.example", "startDate": FIRST_DAY, "timeZone": "Europe/Amsterdam"}
        connector.call("PutStarter", body, source="flow", ticket="FLOW-2")
        assert arrived.wait(PATIENCE)
        DOCUMENT.require_valid(received[0], SWAGGER["paths"]["/hooks"]["x-ms-notification-content"]["schema"])
        assert received[0]["data"]["ticket"] == "FLOW-2"

        location = added.headers["Location"]
        removed = requests.delete(
            location, headers={"Authorization": f"Bearer {connector.token}"}, timeout=30
        )
        assert removed.status_code == 204
    assert connector.call("ListHooks").json()["hooks"] == []
