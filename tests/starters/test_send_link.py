"""HR sends the link to the manager, the first time or again, or reads why it cannot be sent."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from onboarding import graph, participants
from onboarding.errors import ConcurrentUpdate
from onboarding.models import AuditEvent, Job, Mail, Starter
from onboarding.passes.errors import PageOutdated
from onboarding.starters import invitations, withdrawal
from tests.conftest import BY_KEY, creations
from tests.support.hr_forms import fields_on_page, version_of
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db


def press_send(browser, starter):
    """Click the button. Returns the text of the next page."""
    response = browser.post(f"/hr/{starter.public_id}/send/", {"version": version_of(starter)})
    assert response.status_code == 302 and response["Location"] == f"/hr/{starter.public_id}/"
    return html.unescape(browser.get(response["Location"]).content.decode())


def sent_to(tenant):
    return [mail.recipients for mail in tenant.tenant.mails]


def test_sending_now_invites_the_manager_of_today(browser_of, record, run_jobs, tenant):
    starter = record("noor")

    page = press_send(browser_of("hanna"), starter)
    run_jobs()

    assert "The portal is emailing the link to the manager or stand-in." in page
    assert Starter.objects.get().state == "invited"
    assert sent_to(tenant) == [["maria.lindqvist@contoso.example"]]
    assert f"{settings.PORTAL_URL}/starters/{starter.public_id}/" in tenant.tenant.mails[0].text


def test_sending_makes_no_pass(browser_of, invite, run_jobs, tenant):
    press_send(browser_of("hanna"), invite("noor"))
    run_jobs()

    assert not creations(tenant)


def test_state_mail_and_trail_stand_or_fall_together(record, monkeypatch, person):
    starter = record("noor")
    monkeypatch.setattr("onboarding.mail.outbox.enqueue_job", lambda *_, **__: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        invitations.send_link(starter=starter, by=person("hanna"))

    assert Starter.objects.get().state == "recorded"
    assert not Mail.objects.exists() and not AuditEvent.objects.filter(event="starter.invited").exists()


def test_button_label_shows_whether_it_is_the_first_link(browser_of, record, person):
    starter, hanna = record("noor"), browser_of("hanna")
    before = hanna.get(f"/hr/{starter.public_id}/").content.decode()

    after = press_send(hanna, starter)

    assert "Send the link now" in before and "Send the link again" not in before
    assert "Send the link again" in after and "Send the link now" not in after


def test_resending_sends_second_mail(browser_of, invite, run_jobs, tenant, time_machine):
    starter = invite("noor")
    run_jobs()
    time_machine.move_to(timezone.now() + timedelta(minutes=11))

    press_send(browser_of("henry"), starter)
    run_jobs()

    ids = {mail.message_id for mail in tenant.tenant.mails}
    assert sent_to(tenant) == [["maria.lindqvist@contoso.example"]] * 2 and len(ids) == 2
    assert AuditEvent.objects.get(event="starter.link_sent").detail.values["by_name"] == "Henry Osei"
    assert Starter.objects.get().state == "invited"


@pytest.mark.usefixtures("managers_may_change")
def test_sending_again_goes_to_the_manager_of_today_once(browser_of, invite, run_jobs, tenant):
    starter = invite("noor")
    run_jobs()
    tenant.tenant.accounts["noor"].manager = "tom"

    press_send(browser_of("hanna"), starter)
    run_jobs()

    former, today = ["maria.lindqvist@contoso.example"], ["tom.becker@contoso.example"]
    # The second mail says that the link has ended.
    assert sent_to(tenant) == [former, former, today]
    assert AuditEvent.objects.get(event="starter.link_sent").detail.values["by_name"] == "Hanna Reuter"


@pytest.mark.parametrize(
    ("key", "change", "words"),
    [
        ("ben", {}, "No manager is set in Entra."),
        ("noor", {"exists": False}, "The account is no longer in Entra."),
    ],
    ids=["no manager", "no account"],
)
def test_reason_for_not_sending_the_link_is_shown(browser_of, record, run_jobs, tenant, key, change, words):
    starter = record(key)
    accounts = tenant.tenant.accounts
    if "exists" in change:
        accounts["noor"].exists = False

    page = press_send(browser_of("hanna"), starter)
    run_jobs()

    assert f"The link was not sent. {words}" in page
    assert Starter.objects.get().state == "recorded"
    assert not Mail.objects.filter(kind="invitation").exists()


def test_manager_who_added_the_starter_is_not_invited(browser_of, record, tenant):
    starter = record("nadia", by="henry")

    page = press_send(browser_of("hanna"), starter)

    assert "The manager added or changed this starter." in page
    assert Starter.objects.get().state == "recorded"
    assert [(mail.kind, mail.recipient) for mail in Mail.objects.all()] == [("problem", "hr")]


@pytest.mark.usefixtures("managers_may_change")
def test_link_is_sent_after_a_fix_in_the_directory(browser_of, record, run_jobs, tenant):
    starter, hanna = record("ben"), browser_of("hanna")
    press_send(hanna, starter)
    tenant.tenant.accounts["ben"].manager = "tom"

    page = press_send(hanna, starter)
    run_jobs()

    now, _, history = page.partition(">History</h2>")
    assert "The portal is emailing the link" in now and "No manager is set in Entra" not in now
    assert "A check found that the problem is fixed" in history
    assert sent_to(tenant) == [["hr@contoso.example"], ["tom.becker@contoso.example"]]


def test_expected_account_has_no_manager_for_the_link(browser_of, person, tenant, record):
    starter = record("noor")
    Starter.objects.update(account_id="", problem="account_missing")

    hanna = browser_of("hanna")
    page = press_send(hanna, starter)

    assert "The link was not sent. The account does not exist yet." in page
    assert f"/hr/{starter.public_id}/send/" not in page


@pytest.mark.parametrize(
    "fault",
    [
        {"drop": "before", "times": None},
        {"status": 429, "headers": {"Retry-After": "20"}, "times": None},
    ],
    ids=["no answer", "throttled"],
)
def test_a_directory_that_does_not_answer_changes_nothing(browser_of, record, tenant, fault):
    starter = record("noor")
    tenant.tenant.faults.add([{"path": r"/\$batch", **fault}])

    page = press_send(browser_of("hanna"), starter)

    assert "Nothing was changed. Try again in a minute." in page
    assert Starter.objects.get().version == starter.version
    assert not Mail.objects.exists()


def test_the_queued_link_of_somebody_withdrawn_since_is_dropped(invite, run_jobs, person, tenant, browser_of):
    starter = invite("noor")
    withdrawal.withdraw_starter(starter=starter, by=person("hanna"), reason="Not coming")

    run_jobs()

    mail = Mail.objects.get(kind="invitation")
    assert not tenant.tenant.mails
    assert mail.dropped_at and not mail.sent_at and (mail.text, mail.html) == ("", "")
    assert (
        "not sent: no longer needed" in browser_of("hanna").get(f"/hr/{starter.public_id}/").content.decode()
    )


def test_queued_link_is_dropped_when_no_longer_needed(held, run_jobs, tenant):
    held("noor")

    run_jobs()

    assert not [mail for mail in tenant.tenant.mails if mail.subject.startswith("Help ")]


@pytest.mark.parametrize("state", ["issued", "registered", "withdrawn"])
def test_link_is_not_sent_after_the_hand_over(browser_of, record, person, state):
    starter = record("noor")
    Starter.objects.update(state=state)

    page = press_send(browser_of("hanna"), starter)

    assert "did not save your changes" in page
    assert f"/hr/{starter.public_id}/send/" not in page and not Mail.objects.exists()
    with pytest.raises(ConcurrentUpdate):
        invitations.send_link(starter=Starter.objects.get(), by=person("hanna"))


def test_two_requests_at_once_invite_once(record, person, run_jobs, tenant):
    starter = record("noor")
    same = Starter.objects.get(pk=starter.pk)
    invitations.send_link(starter=starter, by=person("hanna"))

    with pytest.raises(ConcurrentUpdate):
        invitations.send_link(starter=same, by=person("henry"))
    run_jobs()

    assert len(tenant.tenant.mails) == 1


def wait_for_others(starter):
    """The mail with the link is written, and waits to be sent with others to the same manager."""
    invitations.send_link(starter=starter, by=None)
    Mail.objects.update(released_at=None)
    Job.objects.filter(key__startswith="mail:").delete()


def test_button_of_an_old_page_sends_the_waiting_link(browser_of, record, run_jobs, tenant):
    starter, hanna = record("noor"), browser_of("hanna")
    seen = fields_on_page(hanna, starter, "send")
    wait_for_others(Starter.objects.get(pk=starter.pk))

    response = hanna.post(f"/hr/{starter.public_id}/send/", seen, follow=True)
    run_jobs()

    assert "The portal is emailing the link to the manager or stand-in." in response.content.decode()
    assert sent_to(tenant) == [["maria.lindqvist@contoso.example"]]
    assert AuditEvent.objects.filter(event="starter.link_sent").count() == 1


def test_two_clicks_on_the_button_record_one_sending(browser_of, record, run_jobs, tenant):
    starter, hanna = record("noor"), browser_of("hanna")
    seen = fields_on_page(hanna, starter, "send")

    hanna.post(f"/hr/{starter.public_id}/send/", seen)
    page = hanna.post(f"/hr/{starter.public_id}/send/", seen, follow=True).content.decode()
    run_jobs()

    assert "The portal is emailing the link to the manager or stand-in." in page
    assert len(tenant.tenant.mails) == 1
    assert not AuditEvent.objects.filter(event="starter.link_sent").exists()


def test_an_old_page_sends_no_link_a_second_time(browser_of, invite, run_jobs, tenant, time_machine):
    starter = invite("noor")
    seen = {"version": starter.version - 1}
    run_jobs()
    time_machine.move_to(timezone.now() + timedelta(minutes=11))

    page = browser_of("hanna").post(f"/hr/{starter.public_id}/send/", seen, follow=True).content.decode()
    run_jobs()

    assert "did not save your changes" in page
    assert len(tenant.tenant.mails) == 1


def test_opening_the_address_sends_nothing(browser_of, record):
    starter = record("noor")

    response = browser_of("hanna").get(f"/hr/{starter.public_id}/send/")

    assert response.status_code == 405
    assert Starter.objects.get().state == "recorded"


@pytest.mark.parametrize("key", ["maria", "outsider", "ada", "audrey"])
def test_nobody_but_hr_sends_a_link(browser_of, record, key):
    starter = record("noor")

    response = browser_of(key).post(f"/hr/{starter.public_id}/send/")

    assert response.status_code == 403
    assert (
        Starter.objects.get().state == "recorded" and not Job.objects.filter(key__startswith="mail").exists()
    )


def test_a_starter_that_does_not_exist_is_not_found(browser_of, tenant):
    response = browser_of("hanna").post("/hr/AAAAAAAAAAAAAAAAAAAAAA/send/")

    assert response.status_code == 404


def test_the_link_opens_nothing_by_itself(browser_of, invite):
    starter = invite("noor")

    response = browser_of("outsider").get(f"/starters/{starter.public_id}/")

    assert response.status_code == 404
    assert BY_KEY["noor"].name not in response.content.decode()


def test_early_link_shows_when_the_window_opens(invite, browser_of, confirmation):
    starter = invite("noor", starts_in=timedelta(days=2))

    page = browser_of("maria").get(f"/starters/{starter.public_id}/").content.decode()
    outcome = outcome_of(confirmation(starter))

    assert "It is too early" in page
    assert isinstance(outcome, PageOutdated)


def test_a_manager_without_a_mailbox_needs_no_mail(browser_of, record, run_jobs, tenant, worker_alive):
    tenant.tenant.accounts["maria"].properties["mail"] = None
    starter = record("noor")

    press_send(browser_of("hanna"), starter)
    run_jobs()

    assert Starter.objects.get().state == "invited"
    assert Starter.objects.get().problem == Starter.Problem.NO_MAILBOX
    assert sent_to(tenant) == [["hr@contoso.example"]]
    maria = browser_of("maria")
    assert "Noor de Vries" in maria.get("/starters/").content.decode()
    assert maria.get(f"/starters/{starter.public_id}/").context["page_state"].code == "ready"


def test_account_found_by_one_of_two_reads_is_no_problem(browser_of, record, monkeypatch):
    starter = record("noor")

    def not_found(*_, **__):
        raise graph.NotFound("not known everywhere yet", status=404)

    monkeypatch.setattr(participants, "read_facts", not_found)
    page = press_send(browser_of("hanna"), starter)

    assert "Microsoft Entra does not respond. Nothing was changed. Try again in a minute." in page
    assert "The link was not sent" not in page and Starter.objects.get().state == "recorded"
