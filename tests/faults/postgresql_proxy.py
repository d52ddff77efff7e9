"""A proxy between a portal and its PostgreSQL that can cut one connection at a chosen moment."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

COMMIT, ENDS = b"COMMIT\0", (b"COMMIT\0", b"ROLLBACK\0")


class Proxy:
    """`socket_folder` is called at each connection, because a restarted server may be elsewhere."""

    def __init__(self, socket_folder: Callable[[], str]) -> None:
        self._socket_folder = socket_folder
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._lock = threading.Lock()
        self._cut_at: tuple[bytes, bool] | None = None
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_at_the_commit_of(self, word: bytes, *, after: bool) -> None:
        """Cuts the next connection that commits a transaction with this word: before the server receives the COMMIT, or
        after it has committed and before the client knows."""
        self._cut_at = (word, after)

    @property
    def has_cut(self) -> bool:
        return self._cut_at is None

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            try:
                server.connect(str(next(Path(self._socket_folder()).glob(".s.PGSQL.*[0-9]"))))
            except (OSError, StopIteration):
                return
            answers = threading.Thread(target=_pass_on, args=[server, client], daemon=True)
            answers.start()
            with suppress(OSError):
                self._listen_to(client, server)
            hang_up(server)
            answers.join()

    def _listen_to(self, client: socket.socket, server: socket.socket) -> None:
        said = b""
        while data := client.recv(65536):
            said += data
            cut = self._is_now(said) if COMMIT in data else None
            if cut is not None:
                hang_up(client)  # the way back is closed before the server can answer
                if cut:
                    server.sendall(data)
                    server.recv(65536)
                return
            if any(end in data for end in ENDS):
                said = b""
            server.sendall(data)

    def _is_now(self, said: bytes) -> bool | None:
        with self._lock:
            if self._cut_at is None or self._cut_at[0] not in said:
                return None
            (_, after), self._cut_at = self._cut_at, None
            return after


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    hang_up(target)


def hang_up(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(socket_folder: Callable[[], str]) -> Iterator[Proxy]:
    made = Proxy(socket_folder)
    try:
        yield made
    finally:
        made.close()
