"""The link is sent to the manager: by HR now, or again; and what is said when it cannot be."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest
from django.conf import settings

from onboarding import handover, services
from onboarding.models import AuditEvent, Job, Mail, Starter
from onboarding.moves import Changed
from tests.conftest import BY_KEY, creations

pytestmark = pytest.mark.django_db


def press_send(browser, starter):
    """Press the button, and read what the page says then."""
    response = browser.post(f"/hr/{starter.public_id}/send/")
    assert response.status_code == 302 and response["Location"] == f"/hr/{starter.public_id}/"
    return html.unescape(browser.get(response["Location"]).content.decode())


def sent_to(tenant):
    return [mail.recipients for mail in tenant.tenant.mails]


def test_sending_now_invites_the_manager_of_today(browser_of, record, hurry, tenant):
    starter = record("noor")

    page = press_send(browser_of("hanna"), starter)
    hurry()

    assert "The link is on its way to the manager." in page
    assert Starter.objects.get().state == "invited"
    assert sent_to(tenant) == [["maria.lindqvist@contoso.example"]]
    assert f"{settings.PORTAL_URL}/starters/{starter.public_id}/" in tenant.tenant.mails[0].text


def test_sending_makes_no_pass(browser_of, invite, hurry, tenant):
    press_send(browser_of("hanna"), invite("noor"))
    hurry()

    assert not creations(tenant)


def test_state_mail_and_trail_stand_or_fall_together(record, monkeypatch, person):
    starter = record("noor")
    monkeypatch.setattr("onboarding.letters.ask", lambda *_, **__: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        services.send_link(starter=starter, by=person("hanna"))

    assert Starter.objects.get().state == "recorded"
    assert not Mail.objects.exists() and not AuditEvent.objects.filter(event="starter.invited").exists()


def test_the_button_says_whether_it_is_the_first_time(browser_of, record, person):
    starter, hanna = record("noor"), browser_of("hanna")
    before = hanna.get(f"/hr/{starter.public_id}/").content.decode()

    after = press_send(hanna, starter)

    assert "Send the link now" in before and "Send the link again" not in before
    assert "Send the link again" in after and "Send the link now" not in after


def test_sending_again_is_a_mail_of_its_own(browser_of, invite, hurry, tenant):
    starter = invite("noor")
    hurry()

    press_send(browser_of("henry"), starter)
    hurry()
    hurry(timedelta(minutes=11))  # one manager gets no two mails within ten minutes

    ids = {mail.message_id for mail in tenant.tenant.mails}
    assert sent_to(tenant) == [["maria.lindqvist@contoso.example"]] * 2 and len(ids) == 2
    assert AuditEvent.objects.get(event="starter.link_sent").detail.values["by_name"] == "Henry Osei"
    assert Starter.objects.get().state == "invited"


@pytest.mark.usefixtures("managers_may_change")
def test_sending_again_goes_to_the_manager_of_today_once(browser_of, invite, hurry, tenant):
    starter = invite("noor")
    hurry()
    tenant.tenant.accounts["noor"].manager = "tom"

    press_send(browser_of("hanna"), starter)
    hurry()

    assert sent_to(tenant) == [["maria.lindqvist@contoso.example"], ["tom.becker@contoso.example"]]
    assert AuditEvent.objects.get(event="starter.link_sent").detail.values["by_name"] == "Hanna Reuter"


@pytest.mark.parametrize(
    ("key", "change", "words"),
    [
        ("ben", {}, "The directory names no manager."),
        ("noor", {"exists": False}, "The account is no longer in the directory."),
    ],
    ids=["no manager", "no account"],
)
def test_what_keeps_the_link_from_being_sent_is_said(browser_of, record, hurry, tenant, key, change, words):
    starter = record(key)
    accounts = tenant.tenant.accounts
    if "exists" in change:
        accounts["noor"].exists = False

    page = press_send(browser_of("hanna"), starter)
    hurry()

    assert f"The link was not sent. {words}" in page
    assert Starter.objects.get().state == "recorded"
    assert not Mail.objects.filter(kind="invitation").exists()


def test_a_manager_who_recorded_the_starter_is_not_invited(browser_of, record, tenant):
    starter = record("nadia", by="henry")

    page = press_send(browser_of("hanna"), starter)

    assert "The manager is the person who recorded the starter." in page
    assert Starter.objects.get().state == "recorded" and not Mail.objects.exists()


@pytest.mark.usefixtures("managers_may_change")
def test_what_was_put_right_in_the_directory_lets_the_link_go(browser_of, record, hurry, tenant):
    starter, hanna = record("ben"), browser_of("hanna")
    press_send(hanna, starter)
    tenant.tenant.accounts["ben"].manager = "tom"

    page = press_send(hanna, starter)
    hurry()

    assert "The link is on its way" in page and "names no manager" not in page
    assert sent_to(tenant) == [["tom.becker@contoso.example"]]


def test_an_account_that_is_only_expected_has_nobody_to_send_to(browser_of, person, tenant, record):
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

    assert "Nothing was changed; try again in a minute." in page
    assert Starter.objects.get().version == starter.version
    assert not Mail.objects.exists()


def test_the_queued_link_of_somebody_withdrawn_since_is_dropped(invite, hurry, person, tenant, browser_of):
    starter = invite("noor")
    services.withdraw_starter(starter=starter, by=person("hanna"), reason="Not coming")

    hurry()

    mail = Mail.objects.get(kind="invitation")
    assert not tenant.tenant.mails
    assert mail.dropped_at and not mail.sent_at and (mail.text, mail.html) == ("", "")
    assert (
        "no longer needed, not sent" in browser_of("hanna").get(f"/hr/{starter.public_id}/").content.decode()
    )


def test_the_queued_link_of_an_onboarding_that_went_on_is_dropped(held, hurry, tenant):
    held("noor")

    hurry()

    assert not [mail for mail in tenant.tenant.mails if mail.subject.startswith("The first day")]


@pytest.mark.parametrize("state", ["issued", "registered", "withdrawn"])
def test_the_link_is_not_sent_when_it_is_no_longer_needed(browser_of, record, person, state):
    starter = record("noor")
    Starter.objects.update(state=state)

    page = press_send(browser_of("hanna"), starter)

    assert "nothing of yours was saved" in page
    assert f"/hr/{starter.public_id}/send/" not in page and not Mail.objects.exists()
    with pytest.raises(Changed):
        services.send_link(starter=Starter.objects.get(), by=person("hanna"))


def test_two_who_send_at_once_invite_once(record, person, hurry, tenant):
    starter = record("noor")
    same = Starter.objects.get(pk=starter.pk)
    services.send_link(starter=starter, by=person("hanna"))

    with pytest.raises(Changed):
        services.send_link(starter=same, by=person("henry"))
    hurry()

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


def test_a_link_sent_before_the_window_opens_shows_when_it_does(invite, browser_of, confirmation):
    starter = invite("noor", starts_in=timedelta(days=2))

    page = browser_of("maria").get(f"/starters/{starter.public_id}/").content.decode()
    outcome = handover.confirm(confirmation(starter))

    assert "It is too early" in page
    assert isinstance(outcome, handover.Overtaken)


def test_a_manager_without_a_mailbox_needs_no_mail(browser_of, record, hurry, tenant, worker_alive):
    tenant.tenant.accounts["maria"].properties["mail"] = None
    starter = record("noor")

    press_send(browser_of("hanna"), starter)
    hurry()

    assert Starter.objects.get().state == "invited"
    assert Starter.objects.get().problem == Starter.Problem.NO_MAILBOX
    assert sent_to(tenant) == [["hr@contoso.example"]]
    maria = browser_of("maria")
    assert "Noor de Vries" in maria.get("/").content.decode()
    assert maria.get(f"/starters/{starter.public_id}/").context["situation"].code == "ready"
