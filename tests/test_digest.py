"""One manager with many starters: what becomes due for them goes in one mail, and no more than one in ten minutes."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise

import pytest
from django.conf import settings as configured
from django.urls import reverse
from django.utils import timezone

from onboarding import audit, graph, letters, notifications, post, routine, services
from onboarding.models import AuditEvent, Job, Mail, Starter
from tests.conftest import BY_KEY

pytestmark = pytest.mark.django_db
MARIA, TOM = BY_KEY["maria"], BY_KEY["tom"]
MINUTE = timedelta(minutes=1)
LINK = re.compile(r"https?://[^\s\"<>]+")


@pytest.fixture
def many(person):
    """So many invited starters of one manager, as the worker would invite them, without asking the directory."""

    def invited(count: int, manager=MARIA) -> list[Starter]:
        now, before = timezone.now(), Starter.objects.count()
        rows = [
            Starter(
                account_id=f"00000000-0000-4000-8000-{manager.number:04d}{number:08d}",
                account_name=f"{manager.key}{number}@contoso.example",
                display_name=f"Starter {number}",
                state="invited",
                manager_id=manager.object_id,
                manager_mail=manager.mail,
                start_date=now.date(),
                start_time=now.time(),
                starts_at=now + timedelta(days=2),
                time_zone="UTC",
                recorded_by=person("hanna"),
            )
            for number in range(before, before + count)
        ]
        Starter.objects.bulk_create(rows)
        with audit.change():
            for starter in rows:
                notifications.invitation(starter, number=1)
        return rows

    return invited


def sent(tenant):
    return [(mail.recipients[0], mail.subject) for mail in tenant.tenant.mails]


def test_five_hundred_starters_of_one_manager_are_one_mail_in_ten_minutes_at_most(
    many, tenant, time_passes, hurry
):
    starters = many(500)

    times: list[float] = []
    for _ in range(5):
        time_passes(8 * MINUTE)
    times = [mail.time for mail in tenant.tenant.mails]

    assert len(times) == 2 and all(later - sooner >= 600 for sooner, later in pairwise(times))
    whole = " ".join(mail.text for mail in tenant.tenant.mails)
    assert all(f"/starters/{starter.public_id}/" in whole for starter in starters)
    assert Mail.objects.filter(kind="invitation", sent_at=None).count() == 0


def test_however_they_come_no_two_mails_are_closer_than_ten_minutes(many, tenant, time_machine, hurry):
    for minute in range(45):
        time_machine.move_to(timezone.now() + MINUTE)
        if minute % 3 == 0:
            many(1)
        hurry()

    times = [mail.time for mail in tenant.tenant.mails]
    assert len(times) >= 4
    assert all(later - sooner >= 600 for sooner, later in pairwise(times))


def test_a_digest_names_each_with_its_own_link_and_nothing_else(many, tenant, hurry):
    first, *others = many(4)
    hurry()
    hurry(11 * MINUTE)

    one, together = tenant.tenant.mails
    assert first.name in one.subject and "3 starters" in together.subject
    for starter in others:
        assert starter.name in together.text and f"/starters/{starter.public_id}/" in together.text
        assert starter.name in together.html and f"/starters/{starter.public_id}/" in together.html
        for personal in (starter.account_name, starter.account_id, MARIA.object_id, "Hanna"):
            assert personal not in together.text + together.html
    assert set(LINK.findall(together.text)) == set(LINK.findall(together.html))
    assert all(link.startswith(configured.PORTAL_URL) for link in LINK.findall(together.text))


def test_a_name_writes_no_html_into_a_digest(many, tenant, hurry):
    many(3)
    Starter.objects.update(display_name='<img src="https://evil.example/x"> O\'Brien')
    hurry()
    hurry(11 * MINUTE)

    together = tenant.tenant.mails[-1]
    assert "<img" not in together.html and "&lt;img" in together.html
    assert "O'Brien" in together.text and "&#" not in together.text


def test_one_starter_alone_is_a_mail_of_its_own_at_once(many, tenant, hurry):
    many(1)

    hurry()

    assert sent(tenant) == [(MARIA.mail, "The first day of Starter 0")]


def test_another_manager_does_not_wait_for_it(many, tenant, hurry):
    many(3)
    many(1, TOM)

    hurry()

    assert [to for to, _ in sent(tenant)] == [MARIA.mail, TOM.mail]


def test_who_is_about_to_be_due_as_well_is_waited_for_and_then_it_is_one_mail(record, tenant, hurry):
    for key in ("noor", "liam", "sofia"):
        record(key, starts_in=timedelta(days=1))

    hurry()
    at_once = len(tenant.tenant.mails)
    hurry(letters.GATHER + timedelta(seconds=1))

    assert at_once == 0
    assert sent(tenant) == [(MARIA.mail, "3 starters wait for you to do something")]


def test_reminders_of_one_morning_are_one_mail(record, tenant, hurry, time_machine):
    starters = [record(key, starts_in=timedelta(days=2)) for key in ("noor", "liam", "sofia")]
    hurry()
    hurry(letters.GATHER + MINUTE)
    tenant.tenant.mails.clear()

    time_machine.move_to(starters[0].starts_at - timedelta(hours=2) + timedelta(seconds=1))
    hurry()
    hurry(letters.GATHER + MINUTE)

    assert sent(tenant) == [(MARIA.mail, "3 starters wait for you to do something")]
    assert "Their first day has come" in tenant.tenant.mails[0].text
    assert Mail.objects.filter(kind="reminder", sent_at__isnull=False).count() == 3


def test_of_two_that_wait_about_one_starter_only_the_more_urgent_is_sent(many, tenant, hurry):
    _, one, other = many(3)
    with audit.change():
        notifications.reminder(one)
    hurry()

    hurry(11 * MINUTE)

    text = tenant.tenant.mails[-1].text
    assert text.count(one.name) == 1 and "2 starters" in tenant.tenant.mails[-1].subject
    assert text.index("Their first day has come") < text.index(one.name) < text.index("They start soon")
    assert Mail.objects.get(kind="invitation", starter=one).dropped_at and other.name in text


# --- What is not true any more ------------------------------------------------------------------------------------


def test_who_is_withdrawn_meanwhile_is_not_in_it(many, person, tenant, hurry):
    _, gone, stays, too = many(4)
    hurry()

    services.withdraw_starter(starter=Starter.objects.get(pk=gone.pk), by=person("hanna"), reason="x")
    hurry(11 * MINUTE)

    text = tenant.tenant.mails[-1].text
    assert gone.name not in text and stays.name in text and too.name in text


def test_who_is_withdrawn_while_the_mail_server_is_away_is_taken_out_of_it(many, person, tenant, hurry):
    _, gone, stays, too = many(4)
    hurry()
    tenant.tenant.faults.add({"path": ".*/sendMail", "method": "POST", "status": 503, "times": None})
    hurry(11 * MINUTE)
    tenant.tenant.faults.end()

    services.withdraw_starter(starter=Starter.objects.get(pk=gone.pk), by=person("hanna"), reason="x")
    hurry(15 * MINUTE)

    last = tenant.tenant.mails[-1]
    assert gone.name not in last.text + last.html and "2 starters" in last.subject
    assert Mail.objects.filter(starter=gone, sent_at__isnull=False).count() == 0
    assert Mail.objects.filter(starter__in=[stays, too], sent_at__isnull=False).count() == 2


def test_a_mail_server_that_is_away_does_not_make_them_many(many, tenant, time_machine, hurry):
    many(2)
    tenant.tenant.faults.add({"path": ".*/sendMail", "method": "POST", "status": 503, "times": None})
    for _ in range(3):
        many(1)
        time_machine.move_to(timezone.now() + timedelta(hours=1))
        hurry()
    tenant.tenant.faults.end()

    time_machine.move_to(timezone.now() + timedelta(minutes=30))
    hurry()
    soon = len(tenant.tenant.mails)
    time_machine.move_to(timezone.now() + timedelta(minutes=30))
    hurry()

    assert (soon, len(tenant.tenant.mails)) == (1, 2)
    assert Mail.objects.filter(kind="invitation", sent_at=None).count() == 0


def test_a_digest_is_known_as_one_when_it_is_sent_twice(many, tenant, hurry):
    many(3)
    hurry()
    tenant.tenant.faults.add({"path": "sendMail", "drop": "after"})

    hurry(11 * MINUTE)
    hurry(12 * MINUTE)

    ids = [mail.message_id for mail in tenant.tenant.mails[1:]]
    assert len(ids) == 2 and len(set(ids)) == 1


# --- What HR sees, and what is forgotten --------------------------------------------------------------------------


def test_each_starters_page_says_that_it_waits_and_then_when_it_went(many, browser_of, hurry):
    _, one, _ = many(3)
    hanna, url = browser_of("hanna"), f"/hr/{one.public_id}/"
    hurry()

    waits = hanna.get(url).content.decode()
    hurry(11 * MINUTE)
    went = hanna.get(url).content.decode()

    assert "one reader gets one mail in ten minutes" in waits and MARIA.mail in waits
    assert "(sent, in one mail with others)" in went and "the manager" in went


def test_names_and_addresses_of_a_digest_are_forgotten_after_a_week(many, hurry, time_machine):
    many(3)
    hurry()
    hurry(11 * MINUTE)
    digest = Mail.objects.get(kind="digest")

    time_machine.move_to(timezone.now() + timedelta(days=8))
    routine.forget("")

    kept = Mail.objects.get(pk=digest.pk)
    assert (kept.to, kept.subject, kept.text, kept.html, kept.box) == ("",) * 5


def test_an_empty_box_asks_for_nothing_more(many, hurry):
    many(3)
    hurry()
    hurry(11 * MINUTE)
    hurry(30 * MINUTE)

    assert not Job.objects.filter(key__startswith="post:", done_at=None).exists()
    assert post.post("0" * 40) is None


# --- What does not wait -------------------------------------------------------------------------------------------


def test_the_link_for_which_hr_presses_leaves_at_once_whatever_went_before(
    many, record, person, tenant, hurry
):
    many(3)
    hurry()
    starter = record("noor", starts_in=timedelta(days=2))

    services.send_link(starter=starter, by=person("hanna"))
    hurry()

    assert [subject for _, subject in sent(tenant)] == [
        "The first day of Starter 0",
        "The first day of Noor de Vries",
    ]


def test_a_link_that_waits_leaves_when_hr_presses_and_comes_once(many, record, person, tenant, hurry):
    many(1)
    hurry()
    starter = record(
        "noor"
    )  # starts now; the worker writes the link, and their manager was written to just now
    hurry()
    assert len(sent(tenant)) == 1

    services.send_link(starter=Starter.objects.get(pk=starter.pk), by=person("hanna"))
    hurry()
    hurry(11 * MINUTE)

    assert [subject for _, subject in sent(tenant)[1:]] == ["The first day of Noor de Vries"]


@pytest.mark.parametrize("before", [0, 1])
def test_who_presses_while_the_portal_writes_the_link_has_it_leave_at_once(
    many, record, browser_of, tenant, hurry, monkeypatch, before
):
    many(before)
    hurry()
    starter, client = record("noor"), graph.client()
    facts_of, portal_too = client.issue_facts, iter([True])

    def meanwhile(*args, **how):
        if next(portal_too, False):
            services.send_link(starter=Starter.objects.get(pk=starter.pk), by=None)
        return facts_of(*args, **how)

    monkeypatch.setattr(client, "issue_facts", meanwhile)
    page = browser_of("hanna").post(reverse("hr:send", args=[starter.public_id]), follow=True)
    hurry()

    assert "The link is on its way to the manager." in page.content.decode()
    assert [subject for _, subject in sent(tenant)[before:]] == ["The first day of Noor de Vries"]
    hurry(11 * MINUTE)
    assert len(sent(tenant)) == before + 1
    assert AuditEvent.objects.filter(event="starter.link_sent").count() == 1


def test_who_presses_while_a_link_is_on_its_way_causes_no_second_mail(record, browser_of, tenant, hurry):
    starter = record("noor", starts_in=timedelta(days=20))
    for key in ("hanna", "henry"):
        page = browser_of(key).post(reverse("hr:send", args=[starter.public_id]), follow=True)
        assert "The link is on its way to the manager." in page.content.decode()
    hurry()
    assert len(sent(tenant)) == 1

    browser_of("hanna").post(reverse("hr:send", args=[starter.public_id]))  # again, and on purpose
    hurry()
    assert len(sent(tenant)) == 2


def test_whoever_stood_in_before_they_were_the_manager_gets_the_words_for_a_manager(
    record, person, tenant, hurry
):
    starter = record("noor", starts_in=timedelta(days=2))
    hurry()
    Mail.objects.update(recipient="stand_in", sent_at=None, released_at=None)

    services.send_link(starter=Starter.objects.get(pk=starter.pk), by=person("hanna"))

    assert Mail.objects.filter(recipient="manager").exclude(released_at=None).exists()


def test_a_manager_without_a_mailbox_was_sent_nothing_and_hr_is_told_so(record, browser_of, tenant):
    starter = record("noor", starts_in=timedelta(days=2))
    tenant.tenant.accounts["maria"].properties["mail"] = None

    page = browser_of("hanna").post(reverse("hr:send", args=[starter.public_id]), follow=True)

    assert "No mail was sent: the manager has no mailbox." in page.content.decode()
    assert not Mail.objects.filter(kind="invitation").exists()


def test_the_links_that_hr_sends_together_are_one_mail_for_one_manager(record, person, tenant, hurry):
    starters = [record(key, starts_in=timedelta(days=20)) for key in ("noor", "liam", "sofia")]

    for starter in starters:
        services.send_link(starter=starter, by=person("hanna"), together=True)
    hurry()
    hurry(11 * MINUTE)

    assert [subject for _, subject in sent(tenant)] == [
        "The first day of Noor de Vries",
        "2 starters wait for you to do something",
    ]


def test_on_the_day_itself_the_first_link_does_not_wait_for_the_end_of_a_pause(
    many, record, tenant, hurry, time_machine
):
    many(1)
    hurry()
    time_machine.move_to(timezone.now() + 3 * MINUTE)
    record("noor")  # starts now; the worker sends the link

    hurry()

    assert [subject for _, subject in sent(tenant)] == [
        "The first day of Starter 0",
        "The first day of Noor de Vries",
    ]


def test_a_crowd_on_the_day_itself_is_one_mail_and_then_another(record, tenant, hurry):
    for key in ("noor", "liam", "sofia"):
        record(key)

    hurry()
    hurry(11 * MINUTE)

    assert [subject for _, subject in sent(tenant)] == [
        "The first day of Noor de Vries",
        "2 starters wait for you to do something",
    ]


def test_who_was_invited_a_moment_ago_is_about_to_be_due_for_nothing(record, tenant, hurry, time_machine):
    record("liam")
    hurry()
    time_machine.move_to(timezone.now() + 11 * MINUTE)
    record("noor", starts_in=timedelta(days=2))

    hurry()

    assert len(sent(tenant)) == 2
