"""The first day in the manager's calendar: one private entry for each starter, free, without names, always current."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from django.conf import settings as configured
from django.utils import timezone

from onboarding.mail.calendar_file import CalendarEvent, write_calendar_file
from onboarding.models import Mail, Starter
from onboarding.starters import invitations, rescheduling, stand_ins, withdrawal
from tests.conftest import BY_KEY
from tests.support.calendar_file import read_entry

pytestmark = pytest.mark.django_db
MARIA, TOM = BY_KEY["maria"], BY_KEY["tom"]


def entries(tenant, address=MARIA.mail):
    """The calendar entries that reached one address, in order of arrival."""
    files = [mail.calendar for mail in tenant.tenant.mails if mail.recipients == [address] and mail.calendar]
    return [read_entry(file) for file in files]


def move(starter, person, *, days: int) -> Starter:
    current = Starter.objects.get(pk=starter.pk)
    rescheduling.reschedule_starter(
        starter=current,
        schedule=rescheduling.Schedule(
            current.start_date + timedelta(days=days), time(10, 30), current.time_zone
        ),
        note="",
        by=person("hanna"),
    )
    return Starter.objects.get(pk=starter.pk)


def test_an_invitation_carries_a_private_calendar_entry_without_rsvp(invite, run_jobs, tenant, settings):
    starter = invite("noor", starts_in=timedelta(days=2))

    run_jobs()

    [entry] = entries(tenant)
    assert entry.method == "REQUEST" and entry.moment("DTSTART") == starter.starts_at
    assert entry.text("SUMMARY") == "Help a new colleague sign in"
    assert entry.values["CLASS"] == "PRIVATE" and entry.values["TRANSP"] == "TRANSPARENT"
    assert entry.values["X-MICROSOFT-CDO-BUSYSTATUS"] == "FREE" and entry.values["STATUS"] == "CONFIRMED"
    assert entry.values["ORGANIZER"] == f"mailto:{settings.MAIL_FROM}"
    assert (
        entry.values["ATTENDEE"] == f"mailto:{MARIA.mail}" and entry.parameters["ATTENDEE"]["RSVP"] == "FALSE"
    )
    link = f"{settings.PORTAL_URL}/starters/{starter.public_id}/"
    assert entry.values["URL"] == entry.text("DESCRIPTION") == link


def test_a_calendar_entry_contains_no_names(invite, run_jobs, tenant):
    starter = invite("noor", starts_in=timedelta(days=2))
    Starter.objects.update(note="Has a dog called Rex")

    run_jobs()

    file = tenant.tenant.mails[0].calendar.replace("\r\n ", "")
    for fact in ("Noor", starter.account_name, starter.account_id, "Rex", starter.department):
        assert fact not in file


def test_smtp_sends_the_calendar_file_as_its_own_mime_part(peer, invite, run_jobs):
    invite("noor", starts_in=timedelta(days=2))

    run_jobs()

    mime = peer.got[0][1]
    kinds = [part.get_content_type() for part in mime.iter_parts()]
    part = list(mime.iter_parts())[-1]
    assert kinds == ["text/plain", "text/html", "text/calendar"]
    assert (part.get_param("method"), part.get_param("charset")) == ("REQUEST", "utf-8")
    assert read_entry(part.get_payload(decode=True).decode()).method == "REQUEST"


def test_a_moved_day_updates_the_entry_with_a_higher_sequence(invite, run_jobs, tenant, person):
    starter = invite("noor", starts_in=timedelta(days=2))
    run_jobs()

    moved = move(starter, person, days=3)
    run_jobs()

    first, second = entries(tenant)
    assert second.values["UID"] == first.values["UID"] and second.sequence > first.sequence
    assert second.method == "REQUEST" and second.moment("DTSTART") == moved.starts_at


def test_a_reminder_of_the_same_day_keeps_the_sequence(invite, run_jobs, tenant, time_passes):
    starter = invite("noor", starts_in=timedelta(days=1))

    time_passes(starter.starts_at - timezone.now())

    first, *others = entries(tenant)
    assert others and {entry.sequence for entry in others} == {first.sequence}


def test_a_withdrawal_cancels_the_calendar_entry(invite, run_jobs, tenant, person):
    starter = invite("noor", starts_in=timedelta(days=2))
    run_jobs()

    withdrawal.withdraw_starter(starter=Starter.objects.get(pk=starter.pk), by=person("hanna"), reason="x")
    run_jobs()

    first, last = entries(tenant)
    assert (last.method, last.values["STATUS"]) == ("CANCEL", "CANCELLED")
    assert last.values["UID"] == first.values["UID"] and last.sequence > first.sequence


def test_a_restored_starter_gets_a_newer_entry_than_the_cancellation(invite, run_jobs, tenant, person):
    starter = invite("noor", starts_in=timedelta(days=20))
    run_jobs()
    withdrawal.withdraw_starter(starter=Starter.objects.get(pk=starter.pk), by=person("hanna"), reason="x")
    run_jobs()
    withdrawal.restore_starter(starter=Starter.objects.get(pk=starter.pk), by=person("hanna"), reason="x")

    invitations.send_link(starter=Starter.objects.get(pk=starter.pk), by=person("hanna"))
    run_jobs()

    first, second, third = entries(tenant)
    assert [first.method, second.method, third.method] == ["REQUEST", "CANCEL", "REQUEST"]
    assert first.sequence < second.sequence < third.sequence


@pytest.mark.usefixtures("managers_may_change")
def test_a_former_manager_gets_the_cancellation_of_the_entry(invite, run_jobs, tenant, person):
    starter = invite("noor", starts_in=timedelta(days=2))
    run_jobs()
    tenant.tenant.accounts["noor"].manager = "tom"

    invitations.update_from_directory(Starter.objects.get(pk=starter.pk))
    run_jobs()

    assert [entry.method for entry in entries(tenant)] == ["REQUEST", "CANCEL"]
    assert [entry.method for entry in entries(tenant, TOM.mail)] == ["REQUEST"]


def test_a_former_manager_is_notified_before_hr_accepts_another(invite, run_jobs, tenant):
    starter = invite("noor", starts_in=timedelta(days=2))
    run_jobs()
    tenant.tenant.accounts["noor"].manager = "tom"

    invitations.update_from_directory(Starter.objects.get(pk=starter.pk))
    invitations.update_from_directory(Starter.objects.get(pk=starter.pk))
    run_jobs()

    assert Starter.objects.get().problem == Starter.Problem.MANAGER_CHANGED
    assert [entry.method for entry in entries(tenant)] == ["REQUEST", "CANCEL"]
    assert entries(tenant, TOM.mail) == [] and Mail.objects.filter(kind="not_asked").count() == 1


def test_a_stand_in_gets_the_entry_until_the_manager_returns(invite, run_jobs, tenant, person):
    starter = invite("noor", starts_in=timedelta(days=2))
    run_jobs()
    above = stand_ins.find_stand_in(Starter.objects.get(pk=starter.pk), by=person("hanna")).managers_manager

    stand_ins.assign_stand_in(
        starter=Starter.objects.get(pk=starter.pk),
        stand_in_id=above.object_id,
        by=person("hanna"),
        reason="x",
    )
    run_jobs()
    stand_ins.remove_stand_in(starter=Starter.objects.get(pk=starter.pk), by=person("hanna"), reason="x")
    run_jobs()

    assert [entry.method for entry in entries(tenant)] == ["REQUEST", "CANCEL", "REQUEST"]
    assert [entry.method for entry in entries(tenant, above.mail)] == ["REQUEST", "CANCEL"]
    numbers = [read_entry(mail.calendar).sequence for mail in tenant.tenant.mails if mail.calendar]
    assert numbers == sorted(numbers) and len(set(numbers)) == 5


def test_a_reader_without_an_entry_gets_no_cancellation(record, run_jobs, tenant, person):
    starters = [record(key, starts_in=timedelta(days=20)) for key in ("noor", "liam", "sofia")]
    for starter in starters:
        invitations.send_link(starter=starter, by=person("hanna"), in_bulk=True)
    run_jobs()
    run_jobs(timedelta(minutes=11))
    gone = Starter.objects.filter(mails__digest__isnull=False).first()

    withdrawal.withdraw_starter(starter=gone, by=person("hanna"), reason="x")
    run_jobs()

    last = tenant.tenant.mails[-1]
    assert gone.name in last.subject and "Onboarding withdrawn" in last.subject and last.calendar == ""


def test_a_mail_to_hr_has_no_calendar_file(record, run_jobs, tenant):
    record("ben", starts_in=timedelta(days=1))
    run_jobs()

    run_jobs(timedelta(minutes=3))

    assert tenant.tenant.mails and not any(mail.calendar for mail in tenant.tenant.mails)


@pytest.mark.parametrize(
    "link", ["https://x.example/" + "a" * 300, "https://x.example/;a,b\\c", "https://x.example/" + "ü" * 90]
)
def test_long_and_unusual_values_survive_folding_and_escaping(settings, link):
    settings.MAIL_FROM = "Starters <starters@contoso.example>"
    event = CalendarEvent(
        "REQUEST",
        "a@x",
        7,
        datetime(2030, 1, 1, 9, tzinfo=UTC),
        datetime(2029, 1, 1, tzinfo=UTC),
        "m@x.example",
        link,
    )

    entry = read_entry(write_calendar_file(event))

    assert entry.text("DESCRIPTION") == link and entry.sequence == 7
    assert entry.values["ORGANIZER"] == "mailto:starters@contoso.example"


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("de", "Einem neuen Teammitglied bei der Anmeldung helfen"),
        ("nl", "Een nieuwe collega helpen met aanmelden"),
    ],
)
def test_the_entrys_title_is_in_the_organisations_language(settings, language, title):
    settings.ORGANISATION_LANGUAGE = language
    moment = datetime(2030, 1, 1, tzinfo=UTC)

    entry = read_entry(
        write_calendar_file(
            CalendarEvent("CANCEL", "a@x", 1, moment, moment, "m@x.example", configured.PORTAL_URL)
        )
    )

    assert entry.text("SUMMARY") == title
