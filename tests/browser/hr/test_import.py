"""HR imports a file in the browser: the page follows the check and opens the result by itself."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from playwright.sync_api import Error, expect

from tests.browser.tab import Tab

pytestmark = pytest.mark.browser
# Milliseconds for the upload and the page after it. A server that does not read an upload to its end answers early and closes,
# or never answers: neither can be mended by waiting, and a tab waits five minutes for a button that never comes.
MOST_FOR_UPLOAD = 25_000


def uploads(hr: Tab) -> None:
    """Click the button, and see the next page of the portal. If the upload fails, say how, and wait no longer."""
    failed: list[str] = []
    hr.page.on(
        "requestfailed", lambda request: failed.append(f"{request.method} {request.url}: {request.failure}")
    )
    try:
        with hr.page.expect_navigation(timeout=MOST_FOR_UPLOAD):
            hr.press("Upload")
    except Error as error:
        pytest.fail(f"the upload did not lead to a page: {failed or error.message}")
    answer = f"{hr.page.url}: {hr.page.title()}"
    assert not failed and hr.page.get_by_role("button", name="Check the rows").count(), f"{answer} {failed}"


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
    uploads(hr)
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
