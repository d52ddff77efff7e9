"""Why the database cannot be used, in one sentence: the variable, the host and the cause, never a password."""

from __future__ import annotations

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

# Parts of the messages of PostgreSQL's client and SQLite, and what they mean. The first match counts.
CAUSES: tuple[tuple[str, str | Promise], ...] = (
    ("could not translate host name", _("no server has this name")),
    ("failed to resolve host", _("no server has this name")),
    ("name or service not known", _("no server has this name")),
    ("connection refused", _("no server listens on this port")),
    ("no such file or directory", _("the socket does not exist")),
    ("timeout expired", _("the database does not answer in time")),
    ("connection timeout", _("the database does not answer in time")),
    ("network is unreachable", _("there is no network route")),
    ("no route to host", _("there is no network route")),
    ("password authentication failed", _("the database does not accept this user and password")),
    ("no password supplied", _("the database requires a password, and DATABASE_URL contains none")),
    ("no pg_hba.conf entry", _("the database does not accept this user from this machine")),
    (
        "does not match host name",
        _("the certificate of the database is for another name. Use the name in the certificate as the host"),
    ),
    (
        "certificate",
        _(
            "the portal does not trust the issuer of the database’s certificate. Save the issuer’s certificate "
            "in a file, and add the file to the end of the address: ?sslrootcert=/etc/portal/issuer.pem"
        ),
    ),
    (
        "server does not support ssl",
        _(
            "the database offers no TLS. Turn on TLS in the database. Only if nobody else can read the "
            "network traffic to the database, set ?sslmode=disable instead"
        ),
    ),
    ("ssl", _("the database does not support the requested kind of TLS")),
    (
        "timeouts of the role",
        _(
            "the portal reaches the database through a connection pooler, but the role has no timeouts. "
            "Run the SQL that manage.py database_role --timeouts prints, then reconnect the pooler"
        ),
    ),
    ("unsupported startup parameter", _("a connection pooler refuses the portal's connection options")),
    ("too many clients", _("the database has no free connections")),
    ("remaining connection slots", _("the database has no free connections")),
    ("the database system is starting up", _("the database is still starting")),
    ("the database system is shutting down", _("the database is shutting down")),
    ("does not exist", _("the database or user does not exist")),
    ("unable to open database file", _("the folder of the database file does not exist or is not writable")),
    ("readonly database", _("the database file is not writable")),
    ("locked", _("another process has locked the database")),
    ("server closed the connection", _("the database closed the connection")),
    (
        "did not issue a token",
        _("Microsoft Entra did not issue a token for the database; see the server log"),
    ),
    ("deadline", _("the database does not answer in time")),
)


def database_error_text(error: Exception) -> str:
    """A sentence for the person who starts the portal. It repeats nothing of the error's own text."""
    message = str(error).casefold()
    known = (str(cause) for part, cause in CAUSES if part in message)
    cause = next(known, gettext("an unexpected error (%(kind)s)") % {"kind": type(error).__name__})
    return gettext("DATABASE_URL: the portal cannot use the database %(name)s: %(cause)s.") % {
        "name": _database_location(),
        "cause": cause,
    }


def _database_location() -> str:
    configured = connection.settings_dict
    if connection.vendor == "sqlite":
        return str(configured["NAME"])
    host = configured["HOST"] or configured.get("OPTIONS", {}).get("host") or "localhost"
    return gettext("%(name)s (%(host)s, port %(port)s)") % {
        "name": configured["NAME"],
        "host": host,
        "port": configured["PORT"] or 5432,
    }
