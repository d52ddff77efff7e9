"""The address for monitoring, and the thread that stores counts. Each process of the site, and each worker, starts both.

All processes of one machine have the same address: the first one that gets it answers for all, because the numbers are in
the database. When that process ends, another one takes over. Neither thread ever holds a lock that a request needs.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.conf import settings

from onboarding.metrics.exposition import CONTENT_TYPE
from onboarding.metrics.scrape import Scrape
from onboarding.metrics.storing import store_and_disconnect

log = logging.getLogger(__name__)

STORE_EVERY = 15.0  # seconds
BIND_EVERY = 5.0
MOST_CONNECTIONS = 8  # at a time; Prometheus needs one
CONNECTION_SECONDS = 15.0  # for a whole request and its answer


class MetricsHandler(BaseHTTPRequestHandler):
    """Answers `/metrics`, and one request a connection."""

    timeout = 5.0  # for each part that a client sends
    server: MetricsServer

    def do_GET(self) -> None:
        is_known = self.path.partition("?")[0] == "/metrics"
        body = (self.server.scrape.current_result() if is_known else "See /metrics.\n").encode()
        self.send_response(200 if is_known else 404)
        self.send_header("Content-Type", CONTENT_TYPE if is_known else "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        return "portal"

    def log_message(self, *_: Any) -> None:
        """Each scrape would be a line."""


class MetricsServer(ThreadingHTTPServer):
    """Takes a few connections at a time and ends each after some seconds, so that no client can hold up the process."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.scrape = Scrape()
        self._began: dict[Any, float] = {}
        super().__init__((host, port), MetricsHandler)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return len(self._began) < MOST_CONNECTIONS

    def process_request(self, request: Any, client_address: Any) -> None:
        self._began[request] = time.monotonic()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._began.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called twice a second: end the connections that take too long."""
        for request, began in [*self._began.items()]:
            if time.monotonic() - began > CONNECTION_SECONDS:
                self._began.pop(request, None)
                with suppress(OSError):  # the client was quicker
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of ours."""


def start() -> None:
    """Start both threads in this process, if METRICS_ADDRESS is set. Returns at once."""
    if settings.METRICS_ADDRESS is None:
        return
    host, port = settings.METRICS_ADDRESS
    for target, arguments in ((_answer, (host, port)), (_store_for_ever, ())):
        threading.Thread(target=target, args=arguments, daemon=True, name="metrics").start()


def stop() -> None:
    """Store what this process counted last, before it ends."""
    if settings.METRICS_ADDRESS is not None:
        store_and_disconnect()


def _answer(host: str, port: int) -> None:
    """Answer at this address, or wait until the process that has it ends."""
    while True:
        try:
            server = MetricsServer(host, port)
        except OSError:
            time.sleep(BIND_EVERY)
            continue
        log.info("metrics are answered here", extra={"server.address": host, "server.port": port})
        server.serve_forever()


def _store_for_ever() -> None:
    while True:
        time.sleep(STORE_EVERY)
        try:
            store_and_disconnect()
        except Exception:  # the next time may be better, and no other thread may notice
            log.exception("counts could not be stored")
