"""The manager's whole first day in a browser without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture
def manager(site, tab):
    maria = tab(java_script_enabled=False)
    maria.starter = site.starter()
    maria.sign_in("maria", maria.starter.path)
    return maria


def test_manager_confirms_the_pass_without_scripts(site, manager):
    manager.reads(f"Is {manager.starter.name} with you?")
    manager.presses_the_button()

    code = manager.code()
    manager.press("I have the pass")

    wait_until_held(site, manager)
    assert manager.code() == code  # the answer is 204: the page stays
    manager.press_to_open("Show the pass")
    expect(manager.output).to_be_visible()
    assert manager.output.inner_text() == code
    manager.follow("Done")
    manager.reads("The pass was handed over")
    assert site.passes_made(manager.starter) == 1


def wait_until_held(site, manager):
    manager.waits_for(
        lambda: "The page confirmed that the pass arrived" in site.told_to_hr(manager.starter),
        "the receipt",
    )


def test_the_pass_is_masked_until_the_person_shows_it(manager):
    manager.presses_the_button()
    code = manager.code()

    expect(manager.output).to_be_hidden()
    expect(manager.page.locator(".spelled li").first).to_be_hidden()
    manager.press_to_open("Show the pass")
    assert manager.output.inner_text() == code
    manager.press_to_open("Hide the pass")

    expect(manager.output).to_be_hidden()


def test_page_without_scripts_shows_the_deadline_and_limits(manager):
    manager.presses_the_button()

    words = " ".join(manager.page.locator("main").inner_text().split())
    assert (
        "Confirm within 120 seconds that you have the pass If you do not confirm in time, the portal cancels the pass."
        in words
    )
    assert "the page does not update and keeps showing the pass" in words
    expect(manager.page.get_by_role("timer")).to_be_empty()


def test_form_without_an_answer_creates_no_pass(site, manager):
    manager.press("Create the pass and show it once")

    manager.reads("Choose how you checked the starter’s identity.")
    assert site.passes_made(manager.starter) == 0


def test_i_did_not_see_it_takes_the_pass_back(site, manager):
    manager.presses_the_button()
    code = manager.code()

    manager.press("I did not see the pass")

    manager.title(manager.starter.name)
    assert not manager.holds(code)
    assert "The pass is being cancelled" in site.told_to_hr(manager.starter)
