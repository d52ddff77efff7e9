"""The connection is lost before a click: the page stays, keeps the choice, and says that nothing was created."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.tab import CONFIRM

pytestmark = pytest.mark.browser


@pytest.fixture
def manager(site, tab):
    maria = tab()
    maria.starter = site.starter()
    maria.opens(maria.starter)
    return maria


def test_p6_click_without_a_connection_keeps_page_and_choice(site, manager):
    manager.page.get_by_label("In person").check()
    manager.context.set_offline(True)

    manager.press(CONFIRM)

    notice = manager.page.get_by_role("alert").filter(has_text="There is no connection to the portal")
    expect(notice).to_contain_text("No pass was created. Your choice is still selected on this page.")
    expect(manager.page.get_by_label("In person")).to_be_checked()
    expect(manager.page.get_by_role("button", name=CONFIRM)).not_to_have_attribute("aria-disabled", "true")
    assert site.passes_made(manager.starter) == 0

    manager.context.set_offline(False)
    manager.press(CONFIRM)  # the page is unchanged, so the same click works

    assert manager.code()
    assert site.passes_made(manager.starter) == 1


def test_p6_portal_that_does_not_respond_counts_as_offline(site, manager):
    manager.page.route("**/livez", lambda route: route.fulfill(status=502, body="Bad gateway"))

    manager.page.get_by_label("In person").check()
    manager.press(CONFIRM)

    manager.reads("No pass was created. Your choice is still selected on this page.")
    assert [request for request in manager.asked if request.method == "POST"] == []
    assert site.passes_made(manager.starter) == 0


def test_p6_cancelling_without_a_connection_changes_nothing(manager):
    code = manager.confirms()
    manager.context.set_offline(True)

    manager.press("I did not see the pass")

    manager.reads("Nothing was changed.")
    assert manager.code() == code
    manager.context.set_offline(False)
    manager.press("I did not see the pass")
    manager.reads("this page shows what you can do.")
