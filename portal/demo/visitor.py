"""A person with a browser, reduced to HTTP: signs in through the sandbox tenant, follows links, fills in forms.

The tour and the tests use it, so that what they walk through is what people walk through.
"""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests


class Form:
    """One form of a page: its address, and the values of its fields."""

    def __init__(self, action: str) -> None:
        self.action = action
        self.fields: dict[str, str] = {}
        self.names: set[str] = set()  # also those of choices that nobody has made yet


class _FormParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._textarea = self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", "")))
        if not self.forms:
            return
        if tag in {"input", "select", "textarea"} and "name" in given:
            self.forms[-1].names.add(given["name"])
        if (
            tag == "input"
            and given.get("name")
            and (given.get("type") not in {"radio", "checkbox", "submit"} or "checked" in given)
        ):
            without = "on" if given.get("type") in {"radio", "checkbox"} else ""  # as browsers send it
            self.forms[-1].fields[given["name"]] = given.get("value", without)
        elif tag == "textarea":
            self._textarea = given.get("name", "")
            self.forms[-1].fields[self._textarea] = ""
        elif tag == "select":
            self._select = given.get("name", "")
        elif tag == "option" and self._select and "selected" in given:
            self.forms[-1].fields[self._select] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"textarea", "select"}:
            self._textarea = self._select = ""

    def handle_data(self, data: str) -> None:
        if self._textarea and self.forms:
            self.forms[-1].fields[self._textarea] += data


def forms_of(page: str) -> list[Form]:
    """The forms of a page, with the values of their fields."""
    parser = _FormParser()
    parser.feed(page)
    return parser.forms


class Visitor:
    """One person, signed in or not, with cookies of their own."""

    def __init__(self, portal_url: str) -> None:
        self.portal_url = portal_url
        self.http = requests.Session()
        self.http.trust_env = False  # requests to this machine need no proxy
        self.page = requests.Response()

    def get(self, path: str) -> requests.Response:
        self.page = self.http.get(urljoin(self.portal_url, path), timeout=90)
        return self.page

    def post(self, path: str, fields: dict[str, str], *, follow: bool = True) -> requests.Response:
        address = urljoin(self.page.url or self.portal_url, path)
        headers = {
            "Origin": origin_of(address),
            "Sec-Fetch-Site": "same-origin",
            "Sec-Fetch-Mode": "navigate",
        }
        self.page = self.http.post(address, data=fields, headers=headers, timeout=60, allow_redirects=follow)
        return self.page

    def forms(self) -> list[Form]:
        return forms_of(self.page.text)

    def form_with(self, *names: str) -> Form:
        """The form on the present page that has these fields. Raises LookupError."""
        for form in self.forms():
            if set(names) <= form.names:
                return form
        raise LookupError(f"no form with {', '.join(names)} on {self.page.url} ({self.page.status_code})")

    def form_to(self, part: str) -> Form:
        """The form whose address contains `part`. Raises LookupError."""
        for form in self.forms():
            if part in form.action:
                return form
        raise LookupError(f"no form to {part} on {self.page.url} ({self.page.status_code})")

    def send(self, form: Form, **fields: str) -> requests.Response:
        return self.post(form.action or self.page.url, {**form.fields, **fields})

    def sign_in(self, person: str, path: str = "/", *, signed_in_ago: int = 0) -> requests.Response:
        """Sign in as one of the sandbox tenant's people, as the picker's form would."""
        self.get(path)
        if "authorize" in urlsplit(self.page.url).path:
            self.choose_person(person, signed_in_ago=signed_in_ago)
        return self.page

    def choose_person(self, person: str, *, signed_in_ago: int = 0) -> requests.Response:
        asked = dict(parse_qsl(urlsplit(self.page.url).query))
        chosen = {**asked, "person": person}
        if signed_in_ago:
            chosen["signed_in_ago"] = str(signed_in_ago)
        return self.post(self.page.url.split("?")[0], chosen)

    @property
    def text(self) -> str:
        """The page's words, without its tags."""
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", self.page.text)).split())


def origin_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def shown_pass(page: str) -> str:
    """The pass on the pass page; empty if there is none."""
    found = re.search(r"<output[^>]*data-secret[^>]*>(.*?)</output>", page, re.S)
    return html.unescape(re.sub(r"<[^>]+>", "", found.group(1))).strip() if found else ""
