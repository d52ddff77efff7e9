"""What a person does in a browser tab, and what the tab sends and reports meanwhile."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Route, expect

from portal.demo.visitor import Visitor
from portal.sandbox.people import BY_KEY
from tests.browser.site import Site, Starter

PATIENCE = 300_000  # milliseconds to wait for anything on a page, on a shared machine
expect.set_options(timeout=PATIENCE)
FIRST_PAGES = ("/starters/", "/hr/day/", "/admin/", "/audit/")  # of managers, HR, admins and auditors
CONFIRM = "Create the pass and show it once"
# The browser logs this for each response that is not 2xx and each lost connection: not an error of the page.
NO_FAULT = "Failed to load resource:"
OUR_OWN_EAR = "Blocked script execution in 'http://127.0.0.1"  # our LISTEN script, in the mailbox's frame for untrusted HTML
LISTEN = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`The policy stopped ${event.violatedDirective}: ${event.blockedURI}`));
addEventListener("pageshow", (event) =>
  console.info(`${event.persisted ? "came back as it was left" : "was loaded"}: ${location.pathname}`));
"""


class Tab:
    """One person's browser, and the tab that they use."""

    def __init__(self, browser: Browser, site: Site, **how: object) -> None:
        self.site = site
        self.context: BrowserContext = browser.new_context(base_url=site.url, **how)
        self.context.set_default_timeout(PATIENCE)
        self.context.add_init_script(LISTEN)
        self.said: list[tuple[str, str]] = []  # console messages: type and text
        self.asked: list[Request] = []
        self.from_elsewhere: list[str] = []  # what pages loaded from another origin
        self.dialogs: list[str] = []
        self.clock_is_held = False
        self.context.on("console", lambda message: self.said.append((message.type, message.text)))
        self.context.on("weberror", lambda error: self.said.append(("error", str(error.error))))
        self.context.on("request", self._hear)
        self.context.on("dialog", self._dismiss)
        self.page: Page = self.context.new_page()

    def _hear(self, request: Request) -> None:
        self.asked.append(request)
        going_somewhere = request.is_navigation_request()
        if not going_somewhere and origin(request.url) != origin(request.frame.url):
            self.from_elsewhere.append(f"{request.frame.url} loads {request.url}")

    def _dismiss(self, dialog: object) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def complaints(self, *, strict: bool = False) -> list[str]:
        """Errors in the console, also everything that the content security policy blocked."""
        no_fault = (OUR_OWN_EAR,) if strict else (OUR_OWN_EAR, NO_FAULT)
        return [text for kind, text in self.said if kind == "error" and not text.startswith(no_fault)]

    def came_back(self, path: str) -> None:
        """Wait until the page says that the browser took it from its back/forward cache."""
        message = ("info", f"came back as it was left: {path}")
        self.waits_for(lambda: message in self.said, message[1])

    def waits_for(self, condition: Callable[[], object], what: str) -> None:
        """Wait until `condition` is true. Playwright delivers events only during a wait."""
        deadline = time.monotonic() + PATIENCE / 1000
        while not condition():
            assert time.monotonic() < deadline, f"waited for {what}"
            self.page.wait_for_timeout(20)

    @contextmanager
    def updates_held(self) -> Iterator[None]:
        """Block the polls of pages that update automatically, so that they stay as they are."""

        def hold(route: Route) -> None:
            if route.request.method == "HEAD":
                route.abort()
            else:
                route.continue_()

        self.page.route("**/starters/**", hold)
        yield
        self.page.unroute("**/starters/**", hold)

    def finishes_what_it_began(self) -> None:
        """Wait until the page has handled each response that reached it before now."""
        self.page.evaluate("fetch('/livez').then(() => null)")

    # --- Going about --------------------------------------------------------------------------------------------

    def sign_in(self, person: str, path: str = "/") -> None:
        """Sign in and wait for the requested page, or for the person's first page."""
        self.page.goto(path)
        self.pick(person)
        pages = FIRST_PAGES if path == "/" else (path,)
        self.page.wait_for_url(lambda url: url in {urljoin(self.site.url, page) for page in pages})

    def is_signed_in(self, person: str) -> None:
        """Sign in without the browser, and copy the session cookie into it."""
        visitor = Visitor(self.site.url)
        visitor.sign_in(person)
        cookie = {"name": "sid", "value": visitor.http.cookies["sid"], "httpOnly": True, "sameSite": "Lax"}
        at_microsoft = {"name": "entra", "value": visitor.http.cookies["entra"], "httpOnly": True}
        self.context.add_cookies(
            [{**cookie, "url": self.site.url}, {**at_microsoft, "sameSite": "Lax", "url": self.site.tenant}]
        )

    def activates_the_waiting_version(self) -> None:
        """As an admin who did not write it: review the last policy version that waits, and activate it."""
        self.page.goto("/admin/")
        self.page.locator("#waiting-versions a").last.click()
        self.page.locator("#activate-form input[type=submit]").click()
        expect(self.page.locator(".success")).to_contain_text("is in force")

    def pick(self, person: str) -> None:
        """Choose a person on the sandbox tenant's sign-in page."""
        self.page.get_by_role("button", name=BY_KEY[person].name).click()

    def new_tab(self) -> Page:
        """Open a second tab of the same person, and use it from now on."""
        self.page = self.context.new_page()
        return self.page

    def back(self) -> None:
        self.page.go_back(wait_until="commit")  # a page from the back/forward cache does not load

    def forward(self) -> None:
        self.page.go_forward(wait_until="commit")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def submits(self, name: str) -> None:
        """Click a button and wait for the next page, even if both pages have the same text."""
        with self.page.expect_navigation():
            self.press(name)

    def press_to_open(self, name: str) -> None:
        self.page.locator("summary", has_text=name).click()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).click()

    def reads(self, words: str) -> None:
        expect(self.page.locator("main")).to_contain_text(words)

    def title(self, words: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_role("heading", level=1)).to_have_text(words)

    def holds_the_clock(self) -> None:
        """Stop the page's clock until a test advances it, so that the load of the machine has no effect."""
        self.page.clock.install()
        a_minute_on = self.page.evaluate("Date.now() / 1000") + 60  # Playwright cannot set it back
        self.page.clock.pause_at(a_minute_on)
        self.clock_is_held = True

    def is_painted(self) -> None:
        """Let a page with a held clock draw its first frames."""
        if self.clock_is_held:
            expect(self.page.get_by_role("timer")).not_to_be_empty()  # its script has begun
            self.page.clock.run_for(100)

    # --- A manager ----------------------------------------------------------------------------------------------

    def opens(self, starter: Starter, person: str = "maria") -> None:
        """Sign in and open the starter's page."""
        self.is_signed_in(person)
        self.page.goto(starter.path)

    def confirms(self) -> str:
        """Confirm, and return the pass after the page has sent its receipt."""
        with self.page.expect_response("**/receipt/") as told:
            self.presses_the_button()
            code = self.code()
            self.is_painted()
        assert told.value.status == 204
        return code

    def confirms_unheard(self) -> str:
        """Confirm. The receipt is lost."""
        self.presses_the_button()
        expect(self.page.get_by_role("timer")).not_to_be_empty()
        self.is_painted()
        return self.code()

    def presses_the_button(self) -> None:
        """Confirm, and wait for the next page. A click alone does not wait: the page's script first checks that the
        portal is reachable."""
        self.page.get_by_label("In person").check()
        with self.page.expect_navigation(wait_until="commit"):
            self.press(CONFIRM)

    @property
    def output(self) -> Locator:
        return self.page.locator("output[data-secret]")

    def code(self) -> str:
        """The pass in the page, masked or not."""
        expect(self.output).to_have_text(re.compile(r"\S{8,}"))
        return self.output.text_content() or ""

    def holds(self, code: str) -> bool:
        """Whether the page contains the pass now, also where it is invisible."""
        words = self.page.evaluate("document.documentElement.textContent")
        return code in words or code in unescape(self.page.content())


def origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
