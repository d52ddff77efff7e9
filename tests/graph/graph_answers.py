"""Answers of Microsoft Graph for the tests of its client: valid ones, and parts to make them invalid."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import responses

from onboarding.graph import Graph

ORIGIN = "https://graph.test"
V1 = f"{ORIGIN}/v1.0"
NOOR = "5c0ffee0-1111-4aaa-8bbb-000000000042"
MARIA = "5c0ffee0-1111-4aaa-8bbb-000000000007"
GROUP = "5c0ffee0-1111-4aaa-8bbb-0000000000aa"
GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
METHOD = "7e57ab1e-2222-4ccc-9ddd-000000000001"
GRAPH_REQUEST = "0e0e0e0e-0000-4000-8000-000000000009"
CODE = "k7+Rv&m<\"'%=Q"
USER = f"{V1}/users/{NOOR}"
METHODS = f"{USER}/authentication/methods"
PASSES = f"{USER}/authentication/temporaryAccessPassMethods"
BATCH = f"{V1}/$batch"


class Tokens:
    """A token source that issues a new token when the last one is reported as rejected."""

    def __init__(self) -> None:
        self.number = 1
        self.broken = False

    def graph_token(self, *, fresh: bool = False) -> str:
        if self.broken:
            raise ConnectionError(
                "Microsoft Entra did not issue a token (managed identity): invalid_request."
            )
        self.number += fresh
        return f"token-{self.number}"

    def clear_tokens(self) -> None:
        self.number += 1


def answering() -> Iterator[responses.RequestsMock]:
    """Answer for Graph within this process. A request that a test does not expect fails the test."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def graph(tokens: Tokens | None = None, origin: str = ORIGIN, *, read: float = 5) -> Graph:
    return Graph(origin, tokens or Tokens(), connect=2, read=read)


def person(**changed: object) -> dict[str, object]:
    return {
        "id": NOOR,
        "userPrincipalName": "noor.devries@contoso.example",
        "displayName": "Noor de Vries",
        "jobTitle": "Analyst",
        "department": "Finance",
        "mail": None,
        "employeeId": "004711",
        "employeeHireDate": "2026-10-05T00:00:00Z",
        "createdDateTime": "2026-10-01T09:30:00.1234567Z",
        "accountEnabled": True,
        "userType": "Member",
        "creationType": None,
        "externalUserState": None,
        "isManagementRestricted": None,
        **changed,
    }


def boss(**changed: object) -> dict[str, object]:
    return {
        "@odata.type": "#microsoft.graph.user",
        "id": MARIA,
        "userPrincipalName": "maria.lindqvist@contoso.example",
        "displayName": "Maria Lindqvist",
        "mail": "maria@contoso.example",
        "accountEnabled": True,
        "userType": "Member",
        "creationType": None,
        "externalUserState": None,
        **changed,
    }


def listed_pass(**changed: object) -> dict[str, object]:
    return {
        "id": METHOD,
        "temporaryAccessPass": None,
        "createdDateTime": "2026-10-05T06:00:00.1234567Z",
        "startDateTime": "2026-10-05T06:00:00.7654321Z",
        "lifetimeInMinutes": 60,
        "isUsableOnce": True,
        "isUsable": True,
        "methodUsabilityReason": "EnabledByPolicy",
        **changed,
    }


def made_pass(**changed: object) -> dict[str, object]:
    context = f"{V1}/$metadata#users('{NOOR}')/authentication/temporaryAccessPassMethods/$entity"
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.1234567Z"
    times = {"createdDateTime": now, "startDateTime": now}
    return listed_pass(**{"@odata.context": context, "temporaryAccessPass": CODE, **times, **changed})


def method(kind: str, **fields: object) -> dict[str, object]:
    return {"@odata.type": f"#microsoft.graph.{kind}AuthenticationMethod", "id": "m", **fields}


def many(*items: object, **more: object) -> dict[str, object]:
    return {"value": list(items), **more}


def error(code: str, message: str) -> dict[str, object]:
    inner = {"date": "2026-10-02T13:45:11", "request-id": GRAPH_REQUEST, "client-request-id": "c"}
    return {"error": {"code": code, "message": message, "innerError": inner}}


def pass_policy(**changed: object) -> dict[str, object]:
    return {
        "@odata.type": "#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration",
        "id": "TemporaryAccessPass",
        "state": "enabled",
        "minimumLifetimeInMinutes": 60,
        "maximumLifetimeInMinutes": 480,
        "isUsableOnce": False,
        "includeTargets": [{"id": "all_users", "targetType": "group"}],
        "excludeTargets": [],
        **changed,
    }


def parts(**changed: tuple[int, object]) -> dict[str, tuple[int, object]]:
    """Return the answers about a starter that no guard refuses. Pass changed answers by name."""
    return {
        "account": (200, person()),
        "manager": (200, boss()),
        "methods": (200, many(method("password"))),
        "roles": (200, many()),
        "groups": (200, many({"id": GROUP, "isAssignableToRole": False})),
        "owned": (200, many()),
        "assignments": (200, many()),
        "eligible": (200, many()),
        "eligible_groups": (200, many()),
        "pass_policy": (200, pass_policy()),
        **changed,
    }


def batch(answers: dict[str, tuple[int, object]]) -> dict[str, object]:
    # In any order, as Graph does.
    return {
        "responses": [
            {"id": name, "status": status, "headers": {"Content-Type": "application/json"}, "body": body}
            for name, (status, body) in reversed(answers.items())
        ]
    }


def raw_answer(status: str, body: object, *headers: str) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + content


class Wire:
    """A server that answers each request with the next bytes of a list, and closes the connection for None."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self.closed_by_client = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        # A connection to itself ends the blocking accept().
        self.answers.clear()
        with contextlib.suppress(OSError):
            socket.create_connection(self._socket.getsockname(), timeout=1).close()
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while self.answers:
            connection, _ = self._socket.accept()
            self.connections += 1
            with connection, contextlib.suppress(OSError):
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(0.5)
        while request := self._request(connection):
            self.requests.append(request)
            answer = self.answers.pop(0)
            if answer is None:
                return
            connection.sendall(answer)
        self.closed_by_client.set()

    def _request(self, connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        sizes = [
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ]
        while len(body) < sum(sizes):
            body += connection.recv(65536)
        return head + b"\r\n\r\n" + body


@contextlib.contextmanager
def wire(*answers: bytes | None) -> Iterator[Wire]:
    server = Wire(*answers)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def dripping(head: bytes, drop: bytes, *, lasts: float = 30) -> Iterator[str]:
    """A server that sends `head`, and then one `drop` after another. Returns its origin."""
    over, listener = threading.Event(), socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            connection.sendall(head)
            until = time.monotonic() + lasts  # so that a client without a timeout fails and does not hang
            while not over.wait(0.02) and time.monotonic() < until:
                connection.sendall(drop)

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.close()
        thread.join(1)
