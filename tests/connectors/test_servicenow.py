"""What ServiceNow imports, and its webhook receiver, which runs in Node with deliveries that a portal signed and sent."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from portal.demo.process import wait_for
from tests.api.system import System
from tests.connectors.conftest import FIRST_DAY
from tests.connectors.importer import Document, Importer
from tests.connectors.written import FOLDER

DOCUMENT = Document(FOLDER / "openapi.json")
RECEIVER = FOLDER / "servicenow/receiver.js"
PATIENCE = 180  # seconds
SIGNED = ("webhook-id", "webhook-timestamp", "webhook-signature")


@dataclass
class Instance:
    """A ServiceNow instance with the receiver."""

    url: str

    @property
    def state(self) -> Any:
        return requests.get(f"{self.url}/_state", timeout=30).json()

    def set(self, **what: Any) -> None:
        assert requests.post(f"{self.url}/_set", json=what, timeout=30).status_code == 200

    def ticket(self, number: str) -> dict[str, str]:
        return next(row for row in self.state["tables"]["sc_req_item"] if row["number"] == number)

    def deliver(self, headers: dict[str, str], body: str) -> tuple[int, str]:
        answer = requests.post(f"{self.url}/webhook", data=body.encode(), headers=headers, timeout=30)
        return answer.status_code, answer.json().get("result") or answer.text

    def delivery(self, number: str) -> tuple[dict[str, str], str]:
        """The first webhook about this ticket, as it arrived."""
        found = next(each for each in self.state["arrived"] if f'"{number}"' in each["body"])
        return {name: found["headers"][name] for name in SIGNED}, found["body"]


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed")
    command = [node, str(Path(__file__).with_name("servicenow.js")), str(RECEIVER)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield Instance(f"http://127.0.0.1:{process.stdout.readline().strip()}")
        process.terminate()


@pytest.fixture
def subscribed(instance: Instance, service_now: System) -> Iterator[Instance]:
    """The portal sends the instance the events of ServiceNow's tickets."""
    added = service_now.send("POST", "hooks", {"url": f"{instance.url}/webhook", "source": "servicenow"})
    assert added.status_code == 201, added.text
    secrets = {"starter_pass.webhook_secret": added.json()["secret"], "starter_pass.source": "servicenow"}
    instance.set(properties=secrets, later=0)
    yield instance
    service_now.send("DELETE", f"hooks/{added.json()['id']}")


def receive(instance: Instance, service_now: System, number: str) -> tuple[dict[str, str], str]:
    """Let the portal send a genuine webhook about a new ticket, and return it."""
    instance.set(tickets=[{"number": number, "work_notes": ""}])
    assert service_now.put(number, f"{number.lower()}@contoso.example").status_code == 201
    wait_for(lambda: instance.ticket(number)["work_notes"], "a webhook", PATIENCE)
    return instance.delivery(number)


def test_the_imported_actions_follow_the_document(service_now: System):
    actions = Importer(DOCUMENT, service_now.portal_url, service_now.token)
    ticket = {"source": "servicenow", "ticket": "RITM0003001"}
    body = {"account": "ritm0003001@contoso.example", "startDate": FIRST_DAY, "timeZone": "Europe/Amsterdam"}

    assert actions.call("PutStarter", body, **ticket).status_code == 201
    assert actions.call("PutStarter", {**body, "timeZone": "Nowhere"}, **ticket).status_code == 422
    assert actions.call("GetStarter", **ticket).json()["account"] == body["account"]
    assert actions.call("GetStarter", source="servicenow", ticket="RITM404").status_code == 404
    assert actions.call("ListStarters", cursor="0").json()["starters"]
    assert actions.call("WithdrawStarter", {"reason": "Cancelled"}, **ticket).json()["state"] == "withdrawn"


