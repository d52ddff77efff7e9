"""A pseudo-locale: every marked text gets accents, so a plain letter shows a text that was not marked.

The locale is created in memory. `forgotten` reads all text of a page, also labels for screen readers and tooltips,
removes the data, and returns the unmarked words.
"""

from __future__ import annotations

import gettext
import re
from html.parser import HTMLParser
from zoneinfo import available_timezones

from django.conf import settings

from onboarding.hr.forms import name_zone
from portal.sandbox.people import CAST

PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
ACCENTED = "áƀćđéƒǵĥíĵķłɱñóƥʠřšţúṽŵẋýžÁƁĆĐÉƑǴĤÍĴĶŁṀÑÓƤɊŘŠŢÚṼŴẊÝŽ"
ACCENTS = str.maketrans(PLAIN, ACCENTED)
# The parts of a text that stay unchanged: placeholders, markup, entities.
KEPT = re.compile(r"(%\(\w+\)[sd]|%[sd%]|\{\w*\}|<[^>]+>|&\w+;)")
CONTEXT = "\x04"


def accented(words: str) -> str:
    if not words.strip():
        return words
    parts = KEPT.split(words)
    return f"[!! {''.join(part if number % 2 else part.translate(ACCENTS) for number, part in enumerate(parts))} !!]"


class Pseudo(gettext.NullTranslations):
    """The part of a translation that Django uses."""

    def gettext(self, message: str) -> str:
        return accented(message.rpartition(CONTEXT)[2])

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)

    def language(self) -> str:
        return "en-gb"

    to_language = language


# --- Reading a page -------------------------------------------------------------------------------------------

READ_OUT = {"aria-label", "title", "placeholder", "alt"}
UNREAD = {"script", "style"}


class Reader(HTMLParser):
    """Collects all visible and spoken text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag if tag in UNREAD else ""
        given = {name: value or "" for name, value in attrs}
        for name, value in given.items():
            is_button = (
                tag == "input" and name == "value" and given.get("type") in {"submit", "button", "reset"}
            )
            # A script shows the texts of its JSON data. Texts have spaces, unlike addresses and numbers.
            handed = name.startswith("data-") and " " in value and "svg" not in tag
            if name in READ_OUT or is_button or handed:
                self.read.append(value)

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if not self.inside:
            self.read.append(data)

    def feed(self, data: str) -> None:
        super().feed(data.replace("<wbr>", ""))  # where a long word may break


def of_the_cast() -> set[str]:
    """The names, jobs, departments and groups of the sandbox tenant."""
    told = {text for person in CAST for text in (person.name, person.job, person.department)}
    return told | {
        group.name
        for person in CAST
        for group in (*person.groups, *person.owned_groups, *person.eligible_groups)
    }


DATA = of_the_cast() | {"Contoso", "PostgreSQL"} | {name for _, name in settings.LANGUAGES}
SHAPES = re.compile(
    r"\{\w+\}|https?://\S+|aka\.ms/\w+|[\w.'%+#-]+@[\w.-]+|localhost:\d+|AADSTS\d+"
    r"|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
)
ZONES = re.compile(
    "|".join(
        sorted(
            (
                re.escape(name)
                for zone in available_timezones()
                for name in (zone.replace("_", " "), name_zone(zone))
            ),
            key=len,
            reverse=True,
        )
    )
)


def forgotten(page: str, *data: str) -> list[str]:
    """Words of a page that were not marked; `data` lists other data of this page."""
    reader = Reader()
    reader.feed(page)
    text = SHAPES.sub(" ", "\n".join(reader.read))
    for known in sorted(DATA | set(data), key=len, reverse=True):
        text = re.sub(rf"(?<![A-Za-z]){re.escape(known)}(?![A-Za-z])", " ", text)
    left = (line.strip() for line in ZONES.sub(" ", text).splitlines())
    return [line for line in left if re.search(r"[A-Za-z]", line)]
