"""The action sequence of TOPdesk, run against a portal over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from portal.sandbox.api_registration import SERVICE_NOW
from portal.sandbox.options import Options
from tests.api.system import System
from tests.connectors.action_sequence import ActionSequence, NotUnderstood, StepFailed, fill
from tests.connectors.conftest import FIRST_DAY
from tests.connectors.servers import TICKETS_TOKEN, TicketSystem
from tests.connectors.written import FOLDER
from tests.faults.replicas import Portal

PATH = FOLDER / "topdesk/action-sequence.json"
Sequence = Callable[..., ActionSequence]


@pytest.fixture
def sequence(site: Portal, tickets: TicketSystem) -> Sequence:
    def make(**variables: str) -> ActionSequence:
        own = {
            "authority": site.tenant.url,
            "tenantId": Options().tenant_id,
            "apiClientId": Options().api_client_id,
            "clientId": SERVICE_NOW.client_id,  # an application with a secret
            "clientSecret": SERVICE_NOW.secret,
            "portal": site.urls[0],
            "topdesk": tickets.url,
            "topdeskAuthorization": f"Bearer {TICKETS_TOKEN}",
        }
        return ActionSequence(PATH, own | variables)

    return make


def test_a_ticket_of_topdesk_adds_a_starter(sequence: Sequence, tickets: TicketSystem, service_now: System):
    tickets.tickets["I%202611%20042"] = {"status": "open"}
    card = {"number": "I 2611 042", "account": "topdesk.one@contoso.example", "startDate": FIRST_DAY}
    note = 'Desk 3.14, "by the window"'

    answers = sequence().run({**card, "note": note})

    assert answers["status"]["state"] == "recorded"
    starter = service_now.send("GET", "starters/topdesk/I-2611-042").json()
    assert (starter["account"], starter["note"], starter["timeZone"]) == (
        card["account"],
        note,
        "Europe/Amsterdam",
    )
    assert tickets.tickets["I%202611%20042"]["action"] == "Starter: recorded. Next: hr."


def test_running_the_sequence_again_reads_the_new_state(
    sequence: Sequence, tickets: TicketSystem, service_now: System
):
    tickets.tickets["M1"] = {}
    card = {"number": "M1", "account": "topdesk.two@contoso.example", "startDate": FIRST_DAY}
    first = sequence().run(card)

    again = sequence().run(card)

    assert again["starter"] == first["starter"]
    service_now.send("POST", "starters/topdesk/M1/withdrawal", {"reason": "The ticket was cancelled"})
    sequence().run(card)
    assert tickets.tickets["M1"]["action"] == "Starter: withdrawn. Next: nobody."


@pytest.mark.parametrize(
    ("variables", "step", "status"),
    [({"clientSecret": "wrong"}, "token", 401), ({"topdeskAuthorization": "Bearer wrong"}, "ticket", 401)],
    ids=["no token", "no ticket"],
)
def test_a_failed_step_stops_the_sequence(sequence, tickets, variables, step, status):
    tickets.tickets["M2"] = {}
    card = {"number": "M2", "account": "topdesk.three@contoso.example", "startDate": FIRST_DAY}

    with pytest.raises(StepFailed) as failed:
        sequence(**variables).run(card)

    assert (failed.value.name, failed.value.status) == (step, status)
    assert tickets.tickets["M2"] == {}


def test_the_sequence_contains_no_secret():
    variables = json.loads(PATH.read_text())["variables"]

    secret = {each["name"] for each in variables if each.get("secret")}
    assert secret == {"clientSecret", "topdeskAuthorization"}
    assert not [each for each in variables if each.get("secret") and "value" in each]


@pytest.mark.parametrize("text", ["${number?upper_case}", "${missing}", "${number + 1}"])
def test_an_unknown_placeholder_is_an_error(text):
    with pytest.raises(NotUnderstood):
        fill(text, {"number": "M3"})
