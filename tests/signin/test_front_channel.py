"""Entra's front-channel sign-out ends the sessions of one `sid`, and can do nothing else."""

from __future__ import annotations

import re

import pytest
import time_machine
from django.conf import settings as running
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from portal.models import EntraSession
from portal.signin import front_channel
from portal.signin.app import issuer_url
from tests.signin.signed_in_browser import SignedInBrowser

pytestmark = pytest.mark.django_db

ADDRESS = "/signin/front-channel-logout"
IN_A_FRAME = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}


@pytest.fixture
def signed_in(tenant):
    with time_machine.travel(timezone.now(), tick=True) as clock:
        yield lambda person, path="/starters/": SignedInBrowser(person, clock, path=path)


def sid_at_microsoft(browser):
    return browser.microsoft.cookies["entra"][:16]


def signs_out(sid, iss=None, **headers):
    asked = {"sid": sid, "iss": issuer_url() if iss is None else iss}
    return Client().get(ADDRESS, asked, headers=IN_A_FRAME | headers)


def test_sign_out_at_microsoft_ends_the_sessions_that_began_there(signed_in):
    hanna, maria = signed_in("hanna", "/hr/"), signed_in("maria")

    assert signs_out(sid_at_microsoft(hanna)).status_code == 200

    assert not hanna.is_signed_in and maria.is_signed_in
    assert hanna.portal.get("/hr/")["Location"].startswith("/signin/?next=")


def test_session_is_found_after_a_check_and_a_step_up(signed_in):
    hanna = signed_in("hanna", "/hr/")
    hanna.wait(6)
    hanna.get("/hr/")
    hanna.get("/signin/again/?next=/hr/")

    signs_out(sid_at_microsoft(hanna))

    assert not hanna.is_signed_in and not EntraSession.objects.exists()


@pytest.mark.parametrize(
    ("sid", "iss"),
    [
        ("unknown", None),
        ("", None),
        ("x" * 5000, None),
        ("of hanna", ""),
        ("of hanna", "https://evil.example/v2.0"),
    ],
)
def test_wrong_sid_or_issuer_ends_nothing_and_looks_the_same(signed_in, sid, iss):
    hanna = signed_in("hanna", "/hr/")
    known = sid_at_microsoft(hanna)
    wrong = signs_out(known if sid == "of hanna" else sid, iss)

    assert hanna.is_signed_in
    right = signs_out(known)
    assert (wrong.status_code, wrong.content) == (right.status_code, right.content) == (200, b"Signed out.\n")
    assert set(wrong.headers) == set(right.headers)


def test_stored_hash_of_the_sid_goes_with_its_session(signed_in):
    hanna = signed_in("hanna", "/hr/")
    row = EntraSession.objects.get()
    assert sid_at_microsoft(hanna) not in str(vars(row))

    Session.objects.all().delete()

    assert not EntraSession.objects.exists()


def test_only_microsofts_login_page_may_frame_it(tenant):
    answer = signs_out("x")

    assert f"frame-ancestors {tenant.url};" in answer["Content-Security-Policy"] + ";"
    assert not answer.has_header("X-Frame-Options")
    assert answer.cookies == {}
    page = Client().get("/signout/done/")
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"] and page["X-Frame-Options"] == "DENY"


def test_real_login_host_is_the_only_ancestor(settings):
    settings.SANDBOX, settings.AUTHORITY_HOST = False, "https://login.microsoftonline.com"

    assert front_channel.login_origin() == "https://login.microsoftonline.com"


@pytest.mark.parametrize("dest", ["script", "image", "object", "embed", "empty"])
def test_other_sites_cannot_load_it_as_anything_else(signed_in, dest):
    hanna = signed_in("hanna", "/hr/")

    assert signs_out(sid_at_microsoft(hanna), **{"Sec-Fetch-Dest": dest}).status_code == 403

    assert hanna.is_signed_in


def test_other_pages_stay_closed_to_frames(tenant):
    assert Client().get("/signout/done/", headers=IN_A_FRAME).status_code == 403


def test_a_form_cannot_use_it():
    assert Client().post(ADDRESS, {"sid": "x", "iss": issuer_url()}).status_code in {403, 405}


def test_microsofts_sign_out_page_loads_the_registered_address(signed_in, tenant):
    hanna = signed_in("hanna", "/hr/")
    after = f"{running.PORTAL_URL}/signout/done/"
    page = hanna.microsoft.get(
        f"{tenant.url}/{running.TENANT_ID}/oauth2/v2.0/logout", params={"post_logout_redirect_uri": after}
    )
    frame = re.search(r'<iframe src="([^"]+)"', page.text)[1].replace("&amp;", "&")

    assert page.headers["Refresh"] == f"1; url={after}"
    assert Client().get(frame.removeprefix(running.PORTAL_URL), headers=IN_A_FRAME).status_code == 200
    assert not hanna.is_signed_in
