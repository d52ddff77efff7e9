"""Where the database is: what a copy of it cannot have in common with the original.

PostgreSQL numbers each server when it is created (the system identifier), and each database in it. A promoted replica keeps
both. So does a copy of the server's files, which has another address. SQLite has a file beside the database that no backup of
the database contains.
"""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection

THIS_MACHINE = frozenset({"", "localhost", "127.0.0.1", "::1"})
DEFAULT_PORT = "5432"
SERVER = "SELECT system_identifier::text FROM pg_control_system()"
DATABASE = (
    "SELECT oid::text, has_function_privilege('pg_control_system()', 'execute')"
    " FROM pg_database WHERE datname = current_database()"
)


@dataclass(frozen=True)
class Place:
    """`number` is what the database says of itself, `address` where this process found it."""

    number: str
    address: str

    def is_same(self, number: str, address: str) -> bool:
        """Whether a database was at this place. What is not known on one side does not count."""
        if (number and not self.number) or (address and not self._is_address_accepted(number, address)):
            return False
        parts = zip(self.number.split("/"), number.split("/"), strict=False)
        return all(mine == known for mine, known in parts if mine and known)

    def shares_host(self, number: str, address: str) -> bool:
        """Whether it is the same database of the same server, and one of the hosts is the same."""
        return self._is_number_proof(number) and bool(_spellings(address) & _spellings(self.address))

    def _is_address_accepted(self, number: str, address: str) -> bool:
        """A copy of the server's files has its number too, so another address needs a word of the operator."""
        if address == self.address or self.shares_host(number, address):
            return True
        return self._is_number_proof(number) and bool(_spellings(self.address) & _also_at())

    def _is_number_proof(self, number: str) -> bool:
        """Whether both the server and the database in it are known, and the same."""
        server, _, database = number.partition("/")
        return bool(server and database) and number == self.number


def read_place() -> Place:
    """Ask the database. Raises DatabaseError."""
    if connection.vendor == "sqlite":
        return Place(_read_label(), str(_database_file().resolve()))
    return Place(_read_number(), _server_address())


def label_place() -> Place:
    """The same for a database that is used for the first time: SQLite then gets the file beside it. Raises OSError."""
    if connection.vendor == "sqlite" and not _read_label():
        # Of two workers that start together, the second one reads the label of the first.
        with contextlib.suppress(FileExistsError), label_file().open("x") as file:
            file.write(secrets.token_hex(16))
    return read_place()


def label_file() -> Path:
    """The file beside the database, with a random number."""
    return _database_file().with_name(f"{_database_file().name}.place")


def _database_file() -> Path:
    return Path(connection.settings_dict["NAME"])


def _read_label() -> str:
    try:
        return label_file().read_text().strip()
    except OSError:
        return ""


def _read_number() -> str:
    """System identifier and number of the database. The first is empty where the role may not read it, or no longer."""
    with connection.cursor() as cursor:
        cursor.execute(DATABASE)
        database, may_read_server = cursor.fetchone()
        if not may_read_server:
            return f"/{database}"
        cursor.execute(SERVER)
        return f"{cursor.fetchone()[0]}/{database}"


def _server_address() -> str:
    """Hosts and name as in DATABASE_URL, or as libpq found them, for example in PGHOST or a service file."""
    configured = connection.settings_dict
    options, info = configured.get("OPTIONS", {}), getattr(connection.connection, "info", None)
    named = options.get("hostaddr") or configured["HOST"] or options.get("host") or getattr(info, "host", "")
    used = configured["PORT"] or options.get("port") or getattr(info, "port", DEFAULT_PORT)
    hosts, ports = str(named).split(","), str(used).split(",")
    ports = ports if len(ports) == len(hosts) else [ports[0]] * len(hosts)
    spelled = sorted(_name_host(host, port) for host, port in zip(hosts, ports, strict=True))
    return f"{','.join(spelled)}/{configured['NAME']}"


def _name_host(host: str, port: str) -> str:
    """The port counts only on this machine, where a copy may have another one."""
    name = host.strip().strip("[]").rstrip(".").casefold()
    return f"{name}:{port}" if name in THIS_MACHINE or name.startswith("/") else name


def _spellings(address: str) -> frozenset[str]:
    """One `host/name` for each host of an address."""
    hosts, _, name = address.rpartition("/")
    return frozenset(f"{host}/{name}" for host in hosts.split(","))


def _also_at() -> frozenset[str]:
    """What the operator says of this database in DATABASE_ALSO_AT."""
    return frozenset(
        f"{_name_host(host, port or DEFAULT_PORT)}/{name}" for host, port, name in settings.DATABASE_ALSO_AT
    )
