"""A sign-in that is too old: the manager signs in again and comes back to the same page."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.tab import CONFIRM

pytestmark = pytest.mark.browser

ADD_TO_THE_PICKER = """(seconds) => {
  const field = document.createElement("input");
  field.type = "hidden";
  field.name = "signed_in_ago";
  field.value = seconds;
  document.querySelector("form").append(field);
}"""


@pytest.fixture
def manager(site, tab):
    """A manager who signed in ten minutes ago."""
    maria = tab()
    maria.starter = site.starter()
    maria.page.goto(maria.starter.path)
    maria.page.evaluate(ADD_TO_THE_PICKER, 600)
    maria.pick("maria")
    return maria


def test_manager_signs_in_again_and_continues(site, manager):
    manager.reads("First, confirm it is you")
    expect(manager.page.get_by_role("button", name=CONFIRM)).to_have_count(0)

    manager.follow("Confirm it is you")
    manager.title("Pick an account")  # Microsoft asks for a sign-in although the manager has a session there
    manager.pick("maria")
    manager.page.wait_for_url(site.url + manager.starter.path)

    assert manager.confirms()
    assert site.passes_made(manager.starter) == 1


def test_somebody_else_at_the_step_up_is_refused(site, manager):
    manager.follow("Confirm it is you")
    manager.pick("tom")

    manager.title("You signed in with a different account")
    manager.reads("Nothing was changed.")
    manager.page.goto(manager.starter.path)
    expect(manager.page.locator(".signed-in")).to_contain_text("Maria Lindqvist")
    manager.reads("First, confirm it is you")
    assert site.passes_made(manager.starter) == 0


def test_cancelled_step_up_keeps_the_session_and_creates_nothing(site, manager):
    manager.follow("Confirm it is you")
    manager.press("Cancel")

    manager.reads("Nothing was changed.")
    manager.page.goto(manager.starter.path)
    manager.reads("First, confirm it is you")
    assert site.passes_made(manager.starter) == 0
