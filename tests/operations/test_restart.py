"""Stop, start and upgrade under load: requests in progress finish, and nobody gets an error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from portal import gunicorn_conf, supervisor
from portal.demo.process import is_up, wait_for
from portal.supervisor import Program, Supervisor, manage_command
from tests.faults.replicas import Portal, portal
from tests.operations.test_serve import own_folder
from tests.support.databases import fresh_database

CREATION = {"method": "POST", "path": "temporaryAccessPassMethods$"}
DELETION = {"method": "DELETE", "path": "temporaryAccessPassMethods/"}
SLOW = {"delay": 18}  # longer than the test needs; `end` cuts it short


@pytest.fixture(scope="module")
def site() -> Iterator[Portal]:
    with portal(
        GRAPH_READ_TIMEOUT_SECONDS="20", PASS_RECEIPT_SECONDS="60", PASS_LEASE_SECONDS="60"
    ) as running:
        yield running


def stop(site: Portal) -> subprocess.Popen[bytes]:
    """Stop the portal, and wait until it accepts no new requests; requests in progress may continue."""
    (serve,) = site.replicas
    serve.send_signal(signal.SIGTERM)
    wait_for(lambda: not is_up(site.urls[0]), "the door to be closed")
    return serve


def test_a_stop_lets_clicks_and_jobs_finish(site: Portal) -> None:
    maria, (first, second) = site.person("maria"), site.starters(2)
    faults = site.tenant.tenant.faults
    not_seen = site.click(maria, first)
    taken_back = maria.form_to("/not-seen/")
    form = site.form(maria, second)
    faults.add([{**DELETION, **SLOW}, {**CREATION, **SLOW}])
    maria.post(f"{site.urls[0]}{taken_back.action}", taken_back.fields)
    with ThreadPoolExecutor(1) as thread:
        clicked = thread.submit(site.send, maria, second, form)
        wait_for(lambda: not faults.describe(), "Microsoft to be asked for both")
        serve = stop(site)
        assert not clicked.done()
        assert site.issues(first) == [("revoking", "not_seen")]

        faults.end_all()
        answer = clicked.result()

    assert answer.status == 200
    assert answer.code
    assert serve.wait(120) == 0
    assert site.issues(first) == [("revoked", "not_seen")]
    job = "SELECT done_at IS NOT NULL, attempts FROM onboarding_job WHERE key = %s"
    assert site.database.rows(job, f"issue:{not_seen.issue_id}") == [(True, 0)]
    again(site)
    assert site.acknowledge(maria, answer) == 204
    site.assert_sound()


def again(site: Portal) -> None:
    site.replicas.clear()
    site.start()


def test_a_process_that_does_not_stop_in_time_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "STOP_TIMEOUT_SECONDS", 0.5)
    deaf = "import signal, time; signal.signal(15, lambda *_: None); print(1, flush=True); time.sleep(60); time.sleep(60)"
    program = Program("One that does not listen", [sys.executable, "-c", deaf])
    program.start()
    assert program.process is not None
    wait_for(lambda: catches_term(program.process.pid), "it to be deaf")

    Supervisor([program]).stop()

    assert program.process.wait(120) == -signal.SIGKILL


def catches_term(process: int) -> bool:
    status = Path(f"/proc/{process}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) & (1 << (signal.SIGTERM - 1)))


def test_the_site_finishes_within_the_stop_timeout() -> None:
    assert 20 <= gunicorn_conf.graceful_timeout < supervisor.STOP_TIMEOUT_SECONDS <= 30


# --- Two that prepare at once ---------------------------------------------------------------------------------------


def test_two_concurrent_migrations_both_succeed() -> None:
    prepare = "from portal.management.start import prepare_everything; prepare_everything()"
    with own_folder() as folder, fresh_database(folder) as database:
        own = {"PORTAL_DATA_DIR": str(folder), "DATABASE_URL": database.url, "LOG_LEVEL": "ERROR"}
        both = [
            subprocess.Popen(
                manage_command("shell", "--no-imports", "-c", prepare),
                env={**os.environ, **own},
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        said = [process.communicate()[1] for process in both]

        assert [process.returncode for process in both] == [0, 0], said
        twice = "SELECT app, name FROM django_migrations GROUP BY app, name HAVING count(*) > 1"
        assert database.rows(twice) == []
        assert database.one("SELECT count(*) FROM onboarding_audithead") == 1
        assert (folder / "static" / "staticfiles.json").exists()


# --- The next release ---------------------------------------------------------------------------------------------


def test_a_running_release_works_on_the_next_releases_schema(site: Portal) -> None:
    """The next release adds columns to tables in use. Pages and passes work during and after the migration."""
    starters, maria = site.starters(3), site.person("maria")
    with visitors(site) as seen:
        site.click(maria, starters[0], receipt=True)
        migrated = subprocess.run(
            manage_command("migrate", "-v0"),
            env={**site.environment, "DJANGO_SETTINGS_MODULE": "tests.next_release.settings"},
            capture_output=True,
            text=True,
            check=False,
        )
        for starter in starters[1:]:
            site.click(maria, starter, receipt=True)

    assert migrated.returncode == 0, migrated.stderr
    assert site.database.one("SELECT count(cost_centre) FROM onboarding_starter") >= 3
    assert [bool(answer.code) for answer in site.answers[-3:]] == [True] * 3
    assert set(seen) == {200}, seen
    assert sum(seen.values()) >= 10
    # This release does not know the next release's columns, and still works.
    assert requests.get(f"{site.urls[0]}/readyz", timeout=30).json()["migrations"] == "applied"
    site.assert_sound()


@contextmanager
def visitors(site: Portal) -> Iterator[Counter[int]]:
    """Requests to both replicas until the end of the block, and their responses."""
    people = [site.person("hanna") for _ in range(2)]
    seen: Counter[int] = Counter()
    over = threading.Event()

    def look(visitor: requests.Session, address: str) -> None:
        while not over.is_set():
            seen[visitor.get(address, timeout=60).status_code] += 1
            time.sleep(0.02)

    with ThreadPoolExecutor(len(people)) as threads:
        looking = [threads.submit(look, person.http, f"{person.portal_url}/hr/") for person in people]
        try:
            yield seen
        finally:
            over.set()
        for future in looking:
            future.result()
