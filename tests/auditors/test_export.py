"""The audit log as a file: names where they are kept, nothing that a spreadsheet runs, and no open cursor."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from onboarding import audit
from onboarding.auditors import export
from onboarding.auditors.filters import EventFilters
from onboarding.auditors.search import EventSearch
from onboarding.exports.csv_rows import format_csv_row
from onboarding.models import AuditDetail, AuditEvent, AuditHead
from tests.auditors.conftest import recorded
from tests.support.plan import size_of

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
TODAY = f"{timezone.now() - timedelta(days=1):%Y-%m-%d}", f"{timezone.now() + timedelta(days=1):%Y-%m-%d}"


def exported(client, kind="csv", **filters):
    answer = client.post("/audit/export/", {"format": kind, **filters})
    assert answer.status_code == 200
    return rows_of(answer.getvalue().decode(), kind)


def rows_of(text, kind):
    if kind == "jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_an_export_has_every_field_of_every_event(audrey, emma, kind):
    rows = exported(audrey, kind)

    assert len(rows) == AuditEvent.objects.count() - 1  # without the export itself
    assert set(rows[0]) == set(export.FIELDS)
    row = next(row for row in rows if row["event"] == "starter.withdrawn")
    assert (row["actor"], row["starter"], row["reason"]) == (
        "Hanna Reuter", "Emma Nowak", "She took another job",
    )  # fmt: skip
    assert row["verified"] == "yes"
    assert row["starter_id"].removeprefix("'") == emma.public_id  # an id can begin with a hyphen
    assert row["hash"] == AuditEvent.objects.get(event="starter.withdrawn").hash


def test_an_export_has_the_filters_of_the_page(audrey, emma):
    rows = exported(audrey, "jsonl", person="Hanna", event="starter.withdrawn")

    assert [row["event"] for row in rows] == ["starter.withdrawn"]


def test_an_export_is_one_event(audrey, emma):
    exported(audrey, "jsonl", person="Hanna")

    (event,) = recorded("audit.exported")
    assert event.facts == {"page": "events", "format": "jsonl"}
    assert event.detail.values["person"] == "Hanna"


def test_erased_values_are_pseudonyms_in_an_export(erased, browser_of):
    rows = exported(browser_of("audrey"), "jsonl", starter=erased.public_id)
    event = AuditEvent.objects.get(event="starter.withdrawn")

    row = next(row for row in rows if row["seq"] == event.seq)
    assert row["actor"] == f"erased {event.commitments['by'][:8]}"
    assert row["starter"] == f"erased {erased.public_id}"
    assert (row["personal"], row["verified"]) == ({}, "yes")
    assert "Emma" not in json.dumps(rows)


def test_a_changed_event_is_not_verified_in_an_export(audrey, emma):
    event = AuditEvent.objects.select_related("detail").get(event="starter.withdrawn")
    AuditDetail.objects.filter(event=event).update(values={**event.detail.values, "reason": "Another"})

    rows = exported(audrey, "jsonl")

    assert [row["seq"] for row in rows if row["verified"] == "no"] == [event.seq]


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1"]


@pytest.mark.parametrize("typed", FORMULAS)
def test_a_spreadsheet_runs_no_value(audrey, emma, person, typed):
    hanna = person("hanna")
    hanna.name = typed
    with audit.transaction():
        audit.record("starter.withdrawn", by=hanna, starter=emma, personal={"reason": typed})

    row = exported(audrey)[-1]

    assert row["actor"] == f"'{typed}"
    assert row["reason"].startswith("'")


def test_numbers_and_plain_texts_stay_as_they_are():
    assert format_csv_row([-1, "a=b", "O’Brien", 'say "x"', ""]) == '-1,a=b,O’Brien,"say ""x""",\r\n'


def add_events(count):
    """Add events quickly, with a true chain."""
    head = AuditHead.objects.get(id=1)
    events, details = [], []
    for _ in range(count):
        event = AuditEvent(
            seq=head.seq + 1,
            at=timezone.now().isoformat(timespec="milliseconds"),
            event="hook.given_up",
            facts={"count": 1},
            commitments={"host": audit.make_commitment("salt", "x")},
            previous=head.hash,
        )
        event.hash = audit.hash_event(event)
        head.seq, head.hash = event.seq, event.hash
        events.append(event)
        details.append(AuditDetail(event=event, salt="salt", values={"host": "x"}))
    for first in range(0, count, 500):
        AuditEvent.objects.bulk_create(events[first : first + 500])
        AuditDetail.objects.bulk_create(details[first : first + 500])
        # Otherwise one statement at the end checks them all, and it has the time limit of any other.
        connection.check_constraints()
    AuditHead.objects.filter(id=1).update(seq=head.seq, hash=head.hash)


def test_each_page_of_a_long_export_takes_as_many_queries():
    pages = size_of(20, 4)
    count = pages * export.PAGE_SIZE
    add_events(count)
    first = AuditEvent.objects.order_by("seq").first().seq
    parts = export.export_events(EventSearch(EventFilters(), last=first + count - 1), "jsonl")
    next(parts)

    queries = []
    for _ in range(pages):
        with CaptureQueriesContext(connection) as counted:
            page = next(parts)
        queries.append(len(counted))
        assert page.count("\n") == export.PAGE_SIZE
    assert list(parts) == []
    assert set(queries) == {4}


@pytest.mark.django_db(transaction=True)
def test_others_can_write_while_an_export_runs(audrey):
    with audit.transaction():
        for _ in range(3):
            audit.record("hook.given_up")
    parts = export.export_events(EventSearch(EventFilters(), last=3), "jsonl")
    next(parts)
    next(parts)

    assert not connection.in_atomic_block
    with closing(connection.copy()) as another, another.cursor() as cursor:
        cursor.execute("UPDATE onboarding_audithead SET seq = seq WHERE id = 1")
        assert cursor.rowcount == 1


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_the_command_writes_a_file_and_is_an_event(emma, tmp_path, kind):
    file = tmp_path / "log"

    call_command("export_audit", since=TODAY[0], until=TODAY[1], format=kind, output=str(file))

    rows = rows_of(file.read_text(), kind)
    (event,) = recorded("audit.exported")
    assert len(rows) == event.seq - 1
    assert event.facts["since"] == TODAY[0] and event.detail.values["operator"]
    assert file.stat().st_mode & 0o077 == 0


def test_the_command_overwrites_no_file(tmp_path):
    file = tmp_path / "log"
    file.write_text("kept")

    with pytest.raises(CommandError, match="exists"):
        call_command("export_audit", since=TODAY[0], until=TODAY[1], output=str(file))

    assert file.read_text() == "kept" and recorded("audit.exported") == []


def test_the_command_writes_to_standard_output(emma):
    out = io.StringIO()

    call_command("export_audit", since=TODAY[0], until=TODAY[1], format="jsonl", stdout=out)

    assert "Emma Nowak" in out.getvalue()


@pytest.mark.parametrize(
    ("since", "until"), [("2026-05-02", "2026-05-01"), ("today", "2026-05-01"), ("2026-02-30", "2026-05-01")]
)
def test_the_command_refuses_impossible_days(since, until):
    with pytest.raises(CommandError):
        call_command("export_audit", f"--since={since}", f"--until={until}")

    assert recorded("audit.exported") == []
