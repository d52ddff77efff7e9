"""The auditors' pages with a million events: `python -m tests.benchmark.audit_log [EVENTS]`.

It fills a database of its own, of the kind that DATABASE_URL names, and prints the milliseconds of each search. With 0
events and PORTAL_DATA_DIR it measures what is there. Starters
have twelve events each, half of the starters are erased, and no detail is: the slowest case.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MANAGERS, EVENTS_OF_ONE = 500, 12
KINDS = (
    "starter.recorded", "starter.invited", "starter.refused", "starter.cleared", "issue.intent", "issue.shown",
    "starter.issued", "issue.held", "issue.used", "issue.closed", "starter.registered", "starter.erased",
)  # fmt: skip
SEARCHES: dict[str, dict[str, str]] = {
    "the plain page": {},
    "a person with a million twelfths": {"person": "Hanna"},
    "the same, one kind": {"person": "Hanna", "event": "starter.recorded"},
    "the same, a kind that never happened": {"person": "Hanna", "event": "hook.removed"},
    "a manager": {"person": "Vera Manager7"},
    "fifty people": {"person": "Manager1"},
    "nobody": {"person": "zzyzx"},
    "a starter": {"starter": "Quirine Post4104"},
    "an erased starter": {"starter": "Quirine Post4105"},
    "no starter": {"starter": "zzyzx"},
    "a kind": {"event": "issue.intent"},
    "a rare kind": {"event": "policy.changed"},
    "a day long ago": {"since": "2020-03-01", "until": "2020-03-01"},
    "a day and a kind": {"since": "2020-03-01", "until": "2020-03-01", "event": "issue.intent"},
    "a day and a rare kind": {"since": "2020-03-01", "until": "2021-03-01", "event": "policy.changed"},
    "a day and a manager": {"since": "2020-03-01", "until": "2020-03-31", "person": "Vera Manager7"},
    "a person and a starter": {"person": "Hanna", "starter": "Quirine Post4104"},
}


def fill(events: int) -> None:
    """Write a true chain of events straight into the database."""
    from datetime import UTC, datetime, timedelta

    from django.db import connection

    from onboarding import audit
    from onboarding.audit import triggers
    from onboarding.models import AuditDetail, AuditEvent, AuditHead, Starter
    from portal.models import User
    from tests.audit.site import sign_as_migration

    tenant = "0000be0a-0000-4000-8000-000000000000"
    people = [User(tid=tenant, oid=_id(0), name="Hanna Reuter", user_principal_name="hanna", roles=["HR"])]
    people += [
        User(tid=tenant, oid=_id(n), name=f"Vera Manager{n}", user_principal_name=f"vera{n}")
        for n in range(1, MANAGERS + 1)
    ]
    User.objects.bulk_create(people)
    previous, seq = AuditHead.objects.get(id=1).hash, AuditHead.objects.get(id=1).seq
    began = datetime(2020, 1, 1, tzinfo=UTC)
    starters, rows, details = [], [], []
    triggers.remove_triggers(connection)  # the head moves by one event only

    def write() -> None:
        Starter.objects.bulk_create(starters)
        AuditEvent.objects.bulk_create(rows)
        AuditDetail.objects.bulk_create(details)
        for written in (starters, rows, details):
            written.clear()

    for n in range(events // EVENTS_OF_ONE):
        name, is_erased = f"Quirine Post{n}", n % 2 == 1
        starters.append(
            Starter(
                public_id=f"{n:022d}",
                state="registered",
                account_name=f"erased-{n}" if is_erased else f"post{n}@contoso.example",
                display_name="" if is_erased else name,
                erased_at=began if is_erased else None,
                start_date=began.date(),
                start_time="09:00",
                time_zone="UTC",
                starts_at=began,
                recorded_by=people[0],
                shaped_by=[],
            )
        )
        manager = people[1 + n % MANAGERS]
        for kind in KINDS:
            seq += 1
            by = people[0] if kind == "starter.recorded" else manager
            values = {"by": f"{by.tid}/{by.oid}", "by_name": by.name} if seq % 2 else {}
            if kind == "starter.recorded":
                values |= {"name": name, "account_name": f"post{n}@contoso.example", "account": _id(n)}
                values |= {"by": f"{by.tid}/{by.oid}", "by_name": by.name}
            row = AuditEvent(
                seq=seq,
                at=(began + timedelta(minutes=3 * seq)).isoformat(timespec="milliseconds"),
                event=kind,
                starter=f"{n:022d}",
                facts={"state": "invited"},
                commitments={key: audit.make_commitment("salt", value) for key, value in values.items()},
                previous=previous,
            )
            row.hash = previous = audit.hash_event(row)
            rows.append(row)
            details.append(AuditDetail(event=row, salt="salt", values=values))
        if len(rows) > 5000:
            write()
    write()
    AuditHead.objects.filter(id=1).update(seq=seq, hash=previous)
    sign_as_migration()
    triggers.install_triggers(connection)
    audit.index_erased_starters()


def _id(number: int) -> str:
    return f"0000be0d-0000-4000-8000-{number:012d}"


def measure(rounds: int = 3) -> None:
    from django.utils import timezone

    from onboarding.auditors.export import export_events
    from onboarding.auditors.filters import EventFilters
    from onboarding.auditors.rows import build_rows
    from onboarding.auditors.search import EventSearch, TooManyFound

    for what, query in SEARCHES.items():
        for place, before in (("", None), (", from the middle", 500_000)):
            times, found = [], 0
            for _ in range(rounds):
                start = time.perf_counter()
                try:
                    rows = build_rows(EventSearch(EventFilters(**query)).older_than(before, 51))
                    found = len(rows)
                except TooManyFound:
                    found = -1
                times.append(time.perf_counter() - start)
            sys.stdout.write(
                f"{what + place:<60} {statistics.median(times) * 1000:8.0f} ms {found:4d} rows\n"
            )
    start, size, events = time.perf_counter(), 0, 0
    for part in export_events(EventSearch(EventFilters(), last=50_000), "csv"):
        size, events = size + len(part), events + part.count("\n")
    seconds = time.perf_counter() - start
    sys.stdout.write(f"export: {events / seconds:.0f} events a second, at {timezone.now():%H:%M}\n")


def main(events: int) -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    start = time.perf_counter()
    if events:
        fill(events)
        sys.stdout.write(f"{events} events written in {time.perf_counter() - start:.0f} s\n")
        sys.stdout.flush()
    measure()


if __name__ == "__main__":
    if os.environ.get("PORTAL_DATA_DIR"):
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
    else:
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "PORTAL_DATA_DIR": str(Path(folder))}
            command = [sys.executable, "-m", "tests.benchmark.audit_log", *sys.argv[1:]]
            sys.exit(subprocess.run(command, env=environment, check=False).returncode)
