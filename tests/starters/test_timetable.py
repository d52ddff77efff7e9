"""The timetable in UTC, for each time zone and each change of its clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.utils import timezone

from onboarding import clock, graph, policy
from onboarding.managers import page_state
from onboarding.models import Mail, Starter
from onboarding.models.policy_settings import EscalateTo
from onboarding.starters import recording, timetable
from onboarding.starters.accounts import AccountEntry
from onboarding.starters.directory import FoundAccount
from onboarding.starters.rescheduling import Schedule
from tests.conftest import BY_KEY

pytestmark = pytest.mark.django_db

# The start in local time. Then in UTC: the invitation, the reminder a day before, the opening of the window with the
# reminder of the day, the escalation, and the end of the window. Three days are 72 hours, also at a change of clocks.
CASES = [
    ("an ordinary winter day", "2026-01-15 09:00", "Europe/Amsterdam",
     "2026-01-12T08:00", "2026-01-14T08:00", "2026-01-15T06:00", "2026-01-15T10:00", "2026-01-20T08:00"),
    ("an ordinary summer day", "2026-07-15 09:00", "Europe/Amsterdam",
     "2026-07-12T07:00", "2026-07-14T07:00", "2026-07-15T05:00", "2026-07-15T09:00", "2026-07-20T07:00"),
    ("the day with 23 hours", "2026-03-29 09:00", "Europe/Amsterdam",
     "2026-03-26T07:00", "2026-03-28T07:00", "2026-03-29T05:00", "2026-03-29T09:00", "2026-04-03T07:00"),
    ("a time that the clocks skip", "2026-03-29 02:30", "Europe/Amsterdam",
     "2026-03-26T01:30", "2026-03-28T01:30", "2026-03-28T23:30", "2026-03-29T09:00", "2026-04-03T01:30"),
    ("the day after the clocks went forward", "2026-03-30 09:00", "Europe/Amsterdam",
     "2026-03-27T07:00", "2026-03-29T07:00", "2026-03-30T05:00", "2026-03-30T09:00", "2026-04-04T07:00"),
    ("the day with 25 hours", "2026-10-25 09:00", "Europe/Amsterdam",
     "2026-10-22T08:00", "2026-10-24T08:00", "2026-10-25T06:00", "2026-10-25T10:00", "2026-10-30T08:00"),
    ("a time that comes twice", "2026-10-25 02:30", "Europe/Amsterdam",
     "2026-10-22T00:30", "2026-10-24T00:30", "2026-10-24T22:30", "2026-10-25T10:00", "2026-10-30T00:30"),
    ("the day after the clocks went back", "2026-10-26 09:00", "Europe/Amsterdam",
     "2026-10-23T08:00", "2026-10-25T08:00", "2026-10-26T06:00", "2026-10-26T10:00", "2026-10-31T08:00"),
    ("a time that is skipped in New York", "2026-03-08 02:15", "America/New_York",
     "2026-03-05T07:15", "2026-03-07T07:15", "2026-03-08T05:15", "2026-03-08T15:00", "2026-03-13T07:15"),
    ("a time that comes twice in New York", "2026-11-01 01:30", "America/New_York",
     "2026-10-29T05:30", "2026-10-31T05:30", "2026-11-01T03:30", "2026-11-01T16:00", "2026-11-06T05:30"),
    ("the day after, in New York", "2026-03-09 08:30", "America/New_York",
     "2026-03-06T12:30", "2026-03-08T12:30", "2026-03-09T10:30", "2026-03-09T15:00", "2026-03-14T12:30"),
    ("spring in the south", "2026-09-27 09:00", "Pacific/Auckland",
     "2026-09-23T20:00", "2026-09-25T20:00", "2026-09-26T18:00", "2026-09-26T22:00", "2026-10-01T20:00"),
    ("a time that comes twice in the south", "2026-04-05 02:30", "Pacific/Auckland",
     "2026-04-01T13:30", "2026-04-03T13:30", "2026-04-04T11:30", "2026-04-04T23:00", "2026-04-09T13:30"),
    ("half an hour", "2026-06-01 09:30", "Asia/Kolkata",
     "2026-05-29T04:00", "2026-05-31T04:00", "2026-06-01T02:00", "2026-06-01T05:30", "2026-06-06T04:00"),
    ("three quarters of an hour", "2026-06-01 09:15", "Asia/Kathmandu",
     "2026-05-29T03:30", "2026-05-31T03:30", "2026-06-01T01:30", "2026-06-01T05:15", "2026-06-06T03:30"),
    ("half an hour that comes twice", "2026-04-05 01:45", "Australia/Lord_Howe",
     "2026-04-01T14:45", "2026-04-03T14:45", "2026-04-04T12:45", "2026-04-05T00:30", "2026-04-09T14:45"),
    ("half an hour that is skipped", "2026-10-04 02:15", "Australia/Lord_Howe",
     "2026-09-30T15:45", "2026-10-02T15:45", "2026-10-03T13:45", "2026-10-04T00:00", "2026-10-08T15:45"),
    ("just after midnight by the date line", "2026-05-04 00:15", "Pacific/Apia",
     "2026-04-30T11:15", "2026-05-02T11:15", "2026-05-03T09:15", "2026-05-03T22:00", "2026-05-08T11:15"),
    ("the clocks go back for Ramadan", "2026-02-15 09:00", "Africa/Casablanca",
     "2026-02-12T09:00", "2026-02-14T09:00", "2026-02-15T07:00", "2026-02-15T11:00", "2026-02-20T09:00"),
    ("and forward after it", "2026-03-22 09:00", "Africa/Casablanca",
     "2026-03-19T08:00", "2026-03-21T08:00", "2026-03-22T06:00", "2026-03-22T10:00", "2026-03-27T08:00"),
    ("half an hour, and clocks that go forward", "2026-03-08 08:00", "America/St_Johns",
     "2026-03-05T10:30", "2026-03-07T10:30", "2026-03-08T08:30", "2026-03-08T13:30", "2026-03-13T10:30"),
    ("half an hour, and a time that comes twice", "2026-11-01 01:15", "America/St_Johns",
     "2026-10-29T03:45", "2026-10-31T03:45", "2026-11-01T01:45", "2026-11-01T14:30", "2026-11-06T03:45"),
    ("the leap day", "2028-02-29 09:00", "Europe/London",
     "2028-02-26T09:00", "2028-02-28T09:00", "2028-02-29T07:00", "2028-02-29T11:00", "2028-03-05T09:00"),
    ("the first minute of a year, where it comes first", "2027-01-01 00:00", "Pacific/Kiritimati",
     "2026-12-28T10:00", "2026-12-30T10:00", "2026-12-31T08:00", "2026-12-31T21:00", "2027-01-05T10:00"),
    ("the last minute of a year, where it comes last", "2026-12-31 23:59", "Pacific/Pago_Pago",
     "2026-12-29T10:59", "2026-12-31T10:59", "2027-01-01T08:59", "2027-01-01T11:59", "2027-01-06T10:59"),
    ("a night shift into the day with 23 hours", "2026-03-28 23:30", "Europe/Amsterdam",
     "2026-03-25T22:30", "2026-03-27T22:30", "2026-03-28T20:30", "2026-03-28T23:30", "2026-04-02T22:30"),
]  # fmt: skip
NAMES = [case[0] for case in CASES]
SECOND = timedelta(seconds=1)


def utc(said: str) -> datetime:
    return datetime.fromisoformat(said).replace(tzinfo=UTC)


def test_there_are_cases_enough():
    assert len(set(NAMES)) >= 24 and len({zone for _, _, zone, *_ in CASES}) >= 10


@pytest.mark.parametrize(
    ("name", "start", "zone", "invited", "ahead", "opens", "told", "closes"), CASES, ids=NAMES
)
def test_each_moment_is_exactly_this_one(
    time_machine,
    tenant,
    person,
    run_jobs,
    policy_says,
    name,
    start,
    zone,
    invited,
    ahead,
    opens,
    told,
    closes,
):
    """The worker and the manager's page act at the exact second: not one before, and not one after."""
    time_machine.move_to(utc(invited) - timedelta(days=1), tick=False)
    tenant.reset()
    policy_says(remind_days_before=1)
    starter = recorded(person, *start.split(), zone)

    def kinds_at(moment: datetime) -> list[str]:
        time_machine.move_to(moment, tick=False)
        run_jobs()
        return list(Mail.objects.filter(sent_at__isnull=False).order_by("pk").values_list("kind", flat=True))

    def page_at(moment: datetime) -> str:
        time_machine.move_to(moment, tick=False)
        current = Starter.objects.get(pk=starter.pk)
        return page_state.build_page_state(
            current, policy.for_starter(current), clock.now(), signed_in_at=clock.now()
        ).code

    so_far: list[str] = []
    run_jobs()
    for moment, kind in (
        (invited, "invitation"),
        (ahead, "reminder_ahead"),
        (opens, "reminder"),
        (told, "escalation"),
    ):
        assert kinds_at(utc(moment) - SECOND) == so_far, kind
        so_far.append(kind)
        assert kinds_at(utc(moment)) == so_far, kind
    assert (page_at(utc(opens) - SECOND), page_at(utc(opens))) == ("early", "ready")
    assert (page_at(utc(closes)), page_at(utc(closes) + SECOND)) == ("ready", "late")
    due = timetable.plan_timetable(Starter.objects.get(), policy.for_site())
    assert (due.invited, due.reminded_ahead, due.opens, due.reminded, due.escalated, due.closes) == tuple(
        map(utc, (invited, ahead, opens, opens, told, closes))
    )


