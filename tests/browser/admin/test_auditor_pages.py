"""An auditor searches the audit log in a browser, opens a starter, and downloads the events."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture
def starter(site, tab):
    """A starter whose manager has just got a pass."""
    starter = site.starter()
    maria = tab()
    maria.opens(starter)
    maria.confirms()
    maria.context.close()
    return starter


def opens_the_log(tab, **how):
    audrey = tab(**how)
    audrey.is_signed_in("audrey")
    audrey.page.goto("/audit/")
    return audrey


def test_an_auditors_pages_fit(looks, site, starter):
    audrey = looks.someone
    audrey.is_signed_in("audrey")
    looks("audit-events", "/audit/")
    audrey.page.locator("tbody summary").first.click()
    looks("audit-event-opened")
    audrey.page.get_by_label("Starter", exact=True).fill(starter.name)
    audrey.press("Search")
    expect(audrey.page.locator("tbody tr").first).to_be_visible()
    looks("audit-found")
    looks("audit-not-yet", "/audit/?person=Maria")
    looks("audit-nothing", "/audit/?before=1")
    looks("audit-passes", "/audit/passes/")
    looks("audit-open", f"/audit{starter.path}")
    audrey.press("Open")
    looks("audit-story")


def test_a_search_leads_to_a_starters_story(tab, starter):
    audrey = opens_the_log(tab)
    audrey.page.get_by_label("Done by").fill("Maria")
    audrey.page.get_by_label("What happened").select_option("issue.intent")
    audrey.press("Search")

    expect(audrey.page.get_by_label("Done by")).to_have_value("Maria")
    audrey.page.get_by_role("button", name=starter.name).first.click()

    audrey.title(starter.name)
    audrey.reads("Identity confirmed and pass requested")


def test_times_are_in_the_zone_of_the_browser(tab):
    audrey = opens_the_log(tab, timezone_id="America/New_York")

    audrey.reads("Times are in America/New_York.")


def test_an_export_downloads_the_events_of_the_search(tab, starter):
    audrey = opens_the_log(tab)
    audrey.page.get_by_label("Starter", exact=True).fill(starter.name)
    audrey.press("Search")

    with audrey.page.expect_download() as download:
        audrey.page.get_by_role("button", name="Export as JSON lines").click()

    rows = [json.loads(line) for line in download.value.path().read_text().splitlines()]
    assert {row["starter"] for row in rows} == {starter.name}
    assert {row["verified"] for row in rows} == {"yes"}
