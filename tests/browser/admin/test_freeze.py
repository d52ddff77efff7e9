"""An admin freezes all passes: HR and managers see the reason, and no pass is created until the freeze ends."""

from __future__ import annotations

import subprocess

import pytest
from playwright.sync_api import expect

from portal.supervisor import manage_command

pytestmark = pytest.mark.browser

WHY = "A phone of the service desk was <stolen> & used"


@pytest.fixture
def admin(tab):
    """Ada. The freeze ends after the test, whether it passes or fails."""
    ada = tab()
    ada.is_signed_in("ada")
    yield ada
    end_freeze(ada, tab)


def freeze(admin, why):
    """Press the button on the first page of the administration."""
    admin.page.goto("/admin/")
    admin.page.get_by_label("Reason").fill(why)
    admin.submits("Freeze the portal")
    expect(admin.page.locator(".success")).to_contain_text("The portal is frozen")


def end_freeze(admin, tab):
    """Ada writes the draft, and Amir activates it. Do nothing if the portal is not frozen."""
    admin.page.goto("/admin/")
    end = admin.page.get_by_role("button", name="Save a draft that ends the freeze")
    if not end.count():
        return
    write_draft(admin)
    amir = tab()
    amir.is_signed_in("amir")
    amir.activates_the_waiting_version()


def write_draft(admin):
    """Write the draft that ends the freeze, on the first page."""
    admin.page.get_by_label("Reason").fill("The phone is found")
    admin.submits("Save a draft that ends the freeze")
    expect(admin.page.locator(".messagelist")).to_contain_text("was saved as a draft")


def test_freeze_stops_a_manager_on_the_page_with_a_reason(site, tab, admin):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    freeze(admin, WHY)

    manager.presses_the_button()

    manager.reads("No pass was created")
    banner = manager.page.locator(".banner.frozen")
    expect(banner).to_contain_text("Nobody can create passes at the moment.")
    expect(banner).to_contain_text(WHY)
    expect(banner).to_contain_text("Ada Jansen")
    assert site.passes_made(starter) == 0


def test_button_is_missing_during_a_freeze_and_returns(site, tab, admin):
    manager, starter = tab(), site.starter()
    freeze(admin, WHY)
    manager.opens(starter)
    manager.reads("You cannot create a pass at the moment")
    expect(manager.page.get_by_label("In person")).to_have_count(0)
    expect(admin.page.locator(".banner.frozen")).to_contain_text(WHY)

    end_freeze(admin, tab)
    manager.page.reload()

    expect(manager.page.locator(".banner.frozen")).to_have_count(0)
    assert manager.confirms()


def test_form_from_before_the_freeze_is_shown_again_first(site, tab, admin):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    freeze(admin, WHY)
    end_freeze(admin, tab)

    manager.presses_the_button()

    manager.reads(f"Is {starter.name} with you?")
    assert site.passes_made(starter) == 0
    assert manager.confirms()


def test_an_admin_stops_a_version_that_waits(site, tab, admin):
    manager, starter = tab(), site.starter()
    manager.opens(starter)
    assert manager.confirms()  # after the first pass, a version from the console waits
    freeze(admin, WHY)
    write_draft(admin)
    review = admin.page.locator("#waiting-versions a").last
    number = review.get_attribute("href").split("/")[-3]
    command = manage_command("activate_policy", number, "--reason", "There is one admin only")
    subprocess.run(command, env=site.environment, check=True)

    admin.page.goto("/admin/")
    expect(admin.page.locator("#waiting-versions")).to_contain_text("comes into force on")
    review.click()
    admin.page.get_by_label("Reason").fill("Nobody asked me")
    admin.submits(f"Stop version {number}")

    expect(admin.page.locator(".success")).to_contain_text(f"Version {number} was stopped")
    expect(admin.page.locator(".banner.frozen")).to_contain_text(WHY)
