"""The policy asks for an authentication context: a manager signs in for one starter on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.tab import CONFIRM

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def context_asked_for(site, tab):
    """Two admins make the policy require c1. After the test it does not, and the tenant grants c1 to everybody again."""
    ada, amir = tab(), tab()
    ada.is_signed_in("ada")
    amir.is_signed_in("amir")
    asks_for(ada, amir, "c1", why="A security key for each pass")
    yield
    asks_for(ada, amir, "", why="The test is over")
    site.change(contexts={})


def asks_for(admin, other, context, *, why):
    admin.page.goto("/admin/onboarding/policyversion/add/")
    admin.page.get_by_label("Reason for the change").fill(why)
    admin.page.get_by_label("Authentication context").fill(context)
    admin.page.get_by_role("button", name="Save", exact=True).click()
    expect(admin.page.locator(".success")).to_contain_text("was added successfully")
    other.activates_the_waiting_version()


@pytest.fixture
def manager(site, tab, context_asked_for):
    """Maria with her phone, signed in a moment ago, but not for one starter."""
    maria = tab(**PHONE)
    maria.starter = site.starter()
    maria.opens(maria.starter)
    return maria


def signs_in_for_this(manager):
    manager.follow("Confirm it is you")
    manager.title("Pick an account")
    manager.pick("maria")


def session_of(site, manager) -> tuple[str, str]:
    """The session's key, and its data."""
    (key,) = [cookie["value"] for cookie in manager.context.cookies() if cookie["name"] == "sid"]
    return key, site.database.one("SELECT session_data FROM django_session WHERE session_key = %s", key)


def fits(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_manager_signs_in_for_this_starter_and_continues(site, manager):
    manager.reads("First, confirm it is you")
    expect(manager.page.get_by_role("button", name=CONFIRM)).to_have_count(0)
    assert fits(manager.page)

    signs_in_for_this(manager)
    manager.page.wait_for_url(site.url + manager.starter.path)

    manager.reads(f"Is {manager.starter.name} with you?")
    assert manager.confirms()
    assert site.passes_made(manager.starter) == 1


def test_expired_step_up_asks_again_and_keeps_the_choice(site, manager):
    _, before = session_of(site, manager)
    signs_in_for_this(manager)
    manager.reads(f"Is {manager.starter.name} with you?")
    # An expired step-up does not count: restore the session data from before it.
    key, _ = session_of(site, manager)
    site.database.write("UPDATE django_session SET session_data = %s WHERE session_key = %s", before, key)

    manager.page.get_by_label("By video call").check()
    manager.press(CONFIRM)

    manager.reads("Sign in again, then create the pass.")
    assert fits(manager.page) and site.passes_made(manager.starter) == 0
    signs_in_for_this(manager)
    manager.reads(f"Is {manager.starter.name} with you?")
    expect(manager.page.get_by_label("By video call")).to_be_checked()
    manager.press(CONFIRM)  # one click is enough
    assert manager.code()
    assert site.passes_made(manager.starter) == 1


def test_sign_in_for_one_starter_does_not_count_for_another(site, manager):
    signs_in_for_this(manager)
    manager.reads(f"Is {manager.starter.name} with you?")
    other = site.starter()

    manager.page.goto(other.path)

    manager.reads("First, confirm it is you")
    manager.page.goto(manager.starter.path)
    assert manager.confirms()


def test_unmet_context_shows_a_page_with_ways_on(site, manager):
    site.change(contexts={"c1": ["tom"]})

    signs_in_for_this(manager)

    manager.title("This step needs a stronger sign-in")
    manager.reads("Nothing was changed.")
    assert fits(manager.page)
    manager.follow("Go back")
    manager.reads("First, confirm it is you")
    site.change(contexts={"c1": ["maria"]})
    signs_in_for_this(manager)
    assert manager.confirms()


def test_cancelled_sign_in_is_explained_and_can_be_repeated(site, manager):
    manager.follow("Confirm it is you")
    manager.press("Cancel")

    manager.title("You did not confirm your identity")
    manager.reads("You are still signed in")
    manager.follow("Sign in again")
    manager.pick("maria")
    assert manager.confirms()
    assert site.passes_made(manager.starter) == 1
