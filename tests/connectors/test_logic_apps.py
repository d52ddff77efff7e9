"""The three workflows of Logic Apps, run against a portal over HTTP with the token of a managed identity."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest

from portal.demo.process import wait_for
from portal.sandbox.api_registration import LOGIC_APP
from tests.api.system import System
from tests.connectors.conftest import AUDIENCE, FIRST_DAY
from tests.connectors.expressions import Expressions, NotUnderstood
from tests.connectors.logic_app import HIDDEN, InvalidContent, LogicApp
from tests.connectors.servers import TICKETS_TOKEN, Answer, Request, TicketSystem, busy_first, served
from tests.connectors.written import FOLDER, NO_ID
from tests.faults.replicas import Portal

FILES = FOLDER / "logic-apps"
WORKFLOWS = [path for path in sorted(FILES.glob("*.json")) if path.name != "access-control.json"]
GRAPH = "https://graph.microsoft.com"
PATIENCE = 180  # seconds
Identity = Callable[[str], str]


def ticket_body(ticket: str, account: str, **changes: str) -> dict[str, str]:
    return {"ticket": ticket, "account": account, "startDate": FIRST_DAY, **changes}


# --- A starter from a ticket ---------------------------------------------------------------------------------------------


@pytest.fixture
def from_ticket(site: Portal, identity: Identity) -> Callable[..., LogicApp]:
    def make(**values: str) -> LogicApp:
        own = {"portal": site.urls[0], "audience": AUDIENCE, **values}
        return LogicApp(FILES / "starter-from-ticket.json", own, identity)

    return make


def test_a_ticket_adds_a_starter_and_gets_its_state(from_ticket, service_now: System):
    body = ticket_body("HELP-1", "logic.one@contoso.example", note="Desk 7", startTime="08:30")

    run = from_ticket().trigger(body)

    assert run.statuses == {
        "Put_starter": "Succeeded",
        "Answer": "Succeeded",
        "Answer_with_the_problem": "Skipped",
    }
    assert run.answer is not None
    status, answer = run.answer
    assert (status, answer["state"], answer["acceptance"], answer["nextActor"]) == (
        201,
        "recorded",
        "waiting",
        "hr",
    )
    assert {"recorder_is_a_person"} <= {obstacle["code"] for obstacle in answer["obstacles"]}
    starter = service_now.send("GET", "starters/jira/HELP-1").json()
    assert {name: starter[name] for name in body if name != "ticket"} == {
        name: value for name, value in body.items() if name != "ticket"
    }
    assert starter["timeZone"] == "Europe/Amsterdam"


def test_the_same_ticket_again_changes_nothing(from_ticket):
    body = ticket_body("HELP-2", "logic.two@contoso.example")

    first, second = from_ticket().trigger(body), from_ticket().trigger(body)

    assert first.answer and second.answer
    assert (first.answer[0], second.answer[0]) == (201, 200)
    assert first.answer[1] == second.answer[1]


def test_the_caller_reads_what_is_wrong(from_ticket):
    run = from_ticket().trigger(ticket_body("HELP-3", "no account", startDate="soon"))

    assert run.answer is not None
    status, answer = run.answer
    assert (status, answer["code"]) == (422, "invalid_fields")
    assert {error["pointer"] for error in answer["errors"]} == {"/account", "/startDate"}


def test_a_source_that_the_policy_does_not_allow(from_ticket):
    run = from_ticket(source="servicenow").trigger(ticket_body("HELP-4", "logic.four@contoso.example"))

    assert run.answer and run.answer[0] == 404


def test_a_busy_portal_is_asked_again(from_ticket, site: Portal):
    with busy_first(site.urls[0], times=2, seconds=21) as address:
        run = from_ticket(portal=address).trigger(ticket_body("HELP-5", "logic.five@contoso.example"))

    assert run.waits == [21, 21]
    assert run.answer and run.answer[0] == 201


def test_the_trigger_refuses_a_body_without_a_ticket(from_ticket):
    with pytest.raises(InvalidContent):
        from_ticket().trigger({"account": "logic.six@contoso.example", "startDate": FIRST_DAY})


def test_an_entra_policy_takes_the_place_of_the_secret_address():
    """The policy admits one application's tokens for the workflow's own audience, and no address with a key."""
    control = json.loads((FILES / "access-control.json").read_text())["accessControl"]["triggers"]
    (policy,) = control["openAuthenticationPolicies"]["policies"].values()
    wanted = {claim["name"]: claim["value"] for claim in policy["claims"]}

    assert (policy["type"], control["sasAuthenticationPolicy"]) == ("AAD", {"state": "Disabled"})
    assert set(wanted) == {"iss", "aud", "azp"}
    assert wanted["iss"] == f"https://login.microsoftonline.com/{NO_ID}/v2.0"
    assert len({*wanted.values(), NO_ID}) == 4  # neither the API's audience nor one ID twice


# --- The status back to the ticket --------------------------------------------------------------------------------------


@pytest.fixture
def to_ticket(site: Portal, identity: Identity, tickets: TicketSystem) -> LogicApp:
    values = {
        "portal": site.urls[0],
        "audience": AUDIENCE,
        "tickets": tickets.url,
        "ticketsToken": TICKETS_TOKEN,
    }
    return LogicApp(FILES / "status-to-ticket.json", values, identity)


@dataclass
class Azure:
    """Receives webhooks at the address of the trigger and runs the workflow for each."""

    app: LogicApp
    events: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def respond(self, request: Request) -> Answer:
        run = self.app.trigger(request.json)
        assert run.answer
        self.events.append(request.json["type"])
        self.answers.append(run.answer[0])
        return Answer(run.answer[0])


@pytest.fixture
def azure(to_ticket: LogicApp, service_now: System) -> Iterator[Azure]:
    made = Azure(to_ticket)
    with served(made.respond) as address:
        added = service_now.send("POST", "hooks", {"url": f"{address}/invoke?sig=key", "source": "jira"})
        assert added.status_code == 201, added.text
        yield made
        service_now.send("DELETE", f"hooks/{added.json()['id']}")


def add(service_now: System, ticket: str, account: str) -> None:
    body = {"account": account, "startDate": FIRST_DAY, "timeZone": "Europe/Amsterdam"}
    assert service_now.send("PUT", f"starters/jira/{ticket}", body).status_code == 201


def test_webhooks_keep_the_ticket_current(azure: Azure, tickets: TicketSystem, service_now: System):
    tickets.tickets["OPS-1"] = {"status": "open"}
    add(service_now, "OPS-1", "status.one@contoso.example")
    ticket = wait_for(
        lambda: tickets.tickets["OPS-1"].get("starterState") and tickets.tickets["OPS-1"],
        "an event",
        PATIENCE,
    )

    assert (ticket["starterState"], ticket["starterNextActor"], ticket["status"]) == (
        "recorded",
        "hr",
        "open",
    )
    assert ticket["starterObstacles"]

    service_now.send("POST", "starters/jira/OPS-1/withdrawal", {"reason": "Cancelled"})
    wait_for(lambda: "starter.withdrawn" in azure.events, "the last event", PATIENCE)
    assert (ticket["starterState"], ticket["status"]) == ("withdrawn", "closed")
    assert set(azure.answers) == {200}


def test_the_portal_tries_again_after_the_ticket_system_failed(
    azure: Azure, tickets: TicketSystem, service_now: System
):
    tickets.tickets["OPS-2"] = {"status": "open"}
    tickets.is_down = True
    add(service_now, "OPS-2", "status.two@contoso.example")
    wait_for(lambda: 502 in azure.answers, "a first try", PATIENCE)
    tickets.is_down = False

    wait_for(lambda: "starterState" in tickets.tickets["OPS-2"], "a second try", PATIENCE)


def test_an_invented_event_changes_nothing(to_ticket: LogicApp, tickets: TicketSystem, service_now: System):
    """What the ticket gets is read from the portal, so a false event says nothing."""
    tickets.tickets["OPS-3"] = {"status": "open"}
    add(service_now, "OPS-3", "status.three@contoso.example")
    data = {
        "source": "jira",
        "ticket": "OPS-3",
        "state": "registered",
        "nextActor": "nobody",
        "obstacles": [],
    }

    to_ticket.trigger({"type": "starter.registered", "timestamp": "2026-11-30T08:15:02.113Z", "data": data})
    assert tickets.tickets["OPS-3"]["starterState"] == "recorded"
    assert tickets.tickets["OPS-3"]["status"] == "open"

    unknown = to_ticket.trigger({"type": "starter.registered", "data": {**data, "ticket": "OPS-404"}})
    assert unknown.answer == (502, None)


# --- The task of a Lifecycle Workflow ------------------------------------------------------------------------------------


@dataclass
class LifecycleWorkflows:
    """Microsoft Graph for one starter: gives the first day, and gets the callback."""

    account: Any
    first_day: str | None = f"{FIRST_DAY}T00:00:00Z"
    resumed: list[Any] = field(default_factory=list)

    @property
    def callback(self) -> str:
        return (
            "/identityGovernance/lifecycleWorkflows/workflows/w-1/tasks/t-1/taskProcessingResults/r-1"
            "/microsoft.graph.identityGovernance.resume"
        )

    @property
    def callout(self) -> dict[str, Any]:
        """What Lifecycle Workflows sends to the Logic App."""
        subject = {
            "id": self.account.id,
            "displayName": self.account.name,
            "email": self.account.user_principal_name,
            "userPrincipalName": self.account.user_principal_name,
            "manager": {"id": "m-1", "displayName": "Maria", "email": "maria@contoso.example"},
        }
        data = {
            "callbackUriPath": self.callback,
            "subject": subject,
            "task": {"id": "t-1", "displayName": "Add the starter"},
            "taskProcessingResult": {"id": "r-1", "createdDateTime": "2026-11-30T08:00:00Z"},
            "workflow": {"id": "w-1", "displayName": "Joiners", "workflowVerson": 1},
        }
        return {"source": "Microsoft.Graph.Lifecycle", "type": "lifecycleEvent", "data": data}

    def respond(self, request: Request) -> Answer:
        token = request.headers["authorization"].removeprefix("Bearer ")
        claims = jwt.decode(token, options={"verify_signature": False})
        if (claims["aud"], claims["azp"]) != (GRAPH, LOGIC_APP.client_id):
            return Answer(401)
        if (request.method, request.path) == (
            "GET",
            f"/beta/users/{self.account.id}?$select=id,employeeHireDate",
        ):
            return Answer(200, {"id": self.account.id, "employeeHireDate": self.first_day})
        if (request.method, request.path) == ("POST", f"/beta{self.callback}"):
            self.resumed.append(request.json)
            return Answer(204)
        return Answer(404)


@pytest.fixture
def run_task(site: Portal, identity: Identity) -> Callable[..., Any]:
    def run(workflows: LifecycleWorkflows, **values: str) -> Any:
        with served(workflows.respond) as address:
            own = {"portal": site.urls[0], "audience": AUDIENCE, "graph": f"{address}/beta", **values}
            return LogicApp(FILES / "lifecycle-workflow-task.json", own, identity).trigger(workflows.callout)

    return run


def test_a_lifecycle_workflow_adds_its_starter(run_task, site: Portal, identity: Identity):
    workflows = LifecycleWorkflows(site.tenant.tenant.add_starter("joiner1", "Joiner One"))

    run_task(workflows)

    resumed = {
        "source": "Starter Pass Portal",
        "type": "lifecycleEvent",
        "data": {"operationStatus": "Completed"},
    }
    assert workflows.resumed == [resumed]
    logic_app = System(site.urls[0], identity(AUDIENCE))
    starter = logic_app.send("GET", f"starters/lifecycle/{workflows.account.id}").json()
    assert (starter["account"], starter["startDate"]) == (workflows.account.id, FIRST_DAY)


@pytest.mark.parametrize(
    "changes", [{"first_day": None}, {"source": "servicenow"}], ids=["no first day", "refused"]
)
def test_a_lifecycle_workflow_hears_of_a_failure(run_task, site: Portal, changes: dict[str, Any]):
    account = site.tenant.tenant.add_starter("joiner2", "Joiner Two")
    workflows = LifecycleWorkflows(
        account, **{name: value for name, value in changes.items() if name == "first_day"}
    )

    run_task(workflows, **{name: value for name, value in changes.items() if name == "source"})

    assert [each["data"] for each in workflows.resumed] == [{"operationStatus": "Failed"}]


# --- Secrets and personal data -------------------------------------------------------------------------------------------


def test_the_run_history_has_no_token_and_no_person(
    from_ticket, run_task, to_ticket, site, service_now, tickets
):
    account = site.tenant.tenant.add_starter("joiner3", "Joiner Three")
    tickets.tickets["OPS-5"] = {}
    add(service_now, "OPS-5", "history.two@contoso.example")

    runs = [
        from_ticket().trigger(ticket_body("HELP-9", "history.one@contoso.example", note="Private")),
        to_ticket.trigger({"type": "starter.recorded", "data": {"source": "jira", "ticket": "OPS-5"}}),
        run_task(LifecycleWorkflows(account)),
    ]

    for run in runs:
        history = "\n".join(run.history)
        assert len(run.history) > 2 and HIDDEN in history
        for secret in ("Bearer", TICKETS_TOKEN, "history.", "Private", account.id, "Joiner"):
            assert secret not in history, secret


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_contains_no_secret_and_no_fixed_address(path):
    written = path.read_text()
    definition = json.loads(written)["definition"]

    secure = [each for each in definition["parameters"].values() if each["type"].startswith("Secure")]
    assert not [each for each in secure if "defaultValue" in each]
    assert not re.findall(r'"uri": "https?:', written)
    assert not re.search(r"sig=|client_secret|password", written, re.IGNORECASE)


@pytest.mark.parametrize("expression", ["@guid()", "@parameters('portal').name", "@{concat('a', }"])
def test_an_unknown_expression_is_an_error(expression):
    with pytest.raises(NotUnderstood):
        Expressions({"parameters": lambda _: ""}).resolve(expression)
