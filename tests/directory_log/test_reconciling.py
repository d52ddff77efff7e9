"""A pass in Entra's audit log that the trail does not have is an alarm, and the other way round a notice. Each once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from onboarding import clock, jobs
from onboarding.audit import verify_chain
from onboarding.directory_log import reading
from onboarding.models import (
    AuditEvent,
    DirectoryFinding,
    DirectoryLog,
    Job,
    LoggedPass,
    Mail,
    PassIssue,
    Starter,
)
from portal.sandbox.audit_log import CREATED_PASS, REGISTERED_BY_ADMIN, REGISTERED_BY_USER
from portal.sandbox.options import IDENTITY_PRINCIPAL_ID
from portal.sandbox.people import BY_KEY
from portal.sandbox.server import Sandbox

pytestmark = pytest.mark.django_db
LATER = timedelta(minutes=10)  # Entra's log shows an entry five minutes after it happened
GRACE = reading.GRACE + timedelta(hours=1)


@pytest.fixture
def log_pass(tenant: Sandbox) -> Callable[..., Any]:
    """Write a pass to Entra's log, as if somebody had created it."""

    def log(key: str = "noor", by: str = IDENTITY_PRINCIPAL_ID, activity: str = REGISTERED_BY_ADMIN) -> Any:
        reason = "Admin registered temporary access pass method for user"
        state = tenant.tenant
        return state.log_activity(activity, reason, state.accounts[key], by=by)

    return log


@pytest.fixture
def reconcile(tenant: Sandbox) -> Callable[..., list[str]]:
    """Read the log to its end, at that much later a time, and return the kinds of all findings."""

    def run(ahead: timedelta = LATER) -> list[str]:
        with time_machine.travel(timezone.now() + ahead) as traveller:
            reading.read_to_the_end(traveller.shift)
        return list(DirectoryFinding.objects.order_by("pk").values_list("kind", flat=True))

    return run


def events(name: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(event=name))


def test_a_pass_of_the_portal_is_explained_by_its_trail(shown, reconcile):
    issue = shown().issue

    assert reconcile() == []
    assert LoggedPass.objects.get().issue == issue
    assert reconcile(GRACE) == []


@pytest.mark.parametrize("activity", [REGISTERED_BY_ADMIN, REGISTERED_BY_USER, CREATED_PASS])
def test_a_pass_without_trail_is_an_alarm_once(shown, reconcile, log_pass, settings, activity):
    settings.SECURITY_ADDRESS = "security@contoso.example"
    shown()
    log_pass("liam", activity=activity)

    assert reconcile() == ["no_trail"]
    assert reconcile() == ["no_trail"]
    (event,) = events("directory.pass_without_trail")
    assert event.starter == "" and event.detail.values["account"] == BY_KEY["liam"].object_id
    mail = Mail.objects.get(kind="directory_alarm")
    assert mail.to == "security@contoso.example" and f"Event {event.seq}" in mail.text
    assert Job.objects.filter(key=f"mail:{mail.pk}").exists()
    assert list(verify_chain()) == []


def test_a_second_pass_at_the_same_time_is_an_alarm(shown, reconcile, log_pass):
    """An attempt explains one pass, so that nobody hides behind a manager's click."""
    shown("noor")
    log_pass("noor")

    assert reconcile() == ["no_trail"]


def test_a_row_without_its_claim_in_the_trail_explains_nothing(shown, reconcile):
    issue = shown().issue
    AuditEvent.objects.filter(issue=str(issue.pk), event="issue.intent").update(event="issue.other")

    assert reconcile() == ["no_trail"]


@pytest.mark.parametrize("by", [BY_KEY["ada"].object_id, "11111111-2222-4333-8444-555555555555"])
def test_a_pass_by_another_for_a_starter_is_an_alarm(record, reconcile, log_pass, by):
    starter = record("noor")
    log_pass("noor", by=by)
    log_pass("liam", by=by)  # no starter: nothing is kept

    assert reconcile() == ["by_another"]
    (event,) = events("directory.pass_by_another")
    assert event.starter == starter.public_id and event.detail.values["created_by"] == by
    assert LoggedPass.objects.count() == 1


def test_a_pass_after_the_onboarding_is_no_finding(record, reconcile, log_pass):
    Starter.objects.filter(pk=record("noor").pk).update(ended_at=clock.now() - timedelta(hours=1))
    log_pass("noor", by=BY_KEY["ada"].object_id)

    assert reconcile() == []


