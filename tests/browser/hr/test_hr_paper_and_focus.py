"""HR's lists on paper, and the focus after a form with errors."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.paper import words_of

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def starters(site):
    return site.starter(), site.starter()


@pytest.fixture
def hr(tab):
    hanna = tab()
    hanna.is_signed_in("hanna")
    return hanna


def squeezed(words: str) -> str:
    return "".join(words.split())


@pytest.mark.parametrize("address", ["/hr/", "/hr/?state=all&show=200", "/hr/day/"])
def test_h8_a_printed_list_has_its_rows(hr, starters, address):
    hr.page.goto(address)

    paper = words_of(hr.page.pdf(format="A4"))

    for starter in starters:
        assert squeezed(starter.name) in paper
    assert "MariaLindqvist" in paper
    for control in ("Search", "Findastarter", "Movethefirstday", "Recordastarter"):
        assert control not in paper


def test_h8_a_printed_list_is_a_table_with_its_head(hr, starters):
    hr.page.goto("/hr/")
    hr.page.emulate_media(media="print")
    hr.page.set_viewport_size({"width": 660, "height": 1000})  # an A4 sheet between its margins

    row = hr.page.locator("[data-rows] tbody tr").filter(has_text=starters[0].account)
    assert row.evaluate("row => getComputedStyle(row).display") == "table-row"
    expect(hr.page.locator("[data-rows] thead")).to_be_visible()
    expect(hr.page.locator(".chips a[aria-current]").first).to_be_visible()
    expect(hr.page.locator(".chips a:not([aria-current])").first).to_be_hidden()
    expect(hr.page.locator("[data-rows] .pick").first).to_be_hidden()


def test_h7_focus_is_on_the_error_and_the_account_stays(hr, site):
    _, name, account = site.newcomer()
    hr.page.goto("/hr/new/")
    hr.page.get_by_label("Account").fill(account)
    hr.press("Look up")
    hr.reads(name)

    hr.press("Save this starter")

    focused = hr.page.locator(":focus")
    expect(focused).to_contain_text("Enter the start date.")
    hr.reads(name)
    expect(hr.page.get_by_role("button", name="Save this starter")).to_be_visible()
    focused.get_by_role("link", name="Start date").click()
    expect(hr.page.get_by_label("Start date")).to_be_focused()
    expect(hr.page.locator("#id_start_date_error")).to_contain_text("Enter the start date.")
