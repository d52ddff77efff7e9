"""Advisory locks that serve waiting transactions in order of arrival, for rows that every process changes."""

from __future__ import annotations

from enum import IntEnum

from django.db import connection

PORTAL_LOCKS = (
    0x7A9  # the class of the portal's advisory locks; other programs on the database use other classes
)


class LockQueue(IntEnum):
    AUDIT_TRAIL = 1
    GRAPH_BUDGET = 2
    SIGN_IN_BUDGET = 3
    PROVING_THE_TENANT = 4


def acquire_in_order(queue: LockQueue) -> None:
    """Wait for the lock in order of arrival, and hold it until the transaction ends. Call this before locking the row.

    A PostgreSQL row lock is not fair: a newcomer can get a row that was just updated and released, while earlier
    waiters still follow it to its new version. Under load, some waited six times as long as others, and longer than the
    statement timeout. An advisory lock has a queue. SQLite has one lock for everything.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [PORTAL_LOCKS, queue])
