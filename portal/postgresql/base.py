"""Django's PostgreSQL backend, with a client-side deadline for every answer, and timeouts that work through a pooler.

The server's own `statement_timeout` ends what it works on too long. One that is frozen, or lost behind a network that
swallows packets, ends nothing: without a deadline here each page would wait for it.

A pooler in transaction mode, such as PgBouncer, gives each transaction to whichever connection of the server is free.
What `SET` changed stays behind on another one. So there the timeouts come from the role, which each of them begins with.
"""

from __future__ import annotations

from collections.abc import Generator
from time import monotonic
from typing import Any

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base
from django.views.decorators.debug import sensitive_variables

from portal.postgresql.entra_login import database_token

CONNECT_SECONDS = 3
ANSWER_SECONDS = 8.0  # longer than the server's statement_timeout, so that the server's error comes first
READ_ALL = "SELECT name, setting, reset_val FROM pg_settings WHERE name = ANY(%s)"
NO_TIME_LIMIT = "SET {scope} statement_timeout = 0; SET {scope} idle_in_transaction_session_timeout = 0"


def wait_until_deadline(waiting: Generator[Any, Any, Any], seconds: float) -> Generator[Any, Any, Any]:
    """Wait as psycopg does, for at most `seconds`. Raises TimeoutError."""
    until = monotonic() + seconds
    try:
        state = next(waiting)
        while True:
            ready = yield state
            if not ready and monotonic() > until:
                raise TimeoutError
            state = waiting.send(ready)
    except StopIteration as done:
        return done.value


class DeadlineConnection(psycopg.Connection[Any]):
    """Closes itself when an answer is late, because a late answer would be read as the next one's."""

    answer_seconds: float | None = ANSWER_SECONDS  # None during a migration, which can take long

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        if self.answer_seconds is None:
            return super().wait(gen, *args, **kwargs)
        try:
            return super().wait(wait_until_deadline(gen, self.answer_seconds), *args, **kwargs)
        except TimeoutError:
            self.pgconn.finish()
            raise psycopg.OperationalError("the database did not answer by the deadline") from None


class Driver:
    """psycopg with `connect` of DeadlineConnection."""

    connect = staticmethod(DeadlineConnection.connect)

    def __getattr__(self, name: str) -> Any:
        return getattr(psycopg, name)


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that waits for nothing too long, and that leaves nothing behind on a pooler's connections."""

    Database = Driver()  # type: ignore[assignment]  # it answers as the module does
    is_pooled = False
    has_time_limit = True

    def get_connection_params(self) -> dict[str, Any]:
        return {"connect_timeout": CONNECT_SECONDS, **super().get_connection_params()}

    @sensitive_variables()
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect. With Entra's login each new connection gets a token; those that are open keep theirs."""
        if settings.DATABASE_LOGIN == "entra":
            conn_params = {**conn_params, "password": database_token()}
        return super().get_new_connection(conn_params)

    def init_connection_state(self) -> None:
        """Set the timeouts and check them. Through a pooler, check only: the role must have them.

        Raises OperationalError if they do not hold.
        """
        super().init_connection_state()
        wanted = {name: str(value) for name, value in settings.DATABASE_TIMEOUTS.items()}
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            # A pooler tells a client another number than that of the server's process.
            self.is_pooled = cursor.fetchone()[0] != self.connection.info.backend_pid
            if not self.is_pooled:
                cursor.execute("; ".join(f"SET {name} = {value}" for name, value in wanted.items()))
            cursor.execute(READ_ALL, [list(wanted)])
            rows = cursor.fetchall()
        if {name: now for name, now, _at_start in rows} != wanted:
            what = "role" if self.is_pooled else "connection"
            raise psycopg.OperationalError(f"the timeouts of the {what} do not hold")
        if self.is_pooled and {name: at_start for name, _now, at_start in rows} != wanted:
            raise psycopg.OperationalError("the timeouts of the role do not hold")

    def lift_time_limit(self) -> None:
        """Let this connection take as long as it needs, for a migration. Through a pooler: in its transactions only."""
        self.ensure_connection()
        self.connection.answer_seconds = None
        self.has_time_limit = False
        if not self.is_pooled:
            with self.cursor() as cursor:
                cursor.execute(NO_TIME_LIMIT.format(scope="SESSION"))

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc]  # the stubs leave it out
        if not autocommit and not self.has_time_limit:
            with self.wrap_database_errors:
                self.connection.execute(NO_TIME_LIMIT.format(scope="LOCAL"))

    def chunked_cursor(self) -> Any:
        """A cursor of the server's within a transaction only: outside, a pooler would lose it between two chunks."""
        return super().chunked_cursor() if self.in_atomic_block else self.cursor()
