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
    search, manager = hr.page.get_by_label("Find a starter"), hr.page.get_by_label("Manager", exact=True)
    search.fill("nobody is called that")
    hr.reads("No starters found for “nobody is called that”")
    expect(manager.locator("option")).to_have_text(["All"])

    search.fill("")

    expect(found(hr).filter(has_text=starters[1].name)).to_have_count(1)
    expect(manager.locator("option")).to_have_count(2)  # they follow the search, and none is chosen by itself
    expect(manager).to_have_value("")
    expect(hr.page).to_have_url(re.compile(r"/hr/$"))


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


# --- By keyboard ------------------------------------------------------------------------------------------------------


def test_keys_find_walk_and_select(hr, starters):
    keyboard, search = hr.page.keyboard, hr.page.get_by_label("Find a starter")
    keyboard.press("/")
    expect(search).to_be_focused()
    keyboard.press("ArrowDown")
    first = found(hr).first
    expect(first.get_by_role("link")).to_be_focused()

    keyboard.press("x")

    expect(first.get_by_role("checkbox")).to_be_checked()
    expect(hr.page.locator(".bulk [data-chosen]")).to_have_text("Selected: 1")
    keyboard.press("ArrowDown")
    keyboard.press("x")
    expect(hr.page.locator(".bulk [data-chosen]")).to_have_text("Selected: 2")
    keyboard.press("x")
    expect(hr.page.locator(".bulk [data-chosen]")).to_have_text("Selected: 1")
    keyboard.press("ArrowUp")
    keyboard.press("ArrowUp")
    expect(search).to_be_focused()


def test_letters_in_a_field_stay_letters(hr, starters):
    search = hr.page.get_by_label("Find a starter")
    search.press_sequentially("x/x")

    expect(search).to_have_value("x/x")
    expect(hr.page.locator("[data-rows] :checked")).to_have_count(0)


def test_bar_stays_in_sight_while_somebody_selects(hr, starters):
    hr.page.set_viewport_size({"width": 1440, "height": 420})
    found(hr).first.get_by_role("checkbox").check()

    expect(hr.page.get_by_role("button", name="Change the start date…")).to_be_in_viewport()


LONG = "maximiliane-alexandrina.von.wuerttemberg-hohenlohe@contoso.example"
# The parts of an account name that are on more than one line.
TORN = """() => [...document.querySelectorAll("[data-rows] .account bdi")].flatMap((name) => [...name.childNodes])
  .filter((part) => {
    const range = document.createRange();
    range.selectNodeContents(part);
    return part.nodeType === Node.TEXT_NODE && range.getClientRects().length > 1;
  }).map((part) => part.textContent)"""


@pytest.mark.parametrize("width", [390, 1280])
def test_an_account_is_never_broken_in_mid_word(hr, site, starters, width):
    known = "UPDATE onboarding_starter SET account_name = %s WHERE account_name = %s"
    site.database.write(known, LONG, starters[1].account)
    try:
        hr.page.set_viewport_size({"width": width, "height": 900})
        hr.page.reload()
        expect(found(hr).filter(has_text=LONG)).to_have_count(1)

        assert hr.page.evaluate(TORN) == []
    finally:
        site.database.write(known, starters[1].account, LONG)


def test_filters_and_rows_are_dense(hr, starters):
    hr.page.set_viewport_size({"width": 1280, "height": 900})
    bottoms = (
        "[...document.querySelectorAll('.toolbar > *')].map((one) => one.getBoundingClientRect().bottom)"
    )
    # Other tests add people whose names need more lines.
    height = (
        "(path) => document.querySelector(`[href='${path}']`).closest('tr').getBoundingClientRect().height"
    )

    assert len({round(bottom) for bottom in hr.page.evaluate(bottoms)}) == 1
    assert all(40 <= hr.page.evaluate(height, starter.hr_path) <= 44 for starter in starters)


def test_page_head_is_as_wide_as_the_list(hr, starters):
    hr.page.set_viewport_size({"width": 1440, "height": 900})
    edges = hr.page.evaluate(
        "['.masthead > div', 'main', '.colophon > div'].map((part) => {"
        " const box = document.querySelector(part).getBoundingClientRect(); return [box.left, box.right]; })"
    )

    assert edges[0] == edges[1] == edges[2]


# --- Saved filters ------------------------------------------------------------------------------------------------------


def test_filters_are_saved_and_deleted_by_keyboard(hr):
    hr.page.get_by_label("Added by me", exact=True).check()
    expect(hr.page).to_have_url(re.compile(r"mine=1"))
    hr.page.get_by_text("Saved filters…").focus()
    hr.page.keyboard.press("Enter")
    hr.page.keyboard.press("Tab")
    hr.page.keyboard.type("My own")
    hr.page.keyboard.press("Enter")

    chip = hr.page.get_by_role("navigation", name="Saved filters").get_by_role("link", name="My own")
    expect(chip).to_have_attribute("aria-current", "true")
    hr.page.get_by_text("Saved filters…").click()
    hr.page.get_by_role("button", name="Delete the saved filter My own").press("Enter")
    hr.reads("The saved filter “My own” was deleted.")
    assert hr.complaints() == []


# --- The day ------------------------------------------------------------------------------------------------------------


def test_day_groups_by_manager_and_follows_without_reload(tab, site, starters):
    hr = tab()
    hr.page.clock.install()
    hr.is_signed_in("hanna")
    hr.page.goto("/hr/day/")
    expect(hr.page.locator(".by-manager .group").filter(has_text="Maria Lindqvist")).to_have_count(1)
    hr.page.evaluate("window.isTheSamePage = true")
    newcomer = site.starter()

    hr.page.clock.run_for(61_000)

    expect(hr.page.locator(".by-manager").get_by_text(newcomer.name)).to_be_visible()
    assert hr.page.evaluate("window.isTheSamePage")


# --- While adding -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scripts", [True, False])
def test_a_name_finds_the_account_by_keyboard(tab, site, scripts):
    _, name, account = site.newcomer()
    hr = tab(java_script_enabled=scripts)
    hr.is_signed_in("hanna")
    hr.page.goto("/hr/new/")
    hr.page.get_by_label("Account", exact=True).fill(name)
    hr.page.get_by_label("Note for the manager").fill("Bring cake")
    hr.page.get_by_label("Account", exact=True).press("Enter")
    hr.reads(account)
    hr.page.get_by_role("button", name=f"Use this account: {account}").press("Enter")

    hr.reads("Account details")
    expect(hr.page.get_by_label("Account", exact=True)).to_have_value(account)
    expect(hr.page.get_by_label("Start date", exact=True)).to_have_value("")
    expect(hr.page.get_by_label("Note for the manager")).to_have_value("Bring cake")
    hr.press("Use it as the start date")
    expect(hr.page.get_by_label("Start date", exact=True)).not_to_have_value("")
