"""HR changes the start or the note, and mails and jobs follow the new start."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time

import pytest
from django.utils import timezone

from onboarding import policy
from onboarding.errors import ConcurrentUpdate
from onboarding.models import AuditEvent, Mail, PassIssue, Starter
from onboarding.passes import handover
from onboarding.passes.confirmation import Confirmation
from onboarding.passes.creation import create_pass
from onboarding.passes.errors import PageOutdated, PassNotCreated
from onboarding.starters import rescheduling
from onboarding.starters.rescheduling import Schedule
from tests.conftest import creations, live_passes
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db
IN_A_MONTH = timezone.localdate() + timedelta(days=30)


def page_of(response):
    return response.content.decode()


def fields_for(starter, **differently):
    starter = Starter.objects.get(pk=starter.pk)
    fields = {
        "start_date": IN_A_MONTH.isoformat(),
        "start_time": "10:15",
        "time_zone": "America/Sao_Paulo",
        "note": "Comes by train",
        "version": str(starter.version),
    }
    return fields | differently


def address(starter, what="edit/"):
    return f"/hr/{starter.public_id}/{what}"


def move(starter, person, note="", **changes):
    schedule = replace(Schedule(IN_A_MONTH, clock_time(9), "UTC"), **changes)
    fresh = Starter.objects.get(pk=starter.pk)
    rescheduling.reschedule_starter(starter=fresh, schedule=schedule, note=note, by=person("hanna"))


def test_the_form_begins_with_what_is_kept(browser_of, record):
    starter = record("noor")

    page = page_of(browser_of("henry").get(address(starter)))

    assert f'name="start_date" value="{starter.start_date.isoformat()}"' in page
    assert f'name="start_time" value="{starter.start_time:%H:%M}"' in page
    assert '<option value="Europe/Amsterdam" selected>' in page
    assert f'name="version" value="{starter.version}"' in page


def test_start_is_stored_as_entered_and_in_utc(browser_of, record):
    starter = record("noor")

    response = browser_of("henry").post(address(starter), fields_for(starter))

    moved = Starter.objects.get(pk=starter.pk)
    assert response.status_code == 302 and response["Location"] == address(starter, "")
    assert (moved.start_date, moved.start_time, moved.time_zone) == (
        IN_A_MONTH,
        clock_time(10, 15),
        "America/Sao_Paulo",
    )
    assert moved.starts_at == datetime.combine(IN_A_MONTH, clock_time(13, 15), tzinfo=UTC)
    assert moved.note == "Comes by train" and moved.version == starter.version + 1


def test_audit_log_shows_the_person_and_the_new_start(browser_of, record):
    starter = record("noor")

    browser_of("henry").post(address(starter), fields_for(starter))

    event = AuditEvent.objects.get(event="starter.rescheduled")
    assert event.facts["start"] == f"{IN_A_MONTH} 10:15" and event.facts["zone"] == "America/Sao_Paulo"
    assert event.detail.values["by_name"] == "Henry Osei"
    assert "train" not in str(event.facts)


def test_opening_the_form_changes_nothing(browser_of, record):
    starter = record("noor")

    browser_of("hanna").get(address(starter), fields_for(starter))

    assert Starter.objects.get(pk=starter.pk).version == starter.version


def test_a_concurrent_change_is_not_overwritten(browser_of, record, person):
    starter = record("noor")
    fields = fields_for(starter)
    move(starter, person, note="Somebody else's note")

    hanna = browser_of("hanna")
    page = page_of(hanna.post(address(starter), fields))

    assert "page was out of date" in page
    assert "Comes by train" in page and 'value="10:15"' in page
    assert Starter.objects.get(pk=starter.pk).note == "Somebody else's note"


def test_hr_can_save_after_seeing_the_change(browser_of, record, person):
    starter = record("noor")
    fields = fields_for(starter)
    move(starter, person)
    hanna = browser_of("hanna")
    page = page_of(hanna.post(address(starter), fields))

    fresh = re.search(r'name="version" value="(\d+)"', page)[1]
    response = hanna.post(address(starter), fields | {"version": fresh})

    assert response.status_code == 302
    assert Starter.objects.get(pk=starter.pk).note == "Comes by train"


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("start_date", "soon", "Enter a valid date"),
        ("start_date", "2001-01-01", "at most 31 days ago"),
        ("start_time", "", "This field is required"),
        ("time_zone", "Here", "Select a valid choice"),
        ("note", "x\u202e", "contains invisible characters"),
    ],
)
def test_field_error_is_beside_its_field_and_the_rest_stays(browser_of, record, field, value, error):
    starter = record("noor")
    fields = fields_for(starter, **{field: value})

    response = browser_of("hanna").post(address(starter), fields)

    page = page_of(response)
    beside = re.search(rf'id="id_{field}_error">(.*?)</div>', page, re.S)
    assert response.status_code == 400 and error in html.unescape(beside[1])
    kept = {name: fields[name] for name in ("start_date", "start_time") if name != field}
    assert all(f'name="{name}" value="{typed}"' in page for name, typed in kept.items())
    assert Starter.objects.get(pk=starter.pk).version == starter.version


def subjects(tenant):
    """The subjects of the mails, without the date at the end."""
    return [mail.subject.partition(" (")[0] for mail in tenant.tenant.mails]


# --- What follows from the date -----------------------------------------------------------------------------------------


def test_a_start_moved_near_invites_the_manager(record, run_jobs, person, tenant):
    starter = record("noor", starts_in=timedelta(days=20))
    run_jobs()
    assert Starter.objects.get().state == "recorded"

    move(starter, person, start_date=timezone.localdate() + timedelta(days=1))
    run_jobs()

    assert Starter.objects.get().state == "invited"
    assert subjects(tenant) == ["Help Noor de Vries sign in on the first day"]


def test_a_start_moved_away_closes_the_window(invite, person, confirmation, tenant):
    starter = invite("noor")

    move(starter, person, start_date=IN_A_MONTH)
    outcome = outcome_of(confirmation(starter))

    assert isinstance(outcome, PageOutdated)
    assert not creations(tenant)


def test_the_manager_is_reminded_of_the_new_day_too(record, run_jobs, person, time_machine):
    starter = record("noor", starts_in=timedelta(hours=30))
    run_jobs()
    time_machine.move_to(starter.starts_at - timedelta(hours=1))
    run_jobs()
    new_day = timezone.localdate() + timedelta(days=10)
    move(starter, person, start_date=new_day)

    time_machine.move_to(Starter.objects.get().starts_at - timedelta(hours=1))
    run_jobs()

    assert Mail.objects.filter(kind="reminder").count() == 2
    assert Starter.objects.get().reminded_for == new_day


def test_unsent_reminder_of_the_old_day_is_dropped(record, run_jobs, person, tenant, time_machine):
    starter = record("noor", starts_in=timedelta(hours=30))
    run_jobs()
    tenant.tenant.faults.add({"path": ".*/sendMail", "method": "POST", "status": 503, "times": None})
    time_machine.move_to(starter.starts_at - timedelta(hours=1))
    run_jobs()
    tenant.tenant.faults.end_all()

    move(starter, person, start_date=timezone.localdate() + timedelta(days=10))
    run_jobs(timedelta(minutes=30))

    reminder = Mail.objects.get(kind="reminder")
    assert reminder.dropped_at and not reminder.sent_at
    assert subjects(tenant) == [
        "Help Noor de Vries sign in on the first day",
        "The start date of Noor de Vries has changed",
    ]


@pytest.mark.parametrize("there_and_back", [False, True], ids=["another hour", "there and back"])
def test_new_start_gets_a_new_reminder(record, run_jobs, person, time_machine, there_and_back):
    time_machine.move_to(timezone.now().replace(hour=4))  # four hours later is still the same day
    starter = record("noor", starts_in=timedelta(hours=30))
    run_jobs()
    time_machine.move_to(starter.starts_at - timedelta(hours=1))
    run_jobs()
    same = {
        "start_date": starter.start_date,
        "start_time": starter.start_time,
        "time_zone": starter.time_zone,
    }
    later = (starter.start_local + timedelta(hours=4)).time()

    if there_and_back:
        move(starter, person, start_date=IN_A_MONTH)
        move(starter, person, **same)
    else:
        move(starter, person, **{**same, "start_time": later})
    time_machine.move_to(Starter.objects.get().starts_at - timedelta(minutes=45))
    run_jobs()
    run_jobs(timedelta(minutes=11))

    assert Mail.objects.filter(kind="reminder").count() == 2
    assert Mail.objects.filter(kind="reminder", sent_at__isnull=False).count() == 2


def test_changed_note_alone_sends_no_reminder(record, run_jobs, person, time_machine):
    starter = record("noor", starts_in=timedelta(hours=30))
    run_jobs()
    time_machine.move_to(starter.starts_at - timedelta(hours=1))
    run_jobs()
    same = {
        "start_date": starter.start_date,
        "start_time": starter.start_time,
        "time_zone": starter.time_zone,
    }

    move(starter, person, **same, note="Comes by train")
    run_jobs(timedelta(minutes=20))

    assert Mail.objects.filter(kind="reminder").count() == 1


def test_confirmation_from_before_the_change_creates_no_pass(invite, person, confirmation, tenant):
    starter = invite("noor")
    said = confirmation(starter)
    move(starter, person, start_date=starter.start_date, start_time=starter.start_time)

    outcome = outcome_of(said)
    again = outcome_of(Confirmation(**{**vars(said), "starter": Starter.objects.get()}))

    assert isinstance(outcome, PageOutdated) and isinstance(again, PageOutdated)
    assert not creations(tenant)


def test_change_during_a_pass_request_leaves_no_pass(invite, person, confirmation, tenant, monkeypatch):
    starter, create = invite("noor"), create_pass

    def moved_meanwhile(issue):
        move(starter, person)
        return create(issue)

    monkeypatch.setattr(handover, "create_pass", moved_meanwhile)
    outcome = outcome_of(confirmation(starter))

    assert isinstance(outcome, PassNotCreated)
    assert len(creations(tenant)) == 1 and not live_passes(tenant)
    assert PassIssue.objects.get().state != "shown" and Starter.objects.get().state == "invited"


# --- When it cannot be moved ----------------------------------------------------------------------------------------------


def test_a_start_does_not_move_once_a_pass_is_out(browser_of, held):
    starter = held("noor").starter

    hanna = browser_of("hanna")
    hanna.post(address(starter), fields_for(starter))

    assert address(starter) not in page_of(hanna.get(address(starter, "")))
    assert Starter.objects.get().start_date == starter.start_date
    assert not AuditEvent.objects.filter(event="starter.rescheduled").exists()


@pytest.mark.parametrize("state", ["registered", "withdrawn"])
def test_what_is_finished_stays_as_it_was(browser_of, record, person, state):
    starter = record("noor")
    Starter.objects.update(state=state, ended_at=timezone.now())

    page = page_of(browser_of("hanna").post(address(starter), fields_for(starter)))

    assert "did not save your changes" in page
    assert Starter.objects.get().start_date == starter.start_date
    with pytest.raises(ConcurrentUpdate):
        move(starter, person)


@pytest.mark.parametrize("key", ["maria", "outsider", "ada", "audrey"])
def test_nobody_but_hr_moves_a_start(browser_of, record, key):
    starter = record("noor")
    browser = browser_of(key)

    answers = [
        browser.get(address(starter)).status_code,
        browser.post(address(starter), fields_for(starter)).status_code,
    ]

    assert answers == [403, 403]
    assert Starter.objects.get().version == starter.version


def test_the_window_follows_the_policy_in_force(invite, person, confirmation):
    starter = invite("noor")
    version = policy.for_site()
    move(starter, person, start_date=timezone.localdate() - timedelta(days=version.closes_days_after + 1))

    outcome = outcome_of(confirmation(starter))

    assert isinstance(outcome, PageOutdated)
