"""Backup under load, restore beside, prove that the copy does nothing, adopt it, and reconcile it with the directory."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from portal.demo.process import wait_for
from portal.demo.visitor import Visitor
from tests.drill import copies
from tests.faults.replicas import Portal, Starter
from tests.postgresql.clusters import Cluster
from tests.support.databases import Database

CLICKING = 3  # managers who click at the same time
IDLE_SECONDS = 15.0  # that the copy is watched for
SERVED = "SELECT s.public_id FROM onboarding_starter s WHERE s.first_pass_at IS NOT NULL"
# Attempts that were under way when the backup was taken: the copy knows of them, and the reconciler settles each.
IN_FLIGHT = (
    "SELECT s.public_id FROM onboarding_passissue i JOIN onboarding_starter s ON s.id = i.starter_id"
    " WHERE i.state IN ('issuing', 'unknown')"
)
TOLD = (
    "SELECT count(*) FROM onboarding_starter WHERE problem = 'refused' AND hr_notified_at IS NOT NULL"
    " AND refused_for::text LIKE '%%no_unknown_pass%%'"
)
WAITS = (
    "SELECT ceil(greatest(0, extract(epoch FROM max(beat_at) + interval '90 s' - clock_timestamp())))"
    " FROM onboarding_heartbeat"
)


@dataclass
class Figures:
    """What the drill prints: a name and a value in each row."""

    rows: list[tuple[str, object]] = field(default_factory=list)

    def add(self, name: str, value: object) -> None:
        self.rows.append((name, value))

    def timed(self, name: str, began: float) -> None:
        self.add(name, f"{time.monotonic() - began:.1f} s")


def back_up_under_load(site: Portal, source: Cluster, database: str, file: Path, count: int) -> list[Starter]:
    """Managers click for `count` starters. The dump begins when a third has a pass. Returns the starters."""
    starters = site.starters(count)
    waiting, lock, done = starters[:], threading.Lock(), []

    def click() -> None:
        manager = site.person(site.manager)
        while True:
            with lock:
                if not waiting:
                    return
                starter = waiting.pop(0)
            manager.stay_fresh(starter.page)
            done.append(site.click(manager, starter, receipt=True))

    with ThreadPoolExecutor(CLICKING) as threads:
        managers = [threads.submit(click) for _ in range(CLICKING)]
        wait_for(lambda: len(done) >= count // 3, "a third of the passes", 300)
        copies.dump(source, database, file)
        for manager in managers:
            manager.result()
    assert all(answer.code for answer in done), [answer.words for answer in done if not answer.code]
    return starters


def does_nothing(copy: Portal, starter: Starter, figures: Figures) -> None:
    """Watch a portal on a copy that nobody has adopted. Its worker runs, and people open its pages."""
    before, asked = copies.traces(copy.database), len(copy.tenant.tenant.requests)
    mails = len(copy.tenant.tenant.mails)
    copies.serve(copy)
    time.sleep(IDLE_SECONDS)
    assert copies.traces(copy.database) == before
    assert len(copy.tenant.tenant.requests) == asked
    status = copies.readiness(copy)
    assert (status["status"], status["restored"]) == ("not in use", "elsewhere"), status
    page = Visitor(copy.urls[0]).sign_in("maria", starter.page)
    assert page.status_code == 503 and "This portal is not in use yet" in page.text
    assert "is not in use yet" in Visitor(copy.urls[0]).sign_in("hanna", "/hr/").text
    refused = copies.manage(copy, "reconcile_directory")
    assert refused.returncode == 1 and "manage.py adopt" in refused.stderr
    assert len(copy.tenant.tenant.mails) == mails
    now = copies.traces(copy.database)
    assert now == before, (before, now)
    figures.add("copy before adoption: passes, jobs, mails, webhooks", "0, 0, 0, 0")


def adopt(copy: Portal, figures: Figures) -> None:
    """Adopt, which waits for the heartbeats that came with the backup."""
    left = int(copy.database.one(WAITS) or 0)
    if left > 20:  # the command itself takes seconds
        refused = copies.manage(copy, "adopt", "--yes", "--reason", "Played by make drill")
        assert refused.returncode == 1 and "A worker used this database" in refused.stderr, refused.stderr
    time.sleep(left + 1)
    figures.add("waited for heartbeats of the backup", f"{left} s")
    copies.manage_well(copy, "adopt", "--yes", "--reason", "Played by make drill")
    wait_for(lambda: copies.readiness(copy)["status"] == "ready", "the copy to be in use", 60)


def reconcile(copy: Portal, unknown: set[str], in_flight: set[str], figures: Figures) -> None:
    """Find the passes after the backup: those that no attempt in the backup explains, and those of attempts under way."""
    expected = unknown - in_flight
    began = time.monotonic()
    tenant = copy.tenant.tenant
    for entry in tenant.audit_log.entries:
        entry.readable_at = entry.at  # Entra's log is shown at once
    found = copies.manage(copy, "reconcile_directory")
    assert found.returncode == 1 and "Open alarms" in found.stderr, found.stdout + found.stderr
    alarms = {
        row[0]
        for row in copy.database.rows(
            "SELECT s.public_id FROM onboarding_directoryfinding f JOIN onboarding_starter s ON s.id = f.starter_id"
            " WHERE f.closed_at IS NULL AND f.kind IN ('restored', 'no_trail')"
        )
    }
    figures.timed("reconciled", began)
    wait_for(lambda: not copy.unsettled(), "the attempts under way to be settled", 180)
    figures.add("passes after the backup", len(unknown))
    figures.add("of attempts under way at the backup, settled by the worker", len(unknown & in_flight))
    figures.add("found by reconcile_directory", len(alarms & expected))
    figures.add("lost", len(expected - alarms))
    figures.add("false alarms", len(alarms - expected))
    assert alarms == expected, (alarms, expected)


def nobody_gets_a_second_pass(copy: Portal, starters: list[Starter], figures: Figures) -> None:
    """Try for each starter who was served after the backup."""
    wait_for(lambda: copy.database.one(TOLD) >= len(starters), "HR to be told of each", 120)
    asked, manager = len(copy.creations()), copy.person(copy.manager)
    for starter in starters:
        page = manager.get(starter.page)
        assert page.status_code == 200 and 'name="identity_check"' not in page.text
    doubles = len(copy.creations()) - asked
    figures.add("double", doubles)
    assert doubles == 0


def served(database: Database) -> set[str]:
    return {row[0] for row in database.rows(SERVED)}


def verified_events(portal: Portal) -> str:
    said = copies.manage_well(portal, "verify_audit")
    found = re.search(r"(\d+) events", said)
    assert found
    return found[1]
