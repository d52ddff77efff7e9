"""A manager in the queue sees the position change and gets the button without reloading."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.tab import CONFIRM

pytestmark = pytest.mark.browser


def test_waiting_page_polls_on_time_and_shows_the_position(site, tab):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    page = manager.page
    site.fault(path="authentication/methods", status=429, headers={"Retry-After": "6"}, times=1)
    manager.holds_the_clock()
    manager.presses_the_button()
    manager.reads("Please wait a moment")
    manager.reads("You are next.")
    mark = page.locator("[data-fingerprint]").get_attribute("data-fingerprint")
    heads = []

    def says(route):
        if route.request.method != "HEAD" or len(heads) == 2:
            route.continue_()
            return
        heads.append(route.request.url)
        line = ("150", "3") if len(heads) == 1 else ("40", "1")
        route.fulfill(
            headers={
                "Page-State": mark,
                "Poll-Seconds": "20",
                "Queue-Seconds": line[0],
                "Queue-Position": line[1],
            },
            status=200,
        )

    page.route("**/starters/**", says)
    page.clock.run_for(6_000)
    manager.reads("You are number 3 in the queue.")
    page.clock.run_for(1_000)
    expect(page.locator(".waiting")).to_have_text("About 2 minutes")
    page.clock.run_for(12_000)
    assert len(heads) == 1  # the page knows when to ask

    page.clock.run_for(8_000)
    manager.reads("You are next.")
    page.clock.run_for(1_000)
    # The response came at some moment of these eight seconds, so up to nine of the 40 seconds are over, and at least one.
    expect(page.locator(".waiting")).to_have_text(re.compile("^About 3[1-9] seconds$"))
    assert len(heads) == 2

    page.clock.resume()
    with page.expect_navigation():  # the portal itself answers: the manager's queue position is due
        page.clock.run_for(60_000)
    expect(page.get_by_role("button", name=CONFIRM)).to_be_visible()
    assert manager.complaints() == []


def test_page_shows_the_button_after_the_account_was_read(site, tab):
    manager, starter = tab(), site.starter()
    paused = "UPDATE onboarding_signinbudget SET paused_until = %s"
    site.database.write(paused, f"{datetime.now(UTC) + timedelta(minutes=50):%Y-%m-%d %H:%M:%S+00:00}")
    unread = "UPDATE onboarding_starter SET sign_in_looked_at = NULL WHERE public_id = %s"
    site.database.write(unread, starter.path.split("/")[2])

    manager.opens(starter)
    manager.reads("This page updates automatically.")
    expect(manager.page.get_by_role("button", name=CONFIRM)).to_have_count(0)
    site.database.write(paused, None)
    # The other accounts do not wait any longer either.
    due = "UPDATE onboarding_job SET due_at = %s WHERE key LIKE %s"
    site.database.write(due, "2026-01-01 00:00:00+00:00", "sign_ins:%")

    expect(manager.page.get_by_role("button", name=CONFIRM)).to_be_visible()
    assert manager.complaints() == []
