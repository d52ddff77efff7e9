"""Other systems, as real HTTP servers on this machine: a ticket system, and servers that play a part of Microsoft's."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

TICKETS_TOKEN = "token-of-the-ticket-system"


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@contextmanager
def served(respond: Callable[[Request], Answer]) -> Iterator[str]:
    """Answer requests with `respond` until the end of the block. Yields the address."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = respond(Request(self.command, self.path, headers, body))
            sent = b"" if answer.body is None else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PUT = do_PATCH = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class TicketSystem:
    """Knows tickets by their number. A PATCH with its token changes fields; `is_down` answers 503."""

    tickets: dict[str, dict[str, Any]] = field(default_factory=dict)
    url: str = ""
    is_down: bool = False

    def respond(self, request: Request) -> Answer:
        if self.is_down:
            return Answer(503)
        if request.headers.get("authorization") != f"Bearer {TICKETS_TOKEN}":
            return Answer(401)
        number = request.path.rpartition("/")[2]
        if request.method != "PATCH" or number not in self.tickets:
            return Answer(404)
        self.tickets[number] |= request.json
        return Answer(200, self.tickets[number])


@contextmanager
def busy_first(url: str, times: int, seconds: int) -> Iterator[str]:
    """Stand before a server: answer 503 with Retry-After so many times, then hand requests on to it."""
    left = [times]

    def respond(request: Request) -> Answer:
        if left[0]:
            left[0] -= 1
            return Answer(503, {"code": "unavailable"}, {"Retry-After": str(seconds)})
        kept = {
            name: request.headers[name]
            for name in ("authorization", "content-type")
            if name in request.headers
        }
        answer = requests.request(
            request.method, f"{url}{request.path}", data=request.body, headers=kept, timeout=60
        )
        return Answer(answer.status_code, answer.json())

    with served(respond) as address:
        yield address
