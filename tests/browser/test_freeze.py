"""An admin stops issuing at once: everybody sees who did and why, and no pass is made until it goes on."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

WHY = "A phone of the service desk was <stolen> & used"


@pytest.fixture
def admin(tab):
    """Ada; whatever happens in a test, issuing goes on after it."""
    one = tab()
    one.is_signed_in("ada")
    yield one
    sets(one, frozen=False, why="The test is over")


def sets(admin, *, frozen, why):
    """Add a version of the policy, in Django admin."""
    admin.page.goto("/admin/onboarding/policyversion/add/")
    admin.page.get_by_label("Why").fill(why)
    admin.page.get_by_label("Freeze: no pass is made").set_checked(frozen)
    admin.page.get_by_role("button", name="Save", exact=True).click()
    expect(admin.page.locator(".success")).to_contain_text("was added successfully")


def test_a_freeze_stops_a_manager_who_has_the_button_before_them_and_says_who_and_why(site, tab, admin):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    sets(admin, frozen=True, why=WHY)

    manager.presses_the_button()

    manager.reads("No pass was made")
    banner = manager.page.locator(".banner.frozen")
    expect(banner).to_contain_text("No passes can be made at the moment.")
    expect(banner).to_contain_text(WHY)
    expect(banner).to_contain_text("Ada Jansen")
    assert site.passes_made(starter) == 0


def test_while_it_is_frozen_there_is_no_button_and_afterwards_there_is(site, tab, admin):
    manager, starter = tab(), site.starter()
    sets(admin, frozen=True, why=WHY)
    manager.opens(starter)
    manager.reads("Issuing is stopped for now")
    expect(manager.page.get_by_label("In person")).to_have_count(0)
    expect(admin.page.locator(".banner.frozen")).to_contain_text(WHY)

    sets(admin, frozen=False, why="The phone is found")
    manager.page.reload()

    expect(manager.page.locator(".banner.frozen")).to_have_count(0)
    assert manager.confirms()


def test_a_form_from_before_the_freeze_is_shown_anew_before_anything_is_made(site, tab, admin):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    sets(admin, frozen=True, why=WHY)
    sets(admin, frozen=False, why="The phone is found")

    manager.presses_the_button()

    manager.reads(f"Is {starter.name} with you?")
    assert site.passes_made(starter) == 0
    assert manager.confirms()
