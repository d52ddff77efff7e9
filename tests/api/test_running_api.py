"""The API of a running portal: parallel requests, the printed examples, and thousands of generated requests."""

from __future__ import annotations

import base64
import hmac
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from onboarding.api import hook_examples, problems
from onboarding.api.examples import EXAMPLES, Example
from portal.demo.process import free_port, raise_daily_limits, wait_for
from portal.middleware import HEADERS
from portal.sandbox.api_registration import LOGIC_APP, SERVICE_NOW
from tests.api.system import System, request_token
from tests.faults.replicas import Portal, portal
from tests.hooks.conftest import Receiver, serve
from tests.support.plan import size_of

CASES = int(os.environ.get("API_CASES", size_of(12, 5)))  # generated requests for each operation and phase
AT_ONCE = 20
SENT = int(os.environ.get("API_PARALLEL", "100"))


@pytest.fixture(scope="module")
def replicas() -> Iterator[Portal]:
    with portal(replicas=2) as running:
        allowed = f"{SERVICE_NOW.client_id} servicenow\n{LOGIC_APP.client_id} hr"
        hosts = "hooks.contoso.example\n127.0.0.1"
        raise_daily_limits(running.environment, api_applications=allowed, hook_hosts=hosts)
        yield running


@pytest.fixture(scope="module")
def systems(replicas: Portal) -> list[System]:
    """The same system at each replica."""
    token = request_token(replicas.tenant.url)
    return [System(url, token) for url in replicas.urls]


def test_one_ticket_sent_in_parallel_adds_one_starter(systems):
    def send(number: int):
        return systems[number % 2].put("PARALLEL-1", "parallel.one@contoso.example")

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(send, range(SENT)))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: SENT - 1}
    shown = [
        {name: value for name, value in answer.json().items() if name != "changedAt"} for answer in answers
    ]
    assert all(body == shown[0] for body in shown)


def test_parallel_tickets_for_one_account_add_one_starter(systems):
    def send(number: int):
        return systems[number % 2].put(f"RACE-{number}", "parallel.two@contoso.example")

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(send, range(AT_ONCE)))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: AT_ONCE - 1}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"already_added"}


