"""A how-to guide that a test plays: it does only what the guide says, and the guide says nothing that it did not do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.test import Client

# A label may go on in the next line, not in the next paragraph.
LABEL = re.compile(r"(?<!\*)\*(?=\S)([^*\n]+(?:\n[^*\n]+)?)(?<=\S)\*(?!\*)")
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.M | re.S)
NUMBERED = re.compile(r" \d+$")  # the number of a version at the end of a button


class Runbook:
    """One section of a guide, or the whole. What a page calls something is in italics there."""

    def __init__(self, name: str, section: str = "") -> None:
        text = (Path(settings.BASE_DIR) / "docs/how-to" / f"{name}.md").read_text()
        if section:
            assert f"\n## {section}\n" in text, f"{name}.md has no section {section!r}"
            text = text.split(f"\n## {section}\n")[1].split("\n## ")[0]
        self.text = text
        self.done: set[str] = set()

    def says(self, label: str) -> str:
        """Return the label, which the guide must name."""
        assert label in self.labels(), f"the guide does not say *{label}*"
        self.done.add(label)
        return label

    def labels(self) -> set[str]:
        return {" ".join(label.split()) for label in LABEL.findall(BLOCK.sub("", self.text))}

    def address(self, path: str) -> str:
        """Return the address, which the guide must name."""
        assert f"`{path}`" in self.text, f"the guide does not name the address {path}"
        return path

    def blocks(self, language: str = "") -> list[str]:
        """The fenced blocks of this language, without the indentation of a list."""
        found = [text for kind, text in BLOCK.findall(self.text) if kind == language]
        return ["\n".join(line.strip() for line in text.strip().splitlines()) for text in found]

    def quotes(self, words: str) -> str:
        """Return words of a page that the guide quotes."""
        assert f'"{words}"' in self.text, f"the guide does not quote {words!r}"
        return words


@contextmanager
def played(name: str, section: str = "", *, also: frozenset[str] = frozenset()) -> Iterator[Runbook]:
    """A guide whose labels are all used at the end. `also` are italics that are no labels of the portal's pages."""
    guide = Runbook(name, section)
    yield guide
    assert guide.labels() - guide.done - also == set(), "the guide names what the test did not do"


class Page(HTMLParser):
    """The forms, buttons and links of a page, by what a person reads."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        assert answer.status_code == 200, answer.status_code
        self.html = answer.content.decode()
        self.links: dict[str, str] = {}
        self.buttons: dict[str, tuple[str, dict[str, str]]] = {}
        self._form: tuple[str, dict[str, str]] | None = None
        self._link = self._words = ""
        self._button: dict[str, str] = {}
        self._forms: dict[str, tuple[str, dict[str, str]]] = {}
        self._elsewhere: list[tuple[str, dict[str, str]]] = []  # buttons of a form that they stand outside of
        self.feed(self.html)
        for words, button in self._elsewhere:
            action, fields = self._forms[button["form"]]
            self.buttons[words] = (button.get("formaction", action), fields)

    @property
    def text(self) -> str:
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.html)).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = (given.get("action", ""), {})
            self._forms[given.get("id", "")] = self._form
        elif tag == "input" and self._form is not None:
            if given.get("type") == "submit":
                self.buttons[NUMBERED.sub("", given.get("value", ""))] = self._form
            elif given.get("name") and (given.get("type") not in {"radio", "checkbox"} or "checked" in given):
                self._form[1][given["name"]] = given.get("value", "")
        elif tag in {"button", "a"}:
            self._words, self._link = "", given.get("href", "")
            self._button = given

    def handle_data(self, data: str) -> None:
        self._words += data

    def handle_endtag(self, tag: str) -> None:
        words = " ".join(self._words.split())
        if tag == "button" and "form" in self._button:
            self._elsewhere.append((words, self._button))
        elif tag == "button" and self._form is not None:
            self.buttons[words] = self._form
        elif tag == "a":
            self.links[words] = self._link
        elif tag == "form":
            self._form = None


class Reader:
    """A signed-in person who clicks what they read."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.address = ""
        self.page: Page

    def open(self, address: str) -> Page:
        self.address = address
        return self.show(self.client.get(address))

    def show(self, answer: Any) -> Page:
        while answer.status_code == 302:
            self.address = answer["Location"]
            answer = self.client.get(self.address)
        self.page = Page(answer)
        return self.page

    def click(self, label: str, **typed: str) -> Page:
        """Click the button or the link that has these words."""
        if label in self.page.links:
            return self.open(self.page.links[label])
        assert label in self.page.buttons, (
            f"no button {label!r} on {self.address}: {sorted(self.page.buttons)}"
        )
        action, fields = self.page.buttons[label]
        return self.show(self.client.post(action or self.address, {**fields, **typed}))
