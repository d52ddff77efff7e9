"""The admin pages on every screen: axe, valid HTML, and no sideways scrolling."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

TABLES = (
    "policyversion",
    "departmentpolicy",
    "starter",
    "passissue",
    "auditevent",
    "mail",
    "heartbeat",
    "hook",
    "hookdelivery",
    "job",
)


@pytest.fixture(scope="module")
def someone_is_known(site):
    return site.starter()


def test_what_an_admin_opens_fits(looks, someone_is_known):
    looks.someone.is_signed_in("ada")
    looks.at_djangos("admin-index", "/admin/")
    looks.at_djangos("admin-doctor", "/admin/doctor/")
    looks.at_djangos("admin-audit-chain", "/admin/audit-chain/")
    looks.someone.press("Check everything")
    looks.someone.page.get_by_text("The log is intact: all").wait_for()
    looks.at_djangos("admin-audit-chain-whole")
    looks.at_djangos("admin-one-person", "/admin/one-person/")
    looks.someone.page.get_by_label("Object ID").fill(someone_is_known.account)
    looks.someone.press("Search")
    looks.someone.page.get_by_role("heading", name="Search results").wait_for()
    looks.at_djangos("admin-one-person-found")
    looks.at_djangos("admin-mails", "/admin/mails/")
    looks.at_djangos("admin-policy-add", "/admin/onboarding/policyversion/add/")
    looks.at_djangos("admin-policy-in-force", "/admin/onboarding/policyversion/in-force/")
    looks.at_djangos("admin-people", "/admin/portal/user/")


@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_the_administration_fits(looks, someone_is_known, table):
    looks.someone.is_signed_in("audrey")
    looks.at_djangos(f"admin-{table}", f"/admin/onboarding/{table}/")
    first = looks.someone.page.locator("#result_list tbody th a").first
    if first.count():
        first.click()
        looks.someone.page.wait_for_url("**/change/**")
        looks.at_djangos(f"admin-{table}-one")
