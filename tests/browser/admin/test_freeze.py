"""An admin freezes all passes: HR and managers see the reason, and no pass is created until the freeze ends."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

WHY = "A phone of the service desk was <stolen> & used"


@pytest.fixture
def admin(tab):
    """Ada. The freeze ends after the test, whether it passes or fails."""
    ada = tab()
    ada.is_signed_in("ada")
    yield ada
    sets(ada, frozen=False, why="The test is over")


def sets(admin, *, frozen, why):
    """Add a version of the policy, in Django admin."""
    admin.page.goto("/admin/onboarding/policyversion/add/")
    admin.page.get_by_label("Reason for the change").fill(why)
    admin.page.get_by_label("Freeze: managers cannot create passes").set_checked(frozen)
    admin.page.get_by_role("button", name="Save", exact=True).click()
    expect(admin.page.locator(".success")).to_contain_text("was added successfully")


def test_freeze_stops_a_manager_on_the_page_with_a_reason(site, tab, admin):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    sets(admin, frozen=True, why=WHY)

    manager.presses_the_button()

    manager.reads("No pass was created")
    banner = manager.page.locator(".banner.frozen")
    expect(banner).to_contain_text("Nobody can create passes at the moment.")
    expect(banner).to_contain_text(WHY)
    expect(banner).to_contain_text("Ada Jansen")
    assert site.passes_made(starter) == 0


def test_button_is_missing_during_a_freeze_and_returns(site, tab, admin):
    manager, starter = tab(), site.starter()
    sets(admin, frozen=True, why=WHY)
    manager.opens(starter)
    manager.reads("You cannot create a pass at the moment")
    expect(manager.page.get_by_label("In person")).to_have_count(0)
    expect(admin.page.locator(".banner.frozen")).to_contain_text(WHY)

    sets(admin, frozen=False, why="The phone is found")
    manager.page.reload()

    expect(manager.page.locator(".banner.frozen")).to_have_count(0)
    assert manager.confirms()


def test_form_from_before_the_freeze_is_shown_again_first(site, tab, admin):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    sets(admin, frozen=True, why=WHY)
    sets(admin, frozen=False, why="The phone is found")

    manager.presses_the_button()

    manager.reads(f"Is {starter.name} with you?")
    assert site.passes_made(starter) == 0
    assert manager.confirms()
