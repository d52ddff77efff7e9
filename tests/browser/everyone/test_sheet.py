"""The starter's instructions, open beside the pass and on paper."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.paper import words_of

pytestmark = pytest.mark.browser


def test_the_sheet_opens_beside_the_pass_and_the_pass_stays(site, tab):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    code = manager.confirms()

    with manager.context.expect_page() as opened:
        manager.page.get_by_role("link", name="Other devices").click()

    sheet = opened.value
    expect(sheet.get_by_role("heading", level=1)).to_have_text("Your first sign-in")
    assert sheet.evaluate("opener") is None
    assert manager.holds(code)
    expect(manager.page.get_by_role("alert")).to_have_count(0)


def test_only_done_leaves_the_pass_page(site, tab):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    manager.confirms()

    links = manager.page.locator("a[href]:not([href^='#']):not([target=_blank])")

    assert links.all_inner_texts() == ["Done"]


def test_print_has_the_text_without_buttons(tab):
    anybody = tab()
    anybody.page.goto("/sheet/?with=phone")
    expect(anybody.page.get_by_role("button", name="Print this page")).to_be_visible()

    paper = anybody.page.pdf(format="A4")

    words = words_of(paper)
    for said in ("Passkeyonaphone", "withintenminutes", "AADSTS130507", "Whotoask"):
        assert said in words
    for pressed in ("Printthispage", "Allways", "Pretendtenant", "Skiptothecontent"):
        assert pressed not in words
    assert len(re.findall(rb"/Type /Page\b", paper)) <= 2
    assert len(re.findall(rb"/Type /Page\b", paper)) >= 1


def test_hand_over_page_offers_troubleshooting(site, tab):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    manager.confirms()
    manager.follow("Done")
    manager.reads("Troubleshooting")

    manager.press_to_open("The screen asks for a password")

    expect(manager.page.get_by_text("Do not enter a password.")).to_be_visible()


def test_polling_page_does_not_interrupt_a_reader(site, tab):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    manager.confirms()
    manager.holds_the_clock()
    manager.follow("Done")
    manager.reads("Troubleshooting")
    manager.page.wait_for_load_state()  # its scripts have begun
    manager.press_to_open("The screen asks for a password")

    site.hr.get(starter.hr_path)
    site.hr.send(site.hr.form_to("/take-back/"))
    manager.page.clock.run_for("00:16")

    expect(manager.page.get_by_text("This page is out of date.")).to_be_visible()
    expect(manager.page.get_by_text("Do not enter a password.")).to_be_visible()
    manager.follow("Update it now")
    expect(manager.page.locator("main")).not_to_contain_text("The pass was handed over")


def test_polling_page_reloads_when_it_is_idle(site, tab):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    manager.confirms()
    manager.holds_the_clock()
    manager.follow("Done")
    manager.reads("The pass was handed over")
    manager.page.wait_for_load_state()  # its scripts have begun
    loaded = len([request for request in manager.asked if request.is_navigation_request()])
    with manager.page.expect_response(lambda answer: answer.request.method == "HEAD"):
        manager.page.clock.run_for("00:16")
    manager.page.evaluate("fetch('/livez').then(() => null)")  # the page has handled the answer before
    assert (
        len([request for request in manager.asked if request.is_navigation_request()]) == loaded
    )  # nothing changed, so the page did not reload

    site.hr.get(starter.hr_path)
    site.hr.send(site.hr.form_to("/take-back/"))
    manager.page.clock.run_for("00:16")

    expect(manager.page.locator("main")).not_to_contain_text("The pass was handed over")


def test_session_warns_before_its_end_and_can_continue(site, tab):
    manager, starter = tab(), site.starter(starts_in=timedelta(days=2))
    manager.is_signed_in("maria")
    manager.holds_the_clock()
    manager.page.goto(starter.path)
    warning = manager.page.get_by_text("because you have not used this page")
    expect(warning).to_be_hidden()

    manager.page.clock.run_for("25:01")
    expect(warning).to_be_visible()
    manager.press("Stay signed in")
    expect(warning).to_be_hidden()
    manager.page.clock.run_for("25:01")

    expect(warning).to_be_visible()
    manager.page.clock.run_for("05:01")
    expect(manager.page.get_by_text("You are signed out. Sign in again")).to_be_visible()
