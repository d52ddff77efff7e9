"""Fail-over under load: the primary is killed while managers create passes, HR adds starters and the worker works.

Its synchronous replica is promoted. The portal knows both servers by DATABASE_URL and finds the one that accepts writes.
`make failover` runs this alone with more starters and prints the figures.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import requests

from portal.demo.process import wait_for
from tests.faults.replicas import Answer, Database, Person, Portal, Starter, portal, record
from tests.postgresql.clusters import Cluster, cluster, remove

PASSES = int(os.environ.get("FAILOVER_PASSES", "24"))
MANAGERS = 4
SECONDS_TO_PROMOTION = 2.0  # until somebody, or a tool, has noticed the loss
PATIENCE = 300.0
# Longer than the test's usual deadlines: a page cannot report its pass while there is no database.
DEADLINES = {"PASS_RECEIPT_SECONDS": "20", "PASS_LEASE_SECONDS": "10", "AUDIT_TO_LOG": "on"}


@dataclass
class Servers:
    primary: Cluster
    replica: Cluster

    @property
    def database(self) -> Database:
        """Both servers in one address. libpq takes the one that accepts writes."""
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in (self.primary, self.replica))
        return Database(f"postgres://postgres@{hosts}/portal?target_session_attrs=read-write")

    def fail_over(self) -> float:
        """Kill the primary, and promote the replica a moment later. Returns the time of the loss."""
        self.primary.lose()
        lost = time.monotonic()
        time.sleep(SECONDS_TO_PROMOTION)
        self.replica.promote()
        return lost


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """A primary whose commits wait until its replica has them on disk."""
    with cluster(conf="synchronous_commit = on\n") as primary:
        primary.execute("CREATE DATABASE portal")
        replica = primary.replica()
        try:
            primary.configure("synchronous_standby_names = 'replica'")
            primary.control("reload")
            state = "SELECT sync_state FROM pg_stat_replication"
            wait_for(lambda: primary.execute(state) == [("sync",)], "a synchronous replica")
            yield Servers(primary, replica)
        finally:
            remove(replica)


@dataclass
class Load:
    """The work of managers and HR, and what the portal answered."""

    site: Portal
    stopped: threading.Event = field(default_factory=threading.Event)
    clicked_again: set[str] = field(default_factory=set)  # starters whose manager needed more than one click
    not_added: int = 0
    shown_at: list[float] = field(default_factory=list)
    # By public id: starters whose page reported the pass, and those that HR's page confirmed.
    handed_over: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)

    def create_passes(self, manager: Person, starters: list[Starter]) -> None:
        """Click for each starter until a page shows a pass, and report that it is on the screen."""
        for starter in starters:
            deadline = time.monotonic() + PATIENCE
            while not self._click(manager, starter):
                assert time.monotonic() < deadline, f"no pass for {starter.key}"
                self.clicked_again.add(starter.public_id)
                time.sleep(0.5)
            self.handed_over.append(starter.public_id)

    def _click(self, manager: Person, starter: Starter) -> bool:
        """Whether the page shows a pass. If not, it says to try again, or what the portal does with an unseen pass."""
        try:
            manager.stay_fresh(starter.page)
            answer = self.site.click(manager, starter)
        except (LookupError, requests.RequestException):
            return False
        if not answer.code:
            return False
        self.shown_at.append(time.monotonic())
        token = manager.form_to("/not-seen/").fields["csrfmiddlewaretoken"]
        status = wait_for(lambda: self._acknowledge(manager, answer, token), "the receipt", PATIENCE)
        return bool(
            status == requests.codes.no_content
        )  # else the pass was cancelled: nobody had reported it in time

    def _acknowledge(self, manager: Person, answer: Answer, token: str) -> int:
        """Report that the pass is on the screen, as the page does. Returns the status, or 0 to try again."""
        address = f"{manager.portal_url}{answer.receipt_path}"
        try:
            status = manager.post(address, {"csrfmiddlewaretoken": token}).status_code
        except requests.RequestException:
            return 0
        return status if status in {requests.codes.no_content, requests.codes.gone} else 0

    def add_starters(self, hr: Person) -> None:
        """Add one starter after the other until the end. After an error HR leaves that account alone."""
        number = 0
        while not self.stopped.is_set():
            number += 1
            with self.site.tenant.tenant.lock:
                account = self.site.tenant.tenant.add_starter(f"late{number}", f"Late Number{number}")
            try:
                self.added.append(record(hr, account.id))
            except (LookupError, AssertionError, requests.RequestException):
                self.not_added += 1
                time.sleep(0.5)


@contextmanager
def under_load(site: Portal) -> Iterator[tuple[Load, list[Future[None]]]]:
    """Managers and HR at work. HR goes on until the end of the block."""
    load, managers = Load(site), []
    for _ in range(MANAGERS):
        manager = site.new_manager()
        managers.append((manager, site.starters(PASSES // MANAGERS)))
    with ThreadPoolExecutor(MANAGERS + 1) as threads:
        hr = threads.submit(load.add_starters, site.person("hanna"))
        try:
            yield load, [threads.submit(load.create_passes, *each) for each in managers]
        finally:
            load.stopped.set()
        hr.result()


def test_nothing_is_lost_or_doubled_when_the_replica_takes_over(servers):
    with portal(database=servers.database, **DEADLINES) as site:
        with under_load(site) as (load, managers):
            wait_for(lambda: len(load.shown_at) >= PASSES // 3, "the first passes")

            lost = servers.fail_over()

            ready = wait_for(lambda: is_ready(site), "the portal to be ready", PATIENCE) - lost
            for manager in managers:
                manager.result()
            added_before = len(load.added)
            wait_for(lambda: len(load.added) > added_before, "HR to add one more", PATIENCE)
        site.settle()
        wait_for(lambda: not unsent(site), "every mail to leave", PATIENCE)
        wait_for(lambda: are_all_logged(site), "every event to be in the log", PATIENCE)

        site.assert_sound()
        assert_each_has_one_pass(site, load)
        assert_starters_are_there(site, load)
        copies = count_copies_of_mails(site)
        assert_logged_events_are_there(site)
        report(load, lost, ready, copies, site)


def is_ready(site: Portal) -> float:
    """The time, if the portal is ready; else 0."""
    try:
        return time.monotonic() if requests.get(f"{site.urls[0]}/readyz", timeout=30).ok else 0.0
    except requests.RequestException:
        return 0.0


def assert_each_has_one_pass(site: Portal, load: Load) -> None:
    """Every starter has one pass that a screen reported, and it is the only one that works."""
    held = "SELECT s.public_id, i.method_id FROM onboarding_passissue i"
    held += " JOIN onboarding_starter s ON s.id = i.starter_id WHERE i.state = 'held'"
    rows = site.database.rows(held)
    assert sorted(starter for starter, _ in rows) == sorted(load.handed_over)
    assert len(rows) == PASSES
    assert sorted(site.live()) == sorted(method for _, method in rows)


def assert_starters_are_there(site: Portal, load: Load) -> None:
    rows = site.database.rows("SELECT public_id, state FROM onboarding_starter")
    assert set(load.added) <= {starter for starter, state in rows if state == "invited"}


def unsent(site: Portal) -> list[tuple[str, ...]]:
    waiting = "SELECT message_id FROM onboarding_mail WHERE sent_at IS NULL AND dropped_at IS NULL AND refused_at IS NULL"
    return site.database.rows(f"{waiting} AND digest_id IS NULL AND kind = 'invitation'")


def count_copies_of_mails(site: Portal) -> int:
    """How many mails arrived twice, with one Message-ID: the one that the worker had in hand, at most.

    A mail server takes a mail before the portal can record that. Whatever was recorded as sent has arrived.
    """
    arrived = Counter(mail.message_id for mail in list(site.tenant.tenant.mails))
    sent = site.database.rows(
        "SELECT message_id FROM onboarding_mail WHERE sent_at IS NOT NULL AND digest_id IS NULL"
    )
    assert not [message_id for (message_id,) in sent if not arrived[message_id]], "a mail is lost"
    known = {row[0] for row in site.database.rows("SELECT message_id FROM onboarding_mail")}
    assert set(arrived) <= known, "a mail is not on record"
    copies = sum(arrived.values()) - len(arrived)
    assert copies <= 1
    return copies


def logged_events(site: Portal) -> dict[int, str]:
    """The hash of each event that the worker wrote to the log, by its number."""
    found = {}
    for line in site.log.read_text().splitlines():
        if '"portal.audit.hash"' in line:
            fields = json.loads(line)
            found[fields["event.sequence"]] = fields["portal.audit.hash"]
    return found


def are_all_logged(site: Portal) -> bool:
    return len(logged_events(site)) == site.database.one("SELECT count(*) FROM onboarding_auditevent")


def assert_logged_events_are_there(site: Portal) -> None:
    """What the log says was recorded, before the fail-over and after it, is what the database has."""
    assert logged_events(site) == dict(site.database.rows("SELECT seq, hash FROM onboarding_auditevent"))


def report(load: Load, lost: float, ready: float, copies: int, site: Portal) -> None:
    """Print the figures for docs/performance.md."""
    next_pass = min(at for at in load.shown_at if at > lost) - lost
    version = site.database.one("SHOW server_version")
    rows = {
        f"PostgreSQL {version}: passes handed over, starters added by HR": f"{PASSES}, {len(load.added)}",
        "seconds without a primary before the promotion": f"{SECONDS_TO_PROMOTION:.0f}",
        "seconds from the loss until the portal is ready, until the next pass": f"{ready:.1f}, {next_pass:.1f}",
        "managers who clicked again, starters that HR could not add": f"{len(load.clicked_again)}, {load.not_added}",
        "passes lost, doubled, alive without a screen": "0, 0, 0",
        "events, of them lost": f"{len(logged_events(site))}, 0",
        "mails, of them lost, sent twice under one Message-ID": f"{len(site.tenant.tenant.mails)}, 0, {copies}",
    }
    sys.stdout.write("".join(f"\n| {what} | {figure} |" for what, figure in rows.items()) + "\n")
