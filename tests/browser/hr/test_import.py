"""HR imports a file in the browser: the page follows the check and opens the result by itself."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_the_page_follows_the_check_to_its_result(tab, site):
    _, name, account = site.newcomer()
    hr, day = tab(), date.today() + timedelta(days=3)  # noqa: DTZ011 - a day that is in the future everywhere
    hr.is_signed_in("hanna")
    hr.page.goto("/hr/import/")
    table = f"Account;Name;Start date\n{account};{name};{day}\n"
    table += (
        f"what is this;{'a' * 3900};{day}\n" * 20
    )  # more than any other form may have: the server reads all of it
    hr.page.get_by_label("File").set_input_files(
        {"name": "december.csv", "mimeType": "text/csv", "buffer": table.encode("utf-8-sig")}
    )
    hr.press("Upload")
    hr.press("Check the rows")
    hr.reads("This is not an account name or an email address.")
    expect(hr.page.get_by_text("21 rows").first).to_be_visible()
    expect(hr.page.get_by_role("heading", name="december.csv")).to_be_visible()

    hr.press("Add 1 row that is ready")

    added = hr.page.get_by_role("link", name="Added")
    expect(added).to_contain_text("1")
    added.click()
    hr.page.get_by_role("link", name=account).click()
    hr.title(name)
    assert hr.complaints() == []
