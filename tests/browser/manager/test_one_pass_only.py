"""Two clicks or two tabs create one pass, and each gets the right page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.tab import CONFIRM

pytestmark = pytest.mark.browser


def posts(manager, starter):
    return [
        request
        for request in manager.asked
        if request.method == "POST" and request.url.endswith(starter.path)
    ]


def presses_twice(site, manager, starter):
    """Click, and click again after Microsoft has created the pass and before it answers."""
    site.fault(method="POST", path="/temporaryAccessPassMethods", delay_after=14)
    button = manager.page.get_by_role("button", name=CONFIRM)
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    manager.page.mouse.click(box["x"] + 20, box["y"] + 20)
    manager.waits_for(lambda: site.passes_made(starter) == 1, "the pass to be created")
    manager.page.mouse.click(box["x"] + 20, box["y"] + 20)
    site.change(end_faults=True)


def test_a_second_click_asks_once_and_shows_the_pass(site, tab):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    manager.page.get_by_label("In person").check()

    presses_twice(site, manager, starter)

    assert manager.code()
    assert site.passes_made(starter) == 1
    assert len(posts(manager, starter)) == 1


def test_button_shows_progress_and_keeps_the_focus(site, tab):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    manager.page.get_by_label("In person").check()

    pressed = manager.page.get_by_role("button", name=CONFIRM).evaluate("""(button) => {
      button.focus();
      button.click();
      return [button.textContent, button.ariaDisabled, document.activeElement === button];
    }""")

    assert pressed == ["Creating the pass…", "true", True]
    assert manager.code()


def test_second_click_without_scripts_creates_one_visible_pass(site, tab):
    """The browser drops the first answer with the pass. The second answer says so, and how to cancel the pass."""
    manager, starter = tab(java_script_enabled=False), site.starter()
    manager.opens(starter)
    manager.page.get_by_label("In person").check()

    presses_twice(site, manager, starter)

    manager.page.get_by_role("heading", name=re.compile("The pass (is being created|was shown)")).wait_for()
    expect(manager.output).to_have_count(0)
    manager.page.goto(starter.path)
    manager.reads("The pass was shown")
    expect(manager.page.get_by_role("button", name="I did not see the pass")).to_be_visible()
    assert site.passes_made(starter) == 1


def test_two_tabs_get_one_pass_and_one_explanation(site, tab):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    first = manager.page
    manager.new_tab().goto(starter.path)
    second = manager.page
    for page in (first, second):
        page.get_by_label("In person").check()

    manager.page = first
    code = manager.confirms()
    manager.page = second
    manager.presses_the_button()

    manager.reads("The pass was handed over")
    assert not manager.holds(code)
    manager.page = first
    assert manager.code() == code
    assert site.passes_made(starter) == 1


def test_two_tabs_confirming_at_once_get_one_pass(site, tab):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    first, second = manager.page, manager.new_tab()
    second.goto(starter.path)
    for page in (first, second):
        page.get_by_label("In person").check()

    with first.expect_navigation(), second.expect_navigation():  # a click alone does not wait for the answer
        for page in (first, second):
            page.get_by_role("button", name=CONFIRM).click(no_wait_after=True)

    passes = [page.locator("output[data-secret]").count() for page in (first, second)]
    assert sorted(passes) == [0, 1]
    assert site.passes_made(starter) == 1
