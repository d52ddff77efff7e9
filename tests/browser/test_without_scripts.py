"""The manager's whole way in a browser that runs no script."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture
def manager(site, tab):
    one = tab(java_script_enabled=False)
    one.starter = site.starter()
    one.sign_in("maria", one.starter.path)
    return one


def test_the_manager_comes_to_the_pass_and_says_i_have_it(site, manager):
    manager.reads(f"Is {manager.starter.name} with you?")
    manager.presses_the_button()

    code = manager.code()
    manager.press("I have it")

    wait_until_held(site, manager)
    assert manager.code() == code  # the answer is 204: the page stays
    manager.press_to_open("Show the pass")
    expect(manager.output).to_be_visible()
    assert manager.output.inner_text() == code
    manager.follow("Done")
    manager.reads("The pass was handed over")
    assert site.passes_made(manager.starter) == 1


def wait_until_held(site, manager):
    for _ in range(50):
        if "The pass is on the manager's screen" in site.told_to_hr(manager.starter):
            return
        manager.page.wait_for_timeout(100)
    raise AssertionError(site.told_to_hr(manager.starter))


def test_the_pass_is_masked_until_it_is_asked_for(manager):
    manager.presses_the_button()
    code = manager.code()

    expect(manager.output).to_be_hidden()
    expect(manager.page.locator(".spelled li").first).to_be_hidden()
    manager.press_to_open("Show the pass")
    assert manager.output.inner_text() == code
    manager.press_to_open("Hide the pass")

    expect(manager.output).to_be_hidden()


def test_the_page_says_by_when_to_press_and_what_it_cannot_do(manager):
    manager.presses_the_button()

    words = " ".join(manager.page.locator("main").inner_text().split())
    assert "Say that you have it, within 120 seconds Otherwise the pass is taken back" in words
    assert "this page cannot hide the pass by itself, count down, or clear itself" in words
    expect(manager.page.get_by_role("timer")).to_be_empty()


def test_a_form_without_an_answer_says_what_is_missing_and_makes_no_pass(site, manager):
    manager.press("Create the pass and show it once")

    manager.reads("Choose how you checked who they are.")
    assert site.passes_made(manager.starter) == 0


def test_i_did_not_see_it_takes_the_pass_back(site, manager):
    manager.presses_the_button()
    code = manager.code()

    manager.press("I did not see it")

    manager.title(manager.starter.name)
    assert not manager.holds(code)
    assert "The pass is being taken back" in site.told_to_hr(manager.starter)
