"""A manager, HR and an admin work with the keyboard alone, and a screen reader announces what changes."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.browser.site import ZONE

pytestmark = pytest.mark.browser

FOCUSED = """() => {
  const one = document.activeElement;
  return ((one.labels?.[0] ?? one).textContent || one.value || "").trim().replace(/\\s+/g, " ");
}"""


def tabs_to(manager, words, most=25):
    """Press Tab until the element with this text has the focus. Each focused element on the way must be visible."""
    passed = []
    for _ in range(most):
        manager.page.keyboard.press("Tab")
        passed.append(manager.page.evaluate(FOCUSED))
        assert is_seen(manager), passed[-3:]
        if words in passed[-1]:
            return
    raise AssertionError(f"no {words!r} in {passed}")


def is_seen(manager):
    """The focused element has a visible outline and is within the window."""
    return manager.page.evaluate("""() => {
      const one = document.activeElement.closest(".choice:has(:focus-visible)") ?? document.activeElement;
      const box = one.getBoundingClientRect();
      const style = getComputedStyle(one);
      return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.width > 0
        && box.bottom > 0 && box.top < innerHeight;
    }""")


@pytest.fixture
def manager(site, tab):
    maria = tab()
    maria.starter = site.starter()
    maria.opens(maria.starter)
    return maria


def confirms_by_keyboard(manager):
    tabs_to(manager, "In person")
    manager.page.keyboard.press("Space")
    expect(manager.page.get_by_label("In person")).to_be_checked()
    manager.page.keyboard.press("ArrowDown")
    expect(manager.page.get_by_label("By video")).to_be_checked()
    tabs_to(manager, "Create the pass")
    with manager.page.expect_response("**/receipt/"):
        manager.page.keyboard.press("Enter")


def test_the_first_tab_skips_to_the_content(manager):
    manager.page.keyboard.press("Tab")
    assert manager.page.evaluate(FOCUSED) == "Skip to content"
    assert is_seen(manager)

    manager.page.keyboard.press("Enter")

    expect(manager.page.locator("main")).to_be_focused()
    tabs_to(manager, "In person", most=1)


def test_a_manager_confirms_reads_hides_and_leaves_with_the_keyboard(site, manager):
    confirms_by_keyboard(manager)
    code = manager.code()

    tabs_to(manager, "Show the pass")
    manager.page.keyboard.press("Enter")
    expect(manager.output).to_be_visible()
    manager.page.keyboard.press("Enter")
    expect(manager.output).to_be_hidden()
    tabs_to(manager, "Spell it out", most=1)
    manager.page.keyboard.press("Space")
    expect(manager.page.locator(".spelled li")).to_have_count(len(code))
    expect(manager.page.locator(".spelled li").first).to_be_visible()
    tabs_to(manager, "Other devices", most=1)
    tabs_to(manager, "Done", most=1)
    manager.page.keyboard.press("Enter")

    manager.reads("The pass was handed over")
    assert site.passes_made(manager.starter) == 1


def test_enter_without_an_answer_moves_to_the_missing_field(manager):
    tabs_to(manager, "Create the pass")
    manager.page.keyboard.press("Enter")

    notice = manager.page.get_by_role("alert")
    expect(notice).to_be_focused()
    expect(notice).to_contain_text("Choose how you checked the starter’s identity.")
    tabs_to(manager, "How did you check the starter’s identity?", most=1)
    manager.page.keyboard.press("Enter")
    manager.page.keyboard.press("Tab")
    manager.page.keyboard.press("Space")
    expect(manager.page.locator("input[type=radio]:checked")).to_have_count(1)


def test_hr_walks_through_the_list_with_the_keyboard(site, tab):
    hr, starter = tab(), site.starter()
    hr.is_signed_in("hanna")
    hr.page.goto("/hr/")

    hr.page.keyboard.press("/")
    hr.page.keyboard.type(starter.name)
    hr.page.keyboard.press("Enter")
    hr.reads("1 starter found")
    hr.page.keyboard.press("/")
    hr.page.keyboard.press("ArrowDown")
    assert starter.name in hr.page.evaluate(FOCUSED)
    hr.page.keyboard.press("Enter")

    hr.title(starter.name)


@pytest.fixture
def hr(tab):
    hanna = tab()
    hanna.is_signed_in("hanna")
    return hanna


def test_hr_adds_a_starter_with_the_keyboard(site, hr):
    _, name, account = site.newcomer()
    hr.page.goto("/hr/")

    tabs_to(hr, "Add a starter")
    hr.page.keyboard.press("Enter")
    hr.title("Add a starter")
    tabs_to(hr, "Account")
    hr.page.keyboard.type(account)
    hr.page.keyboard.press("Enter")
    hr.reads("Account details")
    tabs_to(hr, "Start date")
    # So far ahead that the worker sends no link by itself.
    day = datetime.now(ZoneInfo(ZONE)) + timedelta(days=20)
    hr.page.keyboard.type(f"{day:%m%d%Y}")  # the format that the browser's date field takes
    tabs_to(hr, "Note for the manager")
    hr.page.keyboard.type("Second floor")
    tabs_to(hr, "Save this starter")
    hr.page.keyboard.press("Enter")
    hr.title(name)
    tabs_to(hr, "Send the link now", most=40)
    hr.page.keyboard.press("Enter")

    expect(hr.page.get_by_role("status").filter(has_text="The portal is emailing the link")).to_be_visible()


def test_hr_withdraws_a_starter_with_the_keyboard(site, hr):
    starter = site.starter()
    hr.page.goto(starter.hr_path)

    tabs_to(hr, "Withdraw", most=40)
    hr.page.keyboard.press("Enter")
    hr.title(f"Withdraw {starter.name}?")
    tabs_to(hr, "Why are you stopping this onboarding?")
    hr.page.keyboard.type("Found other work")
    tabs_to(hr, "Withdraw", most=4)
    hr.page.keyboard.press("Enter")

    hr.title(starter.name)
    hr.reads("Withdrawn")


def test_an_admin_changes_the_policy_with_the_keyboard(tab):
    admin = tab()
    admin.is_signed_in("ada")
    admin.page.goto("/admin/onboarding/policyversion/add/")

    expect(admin.page.get_by_label("Reason for the change")).to_be_focused()
    admin.page.keyboard.type("Tried with the keyboard")
    tabs_to(admin, "Save", most=120)
    admin.page.keyboard.press("Enter")

    expect(admin.page.locator(".success")).to_contain_text("was added successfully")


def test_results_while_typing_are_announced(site, hr):
    """A screen reader announces a change within an existing live region, but not a new region."""
    starter = site.starter()
    hr.page.goto("/hr/")
    said = hr.page.locator("#count")
    said.evaluate("(one) => { one.isTheSame = true; }")

    hr.page.get_by_role("searchbox").press_sequentially(starter.name)

    expect(said).to_have_text(re.compile("^1 starter found"))
    assert said.evaluate("(one) => one.isTheSame === true")
