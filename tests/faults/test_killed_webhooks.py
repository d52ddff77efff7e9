"""The worker is killed while it sends webhooks: none is lost or out of order, and a double has the same webhook-id.

The receiver kills the process that calls it, so the moment is exact and the portal runs as shipped. FAULT_ROUNDS sets how
often each moment is repeated.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from portal.demo.process import raise_daily_limits, wait_for
from portal.sandbox.api_registration import SERVICE_NOW
from portal.sandbox.caller import process_at, send_signal
from tests.api.system import System, request_token
from tests.faults.replicas import Portal, portal

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))
MOMENTS = ("before the request is read", "before the answer", "after the answer")
EVERY = 2  # requests for each kill, so that the portal also makes progress


@dataclass
class Receiver:
    """What arrived whole, in order, and the kills that are still to come."""

    kills: list[str]
    arrived: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    requests: int = 0
    killed: int = 0
    freed: int = 0  # locks of killed workers that were ended

    def next_kill(self) -> str:
        self.requests += 1
        return self.kills.pop(0) if self.kills and self.requests % EVERY == 0 else ""


@pytest.fixture
def receiver() -> Iterator[tuple[Receiver, str]]:
    made = Receiver(list(MOMENTS) * ROUNDS)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kill, caller = made.next_kill(), process_at(self.connection)
            if kill == MOMENTS[0]:
                self.end(caller)
                return
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.arrived.append((self.headers["webhook-id"], json.loads(body)))
            if kill == MOMENTS[1]:
                self.end(caller)
                return
            self.send_response(204)
            self.end_headers()
            if kill:
                time.sleep(random.uniform(0, 0.03))
                self.end(caller)

        def end(self, caller: int) -> None:
            send_signal(caller, "kill")
            made.killed += 1
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made, f"http://127.0.0.1:{server.server_port}/in"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def site() -> Iterator[Portal]:
    with portal() as running:
        allowed = f"{SERVICE_NOW.client_id} servicenow"
        raise_daily_limits(running.environment, api_applications=allowed, hook_hosts="127.0.0.1")
        yield running


def test_killed_workers_lose_and_reorder_no_webhook(site: Portal, receiver: tuple[Receiver, str]) -> None:
    made, address = receiver
    system = System(site.urls[0], request_token(site.tenant.url))
    added = system.send("POST", "hooks", {"url": address, "source": "servicenow"})
    assert added.status_code == 201, added.text
    tickets = [f"KILL-{number}" for number in range(len(made.kills))]
    for ticket in tickets:
        assert system.put(ticket, f"{ticket.lower()}@contoso.example").status_code == 201
        withdrawn = system.send("POST", f"starters/servicenow/{ticket}/withdrawal", {"reason": "A test"})
        assert withdrawn.status_code == 200, withdrawn.text

    wait_for(lambda: is_all_delivered(site, made), "every webhook to arrive")

    queued = site.database.rows("SELECT message_id, event FROM onboarding_hookdelivery ORDER BY id")
    ids = [message_id for message_id, _ in made.arrived]
    lost = {message_id for message_id, _ in queued} - set(ids)
    first = dict(reversed(made.arrived))
    figures = (
        f"{len(queued)} webhooks, {made.killed} kills, {len(lost)} lost, {len(ids) - len(first)} doubled"
    )
    sys.stdout.write(f"{figures}\n")
    assert (made.kills, lost) == ([], set())
    assert all(first[message_id] == body for message_id, body in made.arrived)
    for ticket in tickets:
        assert (
            order_of(made, ticket)[0] == "starter.recorded"
            and order_of(made, ticket)[-1] == "starter.withdrawn"
        )
        assert order_of(made, ticket) == [
            event for message_id, event in queued if is_about(first[message_id], ticket)
        ]


def is_all_delivered(site: Portal, made: Receiver) -> bool:
    """Let the two minutes pass after which another worker takes over from one that was killed."""
    if made.killed > made.freed:
        made.freed = made.killed
        time.sleep(0.1)  # the process may be dying only now
        site.database.write(
            "UPDATE onboarding_job SET locked_until = NULL WHERE key = %s", f"hook:{hook_id(site)}"
        )
    waiting = site.database.one("SELECT count(*) FROM onboarding_hookdelivery WHERE status <> 'delivered'")
    return bool(waiting == 0 and not made.kills)


def hook_id(site: Portal) -> int:
    return int(site.database.one("SELECT id FROM onboarding_hook"))


def is_about(body: dict[str, Any], ticket: str) -> bool:
    return bool(body["data"]["ticket"] == ticket)


def order_of(made: Receiver, ticket: str) -> list[str]:
    """The types of a ticket's events in the order of their arrival; a repetition right after itself counts once."""
    found: list[str] = []
    for _, body in made.arrived:
        if is_about(body, ticket) and found[-1:] != [body["type"]]:
            found.append(body["type"])
    return found
