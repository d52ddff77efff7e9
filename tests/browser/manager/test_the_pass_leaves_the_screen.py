"""The pass page counts down, masks the pass, and clears it at the expiry."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SET_VISIBILITY = """(state) => {
  Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def manager(site, tab):
    """A manager on the starter's page. The page's clock moves only when the test advances it."""
    maria = tab()
    maria.starter = site.starter()
    maria.opens(maria.starter)
    maria.holds_the_clock()
    return maria


def is_cleared(manager, code, title):
    notice = manager.page.get_by_role("alert")
    expect(notice).to_contain_text(title)
    expect(notice).to_be_focused()
    assert not manager.holds(code)
    expect(manager.page.locator(".spelled li")).to_have_count(0)
    expect(manager.page.get_by_role("link", name="Done")).to_be_visible()


def test_page_counts_down_and_clears_at_the_expiry(manager):
    code = manager.confirms()
    manager.page.clock.run_for("30:00")
    expect(manager.page.get_by_role("timer")).to_have_text(re.compile(r"^(29|30):\d\d left$"))
    assert manager.code() == code

    manager.page.clock.run_for("30:01")

    is_cleared(manager, code, "The pass has expired")
    expect(manager.page.get_by_role("button", name="I did not see the pass")).to_be_hidden()


def test_page_clears_after_sleep_past_the_expiry(manager):
    code = manager.confirms()

    manager.page.clock.fast_forward("08:00:00")

    is_cleared(manager, code, "The pass has expired")


def test_page_announces_five_minutes_and_one_minute_left(manager):
    manager.confirms()
    aloud = manager.page.locator("[data-announcement]")
    expect(aloud).to_be_empty()

    manager.page.clock.run_for("55:01")
    expect(aloud).to_have_text("The pass is valid for 5 more minutes.")
    manager.page.clock.run_for("04:00")
    expect(aloud).to_have_text("The pass is valid for one more minute.")


def test_a_page_hidden_for_a_minute_masks_the_pass_again(manager):
    code = manager.confirms()
    manager.press_to_open("Show the pass")
    manager.press_to_open("Spell it out")

    manager.page.evaluate(SET_VISIBILITY, "hidden")
    manager.page.clock.run_for("00:50")
    expect(manager.output).to_be_visible()
    manager.page.clock.run_for("00:11")

    expect(manager.output).to_be_hidden()
    expect(manager.page.locator(".spelled ol")).to_be_hidden()
    manager.page.evaluate(SET_VISIBILITY, "visible")
    expect(manager.output).to_be_hidden()
    manager.press_to_open("Show the pass")
    assert manager.output.inner_text() == code


def test_hiding_the_page_for_under_a_minute_changes_nothing(manager):
    manager.confirms()
    manager.press_to_open("Show the pass")

    manager.page.evaluate(SET_VISIBILITY, "hidden")
    manager.page.clock.run_for("00:50")
    manager.page.evaluate(SET_VISIBILITY, "visible")
    manager.page.clock.run_for("00:50")

    expect(manager.output).to_be_visible()


def test_page_clears_after_two_minutes_without_a_receipt(manager):
    manager.page.route("**/receipt/", lambda route: route.abort())
    code = manager.confirms_unheard()
    for _ in range(11):
        manager.page.clock.run_for("00:10")
    assert manager.code() == code

    manager.page.clock.run_for("00:11")

    is_cleared(manager, code, "The pass was cleared from this page")
    assert (
        "the portal does not know whether you have the pass" in manager.page.get_by_role("alert").inner_text()
    )
    tried = [request for request in manager.asked if request.url.endswith("/receipt/")]
    assert len(tried) > 5


def test_a_receipt_gets_through_when_the_connection_is_back(manager):
    lost = []

    def second_time_lucky(route):
        if lost:
            route.continue_()
        else:
            lost.append(route.request.url)
            route.abort()

    manager.page.route("**/receipt/", second_time_lucky)
    with manager.page.expect_event("requestfailed"):
        code = manager.confirms_unheard()
    manager.finishes_what_it_began()

    with manager.page.expect_response("**/receipt/") as told:
        manager.page.clock.run_for("00:05")
    assert told.value.status == 204
    manager.page.clock.run_for("03:00")

    assert manager.code() == code


def test_pass_cancelled_before_the_receipt_leaves_the_page(site, manager):
    held_up = []
    manager.page.route("**/receipt/", lambda route: held_up.append(route))
    code = manager.confirms_unheard()
    manager.waits_for(lambda: held_up, "the receipt")
    site.hr.get(manager.starter.hr_path)
    site.hr.send(site.hr.form_to("/take-back/"))

    with manager.page.expect_response("**/receipt/") as told:
        held_up[0].continue_()

    assert told.value.status == 410
    expect(manager.page.get_by_role("alert")).to_contain_text("HR cancelled the pass.")
    is_cleared(manager, code, "cancelled")


def test_a_session_that_is_over_is_no_receipt(site, manager):
    """Another response, for example a sign-in page, is no receipt: the page asks again, and then clears itself."""
    manager.page.route("**/receipt/", lambda route: route.fulfill(status=200, body="Signed in?"))
    code = manager.confirms_unheard()

    for _ in range(13):
        manager.page.clock.run_for("00:10")

    is_cleared(manager, code, "The pass was cleared from this page")


def test_i_did_not_see_it_takes_the_pass_back(site, manager):
    code = manager.confirms()

    manager.press("I did not see the pass")

    manager.reads("this page shows what you can do.")
    assert not manager.holds(code)
    expect(manager.page.locator("[data-polls]")).to_have_count(1)  # the page updates by itself
