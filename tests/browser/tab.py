"""What a person does in a browser tab, and what goes wrong or out in it meanwhile."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, expect

from portal.sandbox.people import BY_KEY
from portal.visitor import Visitor
from tests.browser.site import Site, Starter

PATIENCE = 60_000  # milliseconds that anything on a page may take, on a machine that others share
expect.set_options(timeout=PATIENCE)
CONFIRM = "Create the pass and show it once"
# The browser says so of each answer that is not 2xx and of each lost connection: no fault of the page.
NO_FAULT = "Failed to load resource:"
OUR_OWN_EAR = (
    "Blocked script execution in 'http://127.0.0.1"  # LISTEN, in the mailbox's frame for strangers' HTML
)
LISTEN = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`The policy stopped ${event.violatedDirective}: ${event.blockedURI}`));
addEventListener("pageshow", (event) =>
  console.info(`${event.persisted ? "came back as it was left" : "was loaded"}: ${location.pathname}`));
"""


class Tab:
    """One person's browser, with the tab they look at."""

    def __init__(self, browser: Browser, site: Site, **how: object) -> None:
        self.site = site
        self.context: BrowserContext = browser.new_context(base_url=site.url, **how)
        self.context.set_default_timeout(PATIENCE)
        self.context.add_init_script(LISTEN)
        self.said: list[tuple[str, str]] = []  # what pages wrote to the console: its kind, its text
        self.asked: list[Request] = []
        self.from_elsewhere: list[str] = []  # what pages loaded from another origin than their own
        self.dialogs: list[str] = []
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
        """Errors in the console, among them everything that the content security policy stopped."""
        no_fault = (OUR_OWN_EAR,) if strict else (OUR_OWN_EAR, NO_FAULT)
        return [text for kind, text in self.said if kind == "error" and not text.startswith(no_fault)]

    def came_back(self, path: str) -> bool:
        """Whether the browser took a page from its back/forward cache."""
        return ("info", f"came back as it was left: {path}") in self.said

    # --- Going about --------------------------------------------------------------------------------------------

    def sign_in(self, person: str, path: str = "/") -> None:
        self.page.goto(path)
        self.pick(person)
        self.page.wait_for_url(urljoin(self.site.url, path))

    def is_signed_in(self, person: str) -> None:
        """As after `sign_in`, without watching it."""
        visitor = Visitor(self.site.url)
        visitor.sign_in(person)
        cookie = {"name": "sid", "value": visitor.http.cookies["sid"], "httpOnly": True, "sameSite": "Lax"}
        self.context.add_cookies([{**cookie, "url": self.site.url}])

    def pick(self, person: str) -> None:
        """Choose who to be, on the pretend tenant's own page."""
        self.page.get_by_role("button", name=BY_KEY[person].name).click()

    def new_tab(self) -> Page:
        """A second tab of the same person; from here on it is the one they look at."""
        self.page = self.context.new_page()
        return self.page

    def back(self) -> None:
        self.page.go_back(wait_until="commit")  # a page that comes back as it was left loads nothing

    def forward(self) -> None:
        self.page.go_forward(wait_until="commit")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def press_to_open(self, name: str) -> None:
        self.page.locator("summary", has_text=name).click()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).click()

    def reads(self, words: str) -> None:
        expect(self.page.locator("main")).to_contain_text(words)

    def title(self, words: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_role("heading", level=1)).to_have_text(words)

    def holds_the_clock(self) -> None:
        """From here on time stands still in the page but where a test lets it run: how busy the machine is
        plays no part."""
        self.page.clock.install()
        a_minute_on = self.page.evaluate("Date.now() / 1000") + 60  # it cannot be set back
        self.page.clock.pause_at(a_minute_on)

    # --- A manager ----------------------------------------------------------------------------------------------

    def opens(self, starter: Starter, person: str = "maria") -> None:
        """Come to the starter's page, freshly signed in."""
        self.is_signed_in(person)
        self.page.goto(starter.path)

    def confirms(self) -> str:
        """Confirm, and give back the pass once the page has said that it is on a screen."""
        with self.page.expect_response("**/receipt/") as told:
            self.presses_the_button()
            code = self.code()
        assert told.value.status == 204
        return code

    def confirms_unheard(self) -> str:
        """Confirm, where the receipt does not get through."""
        self.presses_the_button()
        expect(self.page.get_by_role("timer")).not_to_be_empty()
        return self.code()

    def presses_the_button(self) -> None:
        self.page.get_by_label("In person").check()
        self.press(CONFIRM)

    @property
    def output(self) -> Locator:
        return self.page.locator("output[data-secret]")

    def code(self) -> str:
        """The pass that stands in the page, masked or not."""
        expect(self.output).to_have_text(re.compile(r"\S{8,}"))
        return self.output.text_content() or ""

    def holds(self, code: str) -> bool:
        """Whether the pass stands anywhere in the page as it is now, also where nobody sees it."""
        words = self.page.evaluate("document.documentElement.textContent")
        return code in words or code in unescape(self.page.content())


def origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
