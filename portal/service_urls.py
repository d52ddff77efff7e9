"""Checks service addresses that contain a password before any library parses them.

A raw `#` or `/` in a password moves the rest of the address elsewhere, and whatever trips over that shows a part of
the password. The messages contain no part of the address.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Letters and signs that need no percent sign before them, and bytes that have one (RFC 3986).
WORD = r"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})"
HOST = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])"
LOGIN = rf"(?:{WORD}*(?::{WORD}*)?@)?"
SERVER = rf"{LOGIN}(?P<host>{HOST})?(?::(?P<port>\d{{1,5}}))?"
# A primary and its replicas: hosts with commas between them, either all with a port or none.
SERVERS = rf"{LOGIN}(?P<hosts>{HOST}(?:,{HOST})+|{HOST}:\d{{1,5}}(?:,{HOST}:\d{{1,5}})+)"
QUERY = r"(?:\?(?P<query>[^\s#]*))?"
POSTGRESQL = re.compile(rf"postgres(?:ql)?://{SERVER}/{WORD}+{QUERY}")
REPLICATED = re.compile(rf"postgres(?:ql)?://{SERVERS}/{WORD}+{QUERY}")
WRITABLE = frozenset({"read-write", "primary"})  # of libpq's target_session_attrs: no replica has them
MAIL_SERVER = re.compile(rf"smtp(?:\+tls|\+ssl)?://{SERVER}/?{QUERY}")
PERCENT_CODES = (
    "Special characters in user and password need % codes (# is %23, / is %2F, @ is %40, ? is %3F)"
)
LAST_PORT = 65535
THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})


def fault_of_database_url(url: str) -> str:
    """The problem with a database address; empty if there is none."""
    if url.startswith("sqlite:"):
        return _fault_of_sqlite(url)
    if not url.startswith(("postgres:", "postgresql:")):
        return "must be the address of a SQLite or PostgreSQL database"
    if found := POSTGRESQL.fullmatch(url):
        return _fault_of_port(found["port"])
    if found := REPLICATED.fullmatch(url):
        return next(filter(None, map(_fault_of_port, re.findall(r":(\d+)(?:,|$)", found["hosts"]))), "")
    return f"must be postgres://user:password@host:port/name. {PERCENT_CODES}"


def fault_of_several_servers(database: Mapping[str, Any]) -> str:
    """The problem with Django's settings of a database that name several servers; empty if there is none.

    Without `target_session_attrs`, libpq takes the first server that answers. After a fail-over that may be a replica.
    """
    options = database.get("OPTIONS", {})
    hosts = f"{options.get('hostaddr') or options.get('host') or database.get('HOST') or ''}"
    if "," not in hosts or options.get("target_session_attrs") in WRITABLE:
        return ""
    return "names several servers, so it must end with ?target_session_attrs=read-write"


def fault_of_options(options: dict[str, object]) -> str:
    """The problem with the options of a database address (after the question mark)."""
    import psycopg  # slow to import, and installations with SQLite start without it
    from psycopg.conninfo import make_conninfo

    try:
        make_conninfo("", **{name: str(value) for name, value in options.items()})
    except psycopg.Error:
        return "has an option after the ? that PostgreSQL does not know"
    return ""


def is_reached_over_network(database: Mapping[str, Any]) -> bool:
    """Whether the portal reaches its PostgreSQL server over a network. A folder is that of a socket.

    What the settings leave out, PostgreSQL's own client library takes from its variables.
    """
    if database["ENGINE"].endswith("sqlite3"):
        return False
    options = database.get("OPTIONS", {})
    if options.get("service") or os.environ.get("PGSERVICE"):
        return True  # its file can name any server
    host = options.get("host") or database["HOST"] or os.environ.get("PGHOST")
    addresses = options.get("hostaddr") or os.environ.get(
        "PGHOSTADDR"
    )  # libpq connects to these, if there are any
    hosts = f"{addresses or host or ''}".split(",")
    return any(host and not host.startswith(("/", "@")) and host not in THIS_MACHINE for host in hosts)


def fault_of_entra_login(database: Mapping[str, Any]) -> str:
    """The problem with Django's settings of a database if the portal logs in with a token of Entra."""
    if database["ENGINE"].endswith("sqlite3"):
        return "must be the address of a PostgreSQL server, because DATABASE_LOGIN is entra"
    if not database["USER"] or database["PASSWORD"]:
        return "must contain a role and no password, because DATABASE_LOGIN is entra"
    if database.get("OPTIONS", {}).get("sslmode", "verify-full") != "verify-full":
        return "must not contain an sslmode other than verify-full, because DATABASE_LOGIN is entra"
    return ""


def fault_of_mail_url(url: str) -> str:
    """The problem with a mail server's address; empty if there is none."""
    if not url.startswith(("smtp:", "smtp+tls:", "smtp+ssl:")):
        return "must begin with smtp, smtp+tls or smtp+ssl"
    found = MAIL_SERVER.fullmatch(url)
    if found is None or not found["host"]:
        return f"must be smtp+tls://user:password@host:port. {PERCENT_CODES}"
    return _fault_of_port(found["port"])


def _fault_of_port(port: str | None) -> str:
    return "" if port is None or 0 < int(port) <= LAST_PORT else f"must have a port from 1 to {LAST_PORT}"


def _fault_of_sqlite(url: str) -> str:
    path = url.removeprefix("sqlite:///")
    if path in {url, ""} or path.endswith("/") or Path(path).is_dir():
        return "must contain the path of a file, for example sqlite:////var/lib/portal/portal.sqlite3"
    if any(sign in path for sign in "#?%"):
        return "must not contain the characters #, ? and % in the path"
    return ""
