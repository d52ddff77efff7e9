"""Back, Forward, Reload, another tab and print: the browser shows the pass only once."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from playwright.sync_api import Browser, Error, expect

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.paper import words_of

pytestmark = pytest.mark.browser


class KeepingSite(ThreadingHTTPServer):
    """A site whose pages a browser may cache. It serves `pages` itself and takes everything else from the portal."""

    def __init__(self, portal: str) -> None:
        self.portal, self.pages = portal, dict[str, str]()
        super().__init__(("127.0.0.1", 0), Keeping)
        self.url = f"http://127.0.0.1:{self.server_port}"


class Keeping(BaseHTTPRequestHandler):
    def do_GET(self):
        kind, body = "text/html", self.server.pages.get(self.path, "<!doctype html><p>as it was loaded</p>")
        if self.path.startswith("/static/"):
            answer = requests.get(self.server.portal + self.path, timeout=60)
            kind, body = answer.headers["Content-Type"], answer.text
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body.encode())

    def do_POST(self):
        self.send_response(204)  # it reads every request
        self.end_headers()

    def log_message(self, *_args):
        pass


@pytest.fixture
def keeping(site) -> Iterator[KeepingSite]:
    with KeepingSite(site.url) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def chromium(playwright) -> Iterator[Browser]:
    """The full browser with its back/forward cache, which Playwright turns off by default."""
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM, args=ARGUMENTS, ignore_default_args=["--disable-back-forward-cache"]
    )
    yield browser
    browser.close()


@pytest.fixture
def shown(site, tab):
    """A manager who sees an unmasked pass, with their home page before it in the history."""
    manager, starter = tab(), site.starter()
    manager.is_signed_in("maria")
    manager.page.goto("/starters/")
    manager.page.goto(starter.path)
    with manager.page.expect_response(lambda answer: answer.request.method == "POST") as answer:
        code = manager.confirms()
    manager.answer = answer.value.text()
    manager.press_to_open("Show the pass")
    return manager, starter, code


def shows_no_pass(manager, code):
    expect(manager.page.locator("output[data-secret]")).to_have_count(0)
    assert not manager.holds(code)


# --- The browser's cache for Back and Forward -------------------------------------------------------------------


def test_this_browser_keeps_pages_for_back_and_forward(tab, keeping):
    someone = tab()
    someone.page.goto(f"{keeping.url}/one")
    someone.page.evaluate("document.querySelector('p').textContent = 'as it was left'")
    someone.page.goto(f"{keeping.url}/two")

    someone.back()

    expect(someone.page.locator("p")).to_have_text("as it was left")
    someone.came_back("/one")


def test_this_browser_keeps_even_the_portals_other_pages(site, shown):
    manager, _starter, _code = shown
    manager.page.goto("/starters/")
    manager.page.goto("/starters/nobody/")

    manager.back()

    manager.title("Your starters")
    manager.came_back("/starters/")


def test_cached_pass_page_is_cleared_and_left(tab, keeping, shown):
    """Chromium caches no response to a form, but other browsers do. Here the page is a GET that may be cached."""
    manager, starter, code = shown
    keeping.pages = {"/kept": manager.answer, starter.path: "<h1>The page that fits</h1>"}
    other = tab()
    other.page.goto(f"{keeping.url}/kept")
    assert other.code() == code
    # A page that is left at once may lose its console messages, but not what it stored.
    other.page.evaluate("""addEventListener("pageshow", (event) =>
        sessionStorage.setItem("kept", `${event.persisted}: ${document.documentElement.textContent}`))""")
    other.page.goto(f"{keeping.url}/elsewhere")

    other.back()

    other.title("The page that fits")
    kept = other.page.evaluate("sessionStorage.getItem('kept')")
    assert kept.startswith("true: ")  # it came from the browser's cache for Back and Forward
    assert "The pass is no longer shown, because you left this page." in kept
    assert code not in kept
    assert not re.search(r"capital \w|small \w", kept)


# --- What a person may press --------------------------------------------------------------------------------------


def test_after_going_elsewhere_back_does_not_bring_the_pass_back(site, shown):
    """The browser offers to send the form again. The response is the page of the current state."""
    manager, starter, code = shown
    manager.page.goto("/starters/")
    manager.title("Your starters")

    with pytest.raises(Error, match="ERR_CACHE_MISS"):
        manager.back()
    expect(manager.page).to_have_url(re.compile("^chrome-error:"))
    assert not manager.holds(code)
    manager.page.reload()

    manager.reads("The pass was handed over")
    shows_no_pass(manager, code)
    assert site.passes_made(starter) == 1


def test_after_done_back_finds_no_pass(site, shown):
    manager, starter, code = shown
    manager.follow("Done")
    manager.reads("The pass was handed over")

    manager.back()

    manager.reads("The pass was handed over")
    shows_no_pass(manager, code)
    assert site.passes_made(starter) == 1


def test_forward_does_not_bring_the_pass_back(site, shown):
    manager, starter, code = shown
    manager.back()
    manager.title(starter.name)
    shows_no_pass(manager, code)

    with pytest.raises(Error, match="ERR_CACHE_MISS"):
        manager.forward()
    expect(manager.page).to_have_url(re.compile("^chrome-error:"))
    assert not manager.holds(code)
    manager.page.reload()

    manager.reads("The pass was handed over")
    shows_no_pass(manager, code)
    assert site.passes_made(starter) == 1


def test_reload_issues_nothing_and_shows_no_pass(site, shown):
    manager, starter, code = shown

    manager.page.reload()

    manager.reads("The pass was handed over")
    shows_no_pass(manager, code)
    assert site.passes_made(starter) == 1


@pytest.mark.parametrize("how", ["duplicated", "reopened"])
def test_a_second_tab_at_the_same_address_shows_no_pass(site, shown, how):
    manager, starter, code = shown
    address = manager.page.url
    if how == "reopened":
        manager.page.close()

    manager.new_tab().goto(address)

    manager.reads("The pass was handed over")
    shows_no_pass(manager, code)
    assert site.passes_made(starter) == 1


def test_neither_the_printed_page_nor_the_paper_holds_the_pass(shown):
    manager, starter, code = shown
    manager.press_to_open("Spell it out")
    on_screen = manager.page.locator("body").inner_text()

    on_paper = words_of(manager.page.pdf())
    manager.page.emulate_media(media="print")
    as_printed = manager.page.locator("body").inner_text()

    assert code in "".join(on_screen.split())
    for words in (on_paper, "".join(as_printed.split())):
        assert code not in words
        assert starter.account in words
        assert "Thepassisnotprinted." in words
        assert not re.search("capital[A-Z]|small[a-z]", words)
    expect(manager.output).to_be_hidden()
    expect(manager.page.locator(".spelled")).to_be_hidden()
