"""What two must not do at the same time: change the shape of one database, or collect files in one folder."""

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

MIGRATING = 7_205_759_403  # the name of the lock in PostgreSQL: any number that nobody else uses
LONGEST_WAIT = 600.0


@contextmanager
def folder_to_oneself(folder: Path) -> Iterator[None]:
    """Until the end of the block, no other process gets this folder from here. One that dies lets it go."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        _wait_for(lambda: _locked(handle), str(folder))
        yield
    finally:
        os.close(handle)


@contextmanager
def database_to_oneself(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """The same for migrating a database, which goes on serving everybody else meanwhile."""
    if connection.vendor != "postgresql":
        folder = Path(connection.settings_dict["NAME"]).parent
        folder.mkdir(parents=True, exist_ok=True)
        with folder_to_oneself(folder):
            yield
        return
    with connection.cursor() as cursor:
        # A migration may take its time. Waiting for a lock it may not: everybody would stand in line behind it.
        cursor.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")

        def take() -> bool:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [MIGRATING])
            return bool(cursor.fetchone()[0])

        _wait_for(take, "the database")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATING])


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait_for(take: Callable[[], bool], what: str) -> None:
    deadline, told = time.monotonic() + LONGEST_WAIT, False
    while not take():
        if time.monotonic() > deadline:
            raise CommandError(f"Somebody else has been preparing {what} for ten minutes. Look what it is.")
        if not told:
            log.info("somebody else is preparing %s; waiting", what)
            told = True
        time.sleep(0.2)
