"""Django's PostgreSQL backend, with a client-side deadline for every answer, and timeouts that work through a pooler.

The server's own `statement_timeout` ends what it works on too long. One that is frozen, or lost behind a network that
swallows packets, ends nothing: without a deadline here each page would wait for it.
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
# In milliseconds, as the server counts. By `SET`: PgBouncer refuses what is set at the start of a connection.
TIMEOUTS = {
    "statement_timeout": 5000,
    "lock_timeout": 3000,
    "idle_in_transaction_session_timeout": 10000,
}
SET_ALL = "; ".join(f"SET {name} = {milliseconds}" for name, milliseconds in TIMEOUTS.items())
READ_ALL = "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)"


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
    Database = Driver()  # type: ignore[assignment]  # it answers as the module does

    def get_connection_params(self) -> dict[str, Any]:
        return {"connect_timeout": CONNECT_SECONDS, **super().get_connection_params()}

    @sensitive_variables()
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect. With Entra's login each new connection gets a token; those that are open keep theirs."""
        if settings.DATABASE_LOGIN == "entra":
            conn_params = {**conn_params, "password": database_token()}
        return super().get_new_connection(conn_params)

    def init_connection_state(self) -> None:
        """Set the timeouts and check them, because a pooler can drop them silently."""
        super().init_connection_state()
        with self.connection.cursor() as cursor:
            cursor.execute(SET_ALL)
            cursor.execute(READ_ALL, [list(TIMEOUTS)])
            if dict(cursor.fetchall()) != {name: str(value) for name, value in TIMEOUTS.items()}:
                raise psycopg.OperationalError("the timeouts of a connection do not hold")
