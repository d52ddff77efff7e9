"""An admin ends all sessions of a person, with a reason; a pass that nobody has seen yet is deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from onboarding import graph
from onboarding.models import AuditEvent, Mail, PassIssue
from onboarding.passes import handover
from onboarding.passes.errors import PassNotIssued
from onboarding.sessions.ending import end_sessions
from portal.models import User
from tests.conftest import live_passes

pytestmark = pytest.mark.django_db

SECURITY = "security@contoso.example"


def page_of(user):
    return f"/admin/portal/user/{user.pk}/end-sessions/"


@pytest.fixture
def end(person, browser_of, policy_says):
    policy_says(security_address=SECURITY)

    def ended(key="maria", by="ada", **typed):
        form = {"reason": "Her laptop was stolen", "is_sure": "on"} | typed
        return browser_of(by).post(page_of(person(key)), form, follow=True)

    return ended


def is_signed_in(browser):
    return browser.get("/starters/").status_code == 200


def test_all_sessions_of_one_person_end(tenant, end, browser_of):
    first, second, tom = browser_of("maria"), browser_of("maria"), browser_of("tom")

    page = end("maria")

    assert "All sessions of Maria Lindqvist have ended." in page.content.decode()
    assert not is_signed_in(first) and not is_signed_in(second)
    assert is_signed_in(tom) and is_signed_in(browser_of("ada"))


def test_session_that_begins_afterwards_goes_on(tenant, end, browser_of):
    end("maria")

    assert is_signed_in(browser_of("maria"))


def test_ended_session_is_answered_like_an_idle_one(tenant, end, browser_of):
    maria = browser_of("maria")
    end("maria")

    assert maria.post("/starters/AAAAAAAAAAAAAAAAAAAAAA/").status_code == 401
    assert maria.get("/", headers={"Sec-Fetch-Mode": "cors"}).status_code == 401
    assert maria.get("/")["Location"] == "/signin/?next=/"


def test_new_key_does_not_bring_an_ended_session_back(tenant, end, browser_of, settings):
    maria = browser_of("maria")
    end("maria")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key, of at least fifty random characters 0123456789"

    assert not is_signed_in(maria)


def test_it_needs_a_reason_and_a_confirmation(tenant, end, browser_of):
    maria = browser_of("maria")

    for missing in ({"reason": " "}, {"is_sure": ""}, {"reason": "x\x00"}):
        assert end("maria", **missing).status_code == 400
    assert is_signed_in(maria) and not AuditEvent.objects.filter(event="session.ended_all").exists()


def test_opening_the_page_ends_nothing(tenant, person, browser_of):
    maria, ada = browser_of("maria"), browser_of("ada")

    assert ada.get(page_of(person("maria"))).status_code == 200
    link = f'href="{page_of(person("maria"))}"'
    assert link in ada.get(f"/admin/portal/user/{person('maria').pk}/change/").content.decode()
    assert is_signed_in(maria)


@pytest.mark.parametrize("by", ["audrey", "hanna", "maria"])
def test_only_an_admin_ends_sessions(tenant, end, browser_of, by):
    tom = browser_of("tom")

    assert end("tom", by=by).status_code == 403
    assert is_signed_in(tom)


def test_auditors_get_no_link(tenant, person, browser_of):
    page = browser_of("audrey").get(f"/admin/portal/user/{person('maria').pk}/change/")

    assert page.status_code == 200 and "end-sessions" not in page.content.decode()


def test_it_is_audited_with_names_only_as_erasable_details(tenant, end, person):
    end("maria")

    event = AuditEvent.objects.get(event="session.ended_all")
    assert event.facts == {"passes": 0}
    assert event.detail.values["by_name"] == person("ada").name
    assert event.detail.values["person_name"] == "Maria Lindqvist"
    assert event.detail.values["reason"] == "Her laptop was stolen"


def test_the_person_and_security_get_an_email(tenant, end):
    end("maria")

    mails = {mail.to: mail for mail in Mail.objects.filter(kind="sessions_ended")}
    assert set(mails) == {"maria.lindqvist@contoso.example", SECURITY}
    assert "stolen" in mails[SECURITY].text and "stolen" in mails[SECURITY].html
    assert "stolen" not in mails["maria.lindqvist@contoso.example"].text
    assert "signed you out in every browser" in mails["maria.lindqvist@contoso.example"].text


def test_emails_leave(tenant, end, run_jobs):
    end("maria")

    run_jobs()

    sent = {mail.subject: mail.recipients for mail in tenant.tenant.mails}
    assert sent["You were signed out of localhost:8000"] == ["maria.lindqvist@contoso.example"]
    assert sent["Sessions of Maria Lindqvist were ended"] == [SECURITY]
    assert not Mail.objects.filter(kind="sessions_ended", sent_at=None).exists()


def test_sessions_end_while_entra_does_not_respond(tenant, end, browser_of, fault):
    maria = browser_of("maria")
    fault(path="/v1.0", status=503, times=100)

    end("maria")

    assert not is_signed_in(maria)
    assert Mail.objects.filter(kind="sessions_ended").count() == 2


# --- Passes -----------------------------------------------------------------------------------------------------


def test_pass_that_nobody_has_seen_is_deleted(tenant, end, shown, run_jobs):
    issue = shown("noor").issue

    page = end("maria")
    run_jobs()

    issue.refresh_from_db()
    assert (issue.state, issue.reason) == ("revoked", "sessions_ended")
    assert live_passes(tenant) == [] and "1 pass that nobody had seen yet" in page.content.decode()
    assert "The portal is deleting the pass that you had just created." in str(
        Mail.objects.get(kind="sessions_ended", recipient="person").text
    )


def test_pass_that_was_handed_over_stays(tenant, end, held, run_jobs):
    issue = held("noor")

    end("maria")
    run_jobs()

    issue.refresh_from_db()
    assert issue.state == "held" and len(live_passes(tenant)) == 1


def test_pass_of_another_manager_stays(tenant, end, shown, run_jobs):
    issue = shown("noor").issue

    end("tom")

    assert PassIssue.objects.get(pk=issue.pk).state == "shown"


def test_pass_that_is_being_created_is_not_shown(tenant, invite, confirmation, person, run_jobs, monkeypatch):
    """The admin ends the sessions between the click and Microsoft's answer."""
    starter = invite("noor")
    real = graph.Graph.create_pass

    def end_meanwhile(self, *args, **kwargs):
        made = real(self, *args, **kwargs)
        end_sessions(person("maria"), by=person("ada"), reason="Her laptop was stolen")
        return made

    monkeypatch.setattr(graph.Graph, "create_pass", end_meanwhile)

    with pytest.raises(PassNotIssued):
        handover.confirm(confirmation(starter))

    monkeypatch.undo()
    run_jobs(timedelta(minutes=5))
    assert live_passes(tenant) == []
    assert PassIssue.objects.get().reason == "sessions_ended"


def test_sign_in_again_keeps_the_moment(tenant, end, person, browser_of):
    end("maria")
    ended_at = User.objects.get(pk=person("maria").pk).sessions_ended_at
    assert timezone.now() - ended_at < timedelta(minutes=1)
    browser_of("maria")

    assert User.objects.get(pk=person("maria").pk).sessions_ended_at == ended_at
    assert Session.objects.exists()
