"""The mails: what they say and never say, and that each arrives once known by one Message-ID, by SMTP or Graph."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.conf import settings as configured
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.utils import timezone

from onboarding import guards, handover, notifications
from onboarding.models import Job, Mail, PassIssue, Starter
from tests.conftest import BY_KEY

pytestmark = pytest.mark.django_db
LINK = re.compile(r"https?://[^\s\"<>]+")
MANAGER, HR, SECURITY = "maria.lindqvist@contoso.example", "hr@contoso.example", "security@contoso.example"


@pytest.fixture
def write(record):
    """Write one mail of each kind about a starter, as the portal would, and give them by kind and reader."""

    def written(key="noor", **facts):
        starter = record(key)
        Starter.objects.update(note="Has a dog called Rex", problem="no_manager", **facts)
        starter = Starter.objects.get()
        issue = PassIssue(starter=starter, state="revoked", reason="lost")
        with transaction.atomic():
            notifications.invitation(starter, number=1)
            notifications.reminder(starter)
            notifications.open_again(issue)
            notifications.cannot_take_back(issue)
            notifications.refused(starter, [guards.BY_CODE["no_active_role"]])
            notifications.microsoft_refused(issue, "policy")
            notifications.registered(starter)
            notifications.account_found(starter)
            notifications.problem(starter)
            notifications.account_replaced(starter)
        return list(Mail.objects.order_by("pk"))

    return written


# --- What they say ------------------------------------------------------------------------------------------------------


def test_every_mail_is_text_and_html_that_say_the_same(write):
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


def test_every_reader_gets_what_is_theirs(write):
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


def test_every_link_is_on_the_configured_address_and_nowhere_else(record, settings):
    settings.PORTAL_URL = "https://starters.contoso.example"
    starter = record("noor")

    notifications.invitation(starter, number=1)
    notifications.problem(starter)

    to_manager, to_hr = Mail.objects.order_by("pk")
    assert LINK.findall(to_manager.text) == [
        f"https://starters.contoso.example/starters/{starter.public_id}/"
    ]
    assert LINK.findall(to_hr.text) == [f"https://starters.contoso.example/hr/{starter.public_id}/"]
    assert {link.rstrip("/") for link in LINK.findall(to_manager.html)} == {
        f"https://starters.contoso.example/starters/{starter.public_id}"
    }


def test_the_host_that_a_visitor_claims_does_not_get_into_a_mail(browser_of, record, settings):
    settings.ALLOWED_HOSTS = ["*"]
    starter = record("noor")

    browser_of("hanna").post(f"/hr/{starter.public_id}/send/", headers={"Host": "evil.example"})

    mail = Mail.objects.get()
    assert "evil.example" not in mail.text + mail.html + mail.message_id
    assert f"{configured.PORTAL_URL}/starters/{starter.public_id}/" in mail.text


def test_no_mail_holds_anything_personal_beyond_the_name(write):
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


def test_no_mail_ever_holds_a_pass(shown, hurry, tenant):
    outcome = shown("noor")
    code = outcome.code.reveal()
    handover.take_back(outcome.issue, reason=PassIssue.Reason.NOT_SEEN, by=outcome.issue.actor)

    hurry()

    assert tenant.tenant.mails
    for mail in [*Mail.objects.values_list("subject", "text", "html"), *map(str, tenant.tenant.mails)]:
        assert code not in str(mail) and outcome.issue.method_id not in str(mail)


def test_an_apostrophe_in_a_name_is_an_apostrophe(write):
    mails = write("liam")

    for mail in mails:
        assert "Liam O'Brien" in mail.subject and "Liam O'Brien" in mail.text, mail.kind
        assert "&#" not in mail.subject + mail.text and "&amp;" not in mail.text, mail.kind
        assert "Liam O&#x27;Brien" in mail.html, mail.kind


def test_a_name_cannot_write_html(write):
    mails = write(display_name='<img src="https://evil.example/x"> & Co')

    for mail in mails:
        assert "<img" not in mail.html and "&lt;img src=" in mail.html, mail.kind
        assert '<img src="https://evil.example/x"> & Co' in mail.text, mail.kind


@pytest.mark.parametrize("name", ["Noor\r\nBcc: evil@example.org", "Noor\nX: y", "Noor\u2028\x0b\x85Z"])
def test_a_name_cannot_add_a_header(record, hurry, tenant, name):
    starter = record("noor")
    Starter.objects.update(display_name=name)

    notifications.registered(Starter.objects.get(pk=starter.pk))
    hurry()

    assert {tuple(mail.recipients) for mail in tenant.tenant.mails} >= {(MANAGER,), (HR,)}
    for mail in tenant.tenant.mails:
        assert not {"Bcc", "X"} & set(mail.headers) and len(mail.recipients) == 1
        assert len(mail.subject.splitlines()) == 1


def test_what_the_directory_says_brings_no_new_line_into_the_text(record, tenant):
    tenant.tenant.accounts["noor"].properties["displayName"] = "Noor\n\nPlease pay here: x"

    starter = record("noor")

    assert starter.display_name == "NoorPlease pay here: x"


def test_a_long_name_does_not_break_the_subject(write, hurry, tenant):
    mails = write(display_name="N" * 256, state="invited")
    Job.objects.filter(key__startswith="look:").delete()

    hurry()
    hurry(timedelta(minutes=11))  # the second one to the same manager waits a while

    assert len(tenant.tenant.mails) == len(mails)
    assert all(len(mail.subject.strip()) <= 200 for mail in tenant.tenant.mails)


def test_who_has_no_mailbox_is_written_no_mail(record):
    starter = record("noor")
    starter.manager_mail = ""

    notifications.invitation(starter, number=1)

    assert not Mail.objects.exists() and not Job.objects.filter(key__startswith="mail:").exists()


# --- One Message-ID -------------------------------------------------------------------------------------------------------


def test_the_same_message_is_written_once(record):
    starter = record("noor")

    for _ in range(3):
        notifications.invitation(starter, number=1)
        notifications.reminder(starter)

    assert Mail.objects.count() == 2


def test_each_message_has_an_id_of_its_own_on_the_portals_host(write):
    ids = [mail.message_id for mail in write()]

    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"<[0-9a-f]{40}@localhost>", one) for one in ids)


def test_what_stood_in_the_mail_when_it_was_written_is_what_is_sent(invite, hurry, tenant):
    invite("noor")
    Starter.objects.update(display_name="Somebody Else")

    hurry()

    assert tenant.tenant.mails[0].subject == "The first day of Noor de Vries"


# --- By SMTP --------------------------------------------------------------------------------------------------------------


def the_mail():
    return Mail.objects.get(kind="invitation")


def test_a_mail_goes_out_by_smtp_as_it_was_written(peer, invite, hurry, settings):
    invite("noor")

    hurry()

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
def test_a_mail_that_was_not_taken_is_sent_again_under_the_same_id(peer, invite, hurry, answer):
    invite("noor")
    peer.answers = [answer]
    hurry()
    not_yet = the_mail().sent_at

    hurry(timedelta(seconds=5))

    assert not_yet is None and the_mail().sent_at is not None
    assert {mime["Message-ID"] for _, mime in peer.got} == {the_mail().message_id}
    assert len(peer.got) == (2 if answer == "drop" else 1)


def test_a_mailbox_that_is_full_now_gets_it_later(peer, invite, hurry):
    invite("noor")
    peer.recipients_refused = ["452 4.2.2 Mailbox full", "452 4.2.2 Mailbox full"]
    hurry()
    hurry(timedelta(seconds=5))

    hurry(timedelta(seconds=30))

    assert len(peer.got) == 1
    assert the_mail().sent_at is not None and Job.objects.get(key=f"mail:{the_mail().pk}").done_at


def test_a_mail_server_that_is_away_is_waited_for(peer, invite, hurry, settings):
    invite("noor")
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 9
    hurry()
    failures = Job.objects.get(key=f"mail:{the_mail().pk}").attempts

    settings.EMAIL_PORT = port
    hurry(timedelta(seconds=5))

    assert failures == 1 and len(peer.got) == 1


def test_a_mail_that_was_sent_is_not_sent_again(peer, invite, hurry):
    invite("noor")
    hurry()

    Job.objects.filter(key__startswith="mail:").update(done_at=None)
    hurry()

    assert len(peer.got) == 1


def test_killed_between_sending_and_noting_it_is_sent_again_under_the_same_id(
    peer, invite, hurry, monkeypatch
):
    invite("noor")
    send = EmailMultiAlternatives.send

    class Killed(BaseException):
        pass

    def sent_and_killed(message):
        send(message)
        raise Killed

    with monkeypatch.context() as dying, pytest.raises(Killed):
        dying.setattr(EmailMultiAlternatives, "send", sent_and_killed)
        hurry()
    hurry(timedelta(seconds=121))

    assert [mime["Message-ID"] for _, mime in peer.got] == [the_mail().message_id] * 2
    assert the_mail().sent_at is not None


def test_letters_of_every_alphabet_arrive(peer, record, hurry):
    starter = record("noor")
    Starter.objects.update(display_name="Zoë Łukasz 王芳 Ørsted", state="invited")

    notifications.reminder(Starter.objects.get(pk=starter.pk))
    hurry()

    mime = next(mime for _, mime in peer.got if "waiting for" in str(mime["Subject"]))
    assert str(mime["Subject"]).strip().startswith("Zoë Łukasz 王芳 Ørsted")
    assert "Zoë Łukasz 王芳 Ørsted" in mime.get_body(("plain",)).get_content()


# --- By Graph -------------------------------------------------------------------------------------------------------------


def test_a_mail_goes_out_by_graph_as_it_was_written(invite, hurry, tenant, settings):
    invite("noor")

    hurry()

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
def test_a_mail_that_graph_did_not_take_is_sent_again_under_the_same_id(
    invite, hurry, tenant, fault, arrived
):
    invite("noor")
    tenant.tenant.faults.add([{"path": "sendMail", **fault}])
    hurry()
    not_yet = the_mail().sent_at

    hurry(timedelta(seconds=5))

    assert not_yet is None and the_mail().sent_at is not None
    assert [mail.message_id for mail in tenant.tenant.mails] == [the_mail().message_id] * arrived


def test_graph_that_wants_to_be_left_alone_is_left_alone(invite, hurry, tenant):
    invite("noor")
    tenant.tenant.faults.add([{"path": "sendMail", "status": 429, "headers": {"Retry-After": "40"}}])
    hurry()
    job = Job.objects.get(key=f"mail:{the_mail().pk}")
    hurry(timedelta(seconds=30))
    early = len(tenant.tenant.mails)

    hurry(timedelta(seconds=45))

    assert timedelta(seconds=30) < job.due_at - timezone.now() <= timedelta(seconds=40)
    assert job.attempts == 0 and (early, len(tenant.tenant.mails)) == (0, 1)


def test_a_managers_mail_that_fails_for_an_hour_is_on_hrs_list_until_it_is_sent(invite, hurry, tenant):
    invite("noor")
    tenant.tenant.faults.add([{"method": "POST", "path": ".*/sendMail", "status": 503, "times": None}])

    hurry(timedelta(minutes=61))
    stuck = Starter.objects.get().problem
    tenant.tenant.faults.end()
    hurry(timedelta(minutes=75))

    assert stuck == Starter.Problem.MAIL_FAILED
    assert Starter.objects.get().problem == ""
    assert Mail.objects.get(kind="invitation").sent_at is not None
