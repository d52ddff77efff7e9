"""First come, first served, for the rows that everybody must change."""

from __future__ import annotations

from enum import IntEnum

from django.db import connection

PORTAL_LOCKS = 0x7A9  # tells the portal's advisory locks from those of whatever else uses the database


class LockQueue(IntEnum):
    AUDIT_TRAIL = 1
    GRAPH_BUDGET = 2
    SIGN_IN_BUDGET = 3


def acquire_in_order(line: LockQueue) -> None:
    """Wait, until the end of this transaction, behind whoever came before. Call it before the row is locked.

    PostgreSQL gives a row that is changed and let go to whoever asks for it in that moment, while those who have
    waited follow it to its new version: in a crowd some waited six times as long as others, and longer than a
    statement may. An advisory lock has a queue. SQLite has one lock for everything.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [PORTAL_LOCKS, line])
