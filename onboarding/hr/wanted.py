"""What HR wants to see of the list, read from an address and written back into one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Case, Count, IntegerField, Q, Value, When
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding import clock, policy
from onboarding.lifecycle import UNFINISHED, StarterState
from onboarding.models import Starter
from onboarding.models.starter import StarterQuerySet, in_need

PAGE, LONG_PAGE = 50, 200
MOST_CHOICES = 100  # departments or managers in one field
STATES = (
    ("", _("Unfinished")),
    ("problem", _("Needs a hand")),
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
    ("", _("What needs a hand first")),
    ("start", _("First day")),
    ("-start", _("First day, latest first")),
    ("name", _("Name")),
    ("-name", _("Name, from Z")),
    ("manager", _("Manager")),
    ("-manager", _("Manager, from Z")),
    ("state", _("State")),
    ("-state", _("State, done first")),
)
_IN_ORDER: Any = Case(
    *[When(state=state.value, then=Value(number)) for number, state in enumerate(StarterState)],
    output_field=IntegerField(),
)
_COLUMNS: dict[str, tuple[Any, ...]] = {
    "start": ("starts_at", "id"),
    "name": ("display_name", "account_name", "id"),
    "manager": ("manager_name", "starts_at", "id"),
    "state": ("in_order", "starts_at", "id"),
}


@dataclass(frozen=True)
class Wanted:
    """The names are those in the address."""

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
    def of(cls, asked: Mapping[str, Any]) -> Wanted:
        """What is not known is not wanted, rather than an error: addresses get old."""
        given = {
            one.name: str(asked.get(one.name, "")).replace("\0", "").strip()[:256] for one in fields(cls)
        }
        given["q"] = given["q"][:100]
        if given["day"] not in dict(DAYS):
            given["day"] = ""
        if given["sort"] not in dict(SORTS):
            given["sort"] = ""
        if given["on"] and not _date(given["on"]):
            given["on"] = ""
        given["show"] = str(LONG_PAGE) if given["show"] == str(LONG_PAGE) else ""
        return cls(**given)

    def url(self, **changes: str) -> str:
        """The address that shows this, with changes; another page only where that is the change."""
        changed = replace(self, **{"page": "", **changes})
        given = {one.name: value for one in fields(changed) if (value := getattr(changed, one.name))}
        if given.get("page") == "1":
            del given["page"]
        return reverse("hr:list") + (f"?{urlencode(given)}" if given else "")

    @property
    def query(self) -> str:
        return self.url().partition("?")[2]

    @property
    def shown_state(self) -> str:
        """Who searches wants to find, also what is finished; who only looks wants to see what is to be done."""
        known = self.state in dict(STATES)
        return self.state if known and self.state else "all" if self.q and not self.state else ""

    @property
    def page_size(self) -> int:
        return LONG_PAGE if self.show else PAGE

    @property
    def is_narrowed(self) -> bool:
        """Whether more than a state was chosen."""
        return bool(self.q or self.day or self.on or self.department or self.manager)

    # --- What it finds ------------------------------------------------------------------------------------------

    def found(self, *, but: str = "") -> StarterQuerySet:
        """All that fit; `but` leaves one thing out, for the counts of its own choices."""
        rows = Starter.objects.filter(erased_at=None).matching(self.q)
        if but != "state":
            rows = self._of_state(rows)
        if but != "day" and (span := self._span()):
            rows = rows.filter(start_date__range=span)
        if but != "department" and self.department:
            rows = rows.filter(department=self.department)
        if but != "manager" and self.manager:
            rows = rows.filter(manager_id=self.manager)
        return rows

    def _of_state(self, rows: StarterQuerySet) -> StarterQuerySet:
        match self.shown_state:
            case "":
                return rows.unfinished()
            case "problem":
                return rows.needing_a_hand(lapsed_before())
            case "all":
                return rows
            case state:
                return rows.filter(state=state)

    def _span(self) -> tuple[date, date] | None:
        chosen = _date(self.on)
        return (chosen, chosen) if chosen else span_of(self.day, timezone.localdate())

    def in_order(self) -> StarterQuerySet:
        """In the order that was asked for; else what needs a hand first, and then by the first day."""
        rows = self.found().annotate(in_order=_IN_ORDER)
        if self.sort:
            down = "-" if self.sort.startswith("-") else ""
            return rows.order_by(*[f"{down}{name}" for name in _COLUMNS[self.sort.removeprefix("-")]])
        if self.shown_state in {"", *UNFINISHED}:  # the finished need no hand, and there may be a million
            return rows.order_by(_hand().asc(), "starts_at", "id")
        return rows.order_by("starts_at", "id")

    # --- Its choices, with how many each would find -----------------------------------------------------------------

    def states(self) -> list[dict[str, Any]]:
        found = self.found(but="state")
        counts = {row["state"]: row["n"] for row in found.order_by().values("state").annotate(n=Count("pk"))}
        counts["all"] = sum(counts.values())
        counts[""] = sum(counts.get(state, 0) for state in UNFINISHED)
        counts["problem"] = found.needing_a_hand(lapsed_before()).count()
        return [
            {
                "code": code,
                "word": word,
                "count": counts.get(code, 0),
                # A search looks through all states unless one is named.
                "url": self.url(state=code or ("unfinished" if self.q else "")),
                "current": code == self.shown_state,
            }
            for code, word in STATES
        ]

    def days(self) -> list[dict[str, Any]]:
        today = timezone.localdate()
        spans = {code: span_of(code, today) for code, _ in DAYS if code}
        counted = {
            code: Count("pk", filter=Q(start_date__range=span)) for code, span in spans.items() if span
        }
        counts = self.found(but="day").order_by().aggregate(all=Count("pk"), **counted)
        return [
            {
                "word": word,
                "count": counts[code or "all"],
                "url": self.url(day=code, on=""),
                "current": not self.on and code == self.day,
            }
            for code, word in DAYS
        ]

    def departments(self) -> list[tuple[str, str]]:
        rows = self.found(but="department").exclude(department="").order_by().values("department")
        counted = rows.annotate(n=Count("pk")).order_by("-n", "department")[:MOST_CHOICES]
        found = [(row["department"], f"{row['department']} ({row['n']})") for row in counted]
        return _with_chosen(sorted(found, key=lambda one: one[0].casefold()), self.department)

    def managers(self) -> list[tuple[str, str]]:
        rows = (
            self.found(but="manager").exclude(manager_id="").order_by().values("manager_id", "manager_name")
        )
        counted = rows.annotate(n=Count("pk")).order_by("-n", "manager_id")[:MOST_CHOICES]
        names: dict[str, str] = {}
        counts: dict[str, int] = {}
        for row in counted:  # who changed their name is still one person
            names.setdefault(row["manager_id"], row["manager_name"] or row["manager_id"])
            counts[row["manager_id"]] = counts.get(row["manager_id"], 0) + row["n"]
        found = [(code, f"{name} ({counts[code]})") for code, name in names.items()]
        return _with_chosen(sorted(found, key=lambda one: one[1].casefold()), self.manager)

    def columns(self) -> list[dict[str, str]]:
        """The head of the table: what can be sorted by leads there, and back."""
        columns = (
            ("name", gettext("Name")),
            ("state", gettext("State")),
            ("start", gettext("Starts")),
            ("", gettext("Department")),
        )
        return [self._column(*one) for one in (*columns, ("manager", gettext("Manager")))]

    def _column(self, code: str, word: str) -> dict[str, str]:
        direction = {code: "ascending", f"-{code}": "descending"}.get(self.sort, "") if code else ""
        turned = f"-{code}" if direction == "ascending" else code
        return {"word": word, "url": self.url(sort=turned) if code else "", "direction": direction}


def lapsed_before() -> datetime:
    """Whoever started before this, and is not done, has run out of time."""
    return clock.now() - policy.in_force().after


def span_of(code: str, today: date) -> tuple[date, date] | None:
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


def _hand() -> Any:
    return Case(When(in_need(lapsed_before()), then=Value(0)), default=Value(1), output_field=IntegerField())


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _with_chosen(found: list[tuple[str, str]], chosen: str) -> list[tuple[str, str]]:
    """What was chosen stays in its field, also where nobody is found there."""
    if chosen and chosen not in dict(found):
        return [(chosen, f"{chosen} (0)"), *found]
    return found
