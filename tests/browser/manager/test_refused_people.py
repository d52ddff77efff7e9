"""Starters that guards refuse: HR reads why, the manager gets a short reason, and no pass is created."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest

from onboarding.guards import BY_CODE, FOR_IT
from portal.demo.process import wait_for
from portal.sandbox.people import BY_KEY, CAST, REFUSED
from tests.browser.site import ZONE
from tests.browser.tab import Tab

pytestmark = pytest.mark.browser

# A person of the demo cast and the guard that refuses them. HR gets a warning, and no link is sent:
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
# The manager reads these on the page: they may be solved by the start, or were unknown when the link was sent.
SEEN_ON_THE_PAGE = {"disabled": "enabled", "outofscope": "in_pass_policy", "signedin": "never_signed_in"}
# The manager reads these after the click: only a limited call of Graph shows them.
SEEN_AT_THE_PRESS = {"passkey": "no_own_method", "phoned": "no_own_method", "haspass": "no_foreign_pass"}
WITHOUT_A_MANAGER = {"ceo": "no_active_role", "gil": "manager_enabled"}  # no manager, and a guest
ASK_IT = "ask IT to help the starter sign in, and give IT the reference number"
EVERYBODY = {**NOT_SENT, **SEEN_ON_THE_PAGE, **SEEN_AT_THE_PRESS, **WITHOUT_A_MANAGER}


def test_nobody_is_left_out():
    """Mo is the only other person: his manager changed, and he can get a pass."""
    assert {*EVERYBODY, "moved"} == {person.key for person in CAST if person.section == REFUSED}


@pytest.fixture
def hr(site, tab) -> Tab:
    someone = tab()
    someone.is_signed_in("hanna")
    return someone


@pytest.fixture
def records(site, hr):
    """HR adds a person in the browser in spite of the warnings. Returns the manager's address."""

    def record(key: str) -> str:
        now = datetime.now(ZoneInfo(ZONE))
        hr.page.goto("/hr/new/")
        hr.page.get_by_label("Account").fill(BY_KEY[key].object_id)
        hr.page.get_by_label("Start date").fill(f"{now:%Y-%m-%d}")
        hr.page.get_by_label("Start time").fill(f"{now:%H:%M}")
        hr.press("Look up")
        hr.reads("Account details")
        if key in {*NOT_SENT, *WITHOUT_A_MANAGER}:
            hr.reads("This is a guest account" if key == "guest" else for_hr(EVERYBODY[key]))
        hr.page.locator("button[value=save]").click()
        hr.reads(f"{BY_KEY[key].name} was added.")
        return urlsplit(hr.page.url).path.replace("/hr/", "/starters/")

    return record


@pytest.fixture
def nothing_made(site):
    """Check that no pass was created, not even for a moment."""

    def passes() -> set[str]:
        state = site.seen("state")
        return {
            pass_["id"] for pass_ in [*state["passes"], *state["past_passes"]] if pass_["person"] in EVERYBODY
        }

    before = passes()
    yield
    assert passes() == before


def for_hr(code: str) -> str:
    """The text of a refusal for HR."""
    return ASK_IT if code in FOR_IT else str(BY_CODE[code].for_hr)


def reads_in_time(hr: Tab, words: str) -> None:
    """Wait until the page has this text: the worker checks the account first."""

    def found() -> bool:
        hr.page.reload()
        return words in hr.page.locator("main").inner_text()

    wait_for(found, f"HR to read: {words}")


def reads_the_refusal(manager: Tab, code: str, *, title: str) -> None:
    manager.reads(title)
    manager.reads(str(BY_CODE[code].for_manager))
    manager.reads(f"Error code: {code}.")
    assert manager.page.locator("form[method=post] [name=identity_check]").count() == 0


@pytest.mark.parametrize("key", NOT_SENT)
def test_link_is_not_sent_and_hr_sees_the_fix(records, hr, tab, nothing_made, key):
    path = records(key)

    reads_in_time(hr, for_hr(NOT_SENT[key]))
    hr.reads("A check found a problem that prevents a pass")
    manager = tab()
    manager.is_signed_in("maria")
    manager.page.goto(path)
    manager.reads("HR has not finished yet")


@pytest.mark.parametrize("key", SEEN_ON_THE_PAGE)
def test_managers_page_has_a_reason_and_no_button(records, hr, tab, nothing_made, key):
    path = records(key)

    reads_in_time(hr, "The portal queued the email with the link")
    manager = tab()
    manager.is_signed_in("maria")
    manager.page.goto(path)
    reads_the_refusal(manager, SEEN_ON_THE_PAGE[key], title="You cannot create a pass yet")


@pytest.mark.parametrize("key", ["passkey", "phoned"])
def test_account_that_can_sign_in_is_refused_at_the_click(records, hr, tab, nothing_made, key):
    path = records(key)
    reads_in_time(hr, "The portal queued the email with the link")
    manager = tab()
    manager.is_signed_in("maria")
    manager.page.goto(path)

    manager.presses_the_button()

    reads_the_refusal(manager, "no_own_method", title="No pass was created")
    reads_in_time(hr, str(BY_CODE["no_own_method"].for_hr))


def test_pass_of_another_tool_stays_unless_the_manager_chooses(records, hr, tab, site, nothing_made):
    path = records("haspass")
    reads_in_time(hr, "The portal queued the email with the link")
    manager = tab()
    manager.is_signed_in("maria")
    manager.page.goto(path)

    manager.presses_the_button()

    manager.reads("Petra Hall already has a pass")
    reads_in_time(hr, str(BY_CODE["no_foreign_pass"].for_hr))
    assert [pass_["person"] for pass_ in site.seen("state")["passes"] if pass_["person"] == "haspass"] == [
        "haspass"
    ]


@pytest.mark.parametrize("key", WITHOUT_A_MANAGER)
def test_page_is_hidden_if_nobody_can_confirm(records, hr, tab, nothing_made, key):
    path = records(key)

    reads_in_time(hr, "What happens next")
    manager = tab()
    manager.is_signed_in("maria")
    manager.page.goto(path)
    manager.reads("Only the starter’s current manager or stand-in can open this link.")
