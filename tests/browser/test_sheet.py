"""The starter's sheet: read beside the pass without losing it, and printed as it stands."""

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


def test_no_link_on_the_pass_page_takes_it_away_but_done(site, tab):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    manager.confirms()

    links = manager.page.locator("a[href]:not([href^='#']):not([target=_blank])")

    assert links.all_inner_texts() == ["Done"]


def test_it_prints_what_it_says_and_nothing_that_is_pressed(tab):
    anybody = tab()
    anybody.page.goto("/sheet/?with=phone")
    expect(anybody.page.get_by_role("button", name="Print this page")).to_be_visible()

    paper = anybody.page.pdf(format="A4")

    words = words_of(paper)
    for said in ("Passkeyonaphone", "withintenminutes", "AADSTS130507", "Whomtoask"):
        assert said in words
    for pressed in ("Printthispage", "Allways", "Pretendtenant", "Skiptothecontent"):
        assert pressed not in words
    assert len(re.findall(rb"/Type /Page\b", paper)) <= 2
    assert len(re.findall(rb"/Type /Page\b", paper)) >= 1


def test_a_manager_finds_what_a_starter_sees_on_the_page_of_a_pass_that_was_handed_over(site, tab):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    manager.confirms()
    manager.follow("Done")
    manager.reads("It does not work?")

    manager.press_to_open("A password is asked for")

    expect(manager.page.get_by_text("Type no password.")).to_be_visible()


def test_a_page_that_follows_interrupts_nobody_who_reads_on_it(site, tab):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    manager.confirms()
    manager.holds_the_clock()
    manager.follow("Done")
    manager.reads("It does not work?")
    manager.page.wait_for_load_state()  # its scripts have begun
    manager.press_to_open("A password is asked for")

    site.hr.get(starter.hr_path)
    site.hr.send(site.hr.form_to("/take-back/"))
    manager.page.clock.run_for("00:16")

    expect(manager.page.get_by_text("There is news.")).to_be_visible()
    expect(manager.page.get_by_text("Type no password.")).to_be_visible()
    manager.follow("Show it")
    expect(manager.page.locator("main")).not_to_contain_text("The pass was handed over")


def test_a_page_that_follows_renews_itself_when_nobody_is_busy_on_it(site, tab):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    manager.confirms()
    manager.holds_the_clock()
    manager.follow("Done")
    manager.reads("The pass was handed over")
    manager.page.wait_for_load_state()  # its scripts have begun
    loaded = len([one for one in manager.asked if one.is_navigation_request()])
    with manager.page.expect_response(lambda answer: answer.request.method == "HEAD"):
        manager.page.clock.run_for("00:16")
    manager.page.evaluate("fetch('/livez').then(() => null)")  # whatever follows the answer before has begun
    assert len([one for one in manager.asked if one.is_navigation_request()]) == loaded  # no news, no renewal

    site.hr.get(starter.hr_path)
    site.hr.send(site.hr.form_to("/take-back/"))
    manager.page.clock.run_for("00:16")

    expect(manager.page.locator("main")).not_to_contain_text("The pass was handed over")


def test_a_session_says_that_it_ends_and_goes_on(site, tab):
    manager, starter = tab(), site.starter(starts_in=timedelta(days=2))
    manager.is_signed_in("maria")
    manager.holds_the_clock()
    manager.page.goto(starter.path)
    warning = manager.page.get_by_text("In five minutes you are signed out, because")
    expect(warning).to_be_hidden()

    manager.page.clock.run_for("25:01")
    expect(warning).to_be_visible()
    manager.press("Stay signed in")
    expect(warning).to_be_hidden()
    manager.page.clock.run_for("25:01")

    expect(warning).to_be_visible()
    manager.page.clock.run_for("05:01")
    expect(manager.page.get_by_text("You are signed out now.")).to_be_visible()
