"""The doctor's page in a browser: strict policy, small screens, and states in words."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.conftest import BY_KEY

pytestmark = pytest.mark.browser


def test_admin_runs_the_doctor_with_one_click(site: Any, tab: Any) -> None:
    ada = tab(viewport={"width": 360, "height": 740})
    ada.is_signed_in("ada")
    ada.page.goto("/admin/")
    ada.page.get_by_role("link", name="Doctor", exact=True).click()
    expect(ada.page.get_by_role("table")).to_have_count(0)

    site.change(policy={"state": "disabled"})
    try:
        ada.page.get_by_label(re.compile("test account")).fill(BY_KEY["noor"].user_principal_name)
        ada.page.get_by_role("button", name="Run the checks").click()
        rows = ada.page.get_by_role("row")
        wrong = rows.filter(has=ada.page.get_by_role("cell", name="problem", exact=True))
        expect(wrong).to_have_count(1)
    finally:
        site.change(policy={"state": "enabled"})

    expect(wrong).to_contain_text("Status of the tenant’s pass policy")
    expect(wrong).to_contain_text("Enable the policy")
    expect(ada.page.get_by_role("status")).to_contain_text("checks found a problem")
    beyond = ada.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if folder := os.environ.get("SHOTS"):
        ada.page.screenshot(path=f"{folder}/doctor.png", full_page=True)
    assert beyond <= 0
