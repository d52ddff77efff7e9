"""Promise 7: an auditor can verify afterwards everything that happened."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, connections
from django.db.transaction import TransactionManagementError

from onboarding import audit, policy
from onboarding.audit import trail, triggers
from onboarding.lifecycle import IssueState
from onboarding.models import AuditDetail, AuditEvent, AuditHead, PassIssue, PolicyActivation, Starter
from onboarding.passes.confirmation import Shown
from onboarding.starters import withdrawal
from onboarding.transitions import move_issue, move_starter
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


def test_the_chain_verifies_after_personal_data_is_erased(tenant, held):
    issue = held("noor")

    audit.erase_details(issue.starter.public_id)

    assert list(audit.verify_chain()) == []
    assert "Noor" not in str(
        list(AuditDetail.objects.filter(event__starter=issue.starter.public_id).values())
    )


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
        AuditEvent.objects.filter(seq=3).delete(),
    ),
    "the end is cut off": lambda: (
        AuditDetail.objects.filter(event__gte=5).delete(),
        AuditEvent.objects.filter(seq__gte=5).delete(),
    ),
    "the first is cut off": lambda: (
        AuditDetail.objects.filter(event=1).delete(),
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

    assert list(audit.verify_chain()) == []
    assert list(audit.verify_chain(noted)) != []


@pytest.mark.parametrize("table", triggers.APPEND_ONLY_TABLES)
@pytest.mark.parametrize("verb", ["update", "delete"])
@pytest.mark.django_db(transaction=True)
def test_the_database_refuses_changes_of_written_rows(person, table, verb):
    with audit.transaction():
        audit.record("a.test")
    PolicyActivation.objects.create(version=policy.for_site(), by=person("ada"))
    columns = {"onboarding_auditevent": "event", "onboarding_policyversion": "reason"}
    column = columns.get(table, "version_id")
    statement = f"UPDATE {table} SET {column} = {column}" if verb == "update" else f"DELETE FROM {table}"  # noqa: S608
    triggers.install_triggers(connection)
    try:
        with (
            pytest.raises(DatabaseError, match="only ever added"),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    finally:
        triggers.remove_triggers(connection)


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
    in_order = trail._rows_in_order

    def read_and_write():
        yield from in_order()
        with audit.transaction():
            audit.record("a.test")

    monkeypatch.setattr(trail, "_rows_in_order", read_and_write)

    assert list(audit.verify_chain()) == []
