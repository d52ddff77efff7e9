"""Those for whom no pass may be made: HR reads why, their manager is told kindly, and nothing is made."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest

from onboarding.guards import BY_CODE
from portal.running import wait_for
from portal.sandbox.people import BY_KEY, CAST, REFUSED
from tests.browser.site import ZONE
from tests.browser.tab import Tab

pytestmark = pytest.mark.browser

# Somebody of the cast, and the guard in their way. Of these HR is warned, and no link is sent:
NOT_SENT = {
    "eligible": "no_eligible_role",
    "rolegroup": "no_role_group",
    "groupadmin": "no_active_role",
    "groupowner": "no_role_group",
    "groupeligible": "no_eligible_group",
    "restricted": "not_restricted",
    "misdated": "hire_date_agrees",
    "old": "is_new",
    "guest": "internal_member",
}
# What may come right until the day, or was not known when the link was sent, the manager reads on the page,
SEEN_ON_THE_PAGE = {"disabled": "enabled", "outofscope": "in_pass_policy", "signedin": "never_signed_in"}
# and what takes a scarce read to know, after the press.
SEEN_AT_THE_PRESS = {"passkey": "no_own_method", "haspass": "no_foreign_pass"}
WITHOUT_A_MANAGER = {"ceo": "no_active_role", "gil": "manager_enabled"}  # none, and a guest
EVERYBODY = {**NOT_SENT, **SEEN_ON_THE_PAGE, **SEEN_AT_THE_PRESS, **WITHOUT_A_MANAGER}


def test_nobody_is_left_out():
    """Mo is the one who only has another manager: he may have his pass."""
    assert {*EVERYBODY, "moved"} == {person.key for person in CAST if person.section == REFUSED}


@pytest.fixture
def hr(site, tab) -> Tab:
    someone = tab()
    someone.is_signed_in("hanna")
    return someone


@pytest.fixture
def records(site, hr):
    """HR records somebody in the browser, in spite of what it reads. Gives the address for the manager."""

    def record(key: str) -> str:
        now = datetime.now(ZoneInfo(ZONE))
        hr.page.goto("/hr/new/")
        hr.page.get_by_label("Account").fill(BY_KEY[key].object_id)
        hr.page.get_by_label("Start date").fill(f"{now:%Y-%m-%d}")
        hr.page.get_by_label("Start time").fill(f"{now:%H:%M}")
        hr.press("Look up")
        hr.reads("The directory says")
        if key in {*NOT_SENT, *WITHOUT_A_MANAGER}:
            hr.reads("This is a guest account" if key == "guest" else str(BY_CODE[EVERYBODY[key]].for_hr))
        hr.page.locator("button[value=save]").click()
        hr.reads(f"{BY_KEY[key].name} is recorded.")
        return urlsplit(hr.page.url).path.replace("/hr/", "/starters/")

    return record


@pytest.fixture
def nothing_made(site):
    """No pass that was not there before, not even for a moment."""

    def passes() -> set[str]:
        state = site.seen("state")
        return {one["id"] for one in [*state["passes"], *state["past_passes"]] if one["person"] in EVERYBODY}

    before = passes()
    yield
    assert passes() == before


def reads_in_time(hr: Tab, words: str) -> None:
    """As soon as the worker has looked."""

    def found() -> bool:
        hr.page.reload()
        return words in hr.page.locator("main").inner_text()

    wait_for(found, f"HR to read: {words}")


def reads_the_refusal(manager: Tab, code: str) -> None:
    manager.reads("No pass was made")
    manager.reads(str(BY_CODE[code].for_manager))
    manager.reads(f"Reference: {code}.")
    assert manager.page.locator("form[method=post] [name=identity_check]").count() == 0


@pytest.mark.parametrize("key", NOT_SENT)
def test_no_link_is_sent_and_hr_reads_why_and_what_helps(records, hr, tab, nothing_made, key):
    path = records(key)

    reads_in_time(hr, str(BY_CODE[NOT_SENT[key]].for_hr))
    hr.reads("The link was not sent.")
    manager = tab()
    manager.is_signed_in("maria")
    manager.page.goto(path)
    manager.reads("This is not ready yet")


@pytest.mark.parametrize("key", SEEN_ON_THE_PAGE)
def test_the_managers_page_offers_no_button_and_says_why(records, hr, tab, nothing_made, key):
    path = records(key)

    reads_in_time(hr, "The manager was sent the link")
    manager = tab()
    manager.is_signed_in("maria")
    manager.page.goto(path)
    reads_the_refusal(manager, SEEN_ON_THE_PAGE[key])


def test_who_can_sign_in_already_is_refused_at_the_press(records, hr, tab, nothing_made):
    path = records("passkey")
    reads_in_time(hr, "The manager was sent the link")
    manager = tab()
    manager.is_signed_in("maria")
    manager.page.goto(path)

    manager.presses_the_button()

    reads_the_refusal(manager, "no_own_method")
    reads_in_time(hr, str(BY_CODE["no_own_method"].for_hr))


def test_a_pass_of_another_tool_is_shown_and_stays_unless_the_manager_chooses(
    records, hr, tab, site, nothing_made
):
    path = records("haspass")
    reads_in_time(hr, "The manager was sent the link")
    manager = tab()
    manager.is_signed_in("maria")
    manager.page.goto(path)

    manager.presses_the_button()

    manager.reads("Petra Hall has a pass already")
    reads_in_time(hr, str(BY_CODE["no_foreign_pass"].for_hr))
    assert [one["person"] for one in site.seen("state")["passes"] if one["person"] == "haspass"] == [
        "haspass"
    ]


@pytest.mark.parametrize("key", WITHOUT_A_MANAGER)
def test_where_nobody_may_vouch_the_page_is_there_for_nobody(records, hr, tab, nothing_made, key):
    path = records(key)

    reads_in_time(hr, "What happens next")
    manager = tab()
    manager.is_signed_in("maria")
    manager.page.goto(path)
    manager.reads("There is nothing here")
