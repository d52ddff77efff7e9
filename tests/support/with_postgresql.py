"""Runs a command with its own PostgreSQL server: `python -m tests.support.with_postgresql pytest …`.

The server comes from a wheel, in its newest version, or in the one that PG_VERSION names, if this machine has it. It listens
on a socket in its own folder. The command finds its address in DATABASE_URL. The server does not wait for the disk,
because its data is deleted at the end. With `--durable` it does, as in production.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.postgresql.clusters import Cluster, folder_of_server, remove
from tests.support.databases import program

# Every replica keeps its connections, and several portals run at the same time.
MORE_CONNECTIONS = "max_connections = 400\n"
WITHOUT_WAITING = "fsync = off\nfull_page_writes = off\n"


class Server(Cluster):
    """One server on a socket only, with the usual port, which a test can kill and start again."""

    @property
    def url(self) -> str:
        return f"postgres://postgres@/postgres?host={self.folder}"


@contextmanager
def server(*, durable: bool) -> Iterator[Server]:
    """An empty server. It is stopped afterwards, and its files are removed."""
    made = Server(folder_of_server(), Path(program("postgres")).parent, port=5432, addresses="")
    try:
        made.create(MORE_CONNECTIONS + ("" if durable else WITHOUT_WAITING))
        made.start()
        yield made
    finally:
        remove(made)


def main(command: list[str]) -> int:
    durable = command[:1] == ["--durable"]
    with server(durable=durable) as running:
        version, url = running.execute("SHOW server_version")[0][0], running.url
        sys.stdout.write(f"PostgreSQL {version}\n")
        sys.stdout.flush()
        command = command[durable:]
        child = subprocess.Popen(command, env={**os.environ, "DATABASE_URL": url})
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: child.send_signal(number))
        return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
