"""The open pass page polls the progress, and clears the pass when it can no longer be used."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from portal.demo.process import wait_for
from tests.browser.tab import Tab

pytestmark = pytest.mark.browser

NOT_LOADED = {"status": 404, "content_type": "text/plain", "body": "Not found"}
BROKEN = {"status": 200, "content_type": "text/javascript", "body": "throw new Error('half loaded');"}


@pytest.fixture
def manager(site, tab) -> Tab:
    maria = tab()
    maria.starter = site.starter()
    maria.opens(maria.starter)
    return maria


def is_wiped(manager, code):
    expect(manager.output).to_be_hidden()
    expect(manager.output).to_be_empty()
    expect(manager.page.locator(".spelled li")).to_have_count(0)
    assert not manager.holds(code)


def hr_presses(site, starter, part, **fields):
    site.hr.get(starter.hr_path)
    site.hr.send(site.hr.form_to(part), **fields)


# --- What the portal has recorded ---------------------------------------------------------------------------------


def test_p1_page_shows_the_sign_in_and_then_the_end(site, tab, manager):
    code = manager.confirms()
    starter, notice = tab(), manager.page.get_by_role("alert")
    starter.page.goto(f"{site.tenant}/mysignins")
    form = starter.page.locator("form").first
    form.get_by_label("Account name").fill(manager.starter.account)
    form.get_by_label("Temporary Access Pass").fill(code)
    starter.press("Sign in")

    expect(notice).to_contain_text(
        f"The pass was used. {manager.starter.name} must now set up a sign-in method"
    )
    is_wiped(manager, code)
    expect(notice).to_be_focused()
    expect(manager.page.get_by_role("button", name="I did not see the pass")).to_be_hidden()

    starter.press("Create the passkey")

    expect(notice).to_contain_text("You are done")
    expect(manager.page).to_have_title(re.compile("You are done"))
    expect(notice).to_have_attribute("data-tone", "done")
    manager.follow("Done")
    manager.reads(f"{manager.starter.name} can sign in")


def test_p1_a_pass_that_hr_cancels_leaves_the_page(site, manager):
    code = manager.confirms()

    hr_presses(site, manager.starter, "/take-back/")

    expect(manager.page.get_by_role("alert")).to_contain_text("HR cancelled the pass.")
    is_wiped(manager, code)
    expect(manager.page.get_by_role("alert")).to_contain_text("The pass was cancelled")  # when it is gone


def test_p1_pass_of_a_withdrawn_starter_leaves_the_page(site, manager):
    code = manager.confirms()

    site.hr.get(f"{manager.starter.hr_path}withdraw/")
    site.hr.send(site.hr.form_with("reason"), reason="The contract was not signed")

    expect(manager.page.get_by_role("alert")).to_contain_text("HR or another system withdrew this starter.")
    is_wiped(manager, code)
    expect(manager.page.get_by_role("alert")).to_contain_text("The pass is no longer on the account")


def test_p1_pass_cancelled_in_another_tab_leaves_this_one(manager):
    code = manager.confirms()
    first = manager.page
    manager.new_tab().goto(manager.starter.path)

    manager.press("Cancel this pass")

    expect(first.get_by_role("alert")).to_contain_text("You cancelled the pass.")
    manager.page = first
    is_wiped(manager, code)


def test_offline_page_shows_a_notice_and_keeps_the_pass(site, manager):
    code = manager.confirms()
    manager.page.route("**/progress/", lambda route: route.abort())
    hint = manager.page.get_by_text("this page cannot show whether the pass still works")

    expect(hint).to_be_visible()
    assert manager.code() == code
    hr_presses(site, manager.starter, "/take-back/")
    manager.page.unroute("**/progress/")

    expect(manager.page.get_by_role("alert")).to_contain_text("HR cancelled the pass.")
    expect(hint).to_be_hidden()
    is_wiped(manager, code)


def test_page_of_a_signed_out_person_stops_updating(manager):
    code = manager.confirms()
    manager.context.clear_cookies()

    expect(
        manager.page.get_by_text("You are signed out, so this page cannot show whether the pass still works.")
    ).to_be_visible()

    assert manager.code() == code
    asked = [request for request in manager.asked if request.url.endswith("/progress/")]
    assert asked[-1].response().status == 401


# --- Without its script -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [NOT_LOADED, BROKEN], ids=["not loaded", "broken"])
def test_p2_pass_page_without_its_script_shows_the_fallback(site, manager, answer):
    manager.page.route(
        re.compile(r"/static/js/(pass|submit_once)\b.*\.js"), lambda route: route.fulfill(**answer)
    )

    manager.presses_the_button()

    button = manager.page.get_by_role("button", name="I have the pass")
    expect(button).to_be_visible()
    manager.reads("The script on this page is not running")
    code = manager.code()
    manager.press("I have the pass")
    wait_for(
        lambda: "The page confirmed that the pass arrived" in site.told_to_hr(manager.starter),
        "the receipt",
    )
    assert manager.code() == code
    manager.said.clear()  # this test breaks the script on purpose


def test_p2_pass_page_with_its_script_hides_the_fallback(manager):
    manager.confirms()
    expect(manager.page.get_by_role("timer")).not_to_be_empty()  # its script has run
    unminded = manager.page.locator("[data-script-fallback]")

    unminded.evaluate(
        "one => Promise.all(one.getAnimations().map((each) => each.finished))"
    )  # otherwise it would be visible by now

    expect(unminded).to_be_hidden()


def test_p2_waiting_page_without_its_script_offers_a_link(manager):
    manager.confirms()
    manager.page.route(re.compile(r"/static/js/poll_page\b.*\.js"), lambda route: route.fulfill(**NOT_LOADED))

    manager.follow("Done")

    expect(manager.page.get_by_role("link", name="Update it now")).to_be_visible()
