"""HR moves a first day or changes the note; everything that depends on the date follows."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time

import pytest
from django.utils import timezone

from onboarding import handover, policy, services
from onboarding.models import AuditEvent, Mail, PassIssue, Starter
from onboarding.moves import Changed
from tests.conftest import creations, live_passes

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


def move(starter, person, **differently):
    values = {
        "start_date": IN_A_MONTH,
        "start_time": clock_time(9),
        "time_zone": "UTC",
        "note": "",
        "by": person("hanna"),
    }
    services.reschedule(starter=Starter.objects.get(pk=starter.pk), **values | differently)


def test_the_form_begins_with_what_is_kept(browser_of, record):
    starter = record("noor")

    page = page_of(browser_of("henry").get(address(starter)))

    assert f'name="start_date" value="{starter.start_date.isoformat()}"' in page
    assert f'name="start_time" value="{starter.start_time:%H:%M}"' in page
    assert '<option value="Europe/Amsterdam" selected>' in page
    assert f'name="version" value="{starter.version}"' in page


def test_what_was_saved_is_kept_as_it_was_said_and_as_a_moment(browser_of, record):
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


def test_the_audit_trail_says_who_moved_it_to_when(browser_of, record):
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


def test_a_change_made_meanwhile_is_not_overwritten(browser_of, record, person):
    starter = record("noor")
    fields = fields_for(starter)
    move(starter, person, note="Somebody else's note")

    hanna = browser_of("hanna")
    page = page_of(hanna.post(address(starter), fields))

    assert "changed this starter meanwhile" in page
    assert "Comes by train" in page and 'value="10:15"' in page
    assert Starter.objects.get(pk=starter.pk).note == "Somebody else's note"


def test_after_seeing_that_it_changed_hr_can_save_what_they_typed(browser_of, record, person):
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
        ("start_date", "2001-01-01", "more than a month ago"),
        ("start_time", "", "This field is required"),
        ("time_zone", "Here", "Select a valid choice"),
        ("note", "x\u202e", "characters that cannot be seen"),
    ],
)
def test_an_error_stands_beside_its_field_and_the_rest_is_kept(browser_of, record, field, value, error):
    starter = record("noor")
    fields = fields_for(starter, **{field: value})

    response = browser_of("hanna").post(address(starter), fields)

    page = page_of(response)
    beside = re.search(rf'id="id_{field}_error">(.*?)</div>', page, re.S)
    assert response.status_code == 400 and error in html.unescape(beside[1])
    kept = {name: fields[name] for name in ("start_date", "start_time") if name != field}
    assert all(f'name="{name}" value="{typed}"' in page for name, typed in kept.items())
    assert Starter.objects.get(pk=starter.pk).version == starter.version


# --- What follows from the date -----------------------------------------------------------------------------------------


def test_a_start_moved_near_invites_the_manager(record, hurry, person, tenant):
    starter = record("noor", starts_in=timedelta(days=20))
    hurry()
    assert Starter.objects.get().state == "recorded"

    move(starter, person, start_date=timezone.localdate() + timedelta(days=1))
    hurry()

    assert Starter.objects.get().state == "invited"
    assert [mail.subject for mail in tenant.tenant.mails] == ["The first day of Noor de Vries"]


def test_a_start_moved_away_closes_the_window(invite, person, confirmation, tenant):
    starter = invite("noor")

    move(starter, person, start_date=IN_A_MONTH)
    outcome = handover.confirm(confirmation(starter))

    assert isinstance(outcome, handover.Overtaken)
    assert not creations(tenant)


def test_the_manager_is_reminded_of_the_new_day_too(record, hurry, person, time_machine):
    starter = record("noor", starts_in=timedelta(hours=30))
    hurry()
    time_machine.move_to(starter.starts_at - timedelta(hours=1))
    hurry()
    new_day = timezone.localdate() + timedelta(days=10)
    move(starter, person, start_date=new_day)

    time_machine.move_to(Starter.objects.get().starts_at - timedelta(hours=1))
    hurry()

    assert Mail.objects.filter(kind="reminder").count() == 2
    assert Starter.objects.get().reminded_for == new_day


def test_a_reminder_of_the_old_day_that_was_not_sent_is_not_sent(record, hurry, person, tenant, time_machine):
    starter = record("noor", starts_in=timedelta(hours=30))
    hurry()
    tenant.tenant.faults.add({"path": ".*/sendMail", "method": "POST", "status": 503, "times": None})
    time_machine.move_to(starter.starts_at - timedelta(hours=1))
    hurry()
    tenant.tenant.faults.end()

    move(starter, person, start_date=timezone.localdate() + timedelta(days=10))
    hurry(timedelta(minutes=30))

    reminder = Mail.objects.get(kind="reminder")
    assert reminder.dropped_at and not reminder.sent_at
    assert [mail.subject for mail in tenant.tenant.mails] == ["The first day of Noor de Vries"]


@pytest.mark.parametrize("there_and_back", [False, True], ids=["another hour", "there and back"])
def test_a_day_that_was_moved_is_reminded_of_anew(record, hurry, person, time_machine, there_and_back):
    time_machine.move_to(timezone.now().replace(hour=4))  # so that four hours later is the same day
    starter = record("noor", starts_in=timedelta(hours=30))
    hurry()
    time_machine.move_to(starter.starts_at - timedelta(hours=1))
    hurry()
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
    hurry()
    hurry(timedelta(minutes=11))

    assert Mail.objects.filter(kind="reminder").count() == 2
    assert Mail.objects.filter(kind="reminder", sent_at__isnull=False).count() == 2


def test_another_note_alone_reminds_of_nothing_anew(record, hurry, person, time_machine):
    starter = record("noor", starts_in=timedelta(hours=30))
    hurry()
    time_machine.move_to(starter.starts_at - timedelta(hours=1))
    hurry()
    same = {
        "start_date": starter.start_date,
        "start_time": starter.start_time,
        "time_zone": starter.time_zone,
    }

    move(starter, person, **same, note="Comes by train")
    hurry(timedelta(minutes=20))

    assert Mail.objects.filter(kind="reminder").count() == 1


def test_a_confirmation_of_the_day_before_the_move_makes_no_pass(invite, person, confirmation, tenant):
    starter = invite("noor")
    said = confirmation(starter)
    move(starter, person, start_date=starter.start_date, start_time=starter.start_time)

    outcome = handover.confirm(said)
    again = handover.confirm(handover.Confirmation(**{**vars(said), "starter": Starter.objects.get()}))

    assert isinstance(outcome, handover.Overtaken) and isinstance(again, handover.Overtaken)
    assert not creations(tenant)


def test_a_move_while_a_pass_is_being_made_leaves_no_pass(invite, person, confirmation, tenant, monkeypatch):
    starter, create = invite("noor"), handover.create

    def moved_meanwhile(issue):
        move(starter, person)
        return create(issue)

    monkeypatch.setattr(handover, "create", moved_meanwhile)
    outcome = handover.confirm(confirmation(starter))

    assert isinstance(outcome, handover.Failed)
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

    assert "nothing of yours was saved" in page
    assert Starter.objects.get().start_date == starter.start_date
    with pytest.raises(Changed):
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


def test_the_window_is_judged_by_the_policy_in_force(invite, person, confirmation):
    starter = invite("noor")
    version = policy.in_force()
    move(starter, person, start_date=timezone.localdate() - timedelta(days=version.closes_days_after + 1))

    outcome = handover.confirm(confirmation(starter))

    assert isinstance(outcome, handover.Overtaken)
