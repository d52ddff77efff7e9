"""Everything a manager does, with the keyboard alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

FOCUSED = """() => {
  const one = document.activeElement;
  return (one.labels?.[0] ?? one).textContent.trim().replace(/\\s+/g, " ");
}"""


def tabs_to(manager, words, most=25):
    """Press Tab until the focus stands on what says so; each stop on the way must be seen."""
    passed = []
    for _ in range(most):
        manager.page.keyboard.press("Tab")
        passed.append(manager.page.evaluate(FOCUSED))
        assert is_seen(manager), passed
        if words in passed[-1]:
            return
    raise AssertionError(f"no {words!r} in {passed}")


def is_seen(manager):
    """The focus stands on something with a visible outline, within the window."""
    return manager.page.evaluate("""() => {
      const one = document.activeElement.closest(".choice:has(:focus-visible)") ?? document.activeElement;
      const box = one.getBoundingClientRect();
      const style = getComputedStyle(one);
      return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.width > 0
        && box.bottom > 0 && box.top < innerHeight;
    }""")


@pytest.fixture
def manager(site, tab):
    one = tab()
    one.starter = site.starter()
    one.opens(one.starter)
    return one


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
    assert manager.page.evaluate(FOCUSED) == "Skip to the content"
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


def test_enter_without_an_answer_leads_to_the_field_that_is_missing(manager):
    tabs_to(manager, "Create the pass")
    manager.page.keyboard.press("Enter")

    notice = manager.page.get_by_role("alert")
    expect(notice).to_be_focused()
    expect(notice).to_contain_text("Choose how you checked who they are.")
    tabs_to(manager, "How did you check who they are?", most=1)
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
