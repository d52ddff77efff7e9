"""PgBouncer in transaction mode, a real one: timeouts hold on every connection, and nothing is left behind on one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, connections

from onboarding.operations.unreachable import database_error_text
from portal.demo.process import wait_for
from portal.environment import Environment
from portal.locks import lock_database
from portal.postgresql.base import DatabaseWrapper
from portal.supervisor import manage_command
from tests.postgresql.clusters import cluster
from tests.postgresql.pgbouncer import Pooler, pgbouncer

TIMEOUTS = {name: str(value) for name, value in settings.DATABASE_TIMEOUTS.items()}
READ = "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)"


@pytest.fixture(scope="module")
def pooler() -> Iterator[Pooler]:
    with cluster(conf="timezone = 'Asia/Tokyo'\n") as server, pgbouncer(server) as made:
        yield made


@contextmanager
def portal_connection(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatabaseWrapper]:
    """A connection as the portal's settings describe it."""
    monkeypatch.setenv("DATABASE_URL", url)
    described = connections["default"].settings_dict | {"OPTIONS": {}}
    described |= Environment().database("DATABASE_URL", Path("unused")) | {"CONN_MAX_AGE": 60}
    wrapper = DatabaseWrapper(described)
    try:
        yield wrapper
    finally:
        wrapper.close()


@pytest.fixture
def database(pooler, monkeypatch, django_db_blocker) -> Iterator[DatabaseWrapper]:
    pooler.give_timeouts()
    with django_db_blocker.unblock(), portal_connection(pooler.url, monkeypatch) as wrapper:
        yield wrapper


@contextmanager
def all_but_one_busy(pooler: Pooler, busy: int) -> Iterator[None]:
    """Transactions that hold so many of the server's connections, so that the next one gets another."""
    held = [psycopg.connect(pooler.url) for _ in range(busy)]
    try:
        for connection in held:
            connection.execute("SELECT 1")
        yield
    finally:
        for connection in held:
            connection.close()


def test_a_pooler_without_the_roles_timeouts_is_refused(pooler, monkeypatch, django_db_blocker):
    pooler.server.execute("ALTER ROLE portal IN DATABASE portal RESET ALL")
    pooler.console("RECONNECT")

    with (
        django_db_blocker.unblock(),
        portal_connection(pooler.url, monkeypatch) as database,
        pytest.raises(OperationalError) as refused,
    ):
        database.ensure_connection()

    assert "database_role --timeouts" in database_error_text(refused.value)


def test_each_connection_of_the_server_has_the_timeouts(pooler, database):
    seen = {}
    for busy in range(4):
        with all_but_one_busy(pooler, busy), database.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid(), current_setting('TimeZone')")
            process, zone = cursor.fetchone()
            cursor.execute(READ, [list(TIMEOUTS)])
            seen[process] = (dict(cursor.fetchall()), zone)

    assert database.is_pooled
    assert len(seen) == 4  # four connections of the server behind one of the portal's
    assert list(seen.values()) == [(TIMEOUTS, "UTC")] * 4


def test_a_statement_that_takes_too_long_is_ended(pooler, database, monkeypatch):
    """Seen, not only read: with a shorter timeout at the role, the server itself ends a statement."""
    pooler.server.execute("ALTER ROLE portal IN DATABASE portal SET statement_timeout = 100")
    pooler.console("RECONNECT")
    monkeypatch.setitem(settings.DATABASE_TIMEOUTS, "statement_timeout", 100)
    for busy in range(2):
        with (
            all_but_one_busy(pooler, busy),
            pytest.raises(OperationalError, match="statement timeout"),
            database.cursor() as cursor,
        ):
            cursor.execute("SELECT pg_sleep(30)")


def test_nothing_is_left_behind_on_a_connection(pooler, database):
    """The portal connects, reads in chunks and locks for a migration. The next client finds a clean connection."""
    with database.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS many AS SELECT generate_series(1, 500) AS n")
    with closing(database.chunked_cursor()) as cursor:
        cursor.execute("SELECT n FROM many")
        rows = cursor.fetchmany(100)
        with all_but_one_busy(pooler, 2):
            rows += cursor.fetchmany(400)
    with lock_database(database):
        pass

    assert len(rows) == 500
    found = "SELECT (SELECT count(*) FROM pg_cursors), (SELECT count(*) FROM pg_prepared_statements)"
    found += ", (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')"
    found += ", (SELECT count(*) FROM pg_class WHERE relpersistence = 't')"
    found += ", (SELECT count(*) FROM pg_listening_channels())"
    seen = {}
    for busy in range(4):
        with all_but_one_busy(pooler, busy), psycopg.connect(pooler.url) as client:
            seen[client.execute("SELECT pg_backend_pid()").fetchone()] = (
                client.execute(found.encode()).fetchone(),
                dict(client.execute(READ, [list(TIMEOUTS)]).fetchall()),
            )
    assert list(seen.values()) == [((0, 0, 0, 0, 0), TIMEOUTS)] * 4


def test_one_migration_at_a_time_through_the_pooler(pooler, database, monkeypatch):
    def take_lock() -> bool:
        with portal_connection(pooler.url, monkeypatch) as other, lock_database(other):
            return True

    with ThreadPoolExecutor(1) as thread:
        with lock_database(database):
            waiting = thread.submit(take_lock)
            with transaction_on(database) as cursor:
                cursor.execute("SELECT current_setting('statement_timeout')")
                limit = cursor.fetchone()
            idle = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
            wait_for(lambda: pooler.server.execute(idle) == [(2,)], "the other one to wait")
            held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            assert pooler.server.execute(held) == [(1,)]
            assert not waiting.done()
        assert waiting.result(60)

    assert limit == ("0",)


@contextmanager
def transaction_on(database: DatabaseWrapper) -> Iterator[Any]:
    database.set_autocommit(False)
    try:
        with database.cursor() as cursor:
            yield cursor
    finally:
        database.rollback()
        database.set_autocommit(True)


def test_portal_migrates_and_works_through_the_pooler(pooler, database, tmp_path):
    """All migrations, the triggers, a job queue and the checks, as commands with DATABASE_URL of the pooler."""
    environment = {**os.environ, "DATABASE_URL": pooler.url, "PORTAL_DATA_DIR": str(tmp_path)}
    for words in (["migrate", "-v0"], ["worker", "--once"], ["verify_audit"]):
        done = subprocess.run(
            manage_command(*words), env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_options_of_the_installer_are_kept(pooler, monkeypatch, django_db_blocker):
    own = "?options=-c%20search_path%3Dportal%2Cpublic%20-c%20work_mem%3D8MB&application_name=ours"
    direct = f"postgres://portal@127.0.0.1:{pooler.server.port}/portal{own}"
    words = "SELECT current_setting(name) FROM unnest(%s::text[]) AS name"
    with (
        django_db_blocker.unblock(),
        portal_connection(direct, monkeypatch) as database,
        database.cursor() as cursor,
    ):
        cursor.execute(words, [["search_path", "work_mem", "application_name", *TIMEOUTS]])
        seen = [value for (value,) in cursor.fetchall()]

    assert not database.is_pooled
    assert seen == ["portal,public", "8MB", "ours", "5s", "3s", "10s"]
