"""Every page of the portal, rendered with payloads in each text, and shown in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpResponse
from playwright.sync_api import Error, Page, Route, sync_playwright

from tests.browser.conftest import ARGUMENTS, HEADLESS_SHELL
from tests.browser.tab import PATIENCE

ORIGIN = "http://localhost"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
LISTEN = """
window.stopped = [];
addEventListener("securitypolicyviolation", (event) => stopped.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
# What a text has done to the page that shows it: run, been stopped by the policy, or become an element or attribute.
LOOK = r"""
() => {
  const found = [...window.stopped ?? []].map((what) => `the policy stopped ${what}`);
  if (window.ran !== undefined) found.push("a script ran");
  const called = (one) => one.outerHTML.slice(0, 120);
  const odd = "[data-hit], script:not([src]):not([type='application/json']), iframe, object, embed, base, style, math, " +
    "meta[http-equiv], foreignObject, svg script, animate, [srcdoc]";
  for (const one of document.querySelectorAll(odd)) found.push(`an element: ${called(one)}`);
  for (const one of document.querySelectorAll("*")) {
    for (const { name, value } of one.attributes) {
      if (name.startsWith("on") && typeof one[name] === "function") found.push(`a handler: ${called(one)}`);
      if (name === "style" && value.includes("evil.invalid")) found.push(`a style: ${called(one)}`);
      if (!/^(href|src|action|formaction|data|poster|xlink:href|srcset)$/.test(name)) continue;
      const address = URL.canParse(value, location) ? new URL(value, location) : location;
      if (!/^(https?|mailto):$/.test(address.protocol) || address.host === "evil.invalid")
        found.push(`an address: ${called(one)}`);
    }
  }
  if (document.documentElement.textContent.includes("PRODUCT")) found.push("a template was calculated");
  return found;
}
"""


@dataclass(frozen=True)
class Rendered:
    """One answer of the portal, as it was sent."""

    name: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, name: str, answer: HttpResponse) -> Rendered:
        return cls(name, answer.status_code, dict(answer.headers), answer.content)


@dataclass
class Chromium:
    """A browser that loads answers as if the portal had sent them now. Nothing leaves the machine."""

    page: Page
    product: str
    answers: dict[str, Rendered] = field(default_factory=dict)
    dialogs: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def complaints(self, rendered: Rendered) -> list[str]:
        """What the texts of this answer have done."""
        self.dialogs.clear()
        self.elsewhere.clear()
        self.answers["/shown"] = rendered
        try:
            self.page.goto(f"{ORIGIN}/shown", wait_until="load")
            found = self.page.evaluate(LOOK.replace("PRODUCT", self.product))
        except Error as error:  # a text made the page go elsewhere meanwhile
            found = [error.message.splitlines()[0]]
        found += [f"a dialog: {text}" for text in self.dialogs]
        return found + [f"it loads {address}" for address in self.elsewhere]

    def _answer(self, route: Route) -> None:
        address = urlsplit(route.request.url)
        rendered = self.answers.get(address.path)
        if f"{address.scheme}://{address.netloc}" != ORIGIN:
            self.elsewhere.append(route.request.url)
            route.abort()
        elif rendered:
            route.fulfill(status=rendered.status, headers=dict(rendered.headers), body=rendered.body)
        elif address.path.startswith(settings.STATIC_URL) and (
            found := finders.find(address.path[len(settings.STATIC_URL) :])
        ):
            path = Path(str(found))
            route.fulfill(path=path, content_type=TYPES.get(path.suffix, "application/octet-stream"))
        else:
            route.fulfill(status=404, body="")


@contextmanager
def chromium(product: str) -> Iterator[Chromium]:
    """A browser of its own. Read all from the database first: while it runs, Django refuses the database."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=HEADLESS_SHELL, args=ARGUMENTS)
        try:
            page = browser.new_context().new_page()
            page.set_default_timeout(PATIENCE)
            shown = Chromium(page, product)
            page.add_init_script(LISTEN)
            page.on("dialog", lambda dialog: (shown.dialogs.append(dialog.message), dialog.dismiss()))
            page.route("**/*", shown._answer)
            yield shown
        finally:
            browser.close()
