"""After a restore, passes that the database does not know are found, and nobody gets a second one unnoticed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from onboarding import jobs
from onboarding.directory_log import after_restore, findings, reading
from onboarding.jobs import JobPostponed
from onboarding.models import AuditEvent, DirectoryFinding, Installation, Job, Mail, PassIssue, Starter
from onboarding.operations import installation
from onboarding.passes import handover
from onboarding.passes.confirmation import Shown
from onboarding.passes.errors import PageOutdated, RefusedByGuards, TryAgainLater
from onboarding.restored import use
from onboarding.worker import starter_checks
from tests.conftest import creations, live_passes

pytestmark = pytest.mark.django_db


@pytest.fixture
def restored(worker_alive: None) -> None:
    """The database was restored, and is adopted now."""
    Installation.objects.update(suspended="operator")
    installation.adopt_database(reason="Restored after a disk failed")


@pytest.fixture
def served_after_the_backup(shown: Callable[..., Shown]) -> Starter:
    """The starter was served, and the database that is restored does not know it."""
    starter = shown("noor").issue.starter
    PassIssue.objects.all().delete()
    Job.objects.all().delete()
    Starter.objects.update(state="invited", first_pass_at=None)
    return Starter.objects.get(pk=starter.pk)


def check(starter: Starter) -> None:
    job = Job.objects.get(key=use.check_key(starter))
    jobs.run_job(job)


def test_a_pass_that_the_backup_lacks_is_an_alarm_once(tenant, served_after_the_backup, restored) -> None:
    check(served_after_the_backup)
    check(served_after_the_backup)

    finding = DirectoryFinding.objects.get()
    (live,) = live_passes(tenant)
    assert (finding.kind, finding.starter, finding.is_alarm) == ("restored", served_after_the_backup, True)
    event = AuditEvent.objects.get(event="directory.pass_after_restore")
    assert event.facts["method_id"] == live.id
    mail = Mail.objects.get(kind="directory_alarm")
    assert "restored" in mail.text and "Someone else" not in mail.subject


def test_a_served_starter_gets_no_second_pass_unnoticed(
    tenant, served_after_the_backup, restored, confirmation
) -> None:
    asked = len(creations(tenant))
    check(served_after_the_backup)
    starter_checks.check_starter(str(served_after_the_backup.pk))

    assert Mail.objects.filter(kind="refused", to="hr@contoso.example").exists()
    with pytest.raises((RefusedByGuards, PageOutdated)):
        handover.confirm(confirmation(served_after_the_backup))
    assert len(creations(tenant)) == asked


def test_an_alarm_without_a_starter_holds_its_account(tenant, invite, restored) -> None:
    starter = invite("noor")
    findings.record_finding(
        findings.Kind.NO_TRAIL, key="entry", at=timezone.now(), starter=None, facts={"entry": "entry"},
        personal={"account": starter.account_id},
    )  # fmt: skip

    starter_checks.check_starter(str(starter.pk))

    assert "no_unknown_pass" in Starter.objects.get().refused_for


def test_a_starter_added_after_the_adoption_is_checked(tenant, served_after_the_backup, restored) -> None:
    """The original portal served a starter, and HR adds them again to the copy."""
    Job.objects.all().delete()
    Starter.objects.update(recorded_at=timezone.now() + timedelta(hours=1))

    starter_checks.check_starter(str(served_after_the_backup.pk))
    served_after_the_backup.refresh_from_db()
    check(served_after_the_backup)

    assert DirectoryFinding.objects.get().kind == "restored"


@pytest.mark.parametrize("days", [29, 31])
def test_the_check_of_new_accounts_ends_after_thirty_days(tenant, invite, restored, days: int) -> None:
    starter = invite("noor")
    Job.objects.filter(after_restore.IS_CHECK).delete()
    Installation.objects.update(adopted_at=timezone.now() - timedelta(days=days))

    starter_checks.check_starter(str(starter.pk))

    assert Job.objects.filter(after_restore.IS_CHECK).exists() is (days == 29)


def test_an_admin_ends_the_alarm_and_the_guard_holds(served_after_the_backup, restored, person) -> None:
    check(served_after_the_backup)
    starter_checks.check_starter(str(served_after_the_backup.pk))
    assert "no_unknown_pass" in Starter.objects.get().refused_for

    findings.close_finding(
        DirectoryFinding.objects.get().pk, by=person("ada"), reason="Maria gave it to Noor"
    )
    starter_checks.check_starter(str(served_after_the_backup.pk))

    assert "no_unknown_pass" not in Starter.objects.get().refused_for


def test_a_click_waits_for_the_check_of_its_starter(tenant, invite, restored, confirmation) -> None:
    starter = invite("noor")
    assert Job.objects.get(key=use.check_key(starter)).priority == Job.Priority.LOOK

    with pytest.raises(TryAgainLater) as refused:
        handover.confirm(confirmation(starter))

    assert refused.value.code == "not_read_yet"
    assert Job.objects.get(key=use.check_key(starter)).priority == Job.Priority.PASS
    assert creations(tenant) == []
    check(starter)
    assert isinstance(handover.confirm(confirmation(starter)), Shown)


def test_each_starter_who_waits_is_checked_once(invite, record, restored) -> None:
    invite("noor"), record("liam")
    Installation.objects.update(suspended="operator")

    installation.adopt_database(reason="Restored once more")

    assert Job.objects.filter(after_restore.IS_CHECK).count() == 2


def test_a_known_pass_is_no_alarm(shown) -> None:
    starter = shown("noor").issue.starter
    Installation.objects.update(suspended="operator")
    installation.adopt_database(reason="Restored after a disk failed")
    after_restore.check_starter(str(starter.pk))

    assert not DirectoryFinding.objects.exists()


def test_a_throttled_check_is_repeated(tenant, fault, served_after_the_backup, restored) -> None:
    fault(method="GET", status=429, headers={"Retry-After": "7"})

    with pytest.raises(JobPostponed):
        after_restore.check_starter(str(served_after_the_backup.pk))


def test_a_missing_account_is_believed_only_later(tenant, invite, restored) -> None:
    starter = invite("noor")
    Starter.objects.update(account_id="99999999-0000-4000-8000-000000000000")

    with pytest.raises(JobPostponed):
        after_restore.check_starter(str(starter.pk))
    Installation.objects.update(adopted_at=timezone.now() - timedelta(minutes=11))
    assert after_restore.check_starter(str(starter.pk)) is None


def test_reconcile_directory_does_the_checks(
    tenant, served_after_the_backup, restored, monkeypatch: Any
) -> None:
    monkeypatch.setattr(reading, "read_to_the_end", lambda _pause: None)

    with pytest.raises(CommandError, match="Open alarms: 1"):
        call_command("reconcile_directory")

    assert not Job.objects.filter(after_restore.IS_CHECK, done_at=None).exists()
