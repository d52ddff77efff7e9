"""HR types, filters and selects in the list, with and without scripts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def starters(site):
    return site.starter(), site.starter()


@pytest.fixture
def hr(tab, starters):
    hanna = tab()
    hanna.is_signed_in("hanna")
    hanna.page.goto("/hr/")
    return hanna


def found(hr):
    return hr.page.locator("[data-rows] tbody tr")


def test_search_starts_while_typing(hr, starters):
    search = hr.page.get_by_label("Find a starter")
    search.press_sequentially(starters[0].name)

    expect(found(hr)).to_have_count(1)
    hr.reads(f"1 starter found for “{starters[0].name}”")
    expect(search).to_be_focused()
    expect(search).to_have_value(starters[0].name)
    expect(hr.page).to_have_url(re.compile(r"/hr/\?q="))
    hr.page.keyboard.press("ArrowDown")
    hr.page.keyboard.press("Enter")
    hr.title(starters[0].name)
    hr.back()
    expect(found(hr)).to_have_count(1)


def test_what_is_cleared_brings_everybody_back(hr, starters):
    search = hr.page.get_by_label("Find a starter")
    search.fill("nobody is called that")
    hr.reads("No starters found for “nobody is called that”")

    search.fill("")

    expect(found(hr).filter(has_text=starters[1].name)).to_have_count(1)


def test_a_choice_is_followed_at_once(hr):
    hr.page.get_by_label("Sort by", exact=True).select_option("-name")

    expect(hr.page.locator("[aria-sort=descending]")).to_have_text("Name")


def test_select_all_selects_the_page_for_a_bulk_action(hr, starters):
    hr.page.get_by_label("Find a starter").fill("@contoso")
    expect(hr.page).to_have_url(re.compile(r"q=%40contoso"))
    hr.page.get_by_label("Select all on this page").check()
    hr.press("Send the links…")

    hr.title(re.compile(r"Send the link for \d+ starters"))
    hr.reads(starters[0].name)
    hr.reads(starters[1].name)


def test_session_that_ended_while_typing_is_announced(hr):
    hr.context.clear_cookies()
    hr.page.get_by_label("Find a starter").fill("somebody")

    hr.page.wait_for_url(lambda address: "/hr/" not in address.split("?")[0])


def test_without_scripts_all_of_it_is_a_button_away(tab, starters):
    hr = tab(java_script_enabled=False)
    hr.is_signed_in("hanna")
    hr.page.goto("/hr/")
    hr.page.get_by_label("Find a starter").fill(starters[0].name)
    hr.press("Search")
    hr.reads("1 starter found")
    hr.follow("Name")
    expect(hr.page.locator("[aria-sort=ascending]")).to_have_text("Name")
    hr.page.get_by_label(f"Select {starters[0].name}").check()
    hr.press("Change the start date…")

    hr.title("Change the start date of 1 starter")
