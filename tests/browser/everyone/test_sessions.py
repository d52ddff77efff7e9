"""Microsoft confirms each person every few minutes, without a click; an admin or Microsoft can end a session."""

from __future__ import annotations

import re

import pytest
from django.conf import settings as running
from playwright.sync_api import expect

from tests.browser.tab import CONFIRM

pytestmark = pytest.mark.browser
A_POLL = 31_000  # milliseconds of the page's own clock


@pytest.fixture
def hanna(tab):
    hanna = tab()
    hanna.is_signed_in("hanna")
    return hanna


@pytest.fixture
def restore_hanna(site):
    yield
    site.change(person="hanna", set={"app_roles": ["HR"], "accountEnabled": True})


def navigations(tab):
    return [request.url for request in tab.asked if request.is_navigation_request()]


def test_later_page_opens_without_a_click(site, hanna):
    hanna.page.goto("/hr/new/")
    site.move_sessions_back(6)
    hanna.asked.clear()

    hanna.page.goto("/hr/?q=nobody")

    expect(hanna.page).to_have_url(f"{site.url}/hr/?q=nobody")
    assert len([url for url in navigations(hanna) if "prompt=none" in url]) == 1
    hanna.asked.clear()
    hanna.page.goto("/hr/new/")
    assert len(navigations(hanna)) == 1  # checked for the next five minutes


def test_half_typed_form_of_a_removed_role_does_nothing(site, hanna, restore_hanna):
    hanna.page.goto("/hr/new/")
    hanna.page.get_by_label("Account").fill("robin.nobody@contoso.example")
    hanna.page.get_by_label("Note for the manager").fill("Second floor")
    site.change(person="hanna", set={"app_roles": []})
    site.move_sessions_back(6)

    hanna.press("Look up")

    hanna.title("Your sign-in must be checked")
    expect(hanna.page.locator("input[name=note]")).to_have_value("Second floor")
    with hanna.context.expect_page() as beside:
        hanna.follow("Check my sign-in (new tab)")
    expect(beside.value.get_by_role("heading", level=1)).to_have_text("You do not have access")
    hanna.press("Send again")
    hanna.title("You do not have access")


def test_half_typed_form_goes_on_after_the_check(site, hanna):
    hanna.page.goto("/hr/new/")
    hanna.page.get_by_label("Account").fill("robin.nobody@contoso.example")
    hanna.page.get_by_label("Note for the manager").fill("Second floor")
    site.move_sessions_back(6)
    hanna.press("Look up")
    with hanna.context.expect_page() as beside:
        hanna.follow("Check my sign-in (new tab)")
    expect(beside.value.get_by_role("heading", level=1)).to_have_text("Add a starter")

    hanna.press("Send again")

    hanna.title("Add a starter")
    expect(hanna.page.get_by_label("Note for the manager")).to_have_value("Second floor")


def test_disabled_account_is_signed_out_without_a_loop(site, hanna, restore_hanna):
    hanna.page.goto("/hr/new/")
    site.change(person="hanna", set={"accountEnabled": False})
    site.move_sessions_back(6)
    hanna.asked.clear()

    hanna.page.goto("/hr/")

    hanna.title("You have been signed out")
    assert len(navigations(hanna)) == 4  # the page, the check, Microsoft, and back


def test_polls_leave_the_idle_limit_alone(site, tab):
    maria, starter = tab(), site.starter()
    maria.opens(starter)
    expect(maria.page.get_by_role("button", name=CONFIRM)).to_be_visible()
    maria.holds_the_clock()
    site.database.write("UPDATE django_session SET expire_date = datetime('now', '+20 minutes')")
    before = site.database.rows("SELECT session_key, expire_date FROM django_session ORDER BY 1")

    for _ in range(2):
        with maria.page.expect_response(lambda answer: answer.request.method == "HEAD"):
            maria.page.clock.run_for(A_POLL)

    after = site.database.rows("SELECT session_key, expire_date FROM django_session ORDER BY 1")
    assert [row for row in after if row in before] == before
    maria.page.reload()  # a person does this
    assert site.database.rows("SELECT session_key, expire_date FROM django_session ORDER BY 1") != before


def test_page_that_reloads_itself_hides_the_mark_in_its_address(site, tab):
    maria, starter = tab(), site.starter()
    maria.opens(starter)
    maria.holds_the_clock()
    site.change(person=starter.key, set={"accountEnabled": False})
    maria.asked.clear()

    with maria.page.expect_navigation():
        maria.page.clock.run_for(A_POLL)
    maria.reads("You cannot create a pass yet")

    assert [url for url in navigations(maria) if "reloaded=1" in url]
    expect(maria.page).to_have_url(re.compile(rf"{starter.path}$"))
    site.change(person=starter.key, set={"accountEnabled": True})


def test_admin_ends_all_sessions_of_a_person(site, tab):
    ada, tom = tab(), tab()
    tom.is_signed_in("tom")
    tom.page.goto("/starters/")
    ada.is_signed_in("ada")
    ada.page.goto("/admin/portal/user/?q=Tom")
    ada.page.locator("#result_list tbody th a").first.click()
    ada.follow("End all sessions…")
    ada.page.get_by_label("Reason").fill("A stolen laptop")
    ada.page.get_by_label("End all sessions of this person").check()
    ada.press("End all sessions")
    expect(ada.page.locator(".messagelist")).to_contain_text("have ended")

    tom.page.goto("/starters/")

    # Tom is signed in at Microsoft, and still has to choose an account: no session begins without an action.
    expect(tom.page.get_by_role("heading", name="Pick an account")).to_be_visible()
    assert any("/signin/?next=" in url for url in navigations(tom))


def test_signing_out_of_microsoft_ends_the_portals_session(site, tab):
    hanna = tab()
    hanna.page.goto("/hr/")
    hanna.pick("hanna")
    hanna.page.goto("/hr/new/")
    other = hanna.context.new_page()
    loaded = []
    hanna.context.on("response", lambda answer: loaded.append(answer.url))

    other.goto(f"{site.tenant}/{running.TENANT_ID}/oauth2/v2.0/logout")
    hanna.waits_for(
        lambda: any("front-channel-logout" in url for url in loaded), "Microsoft to load our address"
    )

    hanna.page.goto("/hr/new/")
    expect(hanna.page).to_have_url(re.compile("/authorize"))
    hanna.from_elsewhere.clear()  # the sandbox's page loads our frame