def test_a_genuine_webhook_updates_its_ticket(subscribed: Instance, service_now: System):
    receive(subscribed, service_now, "RITM0001001")

    ticket = subscribed.ticket("RITM0001001")
    assert ticket["u_starter_state"] == "recorded"
    first, *obstacles = ticket["work_notes"].split("\n")
    assert first == "Starter: recorded. Next: hr."
    assert "* The account does not exist yet" in obstacles
    service_now.send("POST", "starters/servicenow/RITM0001001/withdrawal", {"reason": "Cancelled"})
    wait_for(
        lambda: subscribed.ticket("RITM0001001")["u_starter_state"] == "withdrawn", "a webhook", PATIENCE
    )


def test_a_replayed_webhook_changes_nothing(subscribed: Instance, service_now: System):
    headers, body = receive(subscribed, service_now, "RITM0001002")
    before = subscribed.state["tables"]

    assert subscribed.deliver(headers, body) == (200, "Received before")
    assert subscribed.state["tables"] == before


def forgeries(headers: dict[str, str], body: str) -> dict[str, tuple[dict[str, str], str]]:
    signature = headers["webhook-signature"]
    return {
        "another body": (headers, body.replace('"recorded"', '"registered"', 1)),
        "another id": ({**headers, "webhook-id": f"{headers['webhook-id']}x"}, body),
        "another time": ({**headers, "webhook-timestamp": f"{int(headers['webhook-timestamp']) + 1}"}, body),
        "a shorter signature": ({**headers, "webhook-signature": signature[:-1]}, body),
        "a longer signature": ({**headers, "webhook-signature": f"{signature}A"}, body),
        "another version": ({**headers, "webhook-signature": signature.replace("v1,", "v2,")}, body),
        "no signature": ({**headers, "webhook-signature": ""}, body),
        "no headers": ({}, body),
    }


def test_a_forged_webhook_is_refused(subscribed: Instance, service_now: System):
    headers, body = receive(subscribed, service_now, "RITM0001003")
    before = subscribed.state["tables"]

    for name, (sent, content) in forgeries(headers, body).items():
        assert subscribed.deliver(sent, content) == (401, "The signature is not valid"), name
    assert subscribed.state["tables"] == before
    both = f"v1,AAAA {headers['webhook-signature']}"  # as while the secret is being replaced
    assert subscribed.deliver({**headers, "webhook-signature": both}, body)[0] == 200


@pytest.mark.parametrize("seconds", [400, -400])
def test_an_old_or_early_webhook_is_refused(subscribed: Instance, service_now: System, seconds: int):
    headers, body = receive(subscribed, service_now, f"RITM00020{1 if seconds > 0 else 2}")

    subscribed.set(later=seconds)

    assert subscribed.deliver(headers, body) == (401, "The timestamp is too old or too new")


def test_without_a_secret_every_webhook_is_refused(subscribed: Instance, service_now: System):
    headers, body = receive(subscribed, service_now, "RITM0001004")

    for value in ("", "plain"):
        subscribed.set(properties={"starter_pass.webhook_secret": value})
        assert subscribed.deliver(headers, body)[0] == 401
    assert "starter_pass.webhook_secret is not set" in subscribed.state["log"]


def test_an_unknown_ticket_does_not_stop_the_others(subscribed: Instance, service_now: System):
    assert service_now.put("RITM0001005", "ritm0001005@contoso.example").status_code == 201
    wait_for(
        lambda: subscribed.state["log"][-1:] == ["Starter webhook: there is no ticket RITM0001005"],
        "a warning",
        PATIENCE,
    )

    receive(subscribed, service_now, "RITM0001006")
    assert subscribed.ticket("RITM0001006")["u_starter_state"] == "recorded"


def test_the_receiver_is_es5_and_contains_no_secret():
    text = re.sub(r"/\*.*?\*/|//[^\n]*|'[^'\n]*'", "", RECEIVER.read_text(), flags=re.DOTALL)

    assert not re.search(r"\b(let|const|class|async|await|of)\b|=>|`|\.\.\.", text)
    assert "whsec_" not in text
