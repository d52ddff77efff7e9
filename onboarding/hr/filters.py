"""HR's filters of the list, read from a URL and written to one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property, reduce
from operator import or_
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding import clock
from onboarding.hr.counts import (
    CONFIRMER_NAME,
    Counts,
    ListCounts,
    NoCounts,
    SearchCounts,
    format_count,
    on_days,
)
from onboarding.hr.lists.distinct_values import list_confirmers, list_distinct
from onboarding.hr.lists.paging import Order
from onboarding.inputs.characters import clean_name
from onboarding.lifecycle import UNFINISHED, StarterState
from onboarding.models import Starter, starter_search
from onboarding.models.starter import HAS_PROBLEM, HAS_SOURCE, IS_OPEN, StarterQuerySet, has_confirmer
from onboarding.starters import timetable

PAGE_SIZE, LONG_PAGE_SIZE = 50, 200
MAX_VALUE = 1000  # characters of one filter or cursor
MAX_CHOICES = 100  # departments or managers in one field
MAX_FOUND = 500  # starters that a search or a manager may have before the list stops reading their ids
MAX_SORTED = 1000  # starters that are sorted by name or manager; more are sorted by their start
STATES = (
    ("", _("In progress")),
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
QUERY_FIELDS = (
    "q", "state", "day", "since", "until", "department", "manager", "source", "mine", "sort", "show", "after", "before",
)  # fmt: skip
FILTER_FIELDS = QUERY_FIELDS[:9]
BY_HR = "hr"  # the source of what no other system added
LATEST = date(9000, 1, 1)
COLUMNS = {"name": ("display_name", "account_name"), "manager": ("confirmer", "starts_at")}


@dataclass(frozen=True)
class StarterFilters:
    """The filters of HR's list. The field names are the query parameters: see QUERY_FIELDS."""

    q: str = ""
    state: str = ""
    day: str = ""
    since: str = ""
    until: str = ""
    department: str = ""
    manager: str = ""
    source: str = ""
    mine: str = ""
    sort: str = ""
    show: str = ""
    after: str = ""
    before: str = ""
    viewer: int = 0  # whose starters `mine` means; not in the URL

    @classmethod
    def from_query(cls, query: Mapping[str, Any], viewer: int = 0) -> StarterFilters:
        """Ignore unknown filter values: bookmarks go stale. `on` is one day, as earlier versions wrote it."""
        given = {name: clean_name(str(query.get(name, "")), limit=MAX_VALUE) for name in QUERY_FIELDS}
        given["q"] = given["q"][:100]
        if given["day"] not in dict(DAYS):
            given["day"] = ""
        if given["sort"] not in dict(SORTS):
            given["sort"] = ""
        for name in ("since", "until"):
            found = _parse_date(given[name] or str(query.get("on", "")))
            given[name] = found.isoformat() if found else ""
        given["mine"] = "1" if given["mine"] else ""
        given["show"] = str(LONG_PAGE_SIZE) if given["show"] == str(LONG_PAGE_SIZE) else ""
        return cls(**given, viewer=viewer)

    def url_with(self, **changes: str) -> str:
        """Return the URL of this list with changes. The place in the list is kept only where it is one of the changes."""
        values = {**vars(self), "after": "", "before": "", **changes}
        given = {name: value for name in QUERY_FIELDS if (value := values[name])}
        return self._list_url + (f"?{urlencode(given)}" if given else "")

    @cached_property
    def _list_url(self) -> str:
        return reverse("hr:list")

    def at_start(self) -> StarterFilters:
        """The same list from its first page."""
        return replace(self, after="", before="")

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
        return bool(self.used_filters - {"state"})

    @property
    def used_filters(self) -> set[str]:
        """The names of the filters that were chosen."""
        return {name for name in FILTER_FIELDS if getattr(self, name)}

    @property
    def has_range(self) -> bool:
        return bool(self.since or self.until)

    # --- The starters found ------------------------------------------------------------------------------------------

    @cached_property
    def found_ids(self) -> list[int] | None:
        """The ids that a search found. None without a search, and if more than MAX_FOUND starters have its words."""
        return starter_search.find_ids_by_rare_term(self.q, "default", MAX_FOUND) if self.q else None

    @property
    def is_broad_search(self) -> bool:
        """Whether the search finds so many starters that nobody counts them."""
        return bool(self.q) and self.found_ids is None

    @cached_property
    def _search_results(self) -> StarterQuerySet:
        rows = Starter.objects.filter(erased_at=None)
        return rows if self.found_ids is None else rows.filter(pk__in=self.found_ids)

    def find_starters(self) -> StarterQuerySet:
        """Return the starters that match all filters but the state, which the parts of `order` have.

        A broad search is not a filter here: see `lists.reading`.
        """
        conditions = [fits for name, (fits, *_) in self._conditions.items() if name != "state"]
        rows = self._search_results.filter(*conditions)
        if self.order.columns == ("starts_at",):
            return rows
        few = rows.filter(self.order.parts[0]).order_by().values("pk")[: MAX_SORTED + 1]
        return Starter.objects.filter(pk__in=few).annotate(confirmer=CONFIRMER_NAME)

    @cached_property
    def _conditions(self) -> dict[str, tuple[Q, ...]]:
        """Return the condition of each filter by its name, without the search: see `Counts`."""
        days = self._chosen_days()
        conditions = {
            "day": (on_days(*days),) if days else (),
            "department": (Q(department=self.department),) if self.department else (),
            "manager": (self._few_of(has_confirmer(self.manager)),) if self.manager else (),
            "source": (self._of_source(),) if self.source else (),
            "mine": (self._few_of(Q(recorded_by=self.viewer)),) if self.mine else (),
            "state": self._of_state(),
        }
        return {name: fits for name, fits in conditions.items() if fits not in ((), (Q(),))}

    def _of_source(self) -> Q:
        return Q(source="") if self.source == BY_HR else HAS_SOURCE & Q(source=self.source)

    def _few_of(self, condition: Q) -> Q:
        """Match by id where few starters fit: SQLite would look for them along the order of the list."""
        ids = list(Starter.objects.filter(condition).order_by().values_list("pk", flat=True)[: MAX_FOUND + 1])
        return Q(pk__in=ids) if len(ids) <= MAX_FOUND else condition

    def _of_state(self) -> tuple[Q, ...]:
        match self.shown_state:
            case "":
                return (IS_OPEN,)
            case "problem":
                return self._in_need
            case "all":
                return (Q(),)
            case state:
                return (Q(state=state),)

    @cached_property
    def _in_need(self) -> tuple[Q, ...]:
        """Match the starters that need attention: the window has closed; else there is a problem."""
        closed, other = self._windows
        return IS_OPEN & closed, IS_OPEN & HAS_PROBLEM & other

    @cached_property
    def _windows(self) -> tuple[Q, Q]:
        return timetable.split_by_window(clock.now())

    def _chosen_days(self) -> tuple[date, date] | None:
        if not self.has_range:
            return day_range(self.day, timezone.localdate())
        return _parse_date(self.since) or date.min, _parse_date(self.until) or LATEST

    @cached_property
    def order(self) -> Order:
        """The chosen order; by default, starters that need attention first, then by start date."""
        column, descending = self.sort.removeprefix("-"), self.sort.startswith("-")
        if column in {"name", "manager"}:
            found = self.counts.count_all()
            if found is None or found > MAX_SORTED:
                return Order(self._parts_by_need())
            return Order((reduce(or_, self._of_state()),), COLUMNS[column], descending)
        if column not in {"state", "start"}:
            return Order(self._parts_by_need())
        parts = self._of_state()
        if column == "state":
            parts = tuple(Q(state=state.value) & part for state in StarterState for part in parts)
        return Order(parts[::-1] if descending else parts, descending=descending)

    @property
    def is_unsorted(self) -> bool:
        """Whether there are too many starters for the chosen order."""
        return self.sort.removeprefix("-") in {"name", "manager"} and self.order.columns == ("starts_at",)

    def _parts_by_need(self) -> tuple[Q, ...]:
        if self.shown_state == "problem" or self.shown_state not in {"", *UNFINISHED}:
            return self._of_state()  # finished starters need no attention, and there may be a million
        (state,), (closed, other) = self._of_state(), self._windows
        return state & closed, state & HAS_PROBLEM & other, state & ~HAS_PROBLEM & other

    # --- The choices of each filter, with counts --------------------------------------------------------------------

    @cached_property
    def counts(self) -> Counts:
        """Count a search in one query: each count needs the rows that the search found."""
        today = timezone.localdate()
        spans = {code: span for code, _ in DAYS if (span := day_range(code, today))}
        kind = NoCounts if self.is_broad_search else SearchCounts if self.q else ListCounts
        return kind(self._search_results, self._conditions, spans, self._in_need)

    def state_choices(self) -> list[dict[str, Any]]:
        counts: dict[str, int | None] = {**self.counts.by_state()}
        if counts or not self.is_broad_search:
            known = self.counts.by_state()
            counts["all"] = sum(known.values())
            counts[""] = sum(known.get(state, 0) for state in UNFINISHED)
            counts["problem"] = self.counts.needing_attention()
        return [
            {
                "code": code,
                "word": word,
                "count": self._write_count(counts.get(code, 0)),
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
                "count": self._write_count(counts.get(code, 0)),
                "url": self.url_with(day=code, since="", until=""),
                "current": not self.has_range and code == self.day,
            }
            for code, word in DAYS
        ]

    def _write_count(self, count: int | None) -> str:
        if self.is_broad_search:
            return ""
        return format_count(count, self.counts.most)

    def department_choices(self) -> list[tuple[str, str]]:
        """List the departments with their counts, or only their names if more than MOST starters match."""
        counted = self.counts.by_department(MAX_CHOICES)
        if counted is None:
            names = list_distinct("department", MAX_CHOICES)
            return _include_chosen([(name, name) for name in names], self.department, counted=False)
        found = [(name, f"{name} ({count})") for name, count in counted]
        return _include_chosen(sorted(found, key=lambda choice: choice[0].casefold()), self.department)

    def source_choices(self) -> list[tuple[str, str]]:
        """List the systems that added starters; empty if there is none."""
        names = list_distinct("source", MAX_CHOICES)
        found = [(BY_HR, gettext("HR")), *((name, name) for name in names)] if names else []
        return _include_chosen(found, self.source, counted=False)

    def manager_choices(self, shown: Iterable[Starter]) -> ManagerChoices:
        """List the people who confirm, a stand-in among them, with their counts. `shown` are the starters on the page.

        If more than MOST starters match, list their names only; and of more than MAX_CHOICES people, those on the page.
        """
        counted = self.counts.by_confirmer(MAX_CHOICES)
        if counted is not None:
            found = [(person, f"{name} ({count})") for person, name, count in counted]
            return ManagerChoices(self._include_manager(found, counted=True))
        every = list_confirmers(MAX_CHOICES)
        here = {row.confirmer_id: row.confirmer_name or row.confirmer_id for row in shown if row.confirmer_id}
        people = list(here.items()) if every is None else every
        return ManagerChoices(self._include_manager(people, counted=False), is_cut=every is None)

    def _include_manager(self, people: list[tuple[str, str]], *, counted: bool) -> list[tuple[str, str]]:
        """Sort the people by name, and keep the chosen one by name, even if they have no starters here."""
        people = sorted(people, key=lambda person: person[1].casefold())
        if not self.manager or self.manager in dict(people):
            return people
        rows = Starter.objects.filter(has_confirmer(self.manager)).annotate(confirmer=CONFIRMER_NAME)
        name = rows.order_by().values_list("confirmer", flat=True).first() or self.manager
        return [(self.manager, f"{name} (0)" if counted else name), *people]

    def column_heads(self) -> list[dict[str, str]]:
        """Return the table head. Sortable columns link to their order and back."""
        columns = (
            ("name", gettext("Name")),
            ("", gettext("Account")),
            ("state", gettext("State")),
            ("start", gettext("Starts")),
            ("", gettext("Department")),
            ("manager", gettext("Manager")),
            ("", gettext("Problem")),
        )
        return [self._column_head(*column) for column in columns]

    def _column_head(self, code: str, word: str) -> dict[str, str]:
        direction = {code: "ascending", f"-{code}": "descending"}.get(self.sort, "") if code else ""
        reversed_code = f"-{code}" if direction == "ascending" else code
        return {
            "word": word,
            "url": self.url_with(sort=reversed_code) if code else "",
            "direction": "" if self.is_unsorted else direction,
        }


@dataclass(frozen=True)
class ManagerChoices:
    """`is_cut` says that there are more managers than these."""

    choices: list[tuple[str, str]]
    is_cut: bool = False

    def name_of(self, person: str) -> str:
        """Return the name of one of them without the count; empty for nobody."""
        return re.sub(r" \(\d+\)$", "", dict(self.choices).get(person, ""))


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


def _include_chosen(
    found: list[tuple[str, str]], chosen: str, *, counted: bool = True
) -> list[tuple[str, str]]:
    """Keep the chosen value in its field, even if it finds no starters."""
    if chosen and chosen not in dict(found):
        return [(chosen, f"{chosen} (0)" if counted else chosen), *found]
    return found
