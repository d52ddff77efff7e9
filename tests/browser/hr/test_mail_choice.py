"""An HR person chooses their emails in a browser."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
URGENT = (
    "The digest and urgent emails: you also get an email immediately when a starter needs attention on or "
    "after the start date"
)


def picture(page, name: str) -> None:
    """Take screenshots, narrow and wide, if SCREENSHOTS names a folder."""
    if folder := os.environ.get("SHOTS"):
        for width, size in (("phone", (390, 844)), ("desktop", (1280, 900))):
            page.set_viewport_size({"width": size[0], "height": size[1]})
            page.screenshot(path=f"{folder}/{name}-{width}.png", full_page=True)


def test_a_choice_of_mail_is_saved_and_shown_again(tab):
    hr = tab()
    hr.is_signed_in("hanna")
    hr.page.goto("/hr/")
    picture(hr.page, "list")
    hr.follow("Your emails")
    expect(hr.page.get_by_label("No emails")).to_be_checked()

    hr.page.get_by_label(URGENT).check()
    hr.press("Save")

    hr.reads("Saved. Your emails go to hanna.reuter@contoso.example.")
    picture(hr.page, "mail-choice")
    hr.page.reload()
    expect(hr.page.get_by_label(URGENT)).to_be_checked()

    hr.page.get_by_label("No emails").check()
    hr.press("Save")
    hr.reads("Saved. You get no emails.")
