"""The filters of the auditors' pages, read from an address and written to one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from onboarding.history.event_words import EVENTS
from onboarding.inputs.characters import clean_name

MAX_LENGTH = 100
NUMBERS = ("before", "after", "search")


@dataclass(frozen=True)
class EventFilters:
    """The filters of the events page. The field names are the query parameters.

    `search` is the number of the audit event that recorded this search.
    """

    person: str = ""
    starter: str = ""
    event: str = ""
    since: str = ""
    until: str = ""
    before: str = ""
    after: str = ""
    search: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, Any]) -> EventFilters:
        """Ignore unknown filter values: bookmarks go stale."""
        given = {
            field.name: clean_name(str(query.get(field.name, "")), limit=MAX_LENGTH) for field in fields(cls)
        }
        if given["event"] not in EVENTS:
            given["event"] = ""
        for name in ("since", "until"):
            given[name] = str(parse_date(given[name]) or "")
        for name in NUMBERS:
            is_number = given[name].isascii() and given[name].isdigit() and len(given[name]) < 16
            given[name] = given[name] if is_number else ""
        return cls(**given)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.person or self.starter or self.event or self.since or self.until)

    @property
    def search_number(self) -> int:
        return int(self.search or 0)

    def url_with(self, **changes: str) -> str:
        """Return the address of the page with changes. The position is kept only where it is one of the changes."""
        changed = replace(self, **{"before": "", "after": "", **changes})
        given = {field.name: value for field in fields(changed) if (value := getattr(changed, field.name))}
        return reverse("audit:events") + (f"?{urlencode(given)}" if given else "")

    # --- What the audit log keeps of a search ------------------------------------------------------------------------

    @property
    def facts(self) -> dict[str, str]:
        """The filters that are not personal, with the zone of the dates."""
        given = {"event": self.event, "since": self.since, "until": self.until}
        facts = {"page": "events"} | {name: value for name, value in given.items() if value}
        return facts | ({"zone": timezone.get_current_timezone_name()} if self.since or self.until else {})

    @property
    def personal(self) -> dict[str, str]:
        """The search words."""
        given = {"person": self.person, "starter": self.starter}
        return {name: value for name, value in given.items() if value}

    # --- Times in UTC, as the events have them -------------------------------------------------------------------------

    @property
    def first_moment(self) -> str:
        return start_of_day(self.since) if self.since else ""

    @property
    def end_moment(self) -> str:
        """The end of the last day, which is the first moment that does not count."""
        return start_of_day(self.until, later=timedelta(days=1)) if self.until else ""


def parse_date(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2999 else None


def start_of_day(day: str, *, later: timedelta = timedelta(0), zone: tzinfo | None = None) -> str:
    """Return when a day begins in the reader's zone, as the audit log writes a time."""
    local = datetime.combine(date.fromisoformat(day) + later, time(), zone or timezone.get_current_timezone())
    return local.astimezone(UTC).isoformat(timespec="milliseconds")
