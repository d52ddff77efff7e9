"""HR's filters of the list, read from a URL and written to one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from django.db.models import Case, Count, F, IntegerField, Q, Value, When
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding import clock
from onboarding.hr.counts import Counts, ListCounts, SearchCounts, flag_where
from onboarding.inputs.characters import clean_name
from onboarding.lifecycle import UNFINISHED, StarterState
from onboarding.models import Starter
from onboarding.models.starter import StarterQuerySet, has_confirmer, needs_attention
from onboarding.starters import timetable

PAGE_SIZE, LONG_PAGE_SIZE = 50, 200
MOST_CHOICES = 100  # departments or managers in one field
STATES = (
    ("", _("Unfinished")),
    ("problem", _("Needs attention")),
    ("all", _("All")),
    *((s.value, Starter.State(s.value).label) for s in StarterState),
)
DAYS = (
    ("", _("Any day")),
    ("before", _("Before today")),
    ("today", _("Today")),
    ("week", _("This week")),
    ("next", _("Next week")),
)
SORTS = (
    ("", _("Needs attention first")),
    ("start", _("Start date")),
    ("-start", _("Start date, latest first")),
    ("name", _("Name")),
    ("-name", _("Name, Z to A")),
    ("manager", _("Manager")),
    ("-manager", _("Manager, Z to A")),
    ("state", _("State")),
    ("-state", _("State, finished first")),
)
_IN_ORDER: Any = Case(
    *[When(state=state.value, then=Value(number)) for number, state in enumerate(StarterState)],
    output_field=IntegerField(),
)
# The confirmer: the stand-in where HR assigned one, else the manager.
_CONFIRMER_ID: Any = Case(When(stand_in_id="", then=F("manager_id")), default=F("stand_in_id"))
_CONFIRMER_NAME: Any = Case(When(stand_in_id="", then=F("manager_name")), default=F("stand_in_name"))
_COLUMNS: dict[str, tuple[Any, ...]] = {
    "start": ("starts_at", "id"),
    "name": ("display_name", "account_name", "id"),
    "manager": ("confirmer", "starts_at", "id"),
    "state": ("in_order", "starts_at", "id"),
}


@dataclass(frozen=True)
class StarterFilters:
    """The filters of HR's list. The field names are the query parameters."""

    q: str = ""
    state: str = ""
    day: str = ""
    on: str = ""
    department: str = ""
    manager: str = ""
    sort: str = ""
    show: str = ""
    page: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, Any]) -> StarterFilters:
        """Ignore unknown filter values: bookmarks go stale."""
        given = {field.name: clean_name(str(query.get(field.name, ""))) for field in fields(cls)}
        given["q"] = given["q"][:100]
        if given["day"] not in dict(DAYS):
            given["day"] = ""
        if given["sort"] not in dict(SORTS):
            given["sort"] = ""
        if given["on"] and not _parse_date(given["on"]):
            given["on"] = ""
        given["show"] = str(LONG_PAGE_SIZE) if given["show"] == str(LONG_PAGE_SIZE) else ""
        return cls(**given)

    def url_with(self, **changes: str) -> str:
        """Return the URL of this list with changes. The page number is kept only where it is one of the changes."""
        changed = replace(self, **{"page": "", **changes})
        given = {field.name: value for field in fields(changed) if (value := getattr(changed, field.name))}
        if given.get("page") == "1":
            del given["page"]
        return reverse("hr:list") + (f"?{urlencode(given)}" if given else "")

    @property
    def query_string(self) -> str:
        return self.url_with().partition("?")[2]

    @property
    def shown_state(self) -> str:
        """Search in all states; without a search, show unfinished starters."""
        known = self.state in dict(STATES)
        return self.state if known and self.state else "all" if self.q and not self.state else ""

    @property
    def page_size(self) -> int:
        return LONG_PAGE_SIZE if self.show else PAGE_SIZE

    @property
    def is_narrowed(self) -> bool:
        """Whether more than a state was chosen."""
        return bool(self.q or self.day or self.on or self.department or self.manager)

    # --- The starters found ------------------------------------------------------------------------------------------

    def find_starters(self, *, but: str = "") -> StarterQuerySet:
        """Return the starters that match all filters, without the filter `but`: its choices are counted."""
        return self._search_results.filter(*[fits for name, fits in self._conditions.items() if name != but])

    @cached_property
    def _search_results(self) -> StarterQuerySet:
        return Starter.objects.filter(erased_at=None).matching_words_once(self.q)

    @cached_property
    def _conditions(self) -> dict[str, Q]:
        """Return the condition of each filter by its name, without the search."""
        days = self._chosen_days()
        conditions = {
            "state": self._of_state(),
            "day": Q(start_date__range=days) if days else Q(),
            "department": Q(department=self.department) if self.department else Q(),
            "manager": has_confirmer(self.manager) if self.manager else Q(),
        }
        return {name: fits for name, fits in conditions.items() if fits}

    def _of_state(self) -> Q:
        match self.shown_state:
            case "":
                return Q(state__in=UNFINISHED)
            case "problem":
                return needs_attention(self._lapsed)
            case "all":
                return Q()
            case state:
                return Q(state=state)

    @cached_property
    def _lapsed(self) -> Q:
        return timetable.window_has_closed(clock.now())

    def _chosen_days(self) -> tuple[date, date] | None:
        chosen = _parse_date(self.on)
        return (chosen, chosen) if chosen else day_range(self.day, timezone.localdate())

    def sorted_starters(self) -> StarterQuerySet:
        """Sort by the chosen column; by default, starters that need attention first, then by start date."""
        rows = self.find_starters().alias(in_order=_IN_ORDER, confirmer=_CONFIRMER_NAME)
        if self.sort:
            down = "-" if self.sort.startswith("-") else ""
            return rows.order_by(*[f"{down}{name}" for name in _COLUMNS[self.sort.removeprefix("-")]])
        if self.shown_state in {
            "",
            *UNFINISHED,
        }:  # finished starters need no attention, and there may be a million
            return rows.order_by(flag_where(needs_attention(self._lapsed)).desc(), "starts_at", "id")
        return rows.order_by("starts_at", "id")

    # --- The choices of each filter, with counts --------------------------------------------------------------------

    @cached_property
    def counts(self) -> Counts:
        """Count a search in one query: each count needs the rows that the search found."""
        today = timezone.localdate()
        spans = {code: span for code, _ in DAYS if (span := day_range(code, today))}
        kind = SearchCounts if self.q else ListCounts
        return kind(self._search_results, self._conditions, spans, needs_attention(self._lapsed))

    def state_choices(self) -> list[dict[str, Any]]:
        counts = self.counts.by_state()
        counts["all"] = sum(counts.values())
        counts[""] = sum(counts.get(state, 0) for state in UNFINISHED)
        counts["problem"] = self.counts.needing_attention()
        return [
            {
                "code": code,
                "word": word,
                "count": counts.get(code, 0),
                # A search looks through all states unless one is chosen.
                "url": self.url_with(state=code or ("unfinished" if self.q else "")),
                "current": code == self.shown_state,
            }
            for code, word in STATES
        ]

    def day_choices(self) -> list[dict[str, Any]]:
        counts = self.counts.by_day()
        return [
            {
                "word": word,
                "count": counts[code],
                "url": self.url_with(day=code, on=""),
                "current": not self.on and code == self.day,
            }
            for code, word in DAYS
        ]

    def department_choices(self) -> list[tuple[str, str]]:
        counted = self.counts.by_department(MOST_CHOICES)
        found = [(name, f"{name} ({count})") for name, count in counted]
        return _include_chosen(sorted(found, key=lambda choice: choice[0].casefold()), self.department)

    def manager_choices(self) -> list[tuple[str, str]]:
        """List the people who confirm. A stand-in has their own entry."""
        confirmers = self.find_starters(but="manager").annotate(
            confirmed_by_id=_CONFIRMER_ID, confirmed_by_name=_CONFIRMER_NAME
        )
        rows = (
            confirmers.exclude(confirmed_by_id="").order_by().values("confirmed_by_id", "confirmed_by_name")
        )
        counted = rows.annotate(n=Count("pk")).order_by("-n", "confirmed_by_id")
        names: dict[str, str] = {}
        counts: dict[str, int] = {}
        for row in counted[:MOST_CHOICES]:  # a person whose name was changed is still one person
            names.setdefault(row["confirmed_by_id"], row["confirmed_by_name"] or row["confirmed_by_id"])
            counts[row["confirmed_by_id"]] = counts.get(row["confirmed_by_id"], 0) + row["n"]
        found = [(code, f"{name} ({counts[code]})") for code, name in names.items()]
        return _include_chosen(sorted(found, key=lambda choice: choice[1].casefold()), self.manager)

    def column_heads(self) -> list[dict[str, str]]:
        """Return the table head. Sortable columns link to their order and back."""
        columns = (
            ("name", gettext("Name")),
            ("state", gettext("State")),
            ("start", gettext("Starts")),
            ("", gettext("Department")),
        )
        return [self._column_head(*column) for column in (*columns, ("manager", gettext("Manager")))]

    def _column_head(self, code: str, word: str) -> dict[str, str]:
        direction = {code: "ascending", f"-{code}": "descending"}.get(self.sort, "") if code else ""
        reversed_code = f"-{code}" if direction == "ascending" else code
        return {
            "word": word,
            "url": self.url_with(sort=reversed_code) if code else "",
            "direction": direction,
        }


def day_range(code: str, today: date) -> tuple[date, date] | None:
    """The first and the last day of a choice. A week begins on Monday."""
    monday = today - timedelta(days=today.weekday())
    week = timedelta(days=6)
    spans = {
        "before": (date.min, today - timedelta(days=1)),
        "today": (today, today),
        "week": (monday, monday + week),
        "next": (monday + timedelta(days=7), monday + timedelta(days=7) + week),
    }
    return spans.get(code)


def _parse_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _include_chosen(found: list[tuple[str, str]], chosen: str) -> list[tuple[str, str]]:
    """Keep the chosen value in its field, even if it finds no starters."""
    if chosen and chosen not in dict(found):
        return [(chosen, f"{chosen} (0)"), *found]
    return found