def test_a_missing_entry_is_a_notice_after_the_grace_time(shown, reconcile, tenant):
    tenant.tenant.audit_log.delay = 3 * 86400.0
    issue = shown().issue

    assert reconcile() == []  # it may still come
    assert reconcile(GRACE) == ["not_logged"]
    assert reconcile(GRACE + LATER) == ["not_logged"]
    (event,) = events("directory.pass_not_logged")
    assert event.issue == str(issue.pk)
    assert not Mail.objects.filter(kind="directory_alarm").exists()


def test_an_entry_that_comes_hours_late_is_compared(shown, reconcile, log_pass, tenant):
    tenant.tenant.audit_log.delay = 20 * 3600.0
    shown()
    log_pass("liam")

    assert reconcile() == []
    assert reconcile(timedelta(hours=21)) == ["no_trail"]
    assert reconcile(GRACE) == ["no_trail"]


def test_reading_goes_on_where_a_worker_stopped(shown, log_pass, tenant, monkeypatch):
    for _ in range(5):
        log_pass("liam")
    tenant.tenant.list_page = 2
    tenant.tenant.faults.add({"path": "/auditLogs/directoryAudits", "status": 503, "skip": 1, "times": 4})

    with time_machine.travel(timezone.now() + LATER) as traveller:
        assert reading.read_next_page() is False
        token = DirectoryLog.objects.get().next_token
        with pytest.raises(Exception, match="no usable answer"):
            reading.read_next_page()
        assert DirectoryLog.objects.get().next_token == token
        reading.read_to_the_end(traveller.shift)

    assert DirectoryFinding.objects.count() == 5
    assert DirectoryLog.objects.get().read_at is not None


def test_an_outage_is_one_warning_and_its_end_one_line(tenant, policy_says, run_jobs, caplog):
    """Microsoft is away for three tries. A job that goes on failing is shown by doctor and metrics (tests/worker)."""
    caplog.set_level("INFO", logger="onboarding.jobs")
    tenant.tenant.faults.add({"path": "/auditLogs/directoryAudits", "status": 503, "times": 12})
    reading.enqueue_reading()

    with time_machine.travel(timezone.now() + LATER) as traveller:
        for _ in range(20):
            run_jobs()
            traveller.move_to(Job.objects.get(key=reading.JOB_KEY).due_at + timedelta(seconds=1))
            if any("works again" in record.message for record in caplog.records):
                break

    lines = [(record.levelname, record.exc_info is None) for record in caplog.records]
    assert lines[0] == ("WARNING", True) and set(lines[1:]) == {("INFO", True)} and len(lines) > 2
    assert caplog.records[-1].message == "a job that had failed works again"
    assert caplog.records[-1].failures == len(lines) - 1


def test_a_token_that_became_too_old_begins_again(log_pass, tenant, reconcile):
    for _ in range(3):
        log_pass("liam")
    tenant.tenant.list_page = 2
    with time_machine.travel(timezone.now() + LATER):
        reading.read_next_page()
        DirectoryLog.objects.update(next_token="b2xk")

    assert reconcile() == ["no_trail"] * 3


def test_the_quota_for_passes_comes_first(tenant, policy_says):
    jobs.enqueue_job(reading.JOB_KEY, priority=Job.Priority.LOOK)
    for _ in range(3):
        reading.graph_quota.acquire_for_worker(yields=False)

    with pytest.raises(reading.JobPostponed):
        reading.read_log("read")

    assert not any("directoryAudits" in asked["path"] for asked in tenant.tenant.requests)


def test_without_the_right_nothing_is_compared(tenant):
    tenant.tenant.granted.discard("AuditLog.Read.All")
    tenant.tenant.expire_tokens()

    due = reading.read_log("read")

    assert due - clock.now() > timedelta(minutes=59)
    assert DirectoryLog.objects.get().refused_at is not None


def test_a_time_that_nobody_read_is_an_event(reconcile, tenant):
    reconcile()
    DirectoryLog.objects.update(complete_until=clock.now() - timedelta(days=30))

    reconcile()

    assert len(events("directory.not_read")) == 1


def test_the_command_lists_open_alarms(log_pass, tenant, capsys):
    log_pass("liam")

    with time_machine.travel(timezone.now() + LATER), pytest.raises(CommandError, match="Open alarms: 1"):
        call_command("reconcile_directory")

    assert "alarm, event" in capsys.readouterr().err
    assert PassIssue.objects.count() == 0
