"""People see where they are signed in, and end their other sessions after a recent sign-in."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import requests
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from onboarding import graph
from onboarding.models import AuditEvent, PassIssue
from onboarding.passes import handover
from onboarding.passes.errors import PageOutdated, PassNotIssued
from onboarding.sessions.ending import end_own_sessions, end_sessions
from onboarding.sessions.freshness import SignInNotFresh
from portal.models import User
from portal.own_sessions.browsers import name_browser
from portal.own_sessions.listing import list_sessions
from tests.conftest import live_passes
from tests.signin.test_sign_in import sign_in

pytestmark = pytest.mark.django_db
PAGE = "/sessions/"
AGENTS = {
    "Firefox on Windows": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Microsoft Edge on Windows": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
    "Chrome on Android": "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "
    "Mobile Safari/537.36",
    "Samsung Internet on Android": "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
    "Safari on iPhone": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.6 Mobile/15E148 Safari/604.1",
    "Safari on macOS": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.6 Safari/605.1.15",
    "Chrome on ChromeOS": "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36",
}


def is_signed_in(browser: Client) -> bool:
    return browser.get("/starters/").status_code == 200


def marks(browser: Client) -> list[str]:
    """What the buttons of the page send: one for each other session, and `others`."""
    return re.findall(r'name="session"\s+value="(\w+)"', browser.get(PAGE).content.decode())


def end(browser: Client, session: str = "others"):
    return browser.post(PAGE, {"session": session}, follow=True)


@pytest.mark.parametrize("words", AGENTS)
def test_a_browser_is_named_in_plain_words(words):
    assert name_browser(AGENTS[words]) == tuple(words.rsplit(" on ", 1))


@pytest.mark.parametrize("agent", ["", "curl/8.5.0", "x" * 4000, "<script>alert(1)</script>"])
def test_an_unknown_browser_has_no_name(agent):
    assert name_browser(agent) == ("", "")


def test_the_page_lists_only_the_persons_own_sessions(tenant, browser_of, person):
    first, _second, _toms = browser_of("maria"), browser_of("maria"), browser_of("tom")

    page = first.get(PAGE).content.decode()

    assert page.count("<tr>") == 3  # the heading and two sessions
    assert page.count("This session") == 1 and len(marks(first)) == 2
    found = list_sessions(person("maria"), this=first.session.session_key)
    assert [session.is_this for session in found] == [True, False]


def test_a_session_says_where_it_began(tenant):
    """Signed in by Entra. The raw header is kept nowhere."""
    agent = AGENTS["Safari on iPhone"]
    phone = Client(headers={"User-Agent": agent}, REMOTE_ADDR="192.0.2.7")
    sign_in(phone, requests.Session(), "maria")

    page = phone.get(PAGE).content.decode()

    assert "Safari on iPhone" in page and "192.0.2.7" in page and page.count("less than a minute ago") == 2
    assert phone.session["client"] == {"browser": "Safari", "system": "iPhone", "address": "192.0.2.7"}


def test_a_session_of_an_earlier_release_is_listed(tenant, browser_of):
    maria = browser_of("maria")
    session = maria.session
    del session["client"]
    session.save()

    page = maria.get(PAGE).content.decode()

    assert "Unknown browser" in page and "not known" in page


def test_the_page_shows_no_key_of_a_session(tenant, browser_of):
    first, second = browser_of("maria"), browser_of("maria")

    page = first.get(PAGE).content.decode()

    assert first.session.session_key not in page and second.session.session_key not in page


def test_one_other_session_ends(tenant, browser_of):
    first, second = browser_of("maria"), browser_of("maria")

    page = end(first, marks(first)[0])

    assert "1 session has ended." in page.content.decode()
    assert is_signed_in(first) and not is_signed_in(second)
    assert "You are not signed in anywhere else." in first.get(PAGE).content.decode()


def test_all_other_sessions_end(tenant, browser_of):
    first, second, third, tom = (browser_of(key) for key in ("maria", "maria", "maria", "tom"))

    page = end(first)

    assert "2 sessions have ended." in page.content.decode()
    assert is_signed_in(first) and is_signed_in(tom)
    assert not is_signed_in(second) and not is_signed_in(third)


def test_ending_sessions_needs_a_recent_sign_in(tenant, browser_of):
    first, second = browser_of("maria", ago=timedelta(minutes=6)), browser_of("maria")

    refused = end(first)

    assert refused.status_code == 403 and "Sign in again" in refused.content.decode()
    assert is_signed_in(second) and not AuditEvent.objects.filter(event="session.ended_own").exists()


def test_the_service_refuses_without_a_recent_sign_in(tenant, browser_of, person):
    key = browser_of("maria").session.session_key

    with pytest.raises(SignInNotFresh):
        end_own_sessions(User.objects.get(pk=person("maria").pk), keys=[key])

    assert Session.objects.filter(session_key=key).exists()


def test_the_service_ends_no_session_of_another_person(tenant, browser_of, person):
    toms, maria = browser_of("tom"), person("maria")
    maria.signed_in_at = timezone.now()

    assert end_own_sessions(maria, keys=[toms.session.session_key]) == (0, 0)

    assert is_signed_in(toms) and not AuditEvent.objects.filter(event="session.ended_own").exists()


def test_nothing_is_claimed_if_the_session_is_already_gone(tenant, browser_of):
    first, second = browser_of("maria"), browser_of("maria")
    mark = marks(first)[0]
    second.logout()

    page = end(first, mark).content.decode()

    assert "The session had already ended." in page and "has ended." not in page
    assert not AuditEvent.objects.filter(event="session.ended_own").exists()


@pytest.mark.parametrize("session", ["", "x", "this"])
def test_no_form_ends_the_session_that_it_comes_from(tenant, browser_of, person, session):
    first = browser_of("maria")
    (own,) = list_sessions(person("maria"), this=first.session.session_key)

    end(first, own.mark if session == "this" else session)

    assert is_signed_in(first)


def test_it_is_audited_without_saying_more_than_happened(tenant, browser_of, person):
    first, _second = browser_of("maria"), browser_of("maria")

    end(first)

    event = AuditEvent.objects.get(event="session.ended_own")
    assert event.facts == {"sessions": 1, "passes": 0}
    assert set(event.detail.values) == {"by", "by_name"}
    assert event.detail.values["by"] == f"{person('maria').tid}/{person('maria').oid}"


def test_an_ended_session_is_listed_nowhere(tenant, browser_of, person, time_machine):
    """Idle, too old, ended by an admin, or of an earlier key: what opens nothing is no session."""
    first = browser_of("maria")
    browser_of("maria")
    assert len(list_sessions(person("maria"), this=None)) == 2

    old = Session.objects.exclude(session_key=first.session.session_key).get()
    Session.objects.filter(pk=old.pk).update(expire_date=timezone.now() - timedelta(seconds=1))
    assert len(list_sessions(person("maria"), this=None)) == 1
    User.objects.filter(pk=person("maria").pk).update(sessions_ended_at=timezone.now())
    assert list_sessions(User.objects.get(pk=person("maria").pk), this=None) == []

    later = browser_of("maria")
    Session.objects.update(expire_date=timezone.now() + timedelta(days=1))
    assert len(list_sessions(User.objects.get(pk=person("maria").pk), this=None)) == 1
    time_machine.move_to(timezone.now() + timedelta(hours=8, seconds=1))
    assert list_sessions(User.objects.get(pk=person("maria").pk), this=later.session.session_key) == []


def test_a_key_beside_the_earlier_one_keeps_the_list(tenant, browser_of, person, settings):
    browser_of("maria")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key, of at least fifty random characters 0123456789"

    assert len(list_sessions(person("maria"), this=None)) == 1


def test_a_page_leads_to_the_list(tenant, browser_of):
    assert f'href="{PAGE}"' in browser_of("maria").get("/starters/").content.decode()
    assert f'href="{PAGE}"' in browser_of("ada").get("/admin/").content.decode()
    assert f'href="{PAGE}"' not in Client().get("/signout/done/").content.decode()


# --- Passes -----------------------------------------------------------------------------------------------------


def test_pass_that_no_page_confirmed_is_deleted(tenant, browser_of, shown, run_jobs):
    first, _second = browser_of("maria"), browser_of("maria")
    issue = shown("noor").issue

    page = end(first)
    run_jobs()

    issue.refresh_from_db()
    assert (issue.state, issue.reason) == ("revoked", "own_session_ended")
    assert live_passes(tenant) == []
    assert "deleting 1 pass that you had just created" in page.content.decode()


def test_pass_that_was_handed_over_stays(tenant, browser_of, held, run_jobs):
    first, _second = browser_of("maria"), browser_of("maria")
    issue = held("noor")

    end(first)
    run_jobs()

    issue.refresh_from_db()
    assert issue.state == "held" and len(live_passes(tenant)) == 1


@pytest.mark.parametrize("by", ["maria", "tom"])
def test_pass_that_is_being_created_is_not_shown(
    tenant, invite, confirmation, browser_of, run_jobs, monkeypatch, by
):
    """The sessions end between the click and Microsoft's answer. Another person's end changes nothing."""
    starter = invite("noor")
    first, _second = browser_of(by), browser_of(by)
    real = graph.Graph.create_pass

    def end_meanwhile(self, *args, **kwargs):
        made = real(self, *args, **kwargs)
        assert "1 session has ended." in end(first).content.decode()
        return made

    monkeypatch.setattr(graph.Graph, "create_pass", end_meanwhile)
    if by == "tom":
        handover.confirm(confirmation(starter))
        assert PassIssue.objects.get().state == "shown"
        return

    with pytest.raises(PassNotIssued):
        handover.confirm(confirmation(starter))

    monkeypatch.undo()
    run_jobs(timedelta(minutes=5))
    assert live_passes(tenant) == []
    assert PassIssue.objects.get().reason == "own_session_ended"


@pytest.mark.parametrize("ended", ["this session", "all sessions"])
def test_a_session_that_ends_before_the_intent_creates_no_pass(
    tenant, invite, confirmation, browser_of, person, ended
):
    """The click has begun: the person and the session were known. Then somebody ends them."""
    session = browser_of("maria").session
    click = confirmation(invite("noor"), session_key=session.session_key)
    if ended == "this session":
        session.flush()
    else:
        end_sessions(person("maria"), by=person("ada"), reason="Her laptop was stolen")

    with pytest.raises(PageOutdated):
        handover.confirm(click)

    assert live_passes(tenant) == [] and not PassIssue.objects.exists()


def test_an_earlier_end_does_not_hold_up_a_pass(tenant, browser_of, shown):
    first, _second = browser_of("maria"), browser_of("maria")
    end(first)

    assert shown("noor").issue.state == "shown"
