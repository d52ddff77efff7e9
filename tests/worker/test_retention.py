"""Retention erases what is no longer needed, and the audit chain stays verifiable."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core import serializers
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from onboarding import audit, models
from onboarding.audit import triggers
from onboarding.mail import delivery
from onboarding.mail.digest import build_digest
from onboarding.models import AuditDetail, AuditEvent, Job, Mail, PassIssue, PolicyVersion, Starter, Turn
from onboarding.privacy import people
from onboarding.starters import withdrawal
from onboarding.worker import lapsing, retention
from portal.models import User
from tests.conftest import BY_KEY, live_passes

pytestmark = pytest.mark.django_db
RETENTION, AUDIT_KEPT = timedelta(days=30), timedelta(days=365)
NOOR = BY_KEY["noor"]
WHO = [
    NOOR.name,
    NOOR.user_principal_name,
    NOOR.object_id,
    NOOR.job,
    "Maria Lindqvist",
    "maria.lindqvist@",
    "Rex",
]


@pytest.fixture
def withdrawn(held, run_jobs, person, settings, tenant):
    """An onboarding with a pass, mails and a note that has just ended."""
    settings.GRAPH_BUDGET_CALLS = 1000

    def ended():
        starter = held("noor").starter
        Starter.objects.filter(pk=starter.pk).update(note="Has a dog called Rex")
        withdrawal.withdraw_starter(
            starter=Starter.objects.get(pk=starter.pk), by=person("hanna"), reason="Not coming"
        )
        run_jobs()
        assert Starter.objects.get().state == "withdrawn" and not live_passes(tenant)
        return Starter.objects.get()

    return ended


def kept(*, but=()):
    """Everything that the portal stores about starters, as text."""
    tables = [
        models.Starter,
        models.StarterWord,
        models.PassIssue,
        models.Mail,
        models.AuditEvent,
        models.AuditDetail,
    ]
    tables = [table for table in tables if table not in but]
    return json.dumps([json.loads(serializers.serialize("json", table.objects.all())) for table in tables])


def forget_after(time_machine, ago):
    time_machine.move_to(timezone.now() + ago)
    retention.run_retention("")


# --- Personal details ---------------------------------------------------------------------------------------


def test_a_finished_starter_is_erased_after_the_retention(withdrawn, time_machine, settings):
    withdrawn()
    before = kept(but=[AuditDetail])
    assert all(fact in before for fact in WHO)

    forget_after(time_machine, RETENTION + timedelta(seconds=1))

    after = kept(but=[AuditDetail])
    assert [fact for fact in WHO if fact in after] == []
    assert Starter.objects.get().erased_at is not None


def test_no_starter_is_erased_before_the_retention(withdrawn, time_machine, settings):
    withdrawn()

    forget_after(time_machine, RETENTION - timedelta(minutes=1))

    starter = Starter.objects.get()
    assert starter.erased_at is None and starter.display_name == NOOR.name


@pytest.mark.parametrize("state", ["recorded", "invited", "issued"])
def test_an_unfinished_starter_is_not_erased(record, time_machine, state):
    record("noor")
    Starter.objects.update(state=state)

    forget_after(time_machine, lapsing.LAPSES_AFTER)

    starter = Starter.objects.get()
    assert (starter.state, starter.display_name) == (state, NOOR.name)


def test_erasure_keeps_how_the_onboarding_went(withdrawn, time_machine, settings):
    before = withdrawn()
    issue = PassIssue.objects.get()

    forget_after(time_machine, RETENTION + timedelta(seconds=1))

    starter, after = Starter.objects.get(), PassIssue.objects.get()
    assert (starter.state, starter.start_date, starter.ended_at) == (
        "withdrawn",
        before.start_date,
        before.ended_at,
    )
    assert (after.state, after.reason, after.intended_at) == (issue.state, issue.reason, issue.intended_at)
    assert after.account_id == "" and AuditEvent.objects.filter(event="starter.erased").count() == 1


def test_what_an_earlier_release_left_is_erased(withdrawn, person, time_machine):
    starter = withdrawn()
    forget_after(time_machine, RETENTION + timedelta(seconds=1))
    Starter.objects.update(shaped_by=[person("hanna").oid], last_sign_in_at=timezone.now())
    models.Approval.objects.create(
        starter=starter, why="starter", occasion=NOOR.object_id, by=person("henry")
    )
    with audit.transaction():
        audit.record("starter.approved", starter=starter, by=person("henry"), facts={"why": ["starter"]})
    assert list(audit.compare_rows()) == []

    retention.run_retention("")

    after = Starter.objects.get()
    assert (after.shaped_by, after.last_sign_in_at) == ([], None)
    assert models.Approval.objects.get().occasion.startswith("erased-")


def test_policy_sets_the_retention(withdrawn, time_machine, adopt):
    withdrawn()
    adopt(PolicyVersion(retention_days=2, reason="Sooner"))

    forget_after(time_machine, timedelta(days=2, seconds=1))

    assert Starter.objects.get().erased_at is not None


def test_two_starters_can_be_erased_together(record, person, time_machine, settings):
    for key in ("noor", "liam"):
        withdrawal.withdraw_starter(starter=record(key), by=person("hanna"), reason="x")

    forget_after(time_machine, RETENTION + timedelta(seconds=1))

    assert Starter.objects.filter(erased_at=None).count() == 0
    assert Starter.objects.values("account_name").distinct().count() == 2


def test_an_erased_starters_account_can_be_added_again(withdrawn, record, time_machine, settings):
    withdrawn()
    forget_after(time_machine, RETENTION + timedelta(seconds=1))

    again = record("noor")

    assert again.state == "recorded" and Starter.objects.count() == 2


def test_an_erased_starters_page_shows_no_personal_data(withdrawn, browser_of, time_machine, settings):
    starter = withdrawn()
    forget_after(time_machine, RETENTION + timedelta(seconds=1))

    hr = browser_of("hanna").get(f"/hr/{starter.public_id}/")
    manager = browser_of("maria").get(f"/starters/{starter.public_id}/")

    page = hr.content.decode()
    assert hr.status_code == 200 and NOOR.name not in page and NOOR.user_principal_name not in page
    assert manager.status_code == 404


# --- The audit log --------------------------------------------------------------------------------------------------------


def test_the_audit_chain_verifies_after_erasure(withdrawn, time_machine, settings, capsys):
    withdrawn()
    events = AuditEvent.objects.count()
    anchor = models.AuditHead.objects.get().hash

    forget_after(time_machine, RETENTION + timedelta(seconds=1))
    forget_after(time_machine, AUDIT_KEPT)
    triggers.install_triggers(connection)
    call_command("verify_audit", "--head", anchor)

    assert list(audit.verify_chain(anchor)) == []
    written = AuditEvent.objects.filter(seq__gt=events).exclude(event="person.erased")
    written = written.values_list("event", flat=True)
    assert list(written) == ["audit.details_erased", "starter.erased"]
    assert "The audit log is unchanged" in capsys.readouterr().out


def test_names_in_the_audit_log_are_erased_after_a_year(withdrawn, time_machine, settings):
    withdrawn()
    forget_after(time_machine, AUDIT_KEPT - timedelta(minutes=1))
    within = json.dumps(list(AuditDetail.objects.values_list("values", flat=True)))

    forget_after(time_machine, timedelta(minutes=2))

    after = json.dumps(list(AuditDetail.objects.values_list("values", "salt")))
    assert NOOR.name in within and "Hanna Reuter" in within
    assert [fact for fact in [*WHO, "Hanna Reuter", "Not coming"] if fact in after] == []
    assert [fact for fact in WHO if fact in kept()] == []


def test_erasure_leaves_other_starters_audit_details(record, person, time_machine):
    gone, stays = record("noor"), record("liam", starts_in=timedelta(days=400))
    withdrawal.withdraw_starter(starter=gone, by=person("hanna"), reason="x")

    forget_after(time_machine, AUDIT_KEPT + timedelta(days=1))

    mine = AuditDetail.objects.filter(event__starter=stays.public_id)
    assert [detail.values["name"] for detail in mine] == ["Liam O'Brien"]


def test_a_backlog_of_old_starters_is_erased_in_the_end(person, time_machine):
    long_ago = timezone.now() - timedelta(days=500)
    Starter.objects.bulk_create(
        Starter(
            public_id=f"starter-{n:04}",
            state="withdrawn",
            account_name=f"erased-{n}",
            start_date=long_ago.date(),
            start_time=long_ago.time(),
            starts_at=long_ago,
            time_zone="UTC",
            recorded_by=person("hanna"),
            ended_at=long_ago,
            erased_at=long_ago,
        )
        for n in range(501)
    )
    AuditEvent.objects.bulk_create(
        AuditEvent(seq=n + 1, at="", event="x", starter=f"starter-{n:04}", hash=f"{n}") for n in range(501)
    )
    AuditDetail.objects.bulk_create(
        AuditDetail(event_id=n + 1, salt="s", values={"by_name": "Somebody"}) for n in range(501)
    )
    models.AuditHead.objects.update(seq=501)
    with connection.cursor() as cursor:  # a database does this by itself after so many changes
        cursor.execute("ANALYZE")

    retention.run_retention("")
    retention.run_retention("")

    assert AuditDetail.objects.exclude(values={}).count() == 0
    assert AuditEvent.objects.filter(event="audit.details_erased").count() == 501


# --- Mails and jobs ---------------------------------------------------------------------------------------------------------


def test_a_mails_text_is_erased_a_week_after_sending(invite, run_jobs, time_machine):
    invite("noor")
    run_jobs()

    forget_after(time_machine, timedelta(days=7) - timedelta(minutes=1))
    within = Mail.objects.get()
    forget_after(time_machine, timedelta(minutes=2))

    after = Mail.objects.get()
    assert within.text and within.html
    assert (after.text, after.html) == ("", "")
    assert after.message_id == within.message_id and after.sent_at == within.sent_at


def test_a_waiting_mail_keeps_its_text(invite, run_jobs, tenant, time_machine):
    invite("noor")

    forget_after(time_machine, timedelta(days=8))

    assert Mail.objects.get().text


def test_a_waiting_digest_is_sent_whole_later(peer, invite, time_machine):
    starter = invite("noor")
    lines = [
        Mail.objects.create(
            kind=kind, recipient="hr", starter=starter, to="hr@contoso.example", message_id=kind, box="hr"
        )
        for kind in ("problem", "registered")
    ]
    digest = build_digest(lines, to="hr@contoso.example")

    forget_after(time_machine, timedelta(days=8))
    delivery.send_mail(str(digest.pk))

    assert [mime["To"] for _, mime in peer.got] == ["hr@contoso.example"]
    forget_after(time_machine, timedelta(days=1))
    digest.refresh_from_db()
    assert digest.sent_at and (digest.to, digest.text) == ("", "")


def test_only_finished_jobs_are_deleted_after_a_week(time_machine):
    now = timezone.now()
    Job.objects.create(key="note:done", priority=1, due_at=now, done_at=now)
    Job.objects.create(key="note:waiting", priority=1, due_at=now)
    Job.objects.create(key="note:given-up", priority=1, due_at=now, failed_at=now)

    forget_after(time_machine, timedelta(days=8))

    assert set(Job.objects.values_list("key", flat=True)) == {"note:waiting", "note:given-up"}


def test_a_failed_job_leaves_after_a_month(time_machine):
    now = timezone.now()
    for key in ("mail:1", "look:1"):
        Job.objects.create(key=key, priority=1, due_at=now, failed_at=now, last_error="who")

    forget_after(time_machine, timedelta(days=31))

    assert list(Job.objects.values_list("key", "last_error")) == [("look:1", "")]


def test_mails_about_nobody_are_erased_and_never_sent_afterwards(time_machine):
    for sent_at in (timezone.now(), None):
        Mail.objects.create(
            kind="policy_changed", to="security@contoso.example", subject="s", text="t", message_id=str(sent_at),
            sent_at=sent_at,
        )  # fmt: skip

    forget_after(time_machine, RETENTION + timedelta(days=1))

    assert set(Mail.objects.values_list("to", "subject", "text")) == {("", "", "")}
    assert Mail.objects.get(sent_at=None).dropped_at is not None


# --- People -------------------------------------------------------------------------------------------------------


def test_people_who_hold_nothing_open_are_erased(person, record, adopt, time_machine):
    """Hanna added a starter that is not erased yet, and Ada wrote the policy in force. Nobody needs Audrey."""
    for key in ("hanna", "ada", "audrey"):
        User.objects.filter(pk=person(key).pk).update(last_login=timezone.now())
    adopt(PolicyVersion(reason="x", audit_days=90))
    record("noor", starts_in=timedelta(days=200))

    forget_after(time_machine, timedelta(days=89))
    assert not User.objects.filter(oid__startswith="erased-").exists()
    forget_after(time_machine, timedelta(days=2))

    erased = User.objects.get(oid__startswith="erased-")
    assert (erased.name, erased.user_principal_name, erased.roles) == ("—", "", [])
    assert set(User.objects.values_list("name", flat=True)) >= {"—", "Hanna Reuter", "Ada Jansen"}
    assert AuditEvent.objects.get(event="person.erased").facts == {"person": erased.pk}


def test_a_recent_admin_is_not_erased(person, adopt, time_machine):
    adopt(PolicyVersion(reason="x", audit_days=90, admin_days=120))
    amir = person("amir")
    User.objects.filter(pk=amir.pk).update(last_login=timezone.now(), last_admin_at=timezone.now())

    forget_after(time_machine, timedelta(days=119))

    assert User.objects.get(pk=amir.pk).oid == amir.oid


def test_verification_accepts_an_erased_person_only_with_its_event(record, person, time_machine):
    recorder = person("hanna")
    record("noor")
    assert list(audit.compare_rows()) == []

    User.objects.filter(pk=recorder.pk).update(oid=f"erased-{recorder.pk}")
    assert [fault.what for fault in audit.compare_rows()] != []
    User.objects.filter(pk=recorder.pk).update(oid=recorder.oid)
    assert people.erase_person(User.objects.get(pk=recorder.pk))

    assert list(audit.compare_rows()) == []


def test_a_person_who_has_just_signed_in_is_not_erased(person):
    seen = person("maria")
    User.objects.filter(pk=seen.pk).update(last_login=timezone.now())

    assert not people.erase_person(seen)

    assert User.objects.get(pk=seen.pk).oid == seen.oid


# --- The policy ---------------------------------------------------------------------------------------------------


def test_details_of_a_policy_in_force_stay(person, adopt, time_machine):
    """The first version is in force for 200 days; `audit_days` are 90."""
    first = adopt(PolicyVersion(reason="The first", audit_days=90))
    forget_after(time_machine, timedelta(days=200))
    second = adopt(PolicyVersion(reason="The second", audit_days=90))

    def reasons():
        details = AuditDetail.objects.filter(event__event__in=("policy.proposed", "policy.changed")).order_by(
            "pk"
        )
        return [values["reason"] for values in details.values_list("values", flat=True) if values]

    forget_after(time_machine, timedelta(days=89))
    assert reasons() == ["The first", "The second"]
    forget_after(time_machine, timedelta(days=2))

    assert reasons() == ["The second"] and first.number < second.number
    assert list(audit.verify_chain()) == [] and list(audit.compare_rows()) == []


def test_lapsed_queue_positions_are_deleted(record, person, time_machine):
    now = timezone.now()
    Turn.objects.create(starter=record("noor"), person=person("maria"), opens_at=now, lapses_at=now)

    forget_after(time_machine, timedelta(minutes=1))

    assert not Turn.objects.exists()


def test_retention_runs_every_day(withdrawn, run_jobs, time_machine, settings):
    withdrawn()
    retention.enqueue_retention()
    for _ in range(RETENTION.days + 2):
        Job.objects.exclude(key="daily:forget").delete()
        run_jobs()
        time_machine.move_to(timezone.now() + timedelta(days=1, seconds=1))

    job = Job.objects.get(key="daily:forget")

    assert Starter.objects.get().erased_at is not None
    assert (
        job.failed_at is None
        and job.done_at is None
        and not Job.objects.filter(failed_at__isnull=False).exists()
    )
    assert retention.run_retention("") - timezone.now() <= timedelta(days=1)


def test_running_retention_twice_changes_nothing_more(withdrawn, time_machine, settings):
    withdrawn()
    forget_after(time_machine, RETENTION + timedelta(seconds=1))
    once = kept()

    retention.run_retention("")

    assert kept() == once
