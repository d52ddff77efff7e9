"""Promise 7: an auditor can verify afterwards everything that happened."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, connections
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from onboarding import audit, policy
from onboarding.audit import triggers, verification
from onboarding.lifecycle import IssueState
from onboarding.models import (
    AuditCode,
    AuditDetail,
    AuditEvent,
    AuditHead,
    PassIssue,
    PolicyActivation,
    PolicyStop,
    Starter,
)
from onboarding.passes.confirmation import Shown
from onboarding.starters import withdrawal
from onboarding.transitions import move_issue, move_starter
from portal.supervisor import manage_command
from tests.support.databases import IS_POSTGRESQL, fresh_database
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db


def events(starter: Starter | None = None) -> list[str]:
    rows = AuditEvent.objects.order_by("seq")
    return list((rows.filter(starter=starter.public_id) if starter else rows).values_list("event", flat=True))


def test_the_audit_log_shows_a_whole_first_day(tenant, held, run_jobs):
    issue = held("noor")
    tenant.tenant.accounts["noor"].methods.append(
        {"@odata.type": "#microsoft.graph.fido2AuthenticationMethod", "id": "f"}
    )
    run_jobs(timedelta(minutes=1))

    assert events(issue.starter) == [
        "starter.recorded", "starter.invited", "issue.intent", "issue.shown", "starter.issued", "issue.held",
        "issue.closed", "starter.registered",
    ]  # fmt: skip
    assert list(audit.verify_chain()) == []


def test_each_event_records_actor_time_and_policy(tenant, shown):
    issue = shown("noor").issue

    intent = AuditEvent.objects.get(event="issue.intent")

    assert intent.issue == str(issue.pk)
    assert intent.facts["policy"] == policy.for_site().number
    assert intent.facts["identity_check"] == "in_person"
    assert intent.detail.values["by"] == f"{issue.actor.tid}/{issue.actor.oid}"
    assert intent.at.endswith("+00:00")


def test_no_change_happens_without_its_audit_event(tenant, invite, confirmation, monkeypatch):
    starter = invite("noor")
    click = confirmation(starter)

    def fails(*args, **kwargs):
        raise IntegrityError("the audit table is full")

    monkeypatch.setattr(audit, "record", fails)
    outcome = outcome_of(click)

    assert not isinstance(outcome, Shown)
    assert not starter.issues.exists()
    assert not [found for found in tenant.tenant.passes if found.person == "noor"]


@pytest.mark.django_db(transaction=True)
def test_no_transition_by_the_worker_happens_without_its_event(tenant, shown, monkeypatch):
    """With real commits: a state and its event are one transaction."""
    issue = shown("noor").issue

    def fails(*args, **kwargs):
        raise IntegrityError("the audit table is full")

    with monkeypatch.context() as broken:
        broken.setattr(audit, "record", fails)
        with pytest.raises(IntegrityError):
            move_issue(issue, IssueState.REVOKING, event="issue.revoking")

    assert PassIssue.objects.get().state == IssueState.SHOWN


@pytest.mark.django_db(transaction=True)
def test_an_event_can_be_written_only_inside_a_transaction():
    with pytest.raises(TransactionManagementError):
        audit.record("loose.end")


def test_the_chain_contains_no_personal_data(tenant, held):
    held("noor")

    chained = "\n".join(
        str(row) for row in AuditEvent.objects.values_list("facts", "commitments", "starter", "issue")
    )

    for personal in ("Noor", "noor.devries", "Maria", "maria.lindqvist", tenant.tenant.accounts["noor"].id):
        assert personal not in chained


@pytest.fixture
def finished(tenant, held, run_jobs, time_machine) -> Callable[[timedelta], Starter]:
    """A starter whose onboarding ended this long ago."""

    def ended(ago: timedelta) -> Starter:
        issue = held("noor")
        tenant.tenant.accounts["noor"].methods.append(
            {"@odata.type": "#microsoft.graph.fido2AuthenticationMethod", "id": "f"}
        )
        run_jobs(timedelta(minutes=1))
        starter = Starter.objects.get(pk=issue.starter_id)
        assert starter.state == "registered"
        time_machine.move_to(timezone.now() + ago)
        return starter

    return ended


def test_the_chain_verifies_after_personal_data_is_erased(finished):
    starter = finished(timedelta(days=366))

    audit.erase_details(starter, kept_days=365)

    assert list(audit.verify_chain()) == []
    assert "Noor" not in str(list(AuditDetail.objects.filter(event__starter=starter.public_id).values()))
    erasure = AuditEvent.objects.latest("seq")
    assert (erasure.event, erasure.starter) == ("audit.details_erased", starter.public_id)


def faults() -> list[str]:
    assert [fault.what for fault in audit.verify_last_events(500)] == [
        fault.what for fault in audit.verify_chain()
    ]
    return [fault.what for fault in audit.verify_chain()]


def test_details_blanked_by_sql_are_reported(finished):
    finished(timedelta(days=366))

    AuditDetail.objects.filter(event=3).update(salt="", values={})

    assert faults() == ["the details of this event were erased, but no event records the erasure"]
    with pytest.raises(CommandError, match="was changed"):
        call_command("verify_audit")


def test_details_blanked_beyond_an_erasure_are_reported(finished):
    starter = finished(timedelta(days=366))
    audit.erase_details(starter, kept_days=365)
    with audit.transaction():
        later = audit.record("starter.test", starter=starter, personal={"name": "Noor"})

    AuditDetail.objects.filter(event=later).update(salt="", values={})

    assert faults() == ["the details of this event were erased, but no event records the erasure"]


def test_an_erasure_before_its_time_is_reported(finished):
    starter = finished(timedelta(days=364))

    audit.erase_details(starter, kept_days=365)

    assert faults() == ["this event erased personal details too early"]


def test_an_erasure_of_an_unfinished_starter_is_reported(invite, time_machine):
    starter = invite("noor")
    time_machine.move_to(timezone.now() + timedelta(days=900))

    audit.erase_details(starter, kept_days=365)

    assert faults() == ["this event erased personal details too early"]


def test_an_erasure_by_another_period_is_reported(finished):
    starter = finished(timedelta(days=366))

    audit.erase_details(starter, kept_days=30)

    assert faults() == [
        "this event erased personal details after a period that does not match the policy of that day"
    ]


def test_the_period_of_the_day_of_the_erasure_counts(finished, policy_says, time_machine):
    starter = finished(timedelta(days=366))
    audit.erase_details(starter, kept_days=365)

    time_machine.move_to(timezone.now() + timedelta(days=1))
    policy_says(audit_days=900)

    assert faults() == []


@pytest.mark.parametrize(
    ("days", "found"), [(366, []), (364, ["this event erased personal details too early"])]
)
def test_look_ups_are_erased_when_due(person, time_machine, days, found):
    with audit.transaction():
        seq = audit.record("account.looked_up", by=person("hanna"), personal={"account": "an id"}).seq
    time_machine.move_to(timezone.now() + timedelta(days=days))

    if not audit.erase_details_of_event("account.looked_up", kept_days=365):
        AuditDetail.objects.filter(event=seq).update(salt="", values={})
        facts = {"event": "account.looked_up", "events": 1, "last": seq, "kept_days": 365}
        with audit.transaction():
            audit.record("audit.details_erased", facts=facts)

    assert AuditDetail.objects.get(event=seq).values == {}
    assert faults() == found


TAMPERINGS = {
    "an event is changed": lambda: AuditEvent.objects.filter(seq=3).update(event="starter.withdrawn"),
    "a fact is changed": lambda: AuditEvent.objects.filter(seq=3).update(facts={"policy": 9}),
    "a time is changed": lambda: AuditEvent.objects.filter(seq=3).update(at="2020-01-01T00:00:00.000+00:00"),
    "a commitment is changed": lambda: AuditEvent.objects.filter(seq=3).update(commitments={}),
    "a detail is changed": lambda: AuditDetail.objects.filter(event=3).update(
        values={"by_name": "Somebody Else"}
    ),
    "one value of a detail is removed": lambda: AuditDetail.objects.filter(event=3).update(values={}),
    "a detail is removed": lambda: AuditDetail.objects.filter(event=3).delete(),
    "an event is cut out": lambda: (
        AuditDetail.objects.filter(event=3).delete(),
        AuditCode.objects.filter(event=3).delete(),
        AuditEvent.objects.filter(seq=3).delete(),
    ),
    "the end is cut off": lambda: (
        AuditDetail.objects.filter(event__gte=5).delete(),
        AuditCode.objects.filter(event__gte=5).delete(),
        AuditEvent.objects.filter(seq__gte=5).delete(),
    ),
    "the first is cut off": lambda: (
        AuditDetail.objects.filter(event=1).delete(),
        AuditCode.objects.filter(event=1).delete(),
        AuditEvent.objects.filter(seq=1).delete(),
    ),
    "the head is set back": lambda: AuditHead.objects.update(seq=2),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_every_manipulation_of_the_audit_log_is_detected(tenant, held, tampering):
    held("noor")
    assert list(audit.verify_chain()) == []

    TAMPERINGS[tampering]()

    assert list(audit.verify_chain()) != []
    with pytest.raises(CommandError, match="was changed"):
        call_command("verify_audit")


def test_a_rewritten_chain_does_not_match_the_noted_head(tenant, held):
    held("noor")
    noted = AuditHead.objects.get().hash
    assert list(audit.verify_chain(noted)) == []

    previous = audit.GENESIS
    for row in AuditEvent.objects.order_by("seq"):
        row.facts, row.previous = {}, previous
        row.hash = previous = audit.hash_event(row)
        row.save()
    AuditHead.objects.update(hash=previous)

    assert {fault.kind for fault in audit.verify_chain()} == {audit.Kind.NOT_AUTHENTIC}
    assert audit.Kind.ANOTHER_HEAD in {fault.kind for fault in audit.verify_chain(noted)}


@pytest.fixture
def protected(person) -> Iterator[None]:
    """Every protected table has a row and its triggers."""
    with audit.transaction():
        audit.record("a.test", personal={"name": "Noor"})
    activation = PolicyActivation.objects.create(version=policy.for_site(), by=person("ada"))
    PolicyStop.objects.create(activation=activation, by=person("ada"))
    triggers.install_triggers(connection)
    try:
        yield
    finally:
        triggers.remove_triggers(connection)


EMPTYING = "truncate" if IS_POSTGRESQL else "replace"
CHANGES = {
    "onboarding_auditevent": "event = 'b.test'",
    "onboarding_policyversion": "reason = 'Another'",
    "onboarding_policyactivation": "version_id = version_id",
    "onboarding_policystop": "activation_id = activation_id",
    "onboarding_auditdetail": "salt = 'another'",
    "onboarding_audithead": "seq = 0",
    "onboarding_auditcode": "code = 'another'",
    "onboarding_auditkey": "name = 'another'",
}


@pytest.mark.parametrize("table", triggers.PROTECTED_TABLES)
@pytest.mark.parametrize("verb", ["update", "delete", EMPTYING])
@pytest.mark.django_db(transaction=True)
def test_the_database_refuses_changes_of_written_rows(protected, table, verb):
    statement = {
        "update": f"UPDATE {table} SET {CHANGES[table]}",  # noqa: S608
        "delete": f"DELETE FROM {table}",  # noqa: S608
        "replace": f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}",  # noqa: S608
        "truncate": f"TRUNCATE {table} CASCADE",
    }[verb]
    before = dump(table)

    with (
        pytest.raises(
            DatabaseError, match=r"only ever added|can only be|only moves forward|is never|are never"
        ),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert dump(table) == before != []


def dump(table: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")  # noqa: S608
        return list(cursor.fetchall())


@pytest.mark.django_db(transaction=True)
def test_the_database_lets_the_portal_add_and_erase(protected):
    with audit.transaction():
        event = audit.record("a.test", personal={"name": "Noor"})

    AuditDetail.objects.filter(event=event).update(salt="", values={})

    assert AuditHead.objects.get().seq == event.seq and AuditDetail.objects.get(event=event).values == {}


@pytest.mark.parametrize("change", ["salt = ''", "\"values\" = '{}'"])
@pytest.mark.django_db(transaction=True)
def test_details_are_erased_as_a_whole(protected, change):
    with pytest.raises(DatabaseError, match="can only be erased"), connection.cursor() as cursor:
        cursor.execute(f"UPDATE onboarding_auditdetail SET {change}")  # noqa: S608


def test_a_migrated_database_has_every_trigger(tmp_path):
    with fresh_database(tmp_path) as database:
        environment = {**os.environ, "PORTAL_DATA_DIR": str(tmp_path), "DATABASE_URL": database.url}
        code = (
            "from django.core.management import call_command; call_command('migrate', verbosity=0); "
            "from django.db import connection; from onboarding.audit import triggers; "
            "print(len(list(triggers.all_triggers(connection))), triggers.find_missing(connection))"
        )
        command = manage_command("shell", "-v", "0", "-c", code)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["24", "[]"]


def test_a_missing_trigger_is_found(db):
    triggers.install_triggers(connection)
    assert triggers.find_missing(connection) == []

    triggers.remove_triggers(connection)

    assert "onboarding_auditevent_no_update" in triggers.find_missing(connection)


@pytest.mark.django_db(transaction=True)
def test_concurrent_writers_create_one_chain():
    def write(number: int) -> None:
        try:
            for turn in range(5):
                with audit.transaction():
                    audit.record("a.test", facts={"writer": number, "turn": turn})
        finally:
            connections.close_all()

    writers = [threading.Thread(target=write, args=[number]) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert AuditEvent.objects.count() == 40
    assert list(audit.verify_chain()) == []


def test_a_concurrent_update_leaves_no_event(tenant, invite, person):
    starter = invite("noor")
    stale = Starter.objects.get(pk=starter.pk)
    withdrawal.withdraw_starter(starter=starter, by=person("hanna"), reason="Not coming")
    before = events(starter)

    with pytest.raises(Exception, match="changed meanwhile"):
        move_starter(stale, None, event="starter.rescheduled")

    assert events(starter) == before


def test_a_policy_change_records_differences_and_reason(db, person):
    version = policy.for_site()
    version.frozen, version.reason = True, "A laptop was stolen"

    policy.add_version(version, by=person("ada"))

    event = AuditEvent.objects.get(event="policy.changed")
    assert event.facts["changed"] == {"frozen": [False, True]}
    assert event.detail.values["reason"] == "A laptop was stolen"


def test_an_audit_log_that_grows_during_verification_verifies(monkeypatch):
    with audit.transaction():
        audit.record("a.test")
    in_order = verification._pages_in_order

    def read_and_write():
        yield from in_order()
        with audit.transaction():
            audit.record("a.test")

    monkeypatch.setattr(verification, "_pages_in_order", read_and_write)

    assert list(audit.verify_chain()) == []
