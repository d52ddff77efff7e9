"""Every error page looks like the portal and says what happened, what was kept and what to do."""

from __future__ import annotations

import re
import sys

import pytest
from django.conf import settings as running
from django.db import OperationalError
from django.template.loader import render_to_string
from django.test import Client

from portal import views
from portal.branding.style_guide import REFUSALS
from portal.context_processors import site_context
from portal.models import User

A_BROWSER = {"Accept": "text/html,application/xhtml+xml"}
ANSWERS = ("What happened", "Your data", "What to do")


def said(page: str) -> list[str]:
    """The text after each of the three headings, without tags."""
    parts = re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", page, re.S)
    assert tuple(name for name, _ in parts) == ANSWERS
    return [" ".join(re.sub(r"<[^>]+>", " ", words).split()) for _, words in parts]


def heading_of(page: str) -> str:
    (found,) = re.findall(r"<h1>(.*?)</h1>", page, re.S)
    return found.strip()


@pytest.fixture
def hanna(client, db):
    client.force_login(
        User.objects.create(
            tid=running.TENANT_ID, oid="hanna", name="Hanna", user_principal_name="hanna@x", roles=["HR"]
        )
    )
    return client


@pytest.mark.parametrize("name", REFUSALS)
def test_error_pages_say_what_happened_and_what_to_do(name, rf):
    page = render_to_string(name, {**site_context(), **REFUSALS[name]})

    assert all(len(words) > 15 for words in said(page))
    title = re.search(r"<title>(.*?) · ", page)[1]
    assert title == heading_of(page)
    assert 'href="/' in page.partition("<main")[2] or 'href="https:' in page.partition("<main")[2]


@pytest.mark.parametrize(
    ("method", "address", "headers", "status", "heading"),
    [
        ("get", "/nowhere/", {}, 404, "Page not found"),
        ("get", "/admin/", {}, 403, "You do not have access"),
        ("get", "/signout/", {}, 405, "You cannot open this address directly"),
        ("get", "/", {"Host": "evil.example"}, 400, "The portal could not read this request"),
        ("post", "/", {"Sec-Fetch-Site": "cross-site"}, 403, "This request did not come from the portal"),
    ],
)
def test_each_error_shows_its_page(hanna, method, address, headers, status, heading):
    answer = getattr(hanna, method)(address, headers=A_BROWSER | headers)

    page = answer.content.decode()
    assert answer.status_code == status
    assert heading_of(page) == heading
    assert said(page)
    assert answer["Content-Security-Policy"] and "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_too_large_request_gets_a_page(client):
    answer = client.post(
        "/hr/new/", b"x" * 70_000, content_type="application/x-www-form-urlencoded", headers=A_BROWSER
    )

    assert answer.status_code == 413
    assert "so the portal did not read it." in said(answer.content.decode())[0]


def test_405_keeps_the_allow_header(hanna):
    answer = hanna.get("/signout/", headers=A_BROWSER)

    assert answer["Allow"] == "POST"
    assert hanna.get("/signout/").content == b""  # a program gets no HTML page
    assert hanna.put("/livez", headers={"Accept": "*/*"}).content == b""


def test_form_after_the_session_keeps_what_was_typed(db):
    answer = Client().post("/hr/new/", {"note": "Typed"}, headers={"Sec-Fetch-Site": "same-origin"})

    page = answer.content.decode()
    assert answer.status_code == 401
    assert "What you typed is still on this page." in said(page)[1]
    assert 'value="Typed"' in page


@pytest.mark.parametrize(
    ("error", "status", "heading"),
    [(RuntimeError, 500, "Something went wrong on our side"), (OperationalError, 503, "The portal is busy")],
)
def test_500_and_503_pages_need_no_database(rf, error, status, heading):
    """The test has no database mark, so any query would fail it."""
    try:
        raise error("k7+Rv&mQ")
    except error:
        assert sys.exception()
        answer = views.server_error(rf.get("/"))

    page = answer.content.decode()
    assert answer.status_code == status
    assert heading_of(page) == heading and "k7+Rv" not in page
    assert "The portal cancels any pass that you did not see." in said(page)[2]
