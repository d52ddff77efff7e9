"""The worker's own actions: it reads the directory, sends the link in time, and reminds once."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from onboarding import graph
from onboarding.models import AuditEvent, Job, PolicyVersion, Starter
from onboarding.starters import recording, rescheduling, withdrawal
from onboarding.starters.accounts import AccountEntry
from onboarding.starters.directory import FoundAccount
from onboarding.starters.rescheduling import Schedule
from onboarding.worker import starter_checks
from tests.conftest import BY_KEY, creations
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db
LEAD, BEFORE = timedelta(days=3), timedelta(hours=2)


@pytest.fixture
def record_at(person, tenant):
    """Add a person of the demo cast for a local date and time in a time zone."""

    def recorded(day, at, zone, key="noor"):
        account, manager = graph.client().look_up(BY_KEY[key].object_id)
        return recording.record_starter(
            entry=AccountEntry(account.user_principal_name, FoundAccount(account, manager)),
            schedule=Schedule(day, at, zone),
            by=person("hanna"),
        )

    return recorded


def recipients(tenant):
    return [mail.recipients[0] for mail in tenant.tenant.mails]


def starter_state():
    return Starter.objects.get().state


def readings_of_sign_in(tenant):
    return [
        request
        for request in tenant.tenant.requests
        if "signInActivity" in request["query"].get("$select", "")
    ]


# --- Inviting -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "zone", ["Pacific/Auckland", "Asia/Kathmandu", "Europe/Amsterdam", "America/Los_Angeles"]
)
def test_the_manager_is_invited_by_the_starters_time_zone(record_at, run_jobs, tenant, time_machine, zone):
    starter = record_at(timezone.localdate() + timedelta(days=10), time(9), zone)
    nine_there = datetime.combine(starter.start_date, time(9), tzinfo=ZoneInfo(zone))

    time_machine.move_to(nine_there - LEAD - timedelta(seconds=30))
    run_jobs()
    before = (starter_state(), recipients(tenant))
    time_machine.move_to(nine_there - LEAD + timedelta(seconds=1))
    run_jobs()

    assert before == ("recorded", [])
    assert starter_state() == "invited" and recipients(tenant) == ["maria.lindqvist@contoso.example"]


def test_a_starter_added_late_is_invited_at_once(record, run_jobs, tenant):
    record("noor", starts_in=timedelta(days=1))

    run_jobs()

    assert starter_state() == "invited" and len(recipients(tenant)) == 1


def test_the_worker_follows_a_changed_invitation_time(record, run_jobs, time_machine):
    record("noor", starts_in=timedelta(days=10))
    run_jobs()
    PolicyVersion.objects.create(reason="Earlier", invite_days_before=12)

    time_machine.move_to(timezone.now() + starter_checks.CHECK_FAR + timedelta(minutes=1))
    run_jobs()

    assert starter_state() == "invited"


def test_the_audit_log_records_that_the_portal_invited(record, run_jobs):
    record("noor", starts_in=timedelta(days=1))
    run_jobs()

    event = AuditEvent.objects.get(event="starter.invited")

    assert "by" not in event.detail.values
    assert event.detail.values["to"] == "maria.lindqvist@contoso.example"


def test_the_invitation_is_sent_once(record, run_jobs, tenant, time_machine):
    starter = record("noor", starts_in=timedelta(days=2))

    for _ in range(4):
        run_jobs()
        time_machine.move_to(timezone.now() + timedelta(minutes=16))
        starter_checks.check_starter(str(starter.pk))

    assert recipients(tenant) == ["maria.lindqvist@contoso.example"]


def test_hr_is_notified_once_of_what_blocks_the_invitation(record, run_jobs, tenant, time_machine):
    record("ben", starts_in=timedelta(days=1))

    for _ in range(3):
        run_jobs()
        time_machine.move_to(timezone.now() + timedelta(minutes=16))

    assert starter_state() == "recorded" and recipients(tenant) == ["hr@contoso.example"]
    assert "No manager is set in Entra" in tenant.tenant.mails[0].text


@pytest.mark.usefixtures("managers_may_change")
def test_a_fix_in_the_directory_lets_the_onboarding_continue(record, run_jobs, tenant, time_machine):
    record("ben", starts_in=timedelta(days=1))
    run_jobs()
    tenant.tenant.accounts["ben"].manager = "tom"
    time_machine.move_to(timezone.now() + timedelta(minutes=16))

    run_jobs()

    assert starter_state() == "invited" and recipients(tenant)[-1] == "tom.becker@contoso.example"


def test_a_silent_directory_delays_the_check_and_loses_nothing(record, run_jobs, tenant, time_machine):
    record("noor", starts_in=timedelta(days=1))
    tenant.tenant.faults.add([{"path": r"/\$batch", "drop": "before", "times": 1}])
    run_jobs()
    between = starter_state()

    time_machine.move_to(timezone.now() + timedelta(seconds=5))
    run_jobs()

    assert (between, starter_state()) == ("recorded", "invited")


def test_the_worker_waits_as_long_as_the_directory_asks(record, run_jobs, tenant):
    starter = record("noor", starts_in=timedelta(days=1))
    tenant.tenant.faults.add([{"path": r"/\$batch", "status": 429, "headers": {"Retry-After": "77"}}])

    run_jobs()

    job = Job.objects.get(key=f"look:{starter.pk}")
    assert timedelta(seconds=70) < job.due_at - timezone.now() <= timedelta(seconds=77)
    assert (job.attempts, job.last_error) == (0, "")


def test_a_finished_starter_is_not_checked_again(record, run_jobs, person, tenant):
    starter = record("noor", starts_in=timedelta(days=1))
    withdrawal.withdraw_starter(starter=starter, by=person("hanna"), reason="x")
    tenant.tenant.requests.clear()

    run_jobs()

    assert not tenant.tenant.requests and not recipients(tenant)
    assert Job.objects.get(key=f"look:{starter.pk}").done_at is not None


def test_starters_are_checked_often_near_the_start_and_seldom_before(record, run_jobs):
    far, near = record("noor", starts_in=timedelta(days=60)), record("liam", starts_in=timedelta(days=2))
    run_jobs()

    pauses = [Job.objects.get(key=f"look:{starter.pk}").due_at - timezone.now() for starter in (far, near)]

    assert timedelta(hours=5) < pauses[0] <= starter_checks.CHECK_FAR
    assert timedelta(minutes=10) < pauses[1] <= starter_checks.CHECK_NEAR


# --- Reminding ------------------------------------------------------------------------------------------------------------


def reminders(tenant):
    return [mail for mail in tenant.tenant.mails if "Create the pass for" in mail.subject]


def test_the_manager_is_reminded_once_when_the_window_opens(record, run_jobs, tenant, time_machine):
    starter = record("noor", starts_in=timedelta(days=2))
    run_jobs()

    time_machine.move_to(starter.starts_at - BEFORE - timedelta(seconds=30))
    run_jobs()
    early = len(reminders(tenant))
    for minutes in (1, 20, 200, 2000):
        time_machine.move_to(starter.starts_at - BEFORE + timedelta(minutes=minutes))
        run_jobs()

    assert early == 0
    assert [mail.recipients for mail in reminders(tenant)] == [["maria.lindqvist@contoso.example"]]


def test_a_manager_invited_within_the_hour_gets_no_reminder(invite, run_jobs, tenant, time_machine):
    invite("noor")

    for _ in range(3):
        run_jobs()
        time_machine.move_to(timezone.now() + timedelta(minutes=40))

    # The escalation comes only after that hour; the time of day depends on when this test runs.
    assert recipients(tenant).count(BY_KEY["maria"].mail) == 1 and not reminders(tenant)


def test_the_reminder_waits_until_nothing_stops_the_pass(record, run_jobs, tenant, time_machine):
    starter = record("noor", starts_in=timedelta(days=2))
    run_jobs()
    properties = tenant.tenant.accounts["noor"].properties
    properties["accountEnabled"] = False
    waits = []

    for minutes, enabled in ((1, False), (20, True), (40, True)):
        properties["accountEnabled"] = enabled
        time_machine.move_to(starter.starts_at - BEFORE + timedelta(minutes=minutes))
        run_jobs()
        waits.append(len(reminders(tenant)))

    assert waits == [0, 1, 1]


def test_no_reminder_is_sent_during_a_freeze(record, run_jobs, tenant, time_machine, policy_says):
    starter = record("noor", starts_in=timedelta(days=2))
    run_jobs()
    policy_says(frozen=True)
    time_machine.move_to(starter.starts_at - BEFORE + timedelta(minutes=1))
    run_jobs()
    frozen = len(reminders(tenant))

    policy_says(frozen=False)
    time_machine.move_to(starter.starts_at - BEFORE + timedelta(minutes=20))
    run_jobs()

    assert (frozen, len(reminders(tenant))) == (0, 1)


def test_a_manager_who_created_the_pass_gets_no_reminder(record, run_jobs, tenant, time_machine):
    starter = record("noor", starts_in=timedelta(days=2))
    run_jobs()
    Starter.objects.update(state="issued")

    time_machine.move_to(starter.starts_at)
    run_jobs()

    assert not reminders(tenant)


def test_no_reminder_is_sent_after_the_window(record, run_jobs, tenant, time_machine):
    starter = record("noor", starts_in=timedelta(days=2))
    run_jobs()

    time_machine.move_to(starter.starts_at + timedelta(days=6))
    run_jobs()

    assert not reminders(tenant)


# --- Checking again --------------------------------------------------------------------------------------------------------


@pytest.fixture
def expected(person, tenant):
    """Lotte Vos, whose account does not exist yet."""
    start = timezone.localtime() + timedelta(days=20)
    return recording.record_starter(
        entry=AccountEntry(BY_KEY["late"].user_principal_name),
        schedule=Schedule(start.date(), time(9), "UTC"),
        by=person("hanna"),
    )


def test_hr_is_notified_once_when_an_expected_account_appears(expected, run_jobs, tenant, time_machine):
    run_jobs()
    nothing_yet = recipients(tenant)
    tenant.tenant.create_expected_account("late")

    for _ in range(3):
        time_machine.move_to(timezone.now() + timedelta(minutes=16))
        run_jobs()

    found = Starter.objects.get()
    assert nothing_yet == [] and recipients(tenant) == ["hr@contoso.example"]
    assert (found.found_account_id, found.account_id) == (BY_KEY["late"].object_id, "")
    assert found.problem == Starter.Problem.ACCOUNT_FOUND
    assert AuditEvent.objects.filter(event="starter.account_found").count() == 1


@pytest.mark.usefixtures("managers_may_change")
def test_a_new_manager_is_sent_the_link_once(invite, run_jobs, tenant, time_machine):
    invite("noor")
    run_jobs()
    tenant.tenant.accounts["noor"].manager = "tom"

    for _ in range(3):
        time_machine.move_to(timezone.now() + timedelta(minutes=16))
        run_jobs()

    former = "maria.lindqvist@contoso.example"  # gets the mail that the link has ended
    assert recipients(tenant) == [former, former, "tom.becker@contoso.example"]
    assert AuditEvent.objects.filter(event="starter.manager_changed").count() == 1


@pytest.mark.usefixtures("managers_may_change")
def test_a_new_manager_gets_the_link_after_a_refusal_too(
    invite, confirmation, run_jobs, tenant, time_machine
):
    starter = invite("noor")
    tenant.tenant.accounts["noor"].manager = "tom"
    outcome_of(confirmation(starter))
    assert Starter.objects.get().problem == Starter.Problem.REFUSED

    time_machine.move_to(timezone.now() + timedelta(minutes=16))
    run_jobs()

    assert "tom.becker@contoso.example" in recipients(tenant)


@pytest.mark.usefixtures("managers_may_change")
def test_a_new_manager_before_the_invitation_gets_only_the_invitation(record, run_jobs, tenant, time_machine):
    starter = record("noor", starts_in=timedelta(days=10))
    tenant.tenant.accounts["noor"].manager = "tom"
    run_jobs()
    before = recipients(tenant)

    time_machine.move_to(starter.starts_at - LEAD + timedelta(seconds=1))
    run_jobs()

    assert before == [] and recipients(tenant) == ["tom.becker@contoso.example"]


@pytest.mark.usefixtures("managers_may_change")
def test_a_new_manager_who_added_the_starter_gets_no_link(invite, run_jobs, tenant, time_machine):
    invite("noor", by="henry")
    run_jobs()
    tenant.tenant.accounts["noor"].manager = "henry"

    time_machine.move_to(timezone.now() + timedelta(minutes=16))
    run_jobs()

    former = "maria.lindqvist@contoso.example"  # gets the mail that the link has ended
    assert recipients(tenant) == [former, former, "hr@contoso.example"]
    assert Starter.objects.get().problem == Starter.Problem.MANAGER_RECORDED


def test_a_deleted_account_is_shown_until_it_returns(invite, run_jobs, tenant, time_machine):
    invite("noor")
    tenant.tenant.accounts["noor"].exists = False
    run_jobs()
    gone = Starter.objects.get()
    tenant.tenant.accounts["noor"].exists = True

    time_machine.move_to(timezone.now() + timedelta(minutes=16))
    run_jobs()

    assert gone.problem == Starter.Problem.ACCOUNT_GONE and gone.display_name == "Noor de Vries"
    assert Starter.objects.get().problem == ""


def test_hr_is_notified_of_an_account_deleted_before_the_invitation(record, run_jobs, tenant):
    record("noor", starts_in=timedelta(days=1))
    tenant.tenant.accounts["noor"].exists = False
    run_jobs()

    run_jobs(timedelta(minutes=3))  # HR gets one digest

    assert starter_state() == "recorded" and recipients(tenant) == ["hr@contoso.example"]
    assert "no longer in Entra" in tenant.tenant.mails[0].text


def test_changed_directory_data_is_stored(record, run_jobs, tenant):
    record("noor")
    tenant.tenant.accounts["noor"].properties["jobTitle"] = "Lead designer"

    run_jobs()

    assert Starter.objects.get().job_title == "Lead designer"


# --- Sign-in activity -------------------------------------------------------------------------------------------


def test_a_sign_in_before_the_first_pass_is_refused(record, run_jobs, confirmation, tenant, worker_alive):
    starter = record("signedin")
    run_jobs()

    seen = Starter.objects.get()
    outcome = outcome_of(confirmation(starter))

    assert seen.last_sign_in_at is not None and seen.sign_in_looked_at is not None
    assert [guard.code for guard in outcome.guards] == ["never_signed_in"] and not creations(tenant)


def test_an_account_that_never_signed_in_is_stored_as_such(record, run_jobs):
    record("noor")

    run_jobs()

    starter = Starter.objects.get()
    assert starter.sign_in_looked_at is not None and starter.last_sign_in_at is None


def test_sign_in_activity_is_not_read_before_the_lead_time(record, run_jobs, tenant, time_machine):
    starter = record("noor", starts_in=timedelta(days=20))
    tenant.tenant.requests.clear()
    run_jobs()
    early = readings_of_sign_in(tenant)

    time_machine.move_to(starter.starts_at - LEAD + timedelta(seconds=1))
    run_jobs()

    assert not early and readings_of_sign_in(tenant)


def test_sign_in_activity_is_not_read_after_the_first_pass(held, run_jobs, tenant, settings, time_machine):
    starter = held("noor").starter
    tenant.tenant.accounts["noor"].last_sign_in = tenant.tenant.clock.now()
    tenant.tenant.requests.clear()

    starter_checks.check_starter(str(starter.pk))

    assert tenant.tenant.requests and Starter.objects.get().last_sign_in_at is None
    assert not readings_of_sign_in(tenant)


def test_a_tenant_without_sign_in_activity_stops_nothing(record, run_jobs, tenant):
    tenant.tenant.granted.discard("AuditLog.Read.All")
    tenant.tenant.expire_tokens()
    record("noor", starts_in=timedelta(days=1))

    run_jobs()

    starter = Starter.objects.get()
    assert starter.state == "invited"
    assert starter.sign_in_looked_at is not None and starter.last_sign_in_at is None


# --- Local time --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "at", "zone", "moment", "on_the_wall"),
    [
        (date(2026, 1, 15), time(9), "Europe/Amsterdam", "2026-01-15T08:00", "09:00"),
        (date(2026, 7, 15), time(9), "Europe/Amsterdam", "2026-07-15T07:00", "09:00"),
        # The skipped hour moves forward.
        (date(2026, 3, 29), time(2, 30), "Europe/Amsterdam", "2026-03-29T01:30", "03:30"),
        (date(2026, 3, 8), time(2, 15), "America/New_York", "2026-03-08T07:15", "03:15"),
        # Of the repeated hour, the first one counts.
        (date(2026, 10, 25), time(2, 30), "Europe/Amsterdam", "2026-10-25T00:30", "02:30"),
        (date(2026, 11, 1), time(1, 30), "America/New_York", "2026-11-01T05:30", "01:30"),
        # A half-hour offset, and both sides of the date line.
        (date(2026, 4, 5), time(1, 45), "Australia/Lord_Howe", "2026-04-04T14:45", "01:45"),
        (date(2026, 1, 1), time(0), "Pacific/Kiritimati", "2025-12-31T10:00", "00:00"),
        (date(2026, 1, 1), time(23, 59), "Pacific/Pago_Pago", "2026-01-02T10:59", "23:59"),
    ],
)
def test_a_start_is_stored_in_the_starters_time_zone(record_at, day, at, zone, moment, on_the_wall):
    starter = record_at(day, at, zone)

    kept = Starter.objects.get(pk=starter.pk)

    assert kept.starts_at == datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert (kept.start_date, kept.start_time) == (day, at)
    assert kept.start_words.endswith(on_the_wall)


def test_moving_a_start_handles_the_skipped_hour_the_same_way(record_at, person):
    starter = record_at(date(2026, 1, 15), time(9), "UTC")

    rescheduling.reschedule_starter(
        starter=starter,
        schedule=rescheduling.Schedule(date(2026, 3, 29), time(2, 30), "Europe/Amsterdam"),
        note="",
        by=person("hanna"),
    )

    assert Starter.objects.get().starts_at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_the_window_of_a_25_hour_day_opens_on_time(record_at):
    starter = record_at(date(2026, 10, 25), time(3, 30), "Europe/Amsterdam")

    opens, closes = starter.pass_window(BEFORE, timedelta(days=5))

    assert opens == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30, for the first time
    assert closes == datetime(2026, 10, 30, 2, 30, tzinfo=UTC)


def test_a_refused_starter_whose_link_is_due_is_checked_soon(record):
    starter = record("noor")
    starter.problem = Starter.Problem.REFUSED

    again = starter_checks._next_check(starter)

    assert again is not None and again - timezone.now() <= timedelta(minutes=3)
