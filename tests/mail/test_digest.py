"""One manager with many starters: due mails are sent as one digest, at most one in ten minutes."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise

import pytest
from django.conf import settings as configured
from django.db import connection
from django.db.models.signals import post_init
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from onboarding import audit, graph, policy
from onboarding.mail import delivery, digest, notifications, send_times
from onboarding.models import AuditEvent, Job, Mail, PolicyVersion, Starter
from onboarding.starters import invitations, withdrawal
from onboarding.worker import retention
from tests.conftest import BY_KEY
from tests.support.hr_forms import fields_on_page, version_of
from tests.support.plan import size_of

pytestmark = pytest.mark.django_db
MARIA, TOM = BY_KEY["maria"], BY_KEY["tom"]
MINUTE = timedelta(minutes=1)
LINK = re.compile(r"https?://[^\s\"<>]+")


@pytest.fixture
def many(person):
    """Invited starters of one manager, as the worker would invite them, without reading the directory."""

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
        with audit.transaction():
            for starter in rows:
                notifications.write_invitation(starter, number=1)
        return rows

    return invited


def sent(tenant):
    """Recipients and subjects, without the date at the end of each subject."""
    return [(mail.recipients[0], mail.subject.partition(" (")[0]) for mail in tenant.tenant.mails]


def test_many_starters_of_one_manager_cause_one_digest(many, tenant, time_passes, run_jobs):
    starters = many(size_of(500, 100))

    times: list[float] = []
    for _ in range(5):
        time_passes(8 * MINUTE)
    times = [mail.time for mail in tenant.tenant.mails]

    assert len(times) == 2 and all(later - sooner >= 600 for sooner, later in pairwise(times))
    whole = " ".join(mail.text for mail in tenant.tenant.mails)
    assert all(f"/starters/{starter.public_id}/" in whole for starter in starters)
    assert Mail.objects.filter(kind="invitation", sent_at=None).count() == 0


def test_two_mails_to_one_reader_are_ten_minutes_apart(many, tenant, time_machine, run_jobs):
    for minute in range(45):
        time_machine.move_to(timezone.now() + MINUTE)
        if minute % 3 == 0:
            many(1)
        run_jobs()

    times = [mail.time for mail in tenant.tenant.mails]
    assert len(times) >= 4
    assert all(later - sooner >= 600 for sooner, later in pairwise(times))


def test_a_digest_lists_each_starter_with_their_own_link(many, tenant, run_jobs):
    first, *others = many(4)
    run_jobs()
    run_jobs(11 * MINUTE)

    single, together = tenant.tenant.mails
    assert first.name in single.subject and "3 starters" in together.subject
    for starter in others:
        assert starter.name in together.text and f"/starters/{starter.public_id}/" in together.text
        assert starter.name in together.html and f"/starters/{starter.public_id}/" in together.html
        for personal in (starter.account_name, starter.account_id, MARIA.object_id, "Hanna"):
            assert personal not in together.text + together.html
    assert set(LINK.findall(together.text)) == set(LINK.findall(together.html))
    assert all(link.startswith(configured.PORTAL_URL) for link in LINK.findall(together.text))


def test_a_digest_escapes_html_in_names(many, tenant, run_jobs):
    many(3)
    Starter.objects.update(display_name='<img src="https://evil.example/x"> O\'Brien')
    run_jobs()
    run_jobs(11 * MINUTE)

    together = tenant.tenant.mails[-1]
    assert "<img" not in together.html and "&lt;img" in together.html
    assert "O'Brien" in together.text and "&#" not in together.text


def test_a_mail_about_a_single_starter_leaves_at_once(many, tenant, run_jobs):
    many(1)

    run_jobs()

    assert sent(tenant) == [(MARIA.mail, "Help Starter 0 sign in on the first day")]


def test_another_managers_mail_does_not_wait_for_the_batch(many, tenant, run_jobs):
    many(3)
    many(1, TOM)

    run_jobs()

    assert [to for to, _ in sent(tenant)] == [MARIA.mail, TOM.mail]


def test_a_mail_waits_for_starters_who_are_due_soon(record, tenant, run_jobs):
    for key in ("noor", "liam", "sofia"):
        record(key, starts_in=timedelta(days=1))

    run_jobs()
    at_once = len(tenant.tenant.mails)
    run_jobs(send_times.BATCH_WAIT + timedelta(seconds=1))

    assert at_once == 0
    assert sent(tenant) == [(MARIA.mail, "3 starters need your help")]


def test_reminders_of_one_morning_are_one_digest(record, tenant, run_jobs, time_machine):
    starters = [record(key, starts_in=timedelta(days=2)) for key in ("noor", "liam", "sofia")]
    run_jobs()
    run_jobs(send_times.BATCH_WAIT + MINUTE)
    tenant.tenant.mails.clear()

    time_machine.move_to(starters[0].starts_at - timedelta(hours=2) + timedelta(seconds=1))
    run_jobs()
    run_jobs(send_times.BATCH_WAIT + MINUTE)

    assert sent(tenant) == [(MARIA.mail, "3 starters need your help")]
    assert "You can now create a pass for each of these starters" in tenant.tenant.mails[0].text
    assert Mail.objects.filter(kind="reminder", sent_at__isnull=False).count() == 3


def test_the_more_urgent_of_two_waiting_mails_is_sent(many, tenant, run_jobs):
    _, reminded, other = many(3)
    with audit.transaction():
        notifications.write_reminder(reminded)
    run_jobs()

    run_jobs(11 * MINUTE)

    text = tenant.tenant.mails[-1].text
    assert text.count(reminded.name) == 1 and "2 starters" in tenant.tenant.mails[-1].subject
    assert (
        text.index("You can now create a pass for each of these starters")
        < text.index(reminded.name)
        < text.index("Please help these")
    )
    assert Mail.objects.get(kind="invitation", starter=reminded).dropped_at and other.name in text


# --- Mails that are no longer relevant ------------------------------------------------------------------------------------


def test_a_digest_leaves_out_a_starter_withdrawn_meanwhile(many, person, tenant, run_jobs):
    _, gone, stays, too = many(4)
    run_jobs()

    withdrawal.withdraw_starter(starter=Starter.objects.get(pk=gone.pk), by=person("hanna"), reason="x")
    run_jobs(11 * MINUTE)

    text = tenant.tenant.mails[-1].text
    assert gone.name not in text and stays.name in text and too.name in text


def test_a_delayed_digest_drops_a_starter_withdrawn_meanwhile(many, person, tenant, run_jobs):
    _, gone, stays, too = many(4)
    run_jobs()
    tenant.tenant.faults.add({"path": ".*/sendMail", "method": "POST", "status": 503, "times": None})
    run_jobs(11 * MINUTE)
    tenant.tenant.faults.end_all()

    withdrawal.withdraw_starter(starter=Starter.objects.get(pk=gone.pk), by=person("hanna"), reason="x")
    run_jobs(15 * MINUTE)

    last = tenant.tenant.mails[-1]
    assert gone.name not in last.text + last.html and "2 starters" in last.subject
    assert Mail.objects.filter(starter=gone, sent_at__isnull=False).count() == 0
    assert Mail.objects.filter(starter__in=[stays, too], sent_at__isnull=False).count() == 2


def test_an_outage_of_the_mail_server_does_not_multiply_digests(many, tenant, time_machine, run_jobs):
    many(2)
    tenant.tenant.faults.add({"path": ".*/sendMail", "method": "POST", "status": 503, "times": None})
    for _ in range(3):
        many(1)
        time_machine.move_to(timezone.now() + timedelta(hours=1))
        run_jobs()
    tenant.tenant.faults.end_all()

    time_machine.move_to(timezone.now() + timedelta(minutes=30))
    run_jobs()
    soon = len(tenant.tenant.mails)
    time_machine.move_to(timezone.now() + timedelta(minutes=30))
    run_jobs()

    assert (soon, len(tenant.tenant.mails)) == (1, 2)
    assert Mail.objects.filter(kind="invitation", sent_at=None).count() == 0


def test_a_digest_that_is_sent_twice_has_one_message_id(many, tenant, run_jobs):
    many(3)
    run_jobs()
    tenant.tenant.faults.add({"path": "sendMail", "drop": "after"})

    run_jobs(11 * MINUTE)
    run_jobs(12 * MINUTE)

    ids = [mail.message_id for mail in tenant.tenant.mails[1:]]
    assert len(ids) == 2 and len(set(ids)) == 1


# --- What HR sees, and what is erased --------------------------------------------------------------------------


def test_each_starters_page_shows_the_mail_waiting_and_then_sent(many, browser_of, run_jobs):
    _, starter, _ = many(3)
    hanna, url = browser_of("hanna"), f"/hr/{starter.public_id}/"
    run_jobs()

    waits = hanna.get(url).content.decode()
    run_jobs(11 * MINUTE)
    went = hanna.get(url).content.decode()

    assert "the portal sends each person at most one email every ten minutes" in waits and MARIA.mail in waits
    assert "(sent as part of a digest email)" in went and "the manager" in went


def test_a_digests_names_and_addresses_are_erased_after_a_week(many, run_jobs, time_machine):
    many(3)
    run_jobs()
    run_jobs(11 * MINUTE)
    digest = Mail.objects.get(kind="digest")

    time_machine.move_to(timezone.now() + timedelta(days=8))
    retention.run_retention("")

    kept = Mail.objects.get(pk=digest.pk)
    assert (kept.to, kept.subject, kept.text, kept.html, kept.box) == ("",) * 5


def test_an_empty_batch_queues_nothing(many, run_jobs):
    many(3)
    run_jobs()
    run_jobs(11 * MINUTE)
    run_jobs(30 * MINUTE)

    assert not Job.objects.filter(key__startswith="post:", done_at=None).exists()
    assert delivery.release_waiting_mails("0" * 40) is None


# --- Mails that leave at once -------------------------------------------------------------------------------------------


def test_a_link_that_hr_sends_leaves_at_once(many, record, person, tenant, run_jobs):
    many(3)
    run_jobs()
    starter = record("noor", starts_in=timedelta(days=2))

    invitations.send_link(starter=starter, by=person("hanna"))
    run_jobs()

    assert [subject for _, subject in sent(tenant)] == [
        "Help Starter 0 sign in on the first day",
        "Help Noor de Vries sign in on the first day",
    ]


def test_a_waiting_link_that_hr_sends_now_comes_once(many, record, person, tenant, run_jobs):
    many(1)
    run_jobs()
    starter = record("noor")  # starts now; the worker writes the link, and the manager got a mail just now
    run_jobs()
    assert len(sent(tenant)) == 1

    invitations.send_link(starter=Starter.objects.get(pk=starter.pk), by=person("hanna"))
    run_jobs()
    run_jobs(11 * MINUTE)

    assert [subject for _, subject in sent(tenant)[1:]] == ["Help Noor de Vries sign in on the first day"]


@pytest.mark.parametrize("before", [0, 1])
def test_a_click_while_the_portal_writes_the_link_sends_it(
    many, record, browser_of, tenant, run_jobs, monkeypatch, before
):
    many(before)
    run_jobs()
    starter, client = record("noor"), graph.client()
    facts_of, portal_too = client.issue_facts, iter([True])

    def meanwhile(*args, **how):
        if next(portal_too, False):
            invitations.send_link(starter=Starter.objects.get(pk=starter.pk), by=None)
        return facts_of(*args, **how)

    hanna = browser_of("hanna")
    seen = fields_on_page(hanna, starter, "send")
    monkeypatch.setattr(client, "issue_facts", meanwhile)
    page = hanna.post(reverse("hr:send", args=[starter.public_id]), seen, follow=True)
    run_jobs()

    assert "The portal is emailing the link to the manager or stand-in." in page.content.decode()
    assert [subject for _, subject in sent(tenant)[before:]] == [
        "Help Noor de Vries sign in on the first day"
    ]
    run_jobs(11 * MINUTE)
    assert len(sent(tenant)) == before + 1
    # The audit log has the click that sent a waiting link. The worker had sent the other link.
    assert AuditEvent.objects.filter(event="starter.link_sent").count() == before


def test_a_click_while_a_link_is_sent_sends_no_second(record, browser_of, tenant, run_jobs, time_machine):
    starter = record("noor", starts_in=timedelta(days=20))
    for key in ("hanna", "henry"):
        page = browser_of(key).post(
            reverse("hr:send", args=[starter.public_id]), {"version": version_of(starter)}, follow=True
        )
        assert "The portal is emailing the link to the manager or stand-in." in page.content.decode()
    run_jobs()
    assert len(sent(tenant)) == 1

    time_machine.move_to(timezone.now() + 11 * MINUTE)
    browser_of("hanna").post(
        reverse("hr:send", args=[starter.public_id]), {"version": version_of(starter)}
    )  # again, and on purpose
    run_jobs()
    assert len(sent(tenant)) == 2


def test_a_stand_in_who_becomes_manager_gets_the_managers_text(record, person, tenant, run_jobs):
    starter = record("noor", starts_in=timedelta(days=2))
    run_jobs()
    Mail.objects.update(recipient="stand_in", sent_at=None, released_at=None)

    invitations.send_link(starter=Starter.objects.get(pk=starter.pk), by=person("hanna"))

    assert Mail.objects.filter(recipient="manager").exclude(released_at=None).exists()


def test_hr_learns_that_a_manager_has_no_mailbox(record, browser_of, tenant):
    starter = record("noor", starts_in=timedelta(days=2))
    tenant.tenant.accounts["maria"].properties["mail"] = None

    page = browser_of("hanna").post(
        reverse("hr:send", args=[starter.public_id]), {"version": version_of(starter)}, follow=True
    )

    assert "No email was sent, because the manager or stand-in has no mailbox." in page.content.decode()
    assert not Mail.objects.filter(kind="invitation").exists()


def test_links_that_hr_sends_together_are_one_mail_a_manager(record, person, tenant, run_jobs):
    starters = [record(key, starts_in=timedelta(days=20)) for key in ("noor", "liam", "sofia")]

    for starter in starters:
        invitations.send_link(starter=starter, by=person("hanna"), in_bulk=True)
    run_jobs()
    run_jobs(11 * MINUTE)

    assert [subject for _, subject in sent(tenant)] == [
        "Help Noor de Vries sign in on the first day",
        "2 starters need your help",
    ]


def test_on_the_start_date_a_first_link_ignores_the_limit(many, record, tenant, run_jobs, time_machine):
    many(1)
    run_jobs()
    time_machine.move_to(timezone.now() + 3 * MINUTE)
    record("noor")  # starts now; the worker sends the link

    run_jobs()

    assert [subject for _, subject in sent(tenant)] == [
        "Help Starter 0 sign in on the first day",
        "Help Noor de Vries sign in on the first day",
    ]


def test_many_links_on_the_start_date_are_two_mails(record, tenant, run_jobs):
    for key in ("noor", "liam", "sofia"):
        record(key)

    run_jobs()
    run_jobs(11 * MINUTE)

    assert [subject for _, subject in sent(tenant)] == [
        "Help Noor de Vries sign in on the first day",
        "2 starters need your help",
    ]


def test_a_manager_invited_just_now_is_not_due_again(record, tenant, run_jobs, time_machine):
    record("liam")
    run_jobs()
    time_machine.move_to(timezone.now() + 11 * MINUTE)
    record("noor", starts_in=timedelta(days=2))

    run_jobs()

    assert len(sent(tenant)) == 2


# --- Others that are due soon, by the policy of their department ----------------------------------------------


@pytest.fixture
def department_says(adopt):
    def said(department: str, **otherwise) -> None:
        version = PolicyVersion(
            department=policy.normalise_department(department),
            overrides=list(otherwise),
            reason="A test",
            **otherwise,
        )
        adopt(version)

    return said


@pytest.fixture
def recorded(person):
    """Starters of Maria whose link is not sent yet."""

    def made(count: int, *, department: str, starts_in: timedelta) -> None:
        start = timezone.now() + starts_in
        Starter.objects.bulk_create(
            Starter(
                account_id=f"00000000-0000-4000-8001-{number:012d}",
                account_name=f"waiting{number}@contoso.example",
                department=department,
                manager_id=MARIA.object_id,
                manager_mail=MARIA.mail,
                start_date=start.date(),
                start_time=start.time(),
                starts_at=start,
                time_zone="UTC",
                recorded_by=person("hanna"),
            )
            for number in range(count)
        )

    return made


@pytest.mark.parametrize(
    ("days", "own_days", "leaves_at_once"),
    [
        (10, 2, True),  # the site's policy sends the link now, and the department's does not
        (10, 14, False),
        (5, 14, False),  # only the department's policy sends it now
        (1, 2, True),  # neither policy sends it
    ],
)
def test_a_mail_waits_for_others_by_their_departments_policy(
    many, recorded, policy_says, department_says, tenant, run_jobs, days, own_days, leaves_at_once
):
    policy_says(invite_days_before=days)
    department_says("Legal", invite_days_before=own_days)
    recorded(1, department="legal ", starts_in=timedelta(days=7))

    many(1)  # without a department
    run_jobs()

    assert bool(tenant.tenant.mails) is leaves_at_once


def test_a_departments_times_do_not_apply_to_other_departments(
    many, recorded, policy_says, department_says, tenant, run_jobs
):
    policy_says(invite_days_before=2)
    department_says("Legal", invite_days_before=14)
    recorded(1, department="Sales", starts_in=timedelta(days=7))
    (starter,) = many(1)
    Starter.objects.filter(pk=starter.pk).update(department="Legal")
    Mail.objects.all().delete()
    starter.refresh_from_db()

    with audit.transaction():
        notifications.write_invitation(starter, number=2)
    run_jobs()

    assert [subject for _, subject in sent(tenant)] == [f"Help {starter.name} sign in on the first day"]


def test_finding_other_due_starters_needs_a_constant_number_of_queries(many, recorded, department_says):
    department_says("Legal", invite_days_before=1)
    recorded(2, department="Legal", starts_in=timedelta(days=7))
    (starter,) = many(1)
    mail = Mail.objects.select_related("starter").get(starter=starter)
    policy.for_department("Legal")  # each process reads a version once
    with CaptureQueriesContext(connection) as few:
        assert not send_times.is_another_due(mail, timezone.now())
    Starter.objects.exclude(pk=starter.pk).delete()
    recorded(300, department="Legal", starts_in=timedelta(days=7))

    with CaptureQueriesContext(connection) as lots:
        assert not send_times.is_another_due(mail, timezone.now())

    assert len(lots) == len(few) == 3  # the departments, the policies, and whether a link is due


# --- Thousands that wait for one reader --------------------------------------------------------------------------------


@pytest.fixture
def at_most_ten(monkeypatch):
    monkeypatch.setattr(digest, "MAX_STARTERS", 10)


def queue_all(starters: list[Starter]) -> str:
    """Queue all invitations in a batch, as if the first had not been sent at once."""
    Mail.objects.filter(starter__in=starters).update(released_at=None, sent_at=None, box="maria")
    return "maria"


@pytest.fixture
def read_mails():
    """Each mail that was read from the database, completely or in part."""
    read: list[Mail] = []

    def note(instance: Mail, **_: object) -> None:
        read.append(instance)

    post_init.connect(note, sender=Mail)
    yield read
    post_init.disconnect(note, sender=Mail)


def test_a_digest_reads_only_as_many_mails_as_it_holds(many, at_most_ten, read_mails):
    box = queue_all(many(12))
    policy.for_department("")
    with CaptureQueriesContext(connection) as few:
        delivery.release_waiting_mails(box)
    Mail.objects.all().delete()
    box = queue_all(many(300))
    read_mails.clear()

    with CaptureQueriesContext(connection) as lots:
        assert delivery.release_waiting_mails(box) is not None, "more wait"

    assert len(read_mails) <= 10 + 1, "those of one mail, and this mail"
    assert len(lots) == len(few), len(lots)
    assert Mail.objects.filter(digest__isnull=False).count() == 10


def test_a_later_more_urgent_mail_replaces_the_earlier_one(many, at_most_ten):
    starters = many(25)
    with audit.transaction():
        notifications.write_reminder(starters[0])
    box = queue_all(starters)

    delivery.release_waiting_mails(box)

    about_first = Mail.objects.filter(starter=starters[0])
    assert about_first.get(kind="reminder").digest_id is not None
    assert about_first.get(kind="invitation").dropped_at is not None
    assert send_times.waiting_mails(box).count() == 15


def test_when_the_oldest_mails_are_irrelevant_the_next_ones_leave(many, at_most_ten):
    starters = many(25)
    box = queue_all(starters)
    Starter.objects.filter(pk__in=[starter.pk for starter in starters[:20]]).update(state="withdrawn")

    assert delivery.release_waiting_mails(box) is None

    gone = Mail.objects.filter(kind="invitation", dropped_at__isnull=False)
    assert {mail.starter_id for mail in gone} == {starter.pk for starter in starters[:20]}
    assert Mail.objects.filter(kind="invitation", digest__isnull=False).count() == 5


def test_all_waiting_mails_reach_the_reader_in_several_digests(many, at_most_ten, tenant, time_passes):
    starters = many(35)
    for _ in range(8):
        time_passes(8 * MINUTE)

    for starter in starters:
        assert sum(f"/starters/{starter.public_id}/" in mail.text for mail in tenant.tenant.mails) == 1
