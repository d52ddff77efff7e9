"""Each event of the audit log becomes a line of the log, in order, at least once, without names."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import audit
from onboarding.audit import stream
from onboarding.models import AuditCode, AuditDetail, AuditEvent, AuditHead, AuditOutlet, Job
from onboarding.worker import audit_outlets
from portal.sandbox.people import BY_KEY

pytestmark = pytest.mark.django_db


def record_events(count: int, **more: object) -> None:
    for number in range(count):
        with audit.transaction():
            audit.record("policy.changed", facts={"number": number}, **more)


def cursor() -> int:
    return AuditOutlet.objects.get(name="events").seq


def test_events_are_written_once_and_in_order(log):
    record_events(3)
    stream.write_new_events()
    record_events(2)

    written = [stream.write_new_events(), stream.write_new_events()]

    assert written == [2, 0]
    assert [line["event.sequence"] for line in log.lines()] == [1, 2, 3, 4, 5]
    assert [line["portal.audit.facts"]["number"] for line in log.lines()] == [0, 1, 2, 0, 1]


def test_a_line_has_pseudonyms_facts_and_hashes(record, log):
    starter = record("noor")
    stream.write_new_events()

    event = AuditEvent.objects.get(event="starter.recorded")
    (line,) = (line for line in log.lines() if line["event.action"] == "starter.recorded")
    assert (line["event.kind"], line["event.dataset"]) == ("event", "portal.audit")
    assert line["@timestamp"] == event.at.replace("+00:00", "Z")
    assert line["user.id"] == BY_KEY["hanna"].object_id
    assert (line["portal.starter"], line["event.sequence"]) == (starter.public_id, event.seq)
    assert line["portal.audit.facts"] == event.facts
    assert (line["portal.audit.hash"], line["portal.audit.previous"]) == (event.hash, event.previous)


def test_no_line_has_a_name_or_an_address(record, log):
    record("noor")
    stream.write_new_events()

    personal = {
        value
        for values in AuditDetail.objects.values_list("values", flat=True)
        for name, value in values.items()
        if name != "by" and len(value) > 3
    }
    text = json.dumps(log.lines())
    assert "Hanna Reuter" in personal and len(personal) > 3
    assert [value for value in personal if value in text] == []
    assert "@contoso" not in text


def test_a_line_that_is_not_written_is_written_later(log):
    record_events(2)
    log.is_full = True
    with pytest.raises(OSError, match="No space left"):
        stream.write_new_events()
    assert cursor() == 0
    log.is_full = False

    stream.write_new_events()

    assert [line["event.sequence"] for line in log.lines()] == [1, 2]


def test_a_worker_that_lost_its_turn_moves_nothing_back(log, monkeypatch):
    record_events(3)

    def overtaken(row: AuditEvent) -> dict[str, object]:
        AuditOutlet.objects.update(seq=3)
        return {}

    monkeypatch.setattr(stream, "describe_event", overtaken)
    stream.write_new_events(most=1)

    assert cursor() == 3


def test_a_database_with_fewer_events_than_written_is_an_error(log):
    record_events(3)
    stream.write_new_events()
    AuditEvent.objects.get(seq=3).detail.delete()
    AuditCode.objects.get(event=3).delete()
    AuditEvent.objects.get(seq=3).delete()
    AuditHead.objects.update(seq=2)

    with pytest.raises(
        stream.EventsAreMissing, match="event 3 was written to the log, but the last is now 2"
    ):
        stream.write_new_events()


def test_an_event_written_after_its_erasure_names_nobody(log, person):
    record_events(1, by=person("ada"))
    AuditDetail.objects.update(salt="", values={})

    stream.write_new_events()

    assert "user.id" not in log.lines()[0]


def test_many_events_are_written_without_a_pause(log):
    record_events(stream.MOST_AT_ONCE + 1)

    again = [audit_outlets.write_events("log") - timezone.now() for _ in range(2)]

    assert again[0] <= timedelta(0) < again[1] <= audit_outlets.EVENTS_EVERY
    assert len(log.lines()) == stream.MOST_AT_ONCE + 1


def test_the_worker_queues_only_what_is_set_up(log, settings, run_jobs):
    settings.AUDIT_TO_LOG, settings.AUDIT_SIGNING_KEY_FILE = False, ""

    audit_outlets.enqueue_audit_jobs()
    run_jobs()

    kinds = {key.partition(":")[0] for key in Job.objects.values_list("key", flat=True)}
    assert "audit_check" in kinds and not kinds & {"audit_events", "audit_head"}
    assert log.lines() == []


def test_the_worker_writes_the_events(log, run_jobs):
    record_events(1)
    audit_outlets.enqueue_audit_jobs()

    run_jobs()

    assert [line["event.sequence"] for line in log.lines()] == [1]
    assert Job.objects.get(key="audit_events:log").done_at is None


# --- The daily check ----------------------------------------------------------------------------------------------


def test_the_daily_check_logs_a_broken_chain(caplog):
    record_events(3)
    assert audit_outlets.check_end("end") > timezone.now()
    assert caplog.records == []
    AuditEvent.objects.filter(seq=2).update(facts={"number": 7})

    audit_outlets.check_end("end")

    (record,) = caplog.records
    fields = vars(record)
    assert (record.levelname, fields["event.action"]) == ("ERROR", "audit-chain-broken")
    assert fields["portal.audit.faults"] == ["event 2: this event was changed"]
