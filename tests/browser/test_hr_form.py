"""HR types a long form, and the session ends meanwhile."""

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
    one = tab()
    one.is_signed_in("hanna")
    one.page.goto("/hr/new/")
    for label, words in TYPED.items():
        one.page.get_by_label(label).fill(words)
    one.page.get_by_label("Time zone").select_option("Europe/Lisbon")
    return one


def still_stands_there(hr):
    for label, words in TYPED.items():
        expect(hr.page.get_by_label(label)).to_have_value(words)
    expect(hr.page.get_by_label("Time zone")).to_have_value("Europe/Lisbon")


def test_what_was_typed_survives_a_session_that_ended(hr):
    hr.context.clear_cookies()
    hr.press("Look up")
    hr.title("Please sign in again")

    with hr.context.expect_page() as beside:
        hr.follow("Sign in, in a new tab")
    typed_in, hr.page = hr.page, beside.value
    hr.pick("hanna")
    hr.title("Record a starter")
    hr.page = typed_in
    hr.press("Send it once more")
    hr.title("Please send that once more")  # the page was made for nobody: its token is not Hanna's
    hr.press("Send it once more")

    hr.title("Record a starter")
    still_stands_there(hr)


def test_a_mistake_stands_beside_its_field_and_nothing_typed_is_lost(hr):
    hr.page.get_by_label("Account").fill("not an account")
    hr.press("Look up")

    account = hr.page.get_by_label("Account")
    expect(account).to_have_attribute("aria-invalid", "true")
    expect(account).to_have_accessible_description(re.compile("This is neither an account name"))
