"""A real PgBouncer in transaction mode, in front of a server of the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache

import psycopg
import pytest

from portal.demo.process import free_port, wait_for
from portal.supervisor import manage_command
from tests.postgresql.clusters import Cluster, as_server, put

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")


@dataclass
class Pooler:
    """Where it listens, and the server behind it. The database and the role are both `portal`."""

    server: Cluster
    port: int
    role: str = "portal"

    @property
    def url(self) -> str:
        return f"postgres://{self.role}@127.0.0.1:{self.port}/portal"

    def console(self, statement: str) -> None:
        """Run a statement of PgBouncer's own, as its administrator."""
        place = f"host=127.0.0.1 port={self.port} user=postgres dbname=pgbouncer"
        with closing(psycopg.connect(place, autocommit=True)) as admin:
            admin.execute(statement.encode())

    def give_timeouts(self) -> None:
        """Run what `manage.py database_role --timeouts` prints, as the role itself."""
        printed = printed_timeouts(self.url, self.role)
        place = f"host={self.server.folder} port={self.server.port} user={self.role} dbname=portal"
        with closing(psycopg.connect(place, autocommit=True)) as itself:
            itself.execute(printed.encode())
        self.console("RECONNECT")


@cache
def printed_timeouts(url: str, role: str) -> str:
    return subprocess.run(
        manage_command("database_role", "--role", role, "--timeouts"),
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@contextmanager
def pgbouncer(server: Cluster, *, certificate: tuple[bytes, bytes] | None = None) -> Iterator[Pooler]:
    """PgBouncer until the end of the block. With a certificate and its key, it takes TLS too."""
    if PGBOUNCER is None:
        pytest.skip("PgBouncer is not installed")
    server.execute("CREATE ROLE portal LOGIN")
    server.execute("CREATE DATABASE portal OWNER portal")
    made = Pooler(server, free_port())
    put(server.folder / "users.txt", b'"portal" ""\n"postgres" ""\n')
    lines = [
        "[databases]",
        f"portal = host={server.folder} port={server.port} dbname=portal",
        "[pgbouncer]",
        f"listen_addr = 127.0.0.1\nlisten_port = {made.port}\nunix_socket_dir =",
        f"auth_type = trust\nauth_file = {server.folder}/users.txt\nadmin_users = postgres",
        "pool_mode = transaction\ndefault_pool_size = 4",
    ]
    if certificate:
        for name, content in zip(("crt", "key"), certificate, strict=True):
            put(server.folder / f"server.{name}", content)
        lines.append("client_tls_sslmode = allow")
        lines += [
            f"client_tls_{kind}_file = {server.folder}/server.{end}"
            for kind, end in (("cert", "crt"), ("key", "key"))
        ]
    put(server.folder / "pgbouncer.ini", "\n".join(lines).encode())
    with (server.folder / "pgbouncer.log").open("wb") as log:
        command = [PGBOUNCER, str(server.folder / "pgbouncer.ini")]
        process = subprocess.Popen(command, stdout=log, stderr=log, **as_server())
    try:
        wait_for(lambda: process.poll() is not None or is_ready(made), "PgBouncer")
        yield made
    finally:
        process.kill()
        process.wait(60)


def is_ready(made: Pooler) -> bool:
    try:
        made.console("SHOW VERSION")
    except psycopg.OperationalError:
        return False
    return True
