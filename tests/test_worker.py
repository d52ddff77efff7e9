"""What the worker does by itself: it looks at the directory, invites when the time comes, and reminds once."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from onboarding import graph, handover, routine, services
from onboarding.models import AuditEvent, Job, PolicyVersion, Starter
from tests.conftest import BY_KEY, creations

pytestmark = pytest.mark.django_db
LEAD, BEFORE = timedelta(days=3), timedelta(hours=2)


@pytest.fixture
def record_at(person, tenant):
    """Record somebody of the cast for one local date and time, in one zone."""

    def recorded(day, at, zone, key="noor"):
        account, manager = graph.client().look_up(BY_KEY[key].object_id)
        return services.record_starter(
            account_name=account.user_principal_name,
            account=account,
            manager=manager,
            start_date=day,
            start_time=at,
            time_zone=zone,
            note="",
            by=person("hanna"),
        )

    return recorded


def to(tenant):
    return [mail.recipients[0] for mail in tenant.tenant.mails]


def state():
    return Starter.objects.get().state


def readings_of_sign_in(tenant):
    return [one for one in tenant.tenant.requests if "signInActivity" in one["query"].get("$select", "")]


# --- Inviting -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "zone", ["Pacific/Auckland", "Asia/Kathmandu", "Europe/Amsterdam", "America/Los_Angeles"]
)
def test_the_manager_is_invited_when_the_lead_time_comes_where_the_starter_works(
    record_at, hurry, tenant, time_machine, zone
):
    starter = record_at(timezone.localdate() + timedelta(days=10), time(9), zone)
    nine_there = datetime.combine(starter.start_date, time(9), tzinfo=ZoneInfo(zone))

    time_machine.move_to(nine_there - LEAD - timedelta(seconds=30))
    hurry()
    before = (state(), to(tenant))
    time_machine.move_to(nine_there - LEAD + timedelta(seconds=1))
    hurry()

    assert before == ("recorded", [])
    assert state() == "invited" and to(tenant) == ["maria.lindqvist@contoso.example"]


def test_who_is_recorded_within_the_lead_time_is_invited_at_once(record, hurry, tenant):
    record("noor", starts_in=timedelta(days=1))

    hurry()

    assert state() == "invited" and len(to(tenant)) == 1


def test_a_lead_time_that_policy_changed_is_followed(record, hurry, time_machine):
    record("noor", starts_in=timedelta(days=10))
    hurry()
    PolicyVersion.objects.create(reason="Earlier", invite_days_before=12)

    time_machine.move_to(timezone.now() + routine.LOOK_FAR + timedelta(minutes=1))
    hurry()

    assert state() == "invited"


def test_inviting_is_written_as_done_by_the_portal(record, hurry):
    record("noor", starts_in=timedelta(days=1))
    hurry()

    event = AuditEvent.objects.get(event="starter.invited")

    assert "by" not in event.detail.values
    assert event.detail.values["to"] == "maria.lindqvist@contoso.example"


def test_the_invitation_is_sent_once_however_often_the_worker_looks(record, hurry, tenant, time_machine):
    starter = record("noor", starts_in=timedelta(days=2))

    for _ in range(4):
        hurry()
        time_machine.move_to(timezone.now() + timedelta(minutes=16))
        routine.look(str(starter.pk))

    assert to(tenant) == ["maria.lindqvist@contoso.example"]


def test_hr_is_told_once_what_keeps_the_manager_from_being_invited(record, hurry, tenant, time_machine):
    record("ben", starts_in=timedelta(days=1))

    for _ in range(3):
        hurry()
        time_machine.move_to(timezone.now() + timedelta(minutes=16))

    assert state() == "recorded" and to(tenant) == ["hr@contoso.example"]
    assert "The directory names no manager" in tenant.tenant.mails[0].text


@pytest.mark.usefixtures("managers_may_change")
def test_what_was_put_right_in_the_directory_goes_on_by_itself(record, hurry, tenant, time_machine):
    record("ben", starts_in=timedelta(days=1))
    hurry()
    tenant.tenant.accounts["ben"].manager = "tom"
    time_machine.move_to(timezone.now() + timedelta(minutes=16))

    hurry()

    assert state() == "invited" and to(tenant)[-1] == "tom.becker@contoso.example"


def test_a_directory_that_does_not_answer_puts_it_off_and_loses_nothing(record, hurry, tenant, time_machine):
    record("noor", starts_in=timedelta(days=1))
    tenant.tenant.faults.add([{"path": r"/\$batch", "drop": "before", "times": 1}])
    hurry()
    between = state()

    time_machine.move_to(timezone.now() + timedelta(seconds=5))
    hurry()

    assert (between, state()) == ("recorded", "invited")


def test_a_directory_that_wants_to_be_left_alone_is_left_alone(record, hurry, tenant):
    starter = record("noor", starts_in=timedelta(days=1))
    tenant.tenant.faults.add([{"path": r"/\$batch", "status": 429, "headers": {"Retry-After": "77"}}])

    hurry()

    job = Job.objects.get(key=f"look:{starter.pk}")
    assert timedelta(seconds=70) < job.due_at - timezone.now() <= timedelta(seconds=77)
    assert (job.attempts, job.last_error) == (0, "")


def test_who_is_finished_is_not_looked_at_again(record, hurry, person, tenant):
    starter = record("noor", starts_in=timedelta(days=1))
    services.withdraw_starter(starter=starter, by=person("hanna"), reason="x")
    tenant.tenant.requests.clear()

    hurry()

    assert not tenant.tenant.requests and not to(tenant)
    assert Job.objects.get(key=f"look:{starter.pk}").done_at is not None


def test_the_directory_is_asked_often_near_the_day_and_seldom_before(record, hurry):
    far, near = record("noor", starts_in=timedelta(days=60)), record("liam", starts_in=timedelta(days=2))
    hurry()

    pauses = [Job.objects.get(key=f"look:{one.pk}").due_at - timezone.now() for one in (far, near)]

    assert timedelta(hours=5) < pauses[0] <= routine.LOOK_FAR
    assert timedelta(minutes=10) < pauses[1] <= routine.LOOK_NEAR


# --- Reminding ------------------------------------------------------------------------------------------------------------


def reminders(tenant):
    return [mail for mail in tenant.tenant.mails if "waiting for a first sign-in" in mail.subject]


def test_the_manager_is_reminded_once_when_the_window_opens(record, hurry, tenant, time_machine):
    starter = record("noor", starts_in=timedelta(days=2))
    hurry()

    time_machine.move_to(starter.starts_at - BEFORE - timedelta(seconds=30))
    hurry()
    early = len(reminders(tenant))
    for minutes in (1, 20, 200, 2000):
        time_machine.move_to(starter.starts_at - BEFORE + timedelta(minutes=minutes))
        hurry()

    assert early == 0
    assert [mail.recipients for mail in reminders(tenant)] == [["maria.lindqvist@contoso.example"]]


def test_who_was_invited_within_the_hour_is_not_reminded(invite, hurry, tenant, time_machine):
    invite("noor")

    for _ in range(3):
        hurry()
        time_machine.move_to(timezone.now() + timedelta(minutes=40))

    # Others hear of it only when that hour is over; how late in the day it is depends on when this runs.
    assert to(tenant).count(BY_KEY["maria"].mail) == 1 and not reminders(tenant)


def test_who_handed_over_a_pass_before_the_reminder_gets_none(record, hurry, tenant, time_machine):
    starter = record("noor", starts_in=timedelta(days=2))
    hurry()
    Starter.objects.update(state="issued")

    time_machine.move_to(starter.starts_at)
    hurry()

    assert not reminders(tenant)


def test_after_the_window_nobody_is_reminded(record, hurry, tenant, time_machine):
    starter = record("noor", starts_in=timedelta(days=2))
    hurry()

    time_machine.move_to(starter.starts_at + timedelta(days=6))
    hurry()

    assert not reminders(tenant)


# --- Looking again --------------------------------------------------------------------------------------------------------


@pytest.fixture
def expected(person, tenant):
    """Lotte Vos, whose account does not exist yet."""
    start = timezone.localtime() + timedelta(days=20)
    return services.record_starter(
        account_name=BY_KEY["late"].user_principal_name,
        account=None,
        manager=None,
        start_date=start.date(),
        start_time=time(9),
        time_zone="UTC",
        note="",
        by=person("hanna"),
    )


def test_an_expected_account_is_found_when_it_appears_and_hr_is_told_once(
    expected, hurry, tenant, time_machine
):
    hurry()
    nothing_yet = to(tenant)
    tenant.tenant.appear("late")

    for _ in range(3):
        time_machine.move_to(timezone.now() + timedelta(minutes=16))
        hurry()

    found = Starter.objects.get()
    assert nothing_yet == [] and to(tenant) == ["hr@contoso.example"]
    assert (found.found_account_id, found.account_id) == (BY_KEY["late"].object_id, "")
    assert found.problem == Starter.Problem.ACCOUNT_FOUND
    assert AuditEvent.objects.filter(event="starter.account_found").count() == 1


@pytest.mark.usefixtures("managers_may_change")
def test_a_new_manager_is_sent_the_link_once(invite, hurry, tenant, time_machine):
    invite("noor")
    hurry()
    tenant.tenant.accounts["noor"].manager = "tom"

    for _ in range(3):
        time_machine.move_to(timezone.now() + timedelta(minutes=16))
        hurry()

    assert to(tenant) == ["maria.lindqvist@contoso.example", "tom.becker@contoso.example"]
    assert AuditEvent.objects.filter(event="starter.manager_changed").count() == 1


@pytest.mark.usefixtures("managers_may_change")
def test_a_new_manager_is_sent_the_link_after_a_refusal_too(
    invite, confirmation, hurry, tenant, time_machine
):
    starter = invite("noor")
    tenant.tenant.accounts["noor"].manager = "tom"
    handover.confirm(confirmation(starter))
    assert Starter.objects.get().problem == Starter.Problem.REFUSED

    time_machine.move_to(timezone.now() + timedelta(minutes=16))
    hurry()

    assert "tom.becker@contoso.example" in to(tenant)


@pytest.mark.usefixtures("managers_may_change")
def test_a_new_manager_of_somebody_not_invited_yet_gets_only_the_invitation(
    record, hurry, tenant, time_machine
):
    starter = record("noor", starts_in=timedelta(days=10))
    tenant.tenant.accounts["noor"].manager = "tom"
    hurry()
    before = to(tenant)

    time_machine.move_to(starter.starts_at - LEAD + timedelta(seconds=1))
    hurry()

    assert before == [] and to(tenant) == ["tom.becker@contoso.example"]


@pytest.mark.usefixtures("managers_may_change")
def test_a_new_manager_who_recorded_the_starter_is_not_sent_the_link_and_hr_is_told(
    invite, hurry, tenant, time_machine
):
    invite("noor", by="henry")
    hurry()
    tenant.tenant.accounts["noor"].manager = "henry"

    time_machine.move_to(timezone.now() + timedelta(minutes=16))
    hurry()

    assert to(tenant) == ["maria.lindqvist@contoso.example", "hr@contoso.example"]
    assert Starter.objects.get().problem == Starter.Problem.MANAGER_RECORDED


def test_an_account_that_is_gone_is_said_and_comes_back_when_it_does(invite, hurry, tenant, time_machine):
    invite("noor")
    tenant.tenant.accounts["noor"].exists = False
    hurry()
    gone = Starter.objects.get()
    tenant.tenant.accounts["noor"].exists = True

    time_machine.move_to(timezone.now() + timedelta(minutes=16))
    hurry()

    assert gone.problem == Starter.Problem.ACCOUNT_GONE and gone.display_name == "Noor de Vries"
    assert Starter.objects.get().problem == ""


def test_an_account_that_is_gone_when_the_lead_time_comes_is_told_to_hr(record, hurry, tenant):
    record("noor", starts_in=timedelta(days=1))
    tenant.tenant.accounts["noor"].exists = False

    hurry()

    assert state() == "recorded" and to(tenant) == ["hr@contoso.example"]
    assert "no longer in the directory" in tenant.tenant.mails[0].text


def test_new_facts_of_the_directory_are_kept(record, hurry, tenant):
    record("noor")
    tenant.tenant.accounts["noor"].properties["jobTitle"] = "Lead designer"

    hurry()

    assert Starter.objects.get().job_title == "Lead designer"


# --- When somebody last signed in -------------------------------------------------------------------------------------------


def test_a_sign_in_before_the_first_pass_is_seen_and_refused(
    record, hurry, confirmation, tenant, worker_alive
):
    starter = record("signedin")
    hurry()

    seen = Starter.objects.get()
    outcome = handover.confirm(confirmation(starter))

    assert seen.last_sign_in_at is not None and seen.sign_in_looked_at is not None
    assert [guard.code for guard in outcome.guards] == ["never_signed_in"] and not creations(tenant)


def test_who_never_signed_in_is_known_as_that(record, hurry):
    record("noor")

    hurry()

    starter = Starter.objects.get()
    assert starter.sign_in_looked_at is not None and starter.last_sign_in_at is None


def test_the_last_sign_in_is_not_read_before_the_lead_time(record, hurry, tenant, time_machine):
    starter = record("noor", starts_in=timedelta(days=20))
    tenant.tenant.requests.clear()
    hurry()
    early = readings_of_sign_in(tenant)

    time_machine.move_to(starter.starts_at - LEAD + timedelta(seconds=1))
    hurry()

    assert not early and readings_of_sign_in(tenant)


def test_the_last_sign_in_is_not_read_after_the_first_pass(held, hurry, tenant, settings, time_machine):
    starter = held("noor").starter
    tenant.tenant.accounts["noor"].last_sign_in = tenant.tenant.clock.now()
    tenant.tenant.requests.clear()

    routine.look(str(starter.pk))

    assert tenant.tenant.requests and Starter.objects.get().last_sign_in_at is None
    assert not readings_of_sign_in(tenant)


def test_a_tenant_that_does_not_tell_is_asked_in_vain_and_the_day_goes_on(record, hurry, tenant):
    tenant.tenant.granted.discard("AuditLog.Read.All")
    tenant.tenant.expire_tokens()
    record("noor", starts_in=timedelta(days=1))

    hurry()

    starter = Starter.objects.get()
    assert starter.state == "invited"
    assert starter.sign_in_looked_at is not None and starter.last_sign_in_at is None


# --- The clock on the wall --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "at", "zone", "moment", "on_the_wall"),
    [
        (date(2026, 1, 15), time(9), "Europe/Amsterdam", "2026-01-15T08:00", "09:00"),
        (date(2026, 7, 15), time(9), "Europe/Amsterdam", "2026-07-15T07:00", "09:00"),
        # The hour that the clocks skip: it moves forward.
        (date(2026, 3, 29), time(2, 30), "Europe/Amsterdam", "2026-03-29T01:30", "03:30"),
        (date(2026, 3, 8), time(2, 15), "America/New_York", "2026-03-08T07:15", "03:15"),
        # The hour that comes twice: the first of the two.
        (date(2026, 10, 25), time(2, 30), "Europe/Amsterdam", "2026-10-25T00:30", "02:30"),
        (date(2026, 11, 1), time(1, 30), "America/New_York", "2026-11-01T05:30", "01:30"),
        # Half an hour of difference, and the far sides of the date line.
        (date(2026, 4, 5), time(1, 45), "Australia/Lord_Howe", "2026-04-04T14:45", "01:45"),
        (date(2026, 1, 1), time(0), "Pacific/Kiritimati", "2025-12-31T10:00", "00:00"),
        (date(2026, 1, 1), time(23, 59), "Pacific/Pago_Pago", "2026-01-02T10:59", "23:59"),
    ],
)
def test_a_start_is_a_moment_where_the_starter_works(record_at, day, at, zone, moment, on_the_wall):
    starter = record_at(day, at, zone)

    kept = Starter.objects.get(pk=starter.pk)

    assert kept.starts_at == datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert (kept.start_date, kept.start_time) == (day, at)
    assert kept.start_words.endswith(on_the_wall)


def test_moving_a_start_counts_the_hour_that_the_clocks_skip_in_the_same_way(record_at, person):
    starter = record_at(date(2026, 1, 15), time(9), "UTC")

    services.reschedule(
        starter=starter,
        start_date=date(2026, 3, 29),
        start_time=time(2, 30),
        time_zone="Europe/Amsterdam",
        note="",
        by=person("hanna"),
    )

    assert Starter.objects.get().starts_at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_the_window_of_a_day_with_25_hours_opens_two_real_hours_before(record_at):
    starter = record_at(date(2026, 10, 25), time(3, 30), "Europe/Amsterdam")

    opens, closes = starter.window(BEFORE, timedelta(days=5))

    assert opens == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30, for the first time
    assert closes == datetime(2026, 10, 30, 2, 30, tzinfo=UTC)
