"""One deadline for a whole answer: a socket's own timeout begins anew with every byte that drips in."""

from __future__ import annotations

import io
import socket
from http.client import HTTPResponse
from time import monotonic
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

UNSAID = 60.0  # seconds, where a connection was given no timeout


class Hurried(io.RawIOBase):
    """Reads one answer from a connection; all its reads together get the time that each would have had."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._bytes = connection.makefile("rb", buffering=0)
        self._seconds = connection.gettimeout() or UNSAID
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


class TimelyAnswer(HTTPResponse):
    """Its status line, headers, chunk sizes and body all come through the one hurried reader."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(Hurried(sock))


class Plain(HTTPConnection):
    response_class = TimelyAnswer


class Secure(HTTPSConnection):
    response_class = TimelyAnswer


class Punctual(HTTPAdapter):
    """Opens connections whose answers are over in time, also through a proxy."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = Secure if pool.scheme == "https" else Plain
        return pool
