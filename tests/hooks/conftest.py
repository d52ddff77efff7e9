"""A receiver that listens on this machine, a webhook that leads to it, and starters with a ticket."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.conf import settings as django_settings
from django.db.models import Q
from django.utils import timezone

from onboarding import audit, clock, jobs
from onboarding.hooks import delivery, subscriptions
from onboarding.models import Hook, HookDelivery, Starter, Ticket
from onboarding.tickets.request import Application
from tests.api.conftest import SERVICENOW, add, allowed, call  # noqa: F401 - fixtures
from tests.conftest import BY_KEY

SIG = "c2lnLWtleS1vZi1hLWZsb3c"  # a flow's key, in the query of its callback address


@dataclass
class Received:
    """One request that arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class Receiver:
    """What arrived, and the statuses to answer with: each once, then always 204."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    answer_headers: dict[str, str] = field(default_factory=dict)
    answer_body: bytes = b""

    @property
    def types(self) -> list[str]:
        return [each.event["type"] for each in self.received]


def serve(
    receiver: Receiver, wrap: Callable[[Any], Any] | None = None, *, port: int = 0
) -> ThreadingHTTPServer:
    """Serve in a thread, on any free port unless told otherwise. `wrap` puts TLS around the socket."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            receiver.received.append(
                Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            )
            self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
            for name, value in receiver.answer_headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(receiver.answer_body)))
            self.end_headers()
            self.wfile.write(receiver.answer_body)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    if wrap:
        server.socket = wrap(server.socket)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    server = serve(made)
    made.url = f"http://127.0.0.1:{server.server_port}/flows/1?sig={SIG}"
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def application() -> Application:
    return Application(django_settings.TENANT_ID, str(uuid4()), "servicenow", SERVICENOW, is_person=False)


@pytest.fixture
def hosts_allowed(policy_says: Callable[..., Any]) -> None:
    policy_says(api_applications=f"{SERVICENOW} servicenow", hook_hosts="127.0.0.1\n*.contoso.example")


@pytest.fixture
def subscribe(
    application: Application, hosts_allowed: None, receiver: Receiver
) -> Callable[..., tuple[Hook, str]]:
    """Add a webhook that leads to the receiver. Returns it with its secret."""

    def added(**otherwise: Any) -> tuple[Hook, str]:
        values = {"url": receiver.url, "source": "servicenow", "event_types": (), "hook_format": "standard"}
        return subscriptions.add_hook(**values | {"by": application} | otherwise)

    return added


@pytest.fixture
def hook(subscribe: Callable[..., tuple[Hook, str]]) -> Hook:
    return subscribe()[0]


@pytest.fixture
def ticketed(db: None) -> Callable[..., Starter]:
    """A starter with a ticket, as rows."""

    def made(number: str = "RITM0000001", source: str = "servicenow", **values: Any) -> Starter:
        today = timezone.now()
        noor = BY_KEY["noor"]
        fields = {"account_name": f"{number.lower()}@contoso.example", "display_name": noor.name}
        fields |= {"start_date": today.date(), "start_time": today.time(), "time_zone": "UTC"}
        starter = Starter.objects.create(
            **fields | {"manager_name": "Maria Lindqvist", "source": source} | values
        )
        Ticket.objects.create(
            starter=starter,
            source=source,
            number=number,
            application_id=SERVICENOW,
            account=starter.account_name,
        )
        return starter

    return made


def happen(starter: Starter, *events: str) -> None:
    """Record these audit events of a starter, each in a transaction of its own."""
    for event in events:
        with audit.transaction():
            audit.record(event, starter=starter)


def send_due(ahead: timedelta = timedelta(0), *, tick: bool = True) -> None:
    """Run the jobs of webhooks that are due at that much later a time. Without `tick`, the clock stands still."""
    with time_machine.travel(timezone.now() + ahead, tick=tick):
        for _ in range(500):
            job = jobs.claim_job(clock.now(), Q(key__startswith="hook:"))
            if job is None:
                return
            jobs.run_job(job)
    raise AssertionError("the jobs do not end")


def next_moment() -> Any:
    """When the waiting job of a webhook is due, or its lock ends if a worker was killed."""
    job = jobs.Job.objects.filter(key__startswith="hook:", done_at=None).order_by("due_at").first()
    return max(job.due_at, job.locked_until or job.due_at) if job else None


def statuses() -> list[str]:
    return list(HookDelivery.objects.order_by("pk").values_list("status", flat=True))


assert delivery.send_deliveries  # registers its handler