def recorded(person, day, at, zone):
    account, manager = graph.client().look_up(BY_KEY["noor"].object_id)
    when = datetime.fromisoformat(f"{day}T{at}")
    return recording.record_starter(
        entry=AccountEntry(account.user_principal_name, FoundAccount(account, manager)),
        schedule=Schedule(when.date(), when.time(), zone),
        by=person("hanna"),
    )


def test_day_skipped_by_a_zone_moves_to_the_next(person, tenant):
    """Samoa skipped 30 December 2011."""
    starter = Starter(
        start_date=date(2011, 12, 30),
        start_time=time(9),
        time_zone="Pacific/Apia",
    )

    assert starter.start_local.isoformat() == "2011-12-31T09:00:00+14:00"


def test_what_policy_does_without_has_no_moment(record, policy_says):
    policy_says(remind_on_day=False, escalate_to=EscalateTo.NOBODY)

    due = timetable.plan_timetable(record("noor"), policy.for_site())

    assert (due.reminded_ahead, due.reminded, due.escalated) == (None, None, None)


def test_escalation_hour_follows_the_local_clock(record, policy_says):
    """A skipped hour moves forward. Of a repeated hour, the first counts."""
    policy_says(escalate_hour=2, opens_minutes_before=0)
    starter = record("noor")

    def told(start: str) -> datetime:
        when = datetime.fromisoformat(start)
        recorded_then = Starter(
            start_date=when.date(),
            start_time=when.time(),
            time_zone="Europe/Amsterdam",
            starts_at=timezone.now(),
        )
        recorded_then.starts_at = recorded_then.start_local.astimezone(UTC)
        return timetable.plan_timetable(recorded_then, policy.for_starter(starter)).escalated

    assert told("2026-03-29T00:15") == utc("2026-03-29T01:00")  # 03:00 summer time: there is no 02:00
    assert told("2026-10-25T00:15") == utc("2026-10-25T00:00")  # the first 02:00
