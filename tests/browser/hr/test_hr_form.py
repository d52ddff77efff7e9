"""The session ends while HR fills in a long form."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

TYPED = {
    "Account": "robin.nobody@contoso.example",
    "Start date": "2031-05-05",
    "Start time": "07:45",
    "Note for the manager": "Second floor, “blue” door; ask for <Kim> & Lou.\nBring the badge.",
}


@pytest.fixture
def hr(tab):
    hanna = tab()
    hanna.is_signed_in("hanna")
    hanna.page.goto("/hr/new/")
    for label, words in TYPED.items():
        hanna.page.get_by_label(label).fill(words)
    hanna.page.get_by_label("Time zone").select_option("Europe/Lisbon")
    return hanna


def still_stands_there(hr):
    for label, words in TYPED.items():
        expect(hr.page.get_by_label(label)).to_have_value(words)
    expect(hr.page.get_by_label("Time zone")).to_have_value("Europe/Lisbon")


def test_what_was_typed_survives_a_session_that_ended(hr):
    hr.context.clear_cookies()
    hr.press("Look up")
    hr.title("Please sign in again")

    with hr.context.expect_page() as beside:
        hr.follow("Sign in (new tab)")
    typed_in, hr.page = hr.page, beside.value
    hr.pick("hanna")
    hr.title("Add a starter")
    hr.page = typed_in
    hr.press("Send again")
    hr.title("Please send the form again")  # the page was created without a session: its token is not Hanna's
    hr.press("Send again")

    hr.title("Add a starter")
    still_stands_there(hr)


def test_input_error_is_beside_its_field_and_entries_stay(hr):
    hr.page.get_by_label("Account").fill("not an account")
    hr.press("Look up")

    account = hr.page.get_by_label("Account")
    expect(account).to_have_attribute("aria-invalid", "true")
    expect(account).to_have_accessible_description(re.compile("No person with this name was found in Entra"))
