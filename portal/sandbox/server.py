"""The sandbox's HTTP server: on this machine only, one thread per connection, for tests and the command.

with Sandbox(port=0) as sandbox:
    requests.get(sandbox.url + "/_control/state")
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from portal.sandbox.faults import ConnectionDropped
from portal.sandbox.options import Options
from portal.sandbox.routes import answer_request
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Request, Response

HOST = "127.0.0.1"
LARGEST_BODY = 4 * 1024 * 1024
IDLE_SECONDS = 75
NAMES = {"127.0.0.1", "localhost"}


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, tenant: Tenant) -> None:
        self.tenant = tenant
        self.open: set[socket.socket] = set()
        super().__init__((HOST, port), Handler)

    def hang_up(self) -> None:
        """End the connections that clients keep alive, so that their threads end too."""
        for connection in list(self.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    wbufsize = -1  # head and body leave together
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def handle(self) -> None:
        with suppress(ConnectionError):  # the client closed the connection before the answer
            super().handle()

    def do_any(self) -> None:
        request = self._read_head()
        try:
            self.server.tenant.faults.apply_before_reading(request)
            problem, request.body = self._read_body()
            if problem:
                self.close_connection = True
                return self._send_response(Response(problem))
            if (urlsplit(f"//{self.headers.get('Host', '')}").hostname or "") not in NAMES:
                return self._send_response(Response(421))  # a name that leads here is not ours
            return self._send_response(answer_request(self.server.tenant, request))
        except ConnectionDropped:
            return self._drop_connection()
        except Exception:
            self._send_response(Response(500))
            raise  # a mistake of the sandbox itself: the server prints where

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_any  # noqa: N815

    def _read_body(self) -> tuple[int, bytes]:
        """The body, or the status that refuses it."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            return 411, b""
        if int(length) > LARGEST_BODY:
            return 413, b""
        return 0, self.rfile.read(int(length))

    def _read_head(self) -> Request:
        address = urlsplit(self.path)
        return Request(
            method="GET" if self.command == "HEAD" else self.command,
            raw_path=address.path,
            query=dict(parse_qsl(address.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            connection=self.connection,
        )

    def _send_response(self, response: Response) -> None:
        self.send_response_only(response.status)
        self.send_header("Date", formatdate(time.time() + self.server.tenant.clock.ahead, usegmt=True))
        if response.content_type:
            self.send_header("Content-Type", response.content_type)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status != 204:
            self.send_header("Content-Length", str(len(response.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body[: response.cut_at])
        self.wfile.flush()
        if response.cut_at is not None:
            self._drop_connection()
        if response.afterwards is not None:
            response.afterwards()

    def _drop_connection(self) -> None:
        self.close_connection = True
        with suppress(OSError):  # the other side may have hung up first
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silent: `/_control/requests` logs more, without secrets."""


class Sandbox:
    """A sandbox in a thread of this process."""

    def __init__(self, port: int = 0, options: Options | None = None) -> None:
        self.tenant = self.state = Tenant(options or Options())
        self._server = Server(port, self.tenant)
        self.url = f"http://{HOST}:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.hang_up()
        self._thread.join()
        self._server.server_close()

    def serve_forever(self) -> None:
        """In this thread, until another one (or a signal) stops it."""
        try:
            self._server.serve_forever(0.1)
        finally:
            self._server.hang_up()
            self._server.server_close()

    def reset(self) -> None:
        self.tenant.reset()
