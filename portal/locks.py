"""Locks between processes: only one at a time migrates a database or collects files in a folder."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper

log = logging.getLogger(__name__)

MIGRATION_LOCK = 7_205_759_403  # the key of PostgreSQL's advisory lock: any unused number
LONGEST_WAIT = 600.0


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock the folder until the end of the block. A process that dies releases its lock."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        _wait_for(lambda: _try_lock(handle), str(folder))
        yield
    finally:
        os.close(handle)


@contextmanager
def lock_database(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Lock the database for migrations until the end of the block; it continues to serve other connections."""
    if connection.vendor != "postgresql":
        folder = Path(connection.settings_dict["NAME"]).parent
        folder.mkdir(parents=True, exist_ok=True)
        with lock_folder(folder):
            yield
        return
    # A migration may take its time. It must not wait for a lock: all other queries would queue behind it.
    connection.lift_time_limit()  # type: ignore[attr-defined]  # portal.postgresql has it
    # In a transaction of another connection: a pooler keeps no lock of a session.
    holder = connection.copy()
    try:
        holder.lift_time_limit()  # type: ignore[attr-defined]
        with transaction_of(holder), holder.cursor() as cursor:

            def try_database_lock() -> bool:
                cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [MIGRATION_LOCK])
                return bool(cursor.fetchone()[0])

            _wait_for(try_database_lock, "the database")
            yield
    finally:
        holder.close()


@contextmanager
def transaction_of(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """A transaction of a connection that Django does not manage. It changes nothing, and is rolled back at the end."""
    connection.set_autocommit(False)
    try:
        yield
    finally:
        connection.rollback()


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait_for(try_lock: Callable[[], bool], what: str) -> None:
    deadline, is_logged = time.monotonic() + LONGEST_WAIT, False
    while not try_lock():
        if time.monotonic() > deadline:
            raise CommandError(f"Somebody else has been preparing {what} for ten minutes. Look what it is.")
        if not is_logged:
            log.info("another process is preparing %s; waiting", what)
            is_logged = True
        time.sleep(0.2)
