"""Session ids cannot be guessed, and every page offers to sign out."""

from __future__ import annotations

import re

import pytest
from django.contrib.sessions.backends.db import SessionStore

pytestmark = pytest.mark.django_db


def test_session_ids_are_random_and_long():
    keys = [SessionStore()._get_new_session_key() for _ in range(500)]

    assert len(set(keys)) == 500
    assert all(re.fullmatch(r"[a-z0-9]{32}", key) for key in keys)  # 165 bits
    assert len({key[:4] for key in keys}) > 450


@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("maria", "/starters/"),
        ("hanna", "/hr/"),
        ("hanna", "/hr/new/"),
        ("ada", "/admin/"),
        ("audrey", "/admin/"),
    ],
)
def test_each_page_offers_to_sign_out(browser_of, who, path):
    page = browser_of(who).get(path).content.decode()

    form = re.search(r'<form[^>]*action="/signout/".*?</form>', page, re.S)
    assert form and "Sign out</button>" in form[0]


def test_the_page_with_the_pass_offers_to_sign_out(invite, browser_of):
    starter = invite("noor")
    maria = browser_of("maria")
    page = f"/starters/{starter.public_id}/"
    form = maria.get(page).context["form"]

    shown = maria.post(page, {**form.initial, "identity_check": "in_person"}).content.decode()

    assert "data-secret" in shown
    assert re.search(r'<form[^>]*action="/signout/".*?Sign out</button>', shown, re.S)
