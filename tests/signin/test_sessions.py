"""A session ends after inactivity or a working day, and HR's typed input is kept."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from onboarding.models import Turn
from onboarding.passes import graph_quota
from portal.middleware import SessionLimitsMiddleware
from portal.models import User

pytestmark = pytest.mark.django_db
NEW_KEY = "another key, of at least fifty random characters 0123456789"
OURS = {"Origin": settings.PORTAL_URL, "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def hanna():
    return User.objects.create(
        tid=settings.TENANT_ID, oid="hanna", name="Hanna", user_principal_name="hanna@x", roles=["HR"]
    )


@pytest.fixture
def hr_tab(hanna):
    client = Client(enforce_csrf_checks=True)
    client.force_login(hanna)
    return client


def ends(client: Client):
    return Session.objects.get(session_key=client.session.session_key).expire_date


def is_signed_in(client: Client) -> bool:
    return client.get("/signout/", headers=OURS).status_code == 405 and client.get("/hr/").status_code == 200


def test_a_session_in_use_goes_on(hr_tab, time_machine, settings):
    settings.SESSION_CHECK_AGE = timedelta(hours=8)  # the check: test_silent_sign_in.py
    for minutes in range(0, 400, 25):
        time_machine.move_to(timezone.now() + timedelta(minutes=25), tick=True)
        assert is_signed_in(hr_tab), minutes


def test_session_ends_after_half_an_hour_of_inactivity(hr_tab, time_machine):
    time_machine.move_to(timezone.now() + timedelta(minutes=31))

    assert hr_tab.get("/")["Location"] == "/signin/?next=/"


def test_a_new_key_beside_the_earlier_one_ends_no_session(hr_tab, settings):
    hr_tab.get("/hr/")
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], NEW_KEY
    assert is_signed_in(hr_tab)

    settings.SECRET_KEY_FALLBACKS = []
    assert is_signed_in(hr_tab)


def test_a_new_key_alone_ends_every_session(hr_tab, settings):
    settings.SECRET_KEY = NEW_KEY

    assert hr_tab.get("/")["Location"] == "/signin/?next=/"


def head(client: Client, path: str, **headers: str) -> int:
    return client.head(path, headers=headers).status_code


def fetch(client: Client, path: str, **headers: str) -> int:
    return client.get(path, headers={"Sec-Fetch-Mode": "cors"} | headers).status_code


def reloaded(client: Client, path: str, **headers: str) -> int:
    return client.get(f"{path}?reloaded=1", headers={"Sec-Fetch-Mode": "navigate"} | headers).status_code


# Each request that a page makes by itself, in static/js.
POLLS = {
    "the list of HR": (head, "/hr/"),
    "HR's page of a starter": (head, "/hr/day/"),
    "the list of a manager": (head, "/starters/"),
    "the progress of a pass": (fetch, "/starters/"),
    "a page that reloads itself": (reloaded, "/hr/"),
}


@pytest.mark.parametrize("poll", POLLS)
def test_poll_does_not_extend_the_session(hr_tab, time_machine, settings, poll):
    settings.SESSION_CHECK_AGE = timedelta(hours=1)
    send, path = POLLS[poll]
    hr_tab.get("/hr/")
    for _minutes in range(0, 30, 10):
        assert send(hr_tab, path) == 200
        time_machine.move_to(timezone.now() + timedelta(minutes=10, seconds=30))

    assert hr_tab.get("/")["Location"] == "/signin/?next=/"


def test_button_to_stay_signed_in_extends_the_session(hr_tab, time_machine):
    hr_tab.get("/hr/")
    before = ends(hr_tab)
    time_machine.move_to(timezone.now() + timedelta(minutes=20))

    assert head(hr_tab, "/starters/", **{"X-Stay-Signed-In": "1"}) == 200

    assert ends(hr_tab) > before + timedelta(minutes=19)


def test_page_without_scripts_says_that_it_reloads_itself(tenant, browser_of, invite, person):
    starter = invite("noor")
    graph_quota.join_queue(starter, person("maria"))
    Turn.objects.update(opens_at=timezone.now() + timedelta(minutes=1))

    page = browser_of("maria").get(f"/starters/{starter.public_id}/").content.decode()

    assert f"; url=/starters/{starter.public_id}/?reloaded=1" in page


def test_manager_in_the_queue_stays_signed_in(tenant, browser_of, invite, person, time_machine):
    """Their page polls until it is their turn. The place in the queue lapses a minute after that."""
    starter, maria = invite("noor"), browser_of("maria")
    position = graph_quota.join_queue(starter, person("maria"))
    Turn.objects.update(lapses_at=position.until + timedelta(minutes=40))
    page = f"/starters/{starter.public_id}/"
    for _minutes in range(0, 40, 10):
        assert head(maria, page) == 200
        time_machine.move_to(timezone.now() + timedelta(minutes=10))

    assert head(maria, page) == 200  # forty minutes later
    for _minutes in range(0, 40, 10):  # the place has lapsed
        time_machine.move_to(timezone.now() + timedelta(minutes=10, seconds=30))
        head(maria, page)
    assert maria.get(page)["Location"].startswith("/signin/?next=")


def test_session_ends_after_eight_hours_of_activity(hr_tab, time_machine):
    Session.objects.update(expire_date=timezone.now() + timedelta(days=1))
    time_machine.move_to(timezone.now() + timedelta(hours=8, seconds=1))

    assert hr_tab.get("/")["Location"] == "/signin/?next=/"
    assert not Session.objects.filter(session_data__contains="_auth_user_id").exists()


def test_the_idle_limit_moves_at_most_once_a_minute(hr_tab, time_machine):
    hr_tab.get("/hr/")  # puts a token for forms into the session
    began = ends(hr_tab)
    time_machine.move_to(timezone.now() + timedelta(seconds=30))
    hr_tab.get("/hr/")
    assert ends(hr_tab) == began

    time_machine.move_to(timezone.now() + timedelta(seconds=60))
    hr_tab.get("/hr/")
    assert ends(hr_tab) > began


def test_a_page_view_does_not_write_the_session(hr_tab):
    """A page view does not undo what another tab writes, for example a fresh proof."""
    hr_tab.get("/hr/")

    with CaptureQueriesContext(
        connection,
    ) as queries:
        hr_tab.get("/livez")

    assert not [query for query in queries if "UPDATE" in query["sql"] or "INSERT" in query["sql"]]


def test_views_can_read_the_authentication_time(hr_tab, hanna):
    def seen(**session):
        stored = hr_tab.session
        stored.update(session)
        request = RequestFactory().get("/")
        request.session, request.user = stored, hanna
        SessionLimitsMiddleware(lambda request: None)(request)
        return request.auth_time

    now = int(time.time())
    assert seen() is None
    assert seen(auth_time=now).timestamp() == now
    assert seen(auth_time="now") is None


# --- Nothing typed is lost ----------------------------------------------------------------------------------

TYPED = {
    "account": "noor.devries@contoso.example",
    "note": 'She said "hello" <b>',
    "csrfmiddlewaretoken": "x",
}


def test_an_ended_session_keeps_what_hr_typed(hr_tab):
    hr_tab.logout()

    response = hr_tab.post(
        "/hr/new/", TYPED, headers=OURS | {"Referer": f"{settings.PORTAL_URL}/hr/new/?a=b"}
    )

    page = response.content.decode()
    assert response.status_code == 403
    assert 'name="account" value="noor.devries@contoso.example"' in page
    assert "She said &quot;hello&quot; &lt;b&gt;" in page
    assert "csrfmiddlewaretoken" not in page  # it would begin a session, and signing in changes it
    assert "/signin/?next=%2Fhr%2Fnew%2F%3Fa%3Db" in page


def test_signing_in_again_never_leads_to_another_site(hr_tab):
    doubled = f"{settings.PORTAL_URL}//evil.example/"
    for referer in ("https://evil.example/hr/", "//evil.example/", "javascript:alert(1)", doubled):
        page = hr_tab.post(
            "/starters/AAAAAAAAAAAAAAAAAAAAAA/", headers=OURS | {"Referer": referer}
        ).content.decode()

        assert "evil" not in page and "javascript" not in page


def test_ended_session_with_a_valid_token_gets_401(hanna):
    response = Client().post("/hr/new/", TYPED, headers=OURS)

    assert response.status_code == 401
    assert "noor.devries@contoso.example" in response.content.decode()


def test_old_csrf_token_keeps_what_hr_typed(hr_tab):
    response = hr_tab.post("/hr/new/", TYPED, headers=OURS)

    page = response.content.decode()
    fresh = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    assert response.status_code == 403 and "noor.devries@contoso.example" in page
    assert hr_tab.post("/hr/new/", TYPED | {"csrfmiddlewaretoken": fresh}, headers=OURS).status_code != 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:9999"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_form_of_another_site_is_not_offered_again(hr_tab, headers):
    """Otherwise one click on the portal's page would complete a forged request."""
    response = hr_tab.post("/hr/new/", TYPED, headers=headers)

    assert response.status_code == 403
    assert "noor.devries" not in response.content.decode()


def test_confirmation_with_an_old_token_leads_to_its_page(hr_tab):
    page = "/starters/AAAAAAAAAAAAAAAAAAAAAA/"

    response = hr_tab.post(page, headers=OURS | {"Referer": settings.PORTAL_URL + page})

    assert response.status_code == 403
    assert f'href="{page}"' in response.content.decode()


def test_a_confirmation_is_not_offered_again(hr_tab):
    hr_tab.logout()

    response = hr_tab.post("/starters/AAAAAAAAAAAAAAAAAAAAAA/", {"identity_check": "document"}, headers=OURS)

    assert "identity_check" not in response.content.decode()