LONG = b"k7Rvmq" * 2000
UNREADABLE = {
    "no such version": (b"GET /api/v1/starters HTTP/k7Rvmq\r\n\r\n", 400),
    "a header without a name": (b"GET /api/v1/starters HTTP/1.1\r\n<k7Rvmq\r\n\r\n", 400),
    "two lengths": (b"GET /api/v1/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    "a long address": (b"GET /api/v1/" + LONG + b" HTTP/1.1\r\n\r\n", 414),
    "a long header": (b"GET /api/v1/starters HTTP/1.1\r\nAuthorization: " + LONG * 2 + b"\r\n\r\n", 431),
    "many headers": (
        b"GET /api/v1/ HTTP/1.1\r\n" + b"".join(b"X-%d: k7Rvmq\r\n" % n for n in range(99)) + b"\r\n",
        431,
    ),
    "an unknown coding": (b"POST /api/v1/ HTTP/1.1\r\nTransfer-Encoding: k7Rvmq\r\n\r\n", 501),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_an_unreadable_request_is_answered_as_a_problem(replicas: Portal, what: str):
    request, status = UNREADABLE[what]
    with socket.create_connection(("127.0.0.1", urlsplit(replicas.urls[0]).port), 60) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        body = answer.read()

    assert (answer.status, answer.headers["Content-Type"]) == (status, problems.CONTENT_TYPE)
    problem = json.loads(body)
    assert (problem["status"], {*problem}) == (status, {"type", "title", "status", "code"})
    assert problem["code"] == ("bad_request" if status < 500 else "not_implemented")
    assert HEADERS.items() <= dict(answer.headers).items()
    assert b"k7Rvmq" not in body


INTERPRETERS = {"shell": "bash", "python": sys.executable}


@dataclass
class Printed:
    """Runs examples in one language, as they are printed."""

    language: str
    folder: Path
    environment: dict[str, str]

    def command(self, example: Example) -> list[str]:
        script = self.folder / example.title
        script.write_text(self.localised(getattr(example, self.language)))
        return [INTERPRETERS[self.language], str(script)]

    def localised(self, text: str) -> str:
        """The same with a ticket and an account for each language: both use one portal."""
        text = text.replace("RITM0012345", f"EXAMPLE-{self.language}")
        return text.replace("noor.devries@contoso.example", f"example.{self.language}@contoso.example")

    def run(self, example: Example, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(example),
            env={**self.environment, **variables},
            cwd=self.folder,
            capture_output=True,
            text=True,
        )

    def works(self, example: Example, **variables: str) -> str:
        done = self.run(example, **variables)
        assert done.returncode == 0, f"{example.title}: {done.stdout} {done.stderr}"
        return done.stdout


@pytest.fixture(params=INTERPRETERS)
def printed(request: pytest.FixtureRequest, replicas: Portal, systems, tmp_path: Path) -> Printed:
    variables = {"PORTAL": systems[0].portal_url, "TOKEN": systems[0].token}
    return Printed(request.param, tmp_path, {**os.environ, **variables})


def test_the_printed_examples_work(printed: Printed):
    for example in EXAMPLES:
        printed.works(example)


def test_the_printed_webhook_examples_work(printed: Printed, systems):
    """A webhook is added, its event is verified, a changed one is refused, and it is removed."""
    port = free_port()
    answer = printed.works(hook_examples.SUBSCRIBE, RECEIVER=f"http://127.0.0.1:{port}/in")
    if printed.language == "shell":
        hook, secret = json.loads(answer)["id"], json.loads(answer)["secret"]
    else:
        hook, secret = answer.split()
    verify = verify_by_command if printed.language == "shell" else verify_by_receiver
    ticket = f"HOOK-{printed.language}"

    verify(printed, port, secret, lambda: systems[0].put(ticket, f"{ticket.lower()}@contoso.example"), ticket)

    assert hook in printed.works(hook_examples.LIST)
    printed.works(hook_examples.REMOVE, HOOK=hook)
    assert hook not in printed.works(hook_examples.LIST)


def verify_by_command(printed: Printed, port: int, secret: str, add: Callable[[], Any], _: str) -> None:
    arrived = Receiver()
    server = serve(arrived, port=port)
    add()
    wait_for(lambda: arrived.received, "an event")
    server.shutdown()
    server.server_close()
    event = arrived.received[0]
    names = {"ID": "webhook-id", "TIMESTAMP": "webhook-timestamp", "SIGNATURE": "webhook-signature"}
    headers = {name: event.headers[header] for name, header in names.items()}
    body = printed.folder / "body.json"

    body.write_bytes(event.body)
    assert printed.works(hook_examples.VERIFY, SECRET=secret, **headers) == "genuine\n"

    old = headers | {"TIMESTAMP": str(int(headers["TIMESTAMP"]) - 400)}
    old["SIGNATURE"] = signed(secret, old["ID"], old["TIMESTAMP"], event.body)
    assert printed.run(hook_examples.VERIFY, SECRET=secret, **old).returncode == 1
    body.write_bytes(event.body + b" ")
    assert printed.run(hook_examples.VERIFY, SECRET=secret, **headers).returncode == 1


def verify_by_receiver(printed: Printed, port: int, secret: str, add: Callable[[], Any], ticket: str) -> None:
    environment = {**printed.environment, "SECRET": secret, "PORT": str(port)}
    with subprocess.Popen(
        printed.command(hook_examples.VERIFY), env=environment, stdout=subprocess.PIPE, text=True
    ) as receiver:
        assert receiver.stdout is not None
        try:
            add()
            assert receiver.stdout.readline() == f"starter.recorded {ticket} recorded\n"

            def post(at: int, *, wrong: str = "", message_id: str = "msg_1") -> int:
                body = b'{"type": "starter.recorded", "data": {"ticket": "T1", "state": "recorded"}}'
                headers = {"webhook-id": message_id, "webhook-timestamp": str(at)}
                headers["webhook-signature"] = signed(secret, message_id, str(at), body) + wrong
                return requests.post(
                    f"http://127.0.0.1:{port}/", body, headers=headers, timeout=60
                ).status_code

            now = int(time.time())
            assert [post(now, wrong="="), post(now - 400), post(now + 400)] == [401, 401, 401]
            assert [post(now), post(now), post(now, message_id="msg_2")] == [204, 204, 204]
            assert requests.post(f"http://127.0.0.1:{port}/", b"{}", timeout=60).status_code == 401
            assert [receiver.stdout.readline() for _ in range(2)] == ["starter.recorded T1 recorded\n"] * 2
        finally:
            receiver.kill()
        assert receiver.stdout.read() == ""


def signed(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def test_generated_requests_find_nothing(systems, tmp_path: Path):
    """Every check of schemathesis, over good and bad requests made from the published document."""
    config = Path(__file__).with_name("schemathesis.toml")
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run",
        f"{systems[0].portal_url}/api/v1/openapi.json", "--url", f"{systems[0].portal_url}/api/v1",
        "-H", f"Authorization: Bearer {systems[0].token}",
        "--max-examples", str(CASES), "--checks", "all", "--no-color", "--generation-deterministic",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
