"""The main pages in their states, narrow and wide, light and dark: nothing is cut off."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.branding.style_guide import REFUSALS
from portal.demo.process import raise_daily_limits
from portal.sandbox.api_registration import SERVICE_NOW
from tests.api.system import System, request_token
from tests.browser import axe, nu
from tests.browser.looking import A_FEW

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def starters(site):
    """Starters with long names, and one who starts next week."""
    long = "Maximiliane-Alexandrina von Württemberg-Hohenlohe-Langenburg"
    return site.starter(display_name=long), site.starter(starts_in=timedelta(days=2))


@pytest.mark.skipif(not axe.IS_HERE, reason="axe-core is not installed (make page-tools; it needs npm)")
def test_axe_finds_what_is_wrong(tab):
    page = tab().page
    page.set_content("<html lang=en><title>A page</title><main><h1>Words</h1><input></main></html>")

    assert any("label" in violation for violation in axe.Axe(page).violations())


@pytest.mark.skipif(
    not nu.IS_HERE, reason="the HTML checker is not installed (make page-tools; it needs npm, java)"
)
def test_the_checker_finds_what_is_wrong(checker):
    assert checker.errors(nu.BARE) == []
    (wrong,) = checker.errors(f"{nu.BARE}<p id=a><p id=a>")
    assert wrong.startswith("Duplicate ID “a”.")


def test_a_managers_pages_fit(looks, site, starters):
    manager, starter = looks.someone, site.starter(display_name="Ng")
    manager.is_signed_in("maria")
    looks("manager-home", "/starters/")
    looks("own-sessions", "/sessions/")
    looks("manager-early", starters[1].path)
    looks("manager-confirm", starters[0].path)
    looks("manager-nobody", "/starters/nobody/")
    looks("manager-ready", starter.path)
    manager.submits("Create the pass and show it once")
    manager.reads("Choose how you checked the starter’s identity.")
    looks("manager-mistake")
    manager.confirms()
    looks("pass-masked")
    manager.press_to_open("Show the pass")
    manager.press_to_open("Spell it out")
    looks("pass-shown")
    manager.follow("Done")
    manager.reads("The pass was handed over")
    looks("manager-handed-over")
    manager.submits("Cancel this pass")
    looks("manager-taken-back")
    manager.submits("Sign out")
    manager.title("You are signed out")
    looks("signed-out")


def test_hrs_pages_fit(looks, starters):
    hr, (starter, _) = looks.someone, starters
    hr.is_signed_in("hanna")
    looks("hr-list", "/hr/")
    looks("hr-nothing-found", "/hr/?q=nobody-is-called-that")
    looks("hr-starter", starter.hr_path)
    looks("hr-edit", f"{starter.hr_path}edit/")
    looks("hr-withdraw", f"{starter.hr_path}withdraw/")
    looks("hr-mail-choice", "/hr/mail/")
    looks("hr-record", "/hr/new/")
    hr.page.get_by_label("Account").fill("nobody at all")
    hr.submits("Look up")
    hr.reads("Please check this")
    looks("hr-record-mistake")
    hr.page.get_by_label("Account").fill("somebody.new@contoso.example")
    hr.submits("Look up")
    hr.reads("This account does not exist yet")
    looks("hr-record-expected")
    hr.page.get_by_label("Account").fill("ben.carter@contoso.example")
    hr.submits("Look up")
    hr.reads("Account details")
    looks("hr-record-found")


def test_hrs_pages_for_many_fit(looks, site, starters):
    hr = looks.someone
    hr.is_signed_in("hanna")
    looks("hr-day", "/hr/day/")
    hr.press_to_open("Show as a table")
    looks("hr-day-table")
    looks("hr-day-empty", "/hr/day/2030-01-01/")
    looks("hr-account", f"{starters[0].hr_path}account/")
    hr.page.goto("/hr/new/several/")
    hr.page.get_by_label("Accounts").fill(f"{starters[0].account}\nben.carter@contoso.example\nwhat is this")
    hr.submits("Look up these accounts")
    hr.reads("2 accounts cannot be added and are listed first")
    looks("hr-several")
    looks("hr-import", "/hr/import/")
    hr.page.get_by_label("Rows", exact=True).fill(
        f"Account\tStart date\tSize\n{starters[0].account}\t03/04/2027\t41\nsomebody.new@contoso.example\tsoon\t41"
    )
    hr.submits("Continue with these rows")
    looks("hr-import-columns")
    hr.submits("Check the rows")
    hr.reads("Choose whether the day or the month comes first.")
    looks("hr-import-columns-mistake")
    hr.page.get_by_label("Ignore the columns").check()
    hr.page.get_by_label("Day first").check()
    hr.submits("Check the rows")
    hr.reads("The portal does not recognise this date.")
    looks("hr-import-results")
    hr.page.goto("/hr/")
    hr.page.locator("[name=starter]").first.check()
    hr.submits("Change the start date…")
    hr.reads("Selected starters")
    looks("hr-move")
    hr.submits("Change this start date")
    hr.reads("Enter a new date, time or time zone")
    looks("hr-move-mistake")


def test_the_pages_about_other_systems_fit(looks, site):
    """A starter without warnings, and one with a long name of an account that does not exist yet."""
    raise_daily_limits(site.environment, api_applications=f"{SERVICE_NOW.client_id} servicenow")
    system = System(site.url, request_token(site.tenant))
    tickets = {f"{'RITM' * 8}1": site.newcomer()[2], f"{'RITM' * 8}2": f"{'long-' * 10}name@contoso.example"}
    for ticket, account in tickets.items():
        answer = system.put(ticket, account, note="Desk 3.14, and a laptop at the reception")
        assert answer.status_code == 201, answer.text
    hr = looks.someone
    hr.is_signed_in("hanna")
    looks("hr-to-accept", "/hr/to-accept/")
    hr.page.locator("[name=starter]:checked").evaluate_all(
        "boxes => boxes.forEach((box) => (box.checked = false))"
    )
    hr.submits("Accept selected")
    hr.reads("Select the starters that you want to accept")
    looks("hr-to-accept-mistake")
    looks("api", "/api/")
    for ticket in tickets:  # the other tests find HR's pages without them
        answer = system.send("POST", f"starters/servicenow/{ticket}/withdrawal", {"reason": "A test"})
        assert answer.status_code == 200, answer.text


def test_the_pages_for_everybody_fit(looks):
    looks("sheet", "/sheet/")
    looks("sheet-windows", "/sheet/?with=windows")
    looks("components", "/components/")


@pytest.mark.parametrize("refusal", REFUSALS)
def test_refusal_page_fits_the_screen(looks, refusal):
    looks(f"refusal-{refusal.replace('/', '-')}", f"/components/?page={refusal}", A_FEW)
