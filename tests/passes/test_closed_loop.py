"""After the hand-over: what the portal notices, which mails it writes, and when it stops reading the account."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding.models import AuditEvent, GraphBudget, Job, Mail, PassIssue, Starter
from onboarding.passes import graph_quota
from onboarding.passes.cancellation import cancel_pass
from onboarding.passes.reconciler import reconcile
from onboarding.starters import rescheduling
from portal.sandbox.records import passkey_method
from tests.conftest import live_passes

pytestmark = pytest.mark.django_db
HR, SECURITY, MANAGER = "hr@contoso.example", "security@contoso.example", "maria.lindqvist@contoso.example"


def reconcile_once(issue):
    reconcile(str(issue.pk))
    return PassIssue.objects.get(pk=issue.pk)


def use_pass(tenant):
    live_passes(tenant)[0].used = tenant.tenant.clock.now()


def register_passkey(tenant):
    tenant.tenant.accounts["noor"].methods.append(passkey_method("A key", tenant.tenant.clock.now()))


def recipients_of(kind):
    return sorted(Mail.objects.filter(kind=kind).values_list("to", flat=True))


# --- Used before the start ----------------------------------------------------------------------------------------


def test_use_before_the_start_is_audited_and_reported(held, tenant):
    issue = held("noor", starts_in=timedelta(minutes=90))
    use_pass(tenant)

    reconcile_once(issue)

    event = AuditEvent.objects.get(event="issue.used_early")
    assert event.issue == str(issue.pk) and event.facts["number"] == 1
    assert recipients_of("unexpected") == [HR, SECURITY]
    assert all("before the start" in mail.text for mail in Mail.objects.filter(kind="unexpected"))


def test_early_use_is_reported_once(held, tenant, time_machine):
    issue = held("noor", starts_in=timedelta(minutes=90))
    use_pass(tenant)

    for _ in range(3):
        reconcile_once(issue)
        time_machine.move_to(timezone.now() + timedelta(seconds=30))
    register_passkey(tenant)
    reconcile_once(issue)

    assert AuditEvent.objects.filter(event="issue.used_early").count() == 1
    assert len(recipients_of("unexpected")) == 2


def test_a_method_registered_before_the_start_counts_as_use(held, tenant):
    issue = held("noor", starts_in=timedelta(minutes=90))
    register_passkey(tenant)

    after = reconcile_once(issue)

    assert after.state == "closed" and after.reason == "registered"
    assert AuditEvent.objects.filter(event="issue.used_early").count() == 1
    assert recipients_of("unexpected") == [HR, SECURITY]


def test_early_use_of_an_unacknowledged_pass_is_audited(shown, tenant, time_machine):
    issue = shown("noor", starts_in=timedelta(minutes=90)).issue
    register_passkey(tenant)
    cancel_pass(issue, reason=PassIssue.Reason.NO_RECEIPT)
    time_machine.move_to(timezone.now() + timedelta(minutes=3))

    reconcile_once(issue)

    assert Starter.objects.get().state == "registered"
    assert AuditEvent.objects.filter(event="issue.used_early").count() == 1


def test_use_on_the_start_date_is_not_reported(held, tenant):
    issue = held("noor")
    use_pass(tenant)

    reconcile_once(issue)

    assert AuditEvent.objects.filter(event="issue.used").count() == 1
    assert (
        not AuditEvent.objects.filter(event="issue.used_early").exists() and recipients_of("unexpected") == []
    )


# --- Replaced by another tool -------------------------------------------------------------------------------------


def replace_elsewhere(tenant):
    live_passes(tenant)[0].ended = "replaced"
    now = tenant.tenant.clock.now()
    return tenant.tenant.add_pass(tenant.tenant.accounts["noor"], now, now, 60, True, "help desk's pass")


def test_a_replaced_pass_is_audited_and_reported(held, tenant):
    issue = held("noor")
    replace_elsewhere(tenant)

    after = reconcile_once(issue)

    event = AuditEvent.objects.get(event="issue.replaced_elsewhere")
    replacement = live_passes(tenant)[0]
    assert (after.state, after.reason) == ("closed", "replaced")
    assert event.issue == str(issue.pk) and event.facts == {"method_ids": [replacement.id]}
    assert recipients_of("unexpected") == [HR, SECURITY] and recipients_of("taken_back") == [MANAGER]
    assert all("created outside the portal" in mail.text for mail in Mail.objects.filter(kind="unexpected"))


def test_a_pass_is_closed_only_with_its_report(held, tenant, monkeypatch):
    issue = held("noor")
    replace_elsewhere(tenant)
    monkeypatch.setattr("onboarding.mail.outbox.enqueue_job", lambda *_, **__: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        reconcile(str(issue.pk))

    assert PassIssue.objects.get().state == "held"
    assert not AuditEvent.objects.filter(event="issue.replaced_elsewhere").exists()


def test_a_missing_pass_is_not_reported_as_replaced(held, tenant, time_machine):
    issue = held("noor")
    live_passes(tenant)[0].ended = "deleted"
    time_machine.move_to(timezone.now() + timedelta(minutes=3))

    after = reconcile_once(issue)

    assert after.reason == "gone" and recipients_of("unexpected") == []
    assert not AuditEvent.objects.filter(event="issue.replaced_elsewhere").exists()


# --- The checks end ------------------------------------------------------------------------------------


def calls_since(tenant, since):
    return [call for call in list(tenant.tenant.requests)[since:] if not call["path"].endswith("sendMail")]


def waiting_jobs():
    return sorted(Job.objects.filter(done_at=None, failed_at=None).values_list("key", flat=True))


def test_registration_deletes_the_pass_and_notifies_hr_and_the_manager(held, tenant, time_passes):
    held("noor")
    use_pass(tenant)
    time_passes(timedelta(seconds=30))
    seen = PassIssue.objects.get().used_at
    register_passkey(tenant)

    time_passes(timedelta(minutes=1))

    issue, starter = PassIssue.objects.get(), Starter.objects.get()
    assert seen is not None and (issue.state, issue.reason) == ("closed", "registered")
    assert starter.state == "registered" and starter.ended_at is not None
    assert tenant.tenant.passes[-1].ended == "deleted" and live_passes(tenant) == []
    assert recipients_of("registered") == [HR, MANAGER]


def test_a_registered_starter_is_not_checked_again(held, tenant, time_passes):
    held("noor")
    register_passkey(tenant)
    time_passes(timedelta(minutes=20))
    since = len(tenant.tenant.requests)

    time_passes(timedelta(days=2))

    assert calls_since(tenant, since) == [] and [key for key in waiting_jobs() if key != "daily:forget"] == []


def test_an_unused_pass_is_followed_until_it_expires(held, tenant, time_passes):
    issue = held("noor")

    time_passes(timedelta(minutes=70))

    assert PassIssue.objects.get().state == "closed"
    assert Job.objects.get(key=f"issue:{issue.pk}").done_at is not None


def test_following_a_pass_takes_fewer_calls_over_time(held, tenant, time_passes):
    held("noor")

    def count_method_reads(span):
        since = len(tenant.tenant.requests)
        time_passes(span)
        return len(
            [call for call in calls_since(tenant, since) if call["path"].endswith("/authentication/methods")]
        )

    early, middle = count_method_reads(timedelta(minutes=3)), count_method_reads(timedelta(minutes=12))
    late = count_method_reads(timedelta(minutes=30))

    assert early <= 19 and middle <= 25 and late <= 31


def test_following_a_pass_waits_while_microsoft_throttles(held, tenant, run_jobs, time_machine):
    issue = held("noor")
    graph_quota.back_off(60)
    since = len(tenant.tenant.requests)

    run_jobs(timedelta(seconds=30))

    job = Job.objects.get(key=f"issue:{issue.pk}")
    assert not [call for call in calls_since(tenant, since) if "/authentication/" in call["path"]]
    assert job.due_at > timezone.now() and job.attempts == 0
    assert GraphBudget.objects.get().paused_until is not None


@pytest.mark.parametrize("what", ["invited", "recorded", "expected"])
def test_an_absent_starter_is_checked_daily_and_then_no_more(
    what, record, tenant, run_jobs, time_machine, person
):
    starter = record("noor", starts_in=timedelta(days=1))
    if what != "invited":
        tenant.tenant.accounts["noor"].manager = None
    if what == "expected":
        Starter.objects.update(account_id="", account_name="nobody.yet@contoso.example")
    run_jobs()
    closes = starter.starts_at + timedelta(days=5)
    per_day, checks = [], Job.objects.filter(key=f"look:{starter.pk}")
    for day in range(40):
        before = checks.get().claim
        for hours in (1, 9, 17):
            time_machine.move_to(closes + timedelta(days=day, hours=hours))
            run_jobs()
        per_day.append(checks.get().claim - before)
    job = checks.get()

    assert max(per_day[1:]) == 1 and per_day[35:] == [0] * 5
    assert [key for key in waiting_jobs() if key != "daily:forget"] == [] and job.last_error == ""


def test_an_action_by_hr_resumes_the_checks(record, tenant, run_jobs, time_machine, person):
    starter = record("noor", starts_in=timedelta(days=1))
    run_jobs()
    for days in range(6, 45):
        time_machine.move_to(starter.starts_at + timedelta(days=days))
        run_jobs()
    ended = Job.objects.get(key=f"look:{starter.pk}").done_at

    rescheduling.reschedule_starter(
        starter=Starter.objects.get(),
        schedule=rescheduling.Schedule(
            timezone.localdate() + timedelta(days=2), starter.start_time, starter.time_zone
        ),
        note="",
        by=person("hanna"),
    )

    assert ended is not None and Job.objects.get(key=f"look:{starter.pk}").done_at is None
