"""Stopping, starting and upgrading while people are at work: what was begun is finished, and nobody meets an error."""

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
from portal.running import up, wait_for
from portal.supervisor import Program, Supervisor, manage
from tests.databases import fresh_database
from tests.replicas import Portal, portal
from tests.test_serve import own_folder

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
    """Tell the portal to stop, and see that it no longer takes visitors; what is in hand may still go on."""
    (serve,) = site.replicas
    serve.send_signal(signal.SIGTERM)
    wait_for(lambda: not up(site.urls[0]), "the door to be closed")
    return serve


def test_what_is_in_hand_is_finished_a_press_with_its_pass_and_a_job_with_its_end(site: Portal) -> None:
    maria, (first, second) = site.person("maria"), site.starters(2)
    faults = site.tenant.tenant.faults
    not_seen = site.press(maria, first)
    taken_back = maria.form_to("/not-seen/")
    form = site.form(maria, second)
    faults.add([{**DELETION, **SLOW}, {**CREATION, **SLOW}])
    maria.post(f"{site.urls[0]}{taken_back.action}", taken_back.fields)
    with ThreadPoolExecutor(1) as thread:
        pressed = thread.submit(site.send, maria, second, form)
        wait_for(lambda: not faults.described(), "Microsoft to be asked for both")
        serve = stop(site)
        assert not pressed.done()
        assert site.issues(first) == [("revoking", "not_seen")]

        faults.end()
        answer = pressed.result()

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


def test_whoever_does_not_stop_in_time_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 0.5)
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


def test_the_site_has_less_time_to_finish_than_it_is_given() -> None:
    assert 20 <= gunicorn_conf.graceful_timeout < supervisor.GRACE_SECONDS <= 30


# --- Two that prepare at once ---------------------------------------------------------------------------------------


def test_two_that_prepare_one_database_at_once_both_find_it_ready() -> None:
    prepare = "from portal.management.commands.serve import prepare_everything; prepare_everything()"
    with own_folder() as folder, fresh_database(folder) as database:
        own = {"PORTAL_DATA_DIR": str(folder), "DATABASE_URL": database.url, "LOG_LEVEL": "ERROR"}
        both = [
            subprocess.Popen(
                manage("shell", "--no-imports", "-c", prepare),
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


def test_the_database_is_made_ready_for_the_next_release_while_this_one_serves(site: Portal) -> None:
    """The next one adds to tables in use. Pages and passes go on meanwhile and afterwards, and nobody meets an error."""
    starters, maria = site.starters(3), site.person("maria")
    with visitors(site) as seen:
        site.press(maria, starters[0], receipt=True)
        migrated = subprocess.run(
            manage("migrate", "-v0"),
            env={**site.environment, "DJANGO_SETTINGS_MODULE": "tests.next_release.settings"},
            capture_output=True,
            text=True,
            check=False,
        )
        for starter in starters[1:]:
            site.press(maria, starter, receipt=True)

    assert migrated.returncode == 0, migrated.stderr
    assert site.database.one("SELECT count(cost_centre) FROM onboarding_starter") >= 3
    assert [bool(answer.code) for answer in site.answers[-3:]] == [True] * 3
    assert set(seen) == {200}, seen
    assert sum(seen.values()) >= 10
    # This release does not know the columns of the next, and goes on.
    assert requests.get(f"{site.urls[0]}/readyz", timeout=30).json()["migrations"] == "applied"
    site.assert_sound()


@contextmanager
def visitors(site: Portal) -> Iterator[Counter[int]]:
    """People who look at pages of both replicas until the end of the block, and what they were answered."""
    people = [site.person("hanna") for _ in range(2)]
    seen: Counter[int] = Counter()
    over = threading.Event()

    def look(visitor: requests.Session, address: str) -> None:
        while not over.is_set():
            seen[visitor.get(address, timeout=60).status_code] += 1
            time.sleep(0.02)

    with ThreadPoolExecutor(len(people)) as threads:
        looking = [threads.submit(look, one.http, f"{one.portal_url}/hr/") for one in people]
        try:
            yield seen
        finally:
            over.set()
        for one in looking:
            one.result()
