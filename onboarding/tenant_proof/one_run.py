"""Only one run of `prove_tenant` at a time: each deletes the probe passes of all runs, and so those of the other."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from onboarding.locks import PORTAL_LOCKS, LockQueue


class AnotherRunIsGoing(Exception):
    """Another process runs `prove_tenant` on this database."""


@contextmanager
def only_run() -> Iterator[None]:
    """Hold a lock until the end of the block. It ends with the process, however that ends. Raises AnotherRunIsGoing."""
    lock = _lock_on_postgresql() if connection.vendor == "postgresql" else _lock_file()
    with lock:
        yield


@contextmanager
def _lock_file() -> Iterator[None]:
    """SQLite: the operating system's lock of a file beside the database."""
    file = Path(connection.settings_dict["NAME"]).parent / "prove-tenant.lock"
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AnotherRunIsGoing from None
        yield
    finally:
        os.close(handle)


@contextmanager
def _lock_on_postgresql() -> Iterator[None]:
    """In a transaction of a connection of its own: a pooler keeps no lock of a session, and a lost connection holds none."""
    holder = connection.copy()
    try:
        holder.lift_time_limit()  # type: ignore[attr-defined]  # portal.postgresql has it
        holder.set_autocommit(False)
        with holder.cursor() as cursor:
            cursor.execute(
                "SELECT pg_try_advisory_xact_lock(%s, %s)", [PORTAL_LOCKS, LockQueue.PROVING_THE_TENANT]
            )
            if not cursor.fetchone()[0]:
                raise AnotherRunIsGoing
        yield
    finally:
        holder.close()
