"""Chromium, the running demo, and the people who use it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from portal.demo.process import raise_daily_limits, running_demo
from tests.browser import nu
from tests.browser.looking import Looks
from tests.browser.site import Site
from tests.browser.tab import Tab
from tests.support.databases import fresh_database, give_static_files

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# The same engine without a window, in half the time. It has no back/forward cache.
HEADLESS_SHELL = shutil.which("chromium-headless-shell") or CHROMIUM
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Pages of one site share a process, and Chromium keeps no spare process.
    "--process-per-site",
    # Chromium starts no processes for the pages of its address bar.
    "--disable-features=SpareRendererForSitePerProcess,WebUIOmniboxPopup,WebUIOmniboxAimPopup,AiModeOmniboxEntryPoint",
]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if item.get_closest_marker("browser")]
    for item in [] if CHROMIUM else ours:
        item.add_marker(
            pytest.mark.skip(reason=f"Chromium is not installed: {len(ours)} browser tests skipped")
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Any:
    """Report all skipped tests in one line: they share one reason."""
    report = yield
    if report.skipped and CHROMIUM is None:
        report.longrepr = (__file__, None, report.longrepr[-1])
    return report


# These fixtures end with this folder's tests: while Playwright runs, Django takes the thread for an asynchronous one
# and refuses the database to other tests.


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="package")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=HEADLESS_SHELL, args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    """The demo as a user starts it, with its own ports and data. Graph's limits are off: other files test them."""
    with fresh_database() as database:
        how = {"GRAPH_BUDGET_CALLS": "1000", "GRAPH_SIGN_IN_CALLS": "1000", "DATABASE_URL": database.url}
        with running_demo("--throttle", "off", furnish=give_static_files, **how) as demo:
            raise_daily_limits(demo.environment)
            yield Site(demo, database.at(demo.folder))


@pytest.fixture
def tab(chromium: Browser, site: Site) -> Iterator[Callable[..., Tab]]:
    """Open the browser of one person. After the test, no page may have reported an error."""
    tabs: list[Tab] = []

    def opened(**how: Any) -> Tab:
        tabs.append(Tab(chromium, site, **how))
        return tabs[-1]

    yield opened
    for opened_tab in tabs:
        opened_tab.context.close()
    assert [complaint for opened_tab in tabs for complaint in opened_tab.complaints()] == []
    assert [dialog for opened_tab in tabs for dialog in opened_tab.dialogs] == []
    assert [address for opened_tab in tabs for address in opened_tab.from_elsewhere] == []


@pytest.fixture(scope="package")
def checker() -> Iterator[nu.Checker | None]:
    """The HTML checker, or None if it is not installed. A test in `test_screens.py` reports that."""
    if not nu.IS_HERE:
        yield None
        return
    with nu.checker() as running:
        yield running


@pytest.fixture
def looks(tab: Callable[..., Tab], checker: nu.Checker | None) -> Iterator[Looks]:
    """Check pages on every screen, without transitions: no screenshot shows a colour in between."""
    pages = Looks(tab(reduced_motion="reduce"), checker)
    yield pages
    assert not pages.wrong, pages.told()
