"""ServiceNow beside a running portal: it adds starters from tickets, reads how far they are, and gets every event."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import requests

from portal.demo.process import raise_daily_limits, wait_for
from portal.demo.visitor import Visitor
from portal.sandbox.api_registration import SERVICE_NOW
from tests.api.system import System, request_token
from tests.faults.replicas import ZONE, Portal, Starter
from tests.hooks.conftest import Receiver, serve


@dataclass
class OtherSystem:
    """All that the API answered is in `answers`, and all that arrived in `receiver`: as JSON, and as cards for Teams."""

    portal: Portal
    receiver: Receiver
    answers: list[requests.Response] = field(default_factory=list)
    tickets: dict[str, str] = field(default_factory=dict)  # by the starter's public id

    def send(self, method: str, path: str, body: Any = None) -> requests.Response:
        answer = self._repeat(
            System(self.portal.urls[0], request_token(self.portal.tenant.url)), method, path, body
        )
        self.answers.append(answer)
        return answer

    def _repeat(self, system: System, method: str, path: str, body: Any) -> requests.Response:
        """Send again if the process has just died: each of these requests can be repeated."""
        for _ in range(5):
            try:
                return system.send(method, path, body)
            except requests.ConnectionError:
                time.sleep(0.2)
        return system.send(method, path, body)

    def subscribe(self) -> None:
        for kind in ("standard", "teams"):
            hook = {"url": self.receiver.url, "source": "servicenow", "format": kind}
            answer = self.send("POST", "hooks", hook)
            assert answer.status_code == 201, answer.text

    def put(self, ticket: str, account: str) -> None:
        now = datetime.now(ZoneInfo(ZONE))
        when = {"startDate": f"{now:%Y-%m-%d}", "startTime": f"{now:%H:%M}", "timeZone": ZONE}
        answer = self.send("PUT", f"starters/servicenow/{ticket}", {"account": account, **when})
        assert answer.status_code == 201, answer.text

    def read(self, starter: Starter) -> str:
        """Return the starter's state."""
        answer = self.send("GET", f"starters/servicenow/{self.tickets[starter.public_id]}")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["state"])

    def read_everything(self) -> None:
        for path in ("starters?cursor=0", "hooks"):
            assert self.send("GET", path).status_code == 200

    def starters(self, hr: Visitor, count: int) -> list[Starter]:
        """New starters that start now, each from a ticket that HR accepted, with their manager invited."""
        made = []
        for _ in range(count):
            self.portal.count += 1
            key, name = f"new{self.portal.count}", f"New Starter{self.portal.count}"
            account = self.portal.tenant.tenant.add_starter(key, name, self.portal.manager)
            ticket = f"RITM{self.portal.count:07}"
            self.put(ticket, account.user_principal_name)
            public_id = self._public_id(ticket)
            self.tickets[public_id] = ticket
            made.append(Starter(key, name, account.id, public_id))
        accept_all(hr)
        try:
            wait_for(lambda: not self._not_ready() & {*self.tickets}, "the worker to send the links")
        except TimeoutError as late:
            raise AssertionError(self._what_waits()) from late
        return made

    def _what_waits(self) -> str:
        """Say what the starters, jobs and heartbeats look like, because the processes end with the test."""
        asked = (
            "SELECT public_id, state, problem, sign_in_looked_at FROM onboarding_starter",
            "SELECT key, due_at, attempts, locked_until, done_at, failed_at, last_error FROM onboarding_job",
            "SELECT * FROM onboarding_heartbeat",
        )
        return "\n".join(f"{query}: {self.portal.database.rows(query)}" for query in asked)

    def _public_id(self, ticket: str) -> str:
        query = "SELECT s.public_id FROM onboarding_starter s JOIN onboarding_ticket t ON t.starter_id = s.id"
        return str(self.portal.database.one(f"{query} WHERE t.number = %s", ticket))

    def _not_ready(self) -> set[str]:
        query = (
            "SELECT public_id FROM onboarding_starter WHERE state = 'recorded' OR sign_in_looked_at IS NULL"
        )
        return {row[0] for row in self.portal.database.rows(query)}

    def waits_for_webhooks(self) -> None:
        query = "SELECT count(*) FROM onboarding_hookdelivery WHERE status <> 'delivered'"
        wait_for(lambda: self.portal.database.one(query) == 0, "every webhook to arrive")


def accept_all(hr: Visitor) -> None:
    """Accept page after page, also starters with warnings."""
    while values := re.findall(r'name="starter"\s+value="([^"]+)"', hr.get("/hr/to-accept/").text):
        token = hr.form_with("starter").fields["csrfmiddlewaretoken"]
        chosen: Any = {"csrfmiddlewaretoken": token, "starter": [html.unescape(value) for value in values]}
        hr.post("/hr/to-accept/", chosen)
        assert "You accepted" in hr.text, hr.text


@contextmanager
def other_system(portal: Portal) -> Iterator[OtherSystem]:
    """Listed in the portal's policy, with webhooks that lead to a server of this process."""
    raise_daily_limits(
        portal.environment,
        same_manager=False,
        api_applications=f"{SERVICE_NOW.client_id} servicenow",
        hook_hosts="127.0.0.1",
    )
    receiver = Receiver()
    server = serve(receiver)
    receiver.url = f"http://127.0.0.1:{server.server_port}/in"
    made = OtherSystem(portal, receiver)
    made.subscribe()
    yield made
    server.shutdown()
    server.server_close()
