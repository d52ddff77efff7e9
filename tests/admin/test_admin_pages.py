"""Django admin: mail previews, the audit chain and failed jobs."""

from __future__ import annotations

import re

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from onboarding import jobs
from onboarding.admin import mail_previews
from onboarding.audit import triggers
from onboarding.models import AuditEvent, Job, Mail, Starter
from tests.conftest import live_passes

CHAIN = "/admin/audit-chain/"
READERS = pytest.mark.parametrize("key", ["ada", "audrey"])
OTHERS = pytest.mark.parametrize("key", ["hanna", "maria", "outsider"])
PAGES = pytest.mark.parametrize(
    "path", ["/admin/mails/", "/admin/mails/?kind=invitation&to=manager", "/admin/audit-chain/"]
)


@PAGES
@READERS
def test_admins_and_auditors_read_them(browser_of, path, key):
    assert browser_of(key).get(path).status_code == 200


@PAGES
@OTHERS
def test_nobody_else_does(browser_of, path, key):
    assert browser_of(key).get(path).status_code == 403


def test_every_mail_kind_is_previewed_and_none_is_written(browser_of, settings):
    page = browser_of("audrey").get("/admin/mails/").content.decode()

    for preview in mail_previews.list_previews():
        assert preview.title in page and settings.PORTAL_URL.split("//")[1] in preview.content["text"]
    assert {path.name.split(".")[0] for path in mail_previews.FOLDER.glob("*.html")} - {"base"} == set(
        mail_previews.list_kinds()
    )
    assert not Mail.objects.exists()


@pytest.mark.parametrize("preview", mail_previews.list_previews(), ids=lambda preview: preview.title)
def test_a_mail_is_what_outlook_and_a_phone_can_draw(preview, settings):
    subject, text, html = preview.content["subject"], preview.content["text"], preview.content["html"]

    assert subject and len(subject) < 78 and "!" not in subject and "\n" not in subject
    assert f"Sent by {settings.PORTAL_URL.split('//')[1]}" in html
    for words in (text, html):  # the manager's manager has no page of the starter, but can stop everything
        other = re.sub(rf"{re.escape(settings.PORTAL_URL)}/starters/not-me/", "", words)
        assert (settings.PORTAL_URL in other) is (preview.reader != Mail.Reader.ABOVE)
    assert "<style" not in html and "<img" not in html and "class=" not in html
    assert not re.search(r"display:\s*(flex|grid)|position:|float:|var\(|rem;|background-image", html)
    for table in re.findall(r"<table[^>]*>", html):
        assert 'role="presentation"' in table and 'border="0"' in table
    # Outlook ignores max-width, and would draw a line across the whole screen.
    assert 'width="560"' in html


def test_the_html_of_a_mail_loads_and_runs_nothing(browser_of):
    answer = browser_of("ada").get("/admin/mails/?kind=invitation&to=manager")

    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy and policy.endswith("sandbox") and "script" not in policy
    assert "Robin Adler" in answer.content.decode()


@pytest.mark.parametrize(
    "query", ["kind=base&to=manager", "kind=../base&to=manager", "kind=invitation&to=hr"]
)
def test_a_mail_that_there_is_not_is_not_found(browser_of, query):
    assert browser_of("ada").get(f"/admin/mails/?{query}").status_code == 404


def test_chain_page_shows_intact_or_where_it_is_broken(browser_of, held):
    held("noor")
    audrey = browser_of("audrey")

    assert (
        "events are unchanged. Nothing else was checked."
        in audrey.get("/admin/audit-chain/").content.decode()
    )
    assert "trigger onboarding_auditevent_no_update is missing" in audrey.post(CHAIN).content.decode()
    triggers.install_triggers(connection)
    assert "The log is intact: all" in audrey.post(CHAIN).content.decode()
    Starter.objects.update(state="withdrawn")
    assert "“state” differs from event" in audrey.post(CHAIN).content.decode()
    triggers.remove_triggers(connection)
    event = AuditEvent.objects.order_by("seq")[1]
    AuditEvent.objects.filter(pk=event.pk).update(event="starter.withdrawn")
    page = audrey.post("/admin/audit-chain/").content.decode()

    assert (
        "is not intact" in page
        and f"Event {event.seq}: this event was changed" in page
        and "What to do" in page
    )


def test_chain_page_shows_the_last_result_of_the_command(browser_of, held):
    audrey = browser_of("audrey")
    assert "Nobody has run manage.py verify_audit yet." in audrey.get(CHAIN).content.decode()
    held("noor")
    Starter.objects.update(state="withdrawn")

    with pytest.raises(CommandError):
        call_command("verify_audit")

    page = audrey.get(CHAIN).content.decode()
    assert "The last run of manage.py verify_audit found" in page and "“state” differs from event" in page


def test_a_noted_chain_head_is_searched_for(browser_of, held):
    held("noor")

    page = browser_of("audrey").post("/admin/audit-chain/", {"head": "f" * 64}).content.decode()

    assert "is not intact" in page and "the audit log does not contain the event whose hash you saved" in page


def test_an_auditor_is_offered_no_change_anywhere(browser_of, held, tenant):
    issue = held("noor")
    Job.objects.update(failed_at=timezone.now())
    audrey, changing = browser_of("audrey"), []
    index = audrey.get("/admin/").content.decode()
    links = set(re.findall(r'href="(/admin/[^"]*)"', index)) | {
        f"/admin/onboarding/passissue/{issue.pk}/change/"
    }

    for link in sorted(links):
        page = audrey.get(link).content.decode()
        forms = re.findall(r'<form[^>]*method="post".*?</form>', page, re.DOTALL)
        sendable = [
            form for form in forms if re.search(r'type="(submit|text|checkbox)"|<select|<textarea', form)
        ]
        # The button of the audit chain verifies more of it, and changes nothing.
        changing += [
            (link, form[:90]) for form in sendable if "signout" not in form and "audit-chain" not in link
        ]
        changing += [
            (link, word) for word in ("addlink", "deletelink", 'name="action"', "_save") if word in page
        ]

    assert changing == []
    assert len(links) > 12 and "As an auditor you can read" in index and live_passes(tenant)


def test_failed_job_has_an_explanation(browser_of, person):
    jobs.enqueue_job("mail:1", priority=Job.Priority.MAIL)
    Job.objects.update(failed_at=timezone.now(), attempts=90, last_error="SMTPRecipientsRefused")
    link = "/admin/onboarding/job/?failed_at__isempty=0"

    page = browser_of("ada").get(link).content.decode()
    read = browser_of("audrey").get(link).content.decode()

    assert (
        "failed" in page
        and "The portal could not send an email" in page
        and "Start the selected jobs again" in page
    )
    assert "The portal could not send an email" in read and "Start the selected jobs again" not in read
