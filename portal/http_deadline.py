"""One deadline for a whole answer: a socket's own timeout restarts with every byte it receives."""

from __future__ import annotations

import io
import socket
from http.client import HTTPResponse
from time import monotonic
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

DEFAULT_SECONDS = 60.0  # for a connection without a timeout


class DeadlineReader(io.RawIOBase):
    """Reads one answer from a connection. All reads together share one timeout."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._bytes = connection.makefile("rb", buffering=0)
        self._seconds = connection.gettimeout() or DEFAULT_SECONDS
        self._until = monotonic() + self._seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._connection.settimeout(left)
        try:
            return self._bytes.readinto(buffer)
        finally:
            self._connection.settimeout(self._seconds)

    def close(self) -> None:
        self._bytes.close()
        super().close()


class DeadlineResponse(HTTPResponse):
    """Reads status line, headers, chunk sizes and body through one DeadlineReader."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(DeadlineReader(sock))


class DeadlineHTTPConnection(HTTPConnection):
    response_class = DeadlineResponse


class DeadlineHTTPSConnection(HTTPSConnection):
    response_class = DeadlineResponse


class DeadlineAdapter(HTTPAdapter):
    """Opens connections whose answers must end within the read timeout, also through a proxy."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = DeadlineHTTPSConnection if pool.scheme == "https" else DeadlineHTTPConnection
        return pool
