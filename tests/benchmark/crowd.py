"""Many clients lock one row of PostgreSQL: how long they wait for the row's lock, and in the queue before it."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg

from onboarding import locks

CROWD = 24
HELD_SECONDS, APART_SECONDS = 0.02, 0.05
SECONDS = 10.0
ELSE = 99  # a queue of its own


@dataclass(frozen=True)
class Line:
    what: str
    median: float
    longest: float


def measure(url: str) -> list[Line]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE crowd (id integer PRIMARY KEY, n integer)")
        connection.execute("INSERT INTO crowd VALUES (1, 0)")
        try:
            return [
                _measured(url, what, queue)
                for what, queue in (("behind the row", False), ("in the queue", True))
            ]
        finally:
            connection.execute("DROP TABLE crowd")


def _measured(url: str, what: str, queue: bool) -> Line:
    until = time.monotonic() + SECONDS
    with ThreadPoolExecutor(CROWD) as threads:
        crowd = [threads.submit(_one_of_them, url, queue, until) for _ in range(CROWD)]
        waited = [seconds for future in crowd for seconds in future.result()]
    return Line(what, statistics.median(waited), max(waited))


def _one_of_them(url: str, queue: bool, until: float) -> list[float]:
    waited = []
    with psycopg.connect(url) as connection:
        while time.monotonic() < until:
            with connection.transaction():
                came = time.monotonic()
                if queue:
                    connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", [locks.PORTAL_LOCKS, ELSE])
                connection.execute("SELECT n FROM crowd WHERE id = 1 FOR UPDATE")
                waited.append(time.monotonic() - came)
                connection.execute("UPDATE crowd SET n = n + 1 WHERE id = 1")
                time.sleep(HELD_SECONDS)
                connection.execute("UPDATE crowd SET n = n + 1 WHERE id = 1")
            time.sleep(APART_SECONDS)
    return waited
