"""A PostgreSQL that hangs: it accepts data, answers nothing, and closes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import requests
from django.db.utils import ConnectionHandler

from portal.demo.process import free_port, is_up, wait_for
from portal.supervisor import manage_command
from tests.faults.postgresql_proxy import Proxy, proxy
from tests.support.databases import give_static_files
from tests.support.with_postgresql import Server, server

FROZEN = 600  # seconds until a page counts as hanging; the deadlines are a few seconds


@dataclass
class Site:
    url: str
    proxy: Proxy
    server: Server

    def status(self, path: str) -> int:
        return requests.get(f"{self.url}{path}", timeout=FROZEN, allow_redirects=False).status_code


@contextmanager
def frozen(postgresql: Server) -> Iterator[None]:
    """Stop every process of the server. The kernel still accepts connections and data."""
    top = int((postgresql.data / "postmaster.pid").read_text().splitlines()[0])
    every = [top, *children_of(top)]
    for process in every:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in every:
            os.kill(process, signal.SIGCONT)


def children_of(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == parent:
                found.append(int(entry.name))
        except (OSError, IndexError, ValueError):
            continue
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    folder, url = tmp_path_factory.mktemp("portal"), f"http://localhost:{free_port()}"
    with server(durable=False) as postgresql, proxy(lambda: postgresql.socket_folder) as between:
        with psycopg.connect(postgresql.url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE portal")
        environment = {
            **os.environ,
            "PORTAL_URL": url,
            "PORTAL_DATA_DIR": str(folder),
            "DATABASE_URL": f"postgres://postgres@127.0.0.1:{between.port}/portal",
        }
        give_static_files(folder)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                manage_command("serve", "--prepare"), env=environment, stderr=log, start_new_session=True
            )
        try:
            wait_for(lambda: process.poll() is not None or is_up(url), "the portal to start")
            assert process.poll() is None, (folder / "log").read_text()
            yield Site(url, between, postgresql)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)


PAGE = "/signin/callback/?state=x&code=y"  # a page with a query and without a sign-in


def test_o4_pages_answer_503_while_postgresql_hangs_and_then_recover(site: Site) -> None:
    wait_for(lambda: site.status(PAGE) == 400, "the page that says that this sign-in is over")

    with frozen(site.server):
        during = [site.status(PAGE) for _ in range(2)]  # on an open connection, and without one
        alive = site.status("/livez")

    assert during == [503, 503]
    assert alive == 200
    wait_for(lambda: site.status(PAGE) == 400, "the page to come back")


def test_o4_database_timeouts_apply_to_every_connection(site: Site, django_db_blocker) -> None:
    """A connection pooler refuses startup options, or drops them silently."""
    given = {"ENGINE": "portal.postgresql", "NAME": "portal", "USER": "postgres", "HOST": "127.0.0.1"}
    connection = ConnectionHandler({"default": {**given, "PORT": str(site.proxy.port)}})["default"]

    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("SELECT setting FROM pg_settings WHERE name = 'statement_timeout'")
        answer = cursor.fetchone()
        asked_at_the_start = connection.get_connection_params().get("options")
    connection.close()

    assert answer == ("5000",)
    assert asked_at_the_start is None
