"""Cases of mail, as a mail server, the directory, HR and IT see them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.formats import date_format

from onboarding import audit
from onboarding.mail import notifications, rendering
from onboarding.models import AuditEvent, Job, Mail, Starter
from onboarding.starters import invitations, rescheduling
from tests.support.hr_forms import version_of

pytestmark = pytest.mark.django_db

SETUP_REFUSED = {
    "RCPT 5.7.64": ("recipients_refused", "550 5.7.64 TenantAttribution; Relay Access Denied"),
    "RCPT 5.7.54": ("recipients_refused", "550 5.7.54 SMTP; Unable to relay recipient"),
    "RCPT 5.7.1": ("recipients_refused", "550 5.7.1 Service unavailable, client host blocked"),
    "message 5.1.8": ("answers", "550 5.1.8 Access denied, bad outbound sender"),
}


def text_of(response) -> str:
    return " ".join(response.content.decode().split())


def press_send(browser, starter, *, version: int | None = None) -> str:
    """Send the link. Returns the text of the next page. `version` is the version of the page with the button."""
    values = {"version": version or version_of(starter)}
    return text_of(browser.post(f"/hr/{starter.public_id}/send/", values, follow=True))


@pytest.mark.parametrize(("where", "answer"), SETUP_REFUSED.values(), ids=SETUP_REFUSED)
def test_m1_mail_refused_for_the_set_up_leaves_after_the_fix(
    peer, invite, run_jobs, browser_of, where, answer
):
    starter = invite("noor")
    setattr(peer, where, [answer] * 3)

    run_jobs()
    hr, it = browser_of("hanna"), browser_of("ada")
    page, lists = text_of(hr.get(f"/hr/{starter.public_id}/")), text_of(hr.get("/hr/"))
    doctor = text_of(it.post("/admin/doctor/"))
    for seconds in (7, 14, 28):
        run_jobs(timedelta(seconds=seconds))

    assert (
        "does not accept emails" not in page
        and "Emails are delayed" in page
        and "Emails are delayed" in lists
    )
    assert "does not accept the portal’s settings" in page and "refuses the portal’s settings" in doctor
    assert answer.partition(" ")[2] in doctor
    assert len(peer.got) == 1 and Mail.objects.get(kind="invitation").sent_at is not None
    assert Starter.objects.get().problem == ""
    assert "Emails are delayed" not in text_of(hr.get("/hr/"))


@pytest.mark.parametrize("answer", ["550 5.1.1 Unknown", "550 5.1.10 Not found", "550 5.2.1 Disabled"])
def test_m1_an_answer_about_the_address_is_shown_as_one(peer, invite, run_jobs, browser_of, answer):
    starter = invite("noor")
    peer.recipients_refused = [answer]

    run_jobs()

    page = text_of(browser_of("hanna").get(f"/hr/{starter.public_id}/"))
    assert "The manager’s email address does not accept emails." in page and "Emails are delayed" not in page


def test_m1_five_days_of_refused_set_up_lose_no_mail(peer, invite, time_passes):
    invite("noor", starts_in=timedelta(days=30))
    peer.recipients_refused = ["550 5.7.64 TenantAttribution; Relay Access Denied"] * 2000
    time_passes(timedelta(days=5))
    before = len(peer.got)
    peer.recipients_refused = []

    time_passes(timedelta(minutes=15))

    assert before == 0 and Mail.objects.get(kind="invitation").sent_at is not None


@pytest.mark.parametrize("sent_before", [False, True], ids=["no mail yet", "one earlier mail"])
def test_o11_the_doctor_reports_the_missing_right_to_send(
    tenant, invite, run_jobs, browser_of, monkeypatch, sent_before
):
    if sent_before:
        invite("sofia")
        run_jobs()
    elsewhere = replace(tenant.tenant.options, mailbox="another@contoso.example")
    monkeypatch.setattr(tenant.tenant, "options", elsewhere)
    invite("noor")
    run_jobs()

    page = text_of(browser_of("ada").post("/admin/doctor/"))

    assert "because the role “Application Mail.Send” for" in page and "ErrorAccessDenied" in page
    assert "New-ManagementRoleAssignment" in page


TWO_ADDRESSES = {
    "a comma": "tom@contoso.example, thief@evil.example",
    "a semicolon": "tom@contoso.example; thief@evil.example",
    "a space": "tom@contoso.example thief@evil.example",
    "a line": "tom@contoso.example\nBcc: thief@evil.example",
    "a fullwidth comma": "tom@contoso.example，thief＠evil.example",
    "a group": "team: tom@contoso.example, thief@evil.example;",
    "a name": "thief@evil.example <tom@contoso.example>",
    "a quoted part": '"tom@contoso.example, thief"@evil.example',
    "a comment": "tom(thief@evil.example,)@contoso.example",
    "cut at a length": "tom@contoso.example" + "." * 1 + "a" * 250 + ".evil.example",
}


@pytest.mark.parametrize("value", TWO_ADDRESSES.values(), ids=TWO_ADDRESSES)
def test_m2_an_invalid_address_in_the_directory_gets_no_mail(
    peer, tenant, record, run_jobs, browser_of, value
):
    starter = record("noor")
    tenant.tenant.accounts["maria"].properties["mail"] = value

    page = press_send(browser_of("hanna"), starter)
    run_jobs()

    assert [recipients for recipients, _ in peer.got] == [["hr@contoso.example"]]  # only HR is notified
    assert Starter.objects.get().problem == Starter.Problem.NO_MAILBOX
    assert "No email was sent, because the manager or stand-in has no mailbox." in page


def test_m2_a_valid_address_gets_the_mail(peer, tenant, record, run_jobs, browser_of):
    starter = record("noor")
    tenant.tenant.accounts["maria"].properties["mail"] = " o'brien+hr@sub.contoso.example "

    press_send(browser_of("hanna"), starter)
    run_jobs()

    assert [recipients for recipients, _ in peer.got] == [["o'brien+hr@sub.contoso.example"]]


def test_m3_sending_the_link_twelve_times_is_one_mail(peer, record, run_jobs, browser_of):
    starter, hanna = record("noor", starts_in=timedelta(days=20)), browser_of("hanna")

    pages = []
    for _ in range(12):
        pages.append(press_send(hanna, starter, version=starter.version))
        run_jobs()

    sent_at = timezone.localtime(Mail.objects.get(kind="invitation").sent_at)
    assert len(peer.got) == 1 and Mail.objects.filter(kind="invitation").count() == 1
    assert "The portal is emailing the link to the manager or stand-in." in pages[0]
    assert all(f"The link was sent at {sent_at:%H:%M}." in page for page in pages[1:])
    assert AuditEvent.objects.filter(event__in=["starter.invited", "starter.link_sent"]).count() == 1


def test_m3_after_ten_minutes_the_link_can_be_sent_again(peer, record, run_jobs, browser_of, time_machine):
    starter, hanna = record("noor", starts_in=timedelta(days=20)), browser_of("hanna")
    press_send(hanna, starter)
    run_jobs()

    time_machine.move_to(timezone.now() + timedelta(minutes=11))
    page = press_send(hanna, starter)
    run_jobs()

    assert "The portal is emailing the link to the manager or stand-in." in page and len(peer.got) == 2


def test_p9_no_page_says_that_a_waiting_link_was_sent(peer, invite, record, run_jobs, browser_of):
    invite("liam")  # the same manager got a mail a moment ago
    run_jobs()
    starter, hanna = record("noor", starts_in=timedelta(days=20)), browser_of("hanna")
    second_look = hanna.post("/hr/together/", {"step": "send", "starter": starter.public_id}).content.decode()
    (seen,) = re.findall(rf'value="({starter.public_id}:[^"]+)"', second_look)
    hanna.post("/hr/together/", {"step": "do-send", "starter": seen})

    page = text_of(hanna.get(f"/hr/{starter.public_id}/"))
    run_jobs(timedelta(minutes=11))
    later = text_of(hanna.get(f"/hr/{starter.public_id}/"))

    steps = page.partition('class="story"')[2].partition("</ol>")[0]
    assert (
        "not sent yet: the portal sends each person at most one email every ten minutes" in steps
        and page.count("not sent yet") == 2
    )
    assert "was sent the link" not in page and "(sent" not in page
    assert "not sent yet" not in later and "(sent)" in later


def test_m4_the_manager_is_notified_of_a_moved_start(peer, invite, run_jobs, browser_of):
    starter, hanna = invite("noor", starts_in=timedelta(days=4)), browser_of("hanna")
    run_jobs()
    day = starter.start_date + timedelta(days=3)
    values = {
        "start_date": day.isoformat(),
        "start_time": "10:30",
        "time_zone": starter.time_zone,
        "note": "",
    }

    page = text_of(
        hanna.post(f"/hr/{starter.public_id}/edit/", {**values, "version": version_of(starter)}, follow=True)
    )
    run_jobs()

    (_, first), (to, second) = peer.got
    words = date_format(day, "LONG_DAY")
    assert to == ["maria.lindqvist@contoso.example"] and starter.name in page
    assert (
        "has changed" in second["Subject"] and f"({date_format(day, 'D j M Y')}, 10:30)" in second["Subject"]
    )
    text = second.get_body(("plain",)).get_content()
    assert f"Start date: {words}, 10:30 (Europe/Amsterdam)" in text and text.count("Europe/Amsterdam") == 1
    assert f"/starters/{starter.public_id}/" in text
    assert words not in first.get_body(("plain",)).get_content()


def test_m4_the_manager_is_notified_of_a_withdrawal(peer, invite, run_jobs, browser_of):
    starter, hanna = invite("noor", starts_in=timedelta(days=4)), browser_of("hanna")
    run_jobs()

    hanna.post(f"/hr/{starter.public_id}/withdraw/", {"reason": "No show", "version": version_of(starter)})
    run_jobs()

    to, mime = peer.got[-1]
    assert Starter.objects.get().state == "withdrawn" and to == ["maria.lindqvist@contoso.example"]
    assert "Onboarding withdrawn" in mime["Subject"]
    assert "No show" not in str(mime)


def test_m4_an_unsent_link_has_only_the_new_date(peer, invite, run_jobs, person):
    starter = invite("noor", starts_in=timedelta(days=4))  # written but not sent
    Mail.objects.update(released_at=None)
    Job.objects.filter(key__startswith="mail:").delete()
    rescheduling.reschedule_starter(
        starter=Starter.objects.get(pk=starter.pk),
        schedule=rescheduling.Schedule(
            starter.start_date + timedelta(days=3), starter.start_time, starter.time_zone
        ),
        note="",
        by=person("hanna"),
    )

    run_jobs()
    run_jobs(timedelta(minutes=11))

    [(_, mime)] = peer.got
    assert (
        "sign in on the first day" in mime["Subject"]
        and rendering.format_start(Starter.objects.get(), "LISTED") in mime["Subject"]
    )


def test_m4_the_pass_is_deleted_before_the_withdrawal_mail(peer, held, run_jobs, browser_of):
    starter = held("noor").starter
    Mail.objects.filter(kind="invitation").update(sent_at=timezone.now(), dropped_at=None)

    browser_of("hanna").post(
        f"/hr/{starter.public_id}/withdraw/", {"reason": "x", "version": version_of(starter)}
    )
    run_jobs()
    run_jobs(timedelta(minutes=1))

    assert Starter.objects.get().state == "withdrawn"
    assert [mail.kind for mail in Mail.objects.filter(sent_at__isnull=False)][:1] == ["withdrawn"]


def test_m5_each_mail_to_the_manager_contains_the_date(peer, invite, run_jobs, time_passes):
    starter = invite("noor", starts_in=timedelta(days=1))
    words = starter.start_words

    time_passes(starter.starts_at - timezone.now() + timedelta(hours=2))

    mine = [mime for to, mime in peer.got if to == ["maria.lindqvist@contoso.example"]]
    assert len(mine) >= 2
    for mime in mine:
        text = mime.get_body(("plain",)).get_content()
        assert (
            rendering.format_start(starter, "LISTED") in mime["Subject"]
            and f"Start date: {words} (Europe/Amsterdam)" in text
        )
        assert words in mime.get_body(("html",)).get_content() and text.count("Europe/Amsterdam") == 1
        assert "text/calendar" in [part.get_content_type() for part in mime.iter_parts()]


def test_m5_no_mail_calls_a_present_day_soon(peer, invite, run_jobs):
    for key, starts_in in (
        ("noor", timedelta(days=-1)),
        ("sofia", timedelta(0)),
        ("liam", timedelta(days=2)),
    ):
        invite(key, starts_in=starts_in)
    run_jobs()
    run_jobs(timedelta(minutes=11))

    assert peer.got
    for _, mime in peer.got:
        assert "soon" not in f"{mime['Subject']}{mime.get_body(('plain',)).get_content()}"


def test_m5_a_mail_after_the_window_is_not_sent(peer, invite, run_jobs, settings):
    invite("noor", starts_in=timedelta(days=2))
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 9
    run_jobs()
    settings.EMAIL_PORT = port

    run_jobs(timedelta(days=13))

    assert not [to for to, _ in peer.got if to == ["maria.lindqvist@contoso.example"]]
    assert Mail.objects.get(kind="invitation").dropped_at is not None


def test_m5_a_digest_is_by_date_without_a_calendar_file(peer, record, run_jobs, person):
    for key, days in (("liam", 25), ("noor", 21), ("sofia", 23), ("emma", 22)):
        invitations.send_link(
            starter=record(key, starts_in=timedelta(days=days)), by=person("hanna"), in_bulk=True
        )
    run_jobs()
    run_jobs(timedelta(minutes=11))

    to_maria = [mime for to, mime in peer.got if to == ["maria.lindqvist@contoso.example"]]
    digest = to_maria[-1]
    text = digest.get_body(("plain",)).get_content()
    starters = sorted(
        Starter.objects.filter(mails__digest__isnull=False), key=lambda starter: starter.starts_at
    )
    assert len(starters) >= 2 and [part.get_content_type() for part in digest.iter_parts()][2:] == []
    places = [text.index(starter.name) for starter in starters]
    assert places == sorted(places) and all(starter.start_words in text for starter in starters)


def test_m5_an_imports_52_problems_are_one_hr_digest(peer, record, run_jobs):
    """None of them has a manager, and no window is open yet."""
    first = record("ben", starts_in=timedelta(days=3))
    rows = [
        Starter(
            account_id=f"00000000-0000-4000-8000-{number:012d}",
            account_name=f"new{number}@contoso.example",
            display_name=f"Starter {number:02d}",
            start_date=first.start_date + timedelta(days=number % 7),
            start_time=first.start_time,
            starts_at=first.starts_at + timedelta(days=number % 7),
            time_zone="UTC",
            problem="no_manager",
            recorded_by=first.recorded_by,
        )
        for number in range(51)
    ]
    Starter.objects.bulk_create(rows)
    with audit.transaction():
        for starter in rows:
            notifications.write_problem(starter)

    run_jobs()
    run_jobs(timedelta(minutes=3))
    run_jobs(timedelta(minutes=14))

    [mime] = [mime for to, mime in peer.got if to == ["hr@contoso.example"]]
    text = mime.get_body(("plain",)).get_content()
    assert mime["Subject"] == "News about 52 starters" and all(row.name in text for row in rows)
    order = sorted(rows, key=lambda starter: starter.starts_at)
    places = [text.index(starter.name) for starter in order]
    assert places == sorted(places) and "No manager is set in Entra" in text
    assert [part.get_content_type() for part in mime.iter_parts()] == ["text/plain", "text/html"]
