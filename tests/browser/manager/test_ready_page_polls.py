"""The page with the button polls, follows problems, and does not interrupt the manager."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.tab import CONFIRM

pytestmark = pytest.mark.browser
A_POLL = 31_000  # milliseconds of the page's own clock


@pytest.fixture
def manager(site, tab):
    maria = tab()
    maria.starter = site.starter()
    maria.opens(maria.starter)
    maria.holds_the_clock()
    yield maria
    enables(site, maria.starter)


def disables(site, starter):
    site.change(person=starter.key, set={"accountEnabled": False})


def enables(site, starter):
    site.change(person=starter.key, set={"accountEnabled": True})


def polls(manager):
    with manager.page.expect_response(lambda answer: answer.request.method == "HEAD"):
        manager.page.clock.run_for(A_POLL)


def test_button_disappears_with_a_problem_and_returns(site, manager):
    disables(site, manager.starter)
    with manager.page.expect_navigation():
        manager.page.clock.run_for(A_POLL)
    manager.reads("You cannot create a pass yet")
    expect(manager.page.get_by_role("button", name=CONFIRM)).to_have_count(0)

    enables(site, manager.starter)
    with manager.page.expect_navigation():
        manager.page.clock.run_for(2 * A_POLL)
    expect(manager.page.get_by_role("button", name=CONFIRM)).to_be_visible()
    assert manager.complaints() == []


def test_filled_in_form_is_not_interrupted(site, manager):
    page = manager.page
    page.get_by_label("In person").check()
    page.evaluate("document.activeElement.blur()")
    disables(site, manager.starter)

    page.clock.run_for(A_POLL)
    manager.reads("This page is out of date.")
    expect(page.get_by_label("In person")).to_be_checked()

    manager.follow("Update it now")
    manager.reads("You cannot create a pass yet")
    enables(site, manager.starter)
    with page.expect_navigation():
        page.clock.run_for(2 * A_POLL)
    expect(page.get_by_label("In person")).to_be_checked()


def test_focused_form_is_not_interrupted(site, manager):
    manager.page.get_by_label("In person").focus()
    disables(site, manager.starter)

    manager.page.clock.run_for(A_POLL)

    manager.reads("This page is out of date.")
    expect(manager.page.get_by_role("button", name=CONFIRM)).to_be_visible()


def test_unchanged_page_stays_and_keeps_polling(manager):
    manager.page.evaluate("window.isStill = true")

    polls(manager)
    polls(manager)

    assert manager.page.evaluate("window.isStill") is True
    expect(manager.page.locator("[data-update-notice]")).to_be_hidden()


def test_submitted_form_waits_for_its_answer(site, manager):
    """The page's state changes while the pass is created. A reload at that moment would lose the pass."""
    page, held, asked = manager.page, [], []

    def says_another(route):
        asked.append(route.request.method)
        route.fulfill(headers={"Page-State": "another", "Poll-Seconds": "30"}, status=200)

    page.route(
        "**/livez", lambda route: held.append(route)
    )  # the request of submit_once.js before it sends the form
    page.route("**/starters/**", says_another)
    page.evaluate("AbortSignal.timeout = () => new AbortController().signal")  # also on a slow machine
    page.get_by_label("In person").check()
    manager.press(CONFIRM)
    manager.waits_for(lambda: held, "the click")

    page.clock.run_for(2 * A_POLL)
    expect(page.locator("[data-update-notice]")).to_be_hidden()
    page.unroute("**/starters/**")
    held[0].continue_()

    assert manager.code()
    assert asked == []
    assert site.passes_made(manager.starter) == 1
