"""The mails: what they contain and never contain, and their one Message-ID, by SMTP or Graph."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.conf import settings as configured
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.utils import timezone

from onboarding import guards
from onboarding.mail import notifications
from onboarding.models import Job, Mail, PassIssue, Starter
from onboarding.passes.cancellation import cancel_pass
from tests.conftest import BY_KEY
from tests.support.hr_forms import version_of

pytestmark = pytest.mark.django_db
LINK = re.compile(r"https?://[^\s\"<>]+")
MANAGER, HR, SECURITY = "maria.lindqvist@contoso.example", "hr@contoso.example", "security@contoso.example"


@pytest.fixture
def write(record):
    """Write one mail of each kind about a starter as the portal does; returns them by kind and reader."""

    def written(key="noor", **facts):
        starter = record(key)
        Starter.objects.update(note="Has a dog called Rex", problem="no_manager", **facts)
        starter = Starter.objects.get()
        issue = PassIssue(starter=starter, state="revoked", reason="lost")
        with transaction.atomic():
            notifications.write_invitation(starter, number=1)
            notifications.write_reminder(starter)
            notifications.write_pass_cancelled(issue)
            notifications.write_cannot_cancel(issue)
            notifications.write_refusal(starter, [guards.BY_CODE["no_active_role"]])
            notifications.write_microsoft_refusal(issue, "policy")
            notifications.write_registered(starter)
            notifications.write_account_found(starter)
            notifications.write_problem(starter)
            notifications.write_account_replaced(starter)
        return list(Mail.objects.order_by("pk"))

    return written


# --- What they say ------------------------------------------------------------------------------------------------------


def test_every_mails_text_and_html_say_the_same(write):
    mails = write()

    kinds = {
        "invitation",
        "reminder",
        "taken_back",
        "problem",
        "refused",
        "registered",
        "account_found",
        "account_replaced",
    }
    assert {mail.kind for mail in mails} == kinds
    for mail in mails:
        assert mail.subject and "Noor de Vries" in mail.text and "Noor de Vries" in mail.html, mail.kind
        assert "<" not in mail.text and "<html" in mail.html, mail.kind
        assert set(LINK.findall(mail.text)) == set(LINK.findall(mail.html)), mail.kind


def test_every_reader_gets_the_text_for_their_role(write):
    readers = {(mail.kind, mail.to) for mail in write()}

    assert readers == {
        ("invitation", MANAGER),
        ("reminder", MANAGER),
        ("taken_back", MANAGER),
        ("problem", SECURITY),
        ("problem", HR),
        ("refused", HR),
        ("refused", SECURITY),
        ("registered", MANAGER),
        ("registered", HR),
        ("account_found", HR),
        ("account_replaced", MANAGER),
    }


def test_every_link_uses_the_configured_address(record, settings):
    settings.PORTAL_URL = "https://starters.contoso.example"
    starter = record("noor")

    notifications.write_invitation(starter, number=1)
    notifications.write_problem(starter)

    to_manager, to_hr = Mail.objects.order_by("pk")
    assert LINK.findall(to_manager.text) == [
        f"https://starters.contoso.example/starters/{starter.public_id}/",
        f"https://starters.contoso.example/starters/not-me/{starter.public_id}/",
    ]
    assert LINK.findall(to_hr.text) == [f"https://starters.contoso.example/hr/{starter.public_id}/"]
    assert {link.rstrip("/") for link in LINK.findall(to_manager.html)} == {
        f"https://starters.contoso.example/starters/{starter.public_id}",
        f"https://starters.contoso.example/starters/not-me/{starter.public_id}",
    }


def test_a_forged_host_header_never_reaches_a_mail(browser_of, record, settings):
    settings.ALLOWED_HOSTS = ["*"]
    starter = record("noor")

    browser_of("hanna").post(
        f"/hr/{starter.public_id}/send/", {"version": version_of(starter)}, headers={"Host": "evil.example"}
    )

    mail = Mail.objects.get()
    assert "evil.example" not in mail.text + mail.html + mail.message_id
    assert f"{configured.PORTAL_URL}/starters/{starter.public_id}/" in mail.text


def test_no_mail_contains_personal_data_beyond_the_name(write):
    starter_facts = (
        "noor.devries",
        BY_KEY["noor"].object_id,
        "Service designer",
        "Service design",
        "Rex",
        BY_KEY["maria"].object_id,
        "Hanna",
    )

    for mail in write():
        whole = mail.subject + mail.text + mail.html
        assert not [fact for fact in starter_facts if fact in whole], mail.kind


def test_no_mail_contains_a_pass(shown, run_jobs, tenant):
    outcome = shown("noor")
    code = outcome.code.reveal()
    cancel_pass(outcome.issue, reason=PassIssue.Reason.NOT_SEEN, by=outcome.issue.actor)

    run_jobs()

    assert tenant.tenant.mails
    for mail in [*Mail.objects.values_list("subject", "text", "html"), *map(str, tenant.tenant.mails)]:
        assert code not in str(mail) and outcome.issue.method_id not in str(mail)


def test_an_apostrophe_in_a_name_stays_an_apostrophe(write):
    mails = write("liam")

    for mail in mails:
        assert "Liam O'Brien" in mail.subject and "Liam O'Brien" in mail.text, mail.kind
        assert "&#" not in mail.subject + mail.text and "&amp;" not in mail.text, mail.kind
        assert "Liam O&#x27;Brien" in mail.html, mail.kind


def test_html_in_a_name_is_escaped(write):
    mails = write(display_name='<img src="https://evil.example/x"> & Co')

    for mail in mails:
        assert "<img" not in mail.html and "&lt;img src=" in mail.html, mail.kind
        assert '<img src="https://evil.example/x"> & Co' in mail.text, mail.kind


@pytest.mark.parametrize("name", ["Noor\r\nBcc: evil@example.org", "Noor\nX: y", "Noor\u2028\x0b\x85Z"])
def test_a_name_cannot_inject_a_header(record, run_jobs, tenant, name):
    starter = record("noor")
    Starter.objects.update(display_name=name)

    notifications.write_registered(Starter.objects.get(pk=starter.pk))
    run_jobs()
    run_jobs(timedelta(minutes=3))  # HR gets one digest

    assert {tuple(mail.recipients) for mail in tenant.tenant.mails} >= {(MANAGER,), (HR,)}
    for mail in tenant.tenant.mails:
        assert not {"Bcc", "X"} & set(mail.headers) and len(mail.recipients) == 1
        assert len(mail.subject.splitlines()) == 1


def test_directory_values_add_no_line_breaks_to_the_text(record, tenant):
    tenant.tenant.accounts["noor"].properties["displayName"] = "Noor\n\nPlease pay here: x"

    starter = record("noor")

    assert starter.display_name == "NoorPlease pay here: x"


def test_a_long_name_does_not_break_the_subject(write, run_jobs, tenant):
    write(display_name="N" * 256, state="invited")
    Job.objects.filter(key__startswith="look:").delete()

    run_jobs()
    run_jobs(timedelta(minutes=11))  # the second mail to this manager waits for the rate limit

    assert not Mail.objects.filter(sent_at=None).exists()
    assert all(len(mail.subject.strip()) <= 200 for mail in tenant.tenant.mails)


def test_a_person_without_a_mailbox_gets_no_mail(record):
    starter = record("noor")
    starter.manager_mail = ""

    notifications.write_invitation(starter, number=1)

    assert not Mail.objects.exists() and not Job.objects.filter(key__startswith="mail:").exists()


# --- One Message-ID -------------------------------------------------------------------------------------------------------


def test_the_same_mail_is_written_once(record):
    starter = record("noor")

    for _ in range(3):
        notifications.write_invitation(starter, number=1)
        notifications.write_reminder(starter)

    assert Mail.objects.count() == 2


def test_each_mail_has_its_own_message_id(write):
    ids = [mail.message_id for mail in write()]

    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"<[0-9a-f]{40}@localhost>", message_id) for message_id in ids)


def test_a_mail_is_sent_as_it_was_written(invite, run_jobs, tenant):
    invite("noor")
    Starter.objects.update(display_name="Somebody Else")

    run_jobs()

    assert tenant.tenant.mails[0].subject.startswith("Help Noor de Vries sign in on the first day (")


# --- By SMTP --------------------------------------------------------------------------------------------------------------


def the_mail():
    return Mail.objects.get(kind="invitation")


def test_smtp_sends_a_mail_as_it_was_written(peer, invite, run_jobs, settings):
    invite("noor")

    run_jobs()

    recipients, mime = peer.got[0]
    mail = the_mail()
    assert recipients == [MANAGER] and mime["To"] == MANAGER and mime["From"] == settings.MAIL_FROM
    assert (mime["Subject"], mime["Message-ID"]) == (mail.subject, mail.message_id)
    assert mime["Auto-Submitted"] == "auto-generated"
    assert mime.get_content_type() == "multipart/alternative"
    assert mime.get_body(("plain",)).get_content().split() == mail.text.split()
    assert mime.get_body(("html",)).get_content().split() == mail.html.split()
    assert mail.sent_at is not None


@pytest.mark.parametrize("answer", ["451 4.3.0 Try again later", "421 4.7.0 Too busy", "drop"])
def test_a_mail_that_smtp_refused_is_retried_under_one_id(peer, invite, run_jobs, answer):
    invite("noor")
    peer.answers = [answer]
    run_jobs()
    not_yet = the_mail().sent_at

    run_jobs(timedelta(seconds=5))

    assert not_yet is None and the_mail().sent_at is not None
    assert {mime["Message-ID"] for _, mime in peer.got} == {the_mail().message_id}
    assert len(peer.got) == (2 if answer == "drop" else 1)


def test_a_full_mailbox_gets_the_mail_later(peer, invite, run_jobs):
    invite("noor")
    peer.recipients_refused = ["452 4.2.2 Mailbox full", "452 4.2.2 Mailbox full"]
    run_jobs()
    run_jobs(timedelta(seconds=5))

    run_jobs(timedelta(seconds=30))

    assert len(peer.got) == 1
    assert the_mail().sent_at is not None and Job.objects.get(key=f"mail:{the_mail().pk}").done_at


def test_mail_waits_for_a_server_that_is_away(peer, invite, run_jobs, settings):
    invite("noor")
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 9
    run_jobs()
    failures = Job.objects.get(key=f"mail:{the_mail().pk}").attempts

    settings.EMAIL_PORT = port
    run_jobs(timedelta(seconds=5))

    assert failures == 1 and len(peer.got) == 1


def test_a_sent_mail_is_not_sent_again(peer, invite, run_jobs):
    invite("noor")
    run_jobs()

    Job.objects.filter(key__startswith="mail:").update(done_at=None)
    run_jobs()

    assert len(peer.got) == 1


def test_a_mail_killed_after_sending_is_resent_under_one_id(peer, invite, run_jobs, monkeypatch):
    invite("noor")
    send = EmailMultiAlternatives.send

    class Killed(BaseException):
        pass

    def sent_and_killed(message):
        send(message)
        raise Killed

    with monkeypatch.context() as dying, pytest.raises(Killed):
        dying.setattr(EmailMultiAlternatives, "send", sent_and_killed)
        run_jobs()
    run_jobs(timedelta(seconds=121))

    assert [mime["Message-ID"] for _, mime in peer.got] == [the_mail().message_id] * 2
    assert the_mail().sent_at is not None


def test_every_alphabet_arrives_unchanged(peer, record, run_jobs):
    starter = record("noor")
    Starter.objects.update(display_name="Zoë Łukasz 王芳 Ørsted", state="invited")

    notifications.write_reminder(Starter.objects.get(pk=starter.pk))
    run_jobs()

    mime = next(mime for _, mime in peer.got if "Create the pass" in str(mime["Subject"]))
    assert "Zoë Łukasz 王芳 Ørsted" in str(mime["Subject"])
    assert "Zoë Łukasz 王芳 Ørsted" in mime.get_body(("plain",)).get_content()


# --- By Graph -------------------------------------------------------------------------------------------------------------


def test_graph_sends_a_mail_as_it_was_written(invite, run_jobs, tenant, settings):
    invite("noor")

    run_jobs()

    sent, mail = tenant.tenant.mails[0], the_mail()
    assert (sent.sender, sent.recipients) == (settings.MAIL_FROM, [MANAGER])
    assert (sent.subject, sent.message_id) == (mail.subject, mail.message_id)
    assert sent.text.split() == mail.text.split() and sent.html.split() == mail.html.split()


@pytest.mark.parametrize(
    ("fault", "arrived"),
    [
        ({"drop": "before"}, 1),
        ({"drop": "after"}, 2),
        ({"status": 503}, 1),
        ({"status": 403}, 1),
    ],
    ids=["lost before", "lost after", "unavailable", "forbidden"],
)
def test_a_mail_that_graph_refused_is_retried_under_one_id(invite, run_jobs, tenant, fault, arrived):
    invite("noor")
    tenant.tenant.faults.add([{"path": "sendMail", **fault}])
    run_jobs()
    not_yet = the_mail().sent_at

    run_jobs(timedelta(seconds=5))

    assert not_yet is None and the_mail().sent_at is not None
    assert [mail.message_id for mail in tenant.tenant.mails] == [the_mail().message_id] * arrived


def test_mail_waits_as_long_as_graph_asks(invite, run_jobs, tenant):
    invite("noor")
    tenant.tenant.faults.add([{"path": "sendMail", "status": 429, "headers": {"Retry-After": "40"}}])
    run_jobs()
    job = Job.objects.get(key=f"mail:{the_mail().pk}")
    run_jobs(timedelta(seconds=30))
    early = len(tenant.tenant.mails)

    run_jobs(timedelta(seconds=45))

    assert timedelta(seconds=30) < job.due_at - timezone.now() <= timedelta(seconds=40)
    assert job.attempts == 0 and (early, len(tenant.tenant.mails)) == (0, 1)


def test_a_mail_failing_for_an_hour_is_on_hrs_list(invite, run_jobs, tenant):
    invite("noor")
    tenant.tenant.faults.add([{"method": "POST", "path": ".*/sendMail", "status": 503, "times": None}])

    run_jobs(timedelta(minutes=61))
    stuck = Starter.objects.get().problem
    tenant.tenant.faults.end_all()
    run_jobs(timedelta(minutes=75))

    assert stuck == Starter.Problem.MAIL_FAILED
    assert Starter.objects.get().problem == ""
    assert Mail.objects.get(kind="invitation").sent_at is not None
