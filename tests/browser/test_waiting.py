"""Who waits for their turn sees the line move, and has the button when it is their turn, without reloading."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.tab import CONFIRM

pytestmark = pytest.mark.browser


def test_a_waiting_page_asks_when_it_was_told_to_and_says_how_the_line_stands(site, tab):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    page = manager.page
    site.fault(path="authentication/methods", status=429, headers={"Retry-After": "6"}, times=1)
    manager.holds_the_clock()
    manager.presses_the_button()
    manager.reads("Please wait a moment")
    manager.reads("You are next.")
    mark = page.locator("[data-mark]").get_attribute("data-mark")
    heads = []

    def says(route):
        if route.request.method != "HEAD" or len(heads) == 2:
            route.continue_()
            return
        heads.append(route.request.url)
        line = ("150", "3") if len(heads) == 1 else ("40", "1")
        route.fulfill(
            headers={"Situation": mark, "Ask-Again": "20", "Turn": line[0], "Place": line[1]}, status=200
        )

    page.route("**/starters/**", says)
    page.clock.run_for(6_000)
    manager.reads("You are number 3 in the line.")
    page.clock.run_for(1_000)
    expect(page.locator(".waiting")).to_have_text("About 2 minutes")
    page.clock.run_for(12_000)
    assert len(heads) == 1  # it was told when to ask

    page.clock.run_for(8_000)
    manager.reads("You are next.")
    page.clock.run_for(1_000)
    expect(page.locator(".waiting")).to_have_text("About 39 seconds")
    assert len(heads) == 2

    page.clock.resume()
    with page.expect_navigation():  # the portal itself answers: it is their turn
        page.clock.run_for(60_000)
    expect(page.get_by_role("button", name=CONFIRM)).to_be_visible()
    assert manager.complaints() == []
