"""Plays docs/how-to/back-up.md and docs/how-to/upgrade.md on real PostgreSQL servers, and prints what it measured.

`make drill`: a portal with managers who click is backed up, its server is lost, the backup is restored beside and adopted,
and the passes after the backup are found. Then two releases later. About five minutes. Ends with status 1 if a pass is lost
or created twice, or if a copy does anything before it is adopted.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from contextlib import ExitStack

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
os.environ.pop("DATABASE_URL", None)  # the servers are the drill's own
django.setup()

from tests.drill import copies, restored, upgrade  # noqa: E402  (Django comes first)
from tests.drill.restored import Figures  # noqa: E402
from tests.faults.replicas import Portal, Starter, portal  # noqa: E402
from tests.postgresql import clusters  # noqa: E402
from tests.support.databases import Database  # noqa: E402

NAME = "starters"


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def back_up_and_restore(count: int, figures: Figures) -> None:
    """The first half: a server is lost, and a backup takes its place."""
    with ExitStack() as stack:
        source = stack.enter_context(clusters.cluster())
        source.execute(f"CREATE DATABASE {NAME}")
        backup = clusters.folder_of_server() / "portal.dump"
        stack.callback(shutil.rmtree, backup.parent, ignore_errors=True)
        site = stack.enter_context(portal(database=Database(source.url_of(NAME)), PASS_RECEIPT_SECONDS="60"))
        starters = restored.back_up_under_load(site, source, NAME, backup, count)
        later = site.starters(2)
        say(f"{count} starters were served, and the backup was taken meanwhile.")
        files = copies.copy_of_files(source, clusters.folder_of_server())
        stack.callback(clusters.remove, files)
        known_at_the_end, head = restored.served(site.database), restored.verified_events(site)
        site.stop()
        site.replicas.clear()
        figures.add("starters; events at the end", f"{count + len(later)}; {head}")

        target = stack.enter_context(clusters.cluster())
        began = time.monotonic()
        copies.restore(target, NAME, backup)
        copy = stack.enter_context(copies.portal_on(Database(target.url_of(NAME)), site))
        copy.manager, copy.count = site.manager, site.count
        copies.manage_well(copy, "migrate")
        figures.add("events in the backup", restored.verified_events(copy))
        figures.timed("restored, migrated and verified", began)
        in_backup = restored.served(copy.database)
        figures.add("served in the backup", len(in_backup))
        play_copy(copy, starters, known_at_the_end - in_backup, figures)
        files.start()
        snapshot_is_a_copy(files, site, figures)


def play_copy(copy: Portal, starters: list[Starter], unknown: set[str], figures: Figures) -> None:
    """A copy does nothing, is adopted, finds what it does not know, and serves those who wait."""
    in_flight = {row[0] for row in copy.database.rows(restored.IN_FLIGHT)}
    restored.does_nothing(copy, starters[0], figures)
    say("The copy did nothing.")
    restored.adopt(copy, figures)
    restored.reconcile(copy, unknown, in_flight, figures)
    again = [starter for starter in starters if starter.public_id in unknown - in_flight]
    restored.nobody_gets_a_second_pass(copy, again, figures)
    manager = copy.person(copy.manager)
    new = copy.starters(3)
    passes = sum(bool(copy.click(manager, starter, receipt=True).code) for starter in new)
    figures.add("new starters served after the adoption", f"{passes} of {len(new)}")
    assert passes == len(new)
    figures.add("events after the adoption", restored.verified_events(copy))


def snapshot_is_a_copy(files: clusters.Cluster, site: Portal, figures: Figures) -> None:
    """A copy of the server's files has its system identifier, and another address."""
    with copies.portal_on(Database(files.url_of(NAME)), site) as copy:
        refused = copies.manage(copy, "reconcile_directory")
        assert refused.returncode == 1 and "manage.py adopt" in refused.stderr, refused.stderr
        figures.add("copy of the server's files (pg_basebackup)", "is known as a copy")


def replica_is_no_copy(figures: Figures) -> None:
    """A promoted replica at the same address goes on without an adoption."""
    with ExitStack() as stack:
        primary = stack.enter_context(clusters.cluster())
        primary.execute(f"CREATE DATABASE {NAME}")
        address = clusters.folder_of_server()
        stack.callback(shutil.rmtree, address, ignore_errors=True)
        socket = address / ".s.PGSQL.5432"
        socket.symlink_to(primary.folder / f".s.PGSQL.{primary.port}")
        url = f"postgres://postgres@/{NAME}?host={address}&port=5432"
        replicas: list[clusters.Cluster] = []  # removed after the portal has ended
        stack.callback(lambda: [clusters.remove(made) for made in replicas])
        site = stack.enter_context(portal(database=Database(url)))
        replicas.append(replica := primary.replica())
        (first, second), manager = site.starters(2), site.person(site.manager)
        assert site.click(manager, first, receipt=True).code
        wait = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()"
        copies.wait_for(lambda: primary.execute(wait) == [(1,)], "the replica to have all")
        primary.lose()
        replica.promote()
        socket.unlink()
        socket.symlink_to(replica.folder / f".s.PGSQL.{replica.port}")
        copies.wait_for(lambda: copies.readiness(site)["status"] == "ready", "the portal to go on", 120)
        assert site.click(manager, second, receipt=True).code
        figures.add("promoted replica at the same address", "goes on, passes created: 1 of 1")


def upgrade_twice(figures: Figures) -> None:
    """The second half: this release, the next, and the one after."""
    with clusters.cluster() as server:
        server.execute(f"CREATE DATABASE {NAME}")
        with portal(replicas=2, database=Database(server.url_of(NAME)), PASS_RECEIPT_SECONDS="60") as site:
            upgrade.upgrade(site, figures)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starters", type=int, default=24, help="starters before the loss (default 24)")
    parser.add_argument("--part", choices=["restore", "replica", "upgrade"], help="play only this part")
    chosen = parser.parse_args()
    figures, began = Figures(), time.monotonic()
    if chosen.part in {None, "restore"}:
        back_up_and_restore(chosen.starters, figures)
    if chosen.part in {None, "replica"}:
        replica_is_no_copy(figures)
    if chosen.part in {None, "upgrade"}:
        upgrade_twice(figures)
    figures.timed("the whole drill", began)
    width = max(len(name) for name, _ in figures.rows)
    for name, value in figures.rows:
        say(f"{name:<{width}}  {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
