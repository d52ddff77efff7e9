"""Count the starters for each choice of HR's filters, with all other filters applied."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, reduce
from itertools import product
from operator import or_
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Value, When
from django.utils.formats import number_format

from onboarding.lifecycle import StarterState
from onboarding.models.starter import StarterQuerySet

Spans = Mapping[str, tuple[date, date]]
MOST = 1000  # starters that a list counts exactly for one choice
EARLIEST = date(1901, 1, 1)
TABLE = "onboarding_starter"
# The order of the list, so that the database counts along the index that the list uses.
IN_ORDER = f'ORDER BY "{TABLE}"."starts_at", "{TABLE}"."id"'
PEOPLE = ("department", "stand_in_id", "stand_in_name", "manager_id", "manager_name")


# The confirmer: the stand-in where HR assigned one, else the manager.
CONFIRMER_ID: Any = Case(When(stand_in_id="", then=F("manager_id")), default=F("stand_in_id"))
CONFIRMER_NAME: Any = Case(When(stand_in_id="", then=F("manager_name")), default=F("stand_in_name"))


def flag_where(condition: Q) -> Case:
    """Return 1 where the condition holds, else 0, for sorting and grouping."""
    return Case(When(condition, then=Value(1)), default=Value(0), output_field=IntegerField())


def on_days(first: date, last: date) -> Q:
    """Match the starters of these days. Their moments are in the indexes of the list, their dates are not."""
    begins, ends = _moments_of(first, last)
    return Q(start_date__range=(first, last), starts_at__gte=begins, starts_at__lt=ends)


def _moments_of(first: date, last: date) -> tuple[datetime, datetime]:
    """Return the first and the last moment that these days have in any time zone."""
    begins = max(first, EARLIEST) - timedelta(days=1)
    return (
        datetime.combine(begins, time(), UTC),
        datetime.combine(last + timedelta(days=2), time(), UTC),
    )


def format_count(count: int | None, most: int | None) -> str:
    """Write a count: "1,000+" if there are more than `most`, and nothing if nobody counted."""
    if count is None:
        return ""
    if most is None or count <= most:
        return str(number_format(count, force_grouping=True))
    return f"{number_format(most, force_grouping=True)}+"


class Counts(ABC):
    """`rows` are those of the search, `conditions` the filters by name, `spans` the first and last day of each choice.

    A filter's condition is a tuple of conditions that no starter shares: its starters are those of one or another. So the
    database finds each of them in one index. `in_need` is such a tuple too.
    """

    def __init__(
        self,
        rows: StarterQuerySet,
        conditions: Mapping[str, tuple[Q, ...]],
        spans: Spans,
        in_need: tuple[Q, ...],
    ) -> None:
        self.rows, self.conditions, self.spans, self.in_need = rows.order_by(), conditions, spans, in_need

    @property
    def most(self) -> int | None:
        """The most that is counted exactly; a higher count means "more". None if every count is exact."""
        return None

    @abstractmethod
    def count_all(self) -> int | None:
        """Count the starters that match all filters. None if that would cost too much."""

    @abstractmethod
    def by_state(self) -> dict[str, int]:
        """Count by state. States without starters may be missing."""

    @abstractmethod
    def needing_attention(self) -> int | None:
        """Count in all states, as `by_state` does."""

    @abstractmethod
    def by_day(self) -> dict[str, int]:
        """Count by the code of each span, and all days under an empty code."""

    @abstractmethod
    def by_department(self, most: int) -> list[tuple[str, int]] | None:
        """Return the departments with the most starters, at most `most`. None if there are too many starters to count."""

    @abstractmethod
    def by_confirmer(self, most: int) -> list[tuple[str, str, int]] | None:
        """Return the id, name and count of the people who confirm, as `by_department` does."""


class NoCounts(Counts):
    """For a search that finds very many starters: each count would have to read them all."""

    def count_all(self) -> None:
        return None

    def by_state(self) -> dict[str, int]:
        return {}

    def needing_attention(self) -> None:
        return None

    def by_day(self) -> dict[str, int]:
        return {}

    def by_department(self, most: int) -> None:
        return None

    def by_confirmer(self, most: int) -> None:
        return None


class ListCounts(Counts):
    """Without a search: each count reads at most MOST + 1 entries of an index, all of them in one query."""

    @property
    def most(self) -> int:
        return MOST

    def count_all(self) -> int:
        return self._counts["all"]

    def by_state(self) -> dict[str, int]:
        return {state.value: self._counts[f"state {state}"] for state in StarterState}

    def needing_attention(self) -> int:
        return self._counts["need"]

    def by_day(self) -> dict[str, int]:
        return {code: self._counts[f"day {code}"] for code in ("", *self.spans)}

    def by_department(self, most: int) -> list[tuple[str, int]] | None:
        if self._counts["but department"] > MOST:
            return None
        counts = Counter(row[0] for row in self._read_people(but="department") if row[0])
        return counts.most_common(most)

    def by_confirmer(self, most: int) -> list[tuple[str, str, int]] | None:
        """A person whose name was changed is still one person."""
        if self._counts["but manager"] > MOST:
            return None
        names: dict[str, str] = {}
        people: Counter[str] = Counter()
        for _, stand_in_id, stand_in_name, manager_id, manager_name in self._read_people(but="manager"):
            person, name = (stand_in_id, stand_in_name) if stand_in_id else (manager_id, manager_name)
            if person:
                names.setdefault(person, name or person)
                people[person] += 1
        return [(person, names[person], count) for person, count in people.most_common(most)]

    @cached_property
    def _counts(self) -> dict[str, int]:
        """Every count in one query. More than MOST starters count as MOST + 1."""
        asked = {"all": self._parts(but="")}
        by_state = self._parts(but="state")
        for state in StarterState:
            asked[f"state {state}"] = _narrow(by_state, "state = %s", state.value)
        for name in ("department", "manager"):
            asked[f"but {name}"] = self._parts(but=name) if name in self.conditions else []
        asked["need"] = self._parts(but="state", of=self.in_need)
        by_day = asked["day "] = self._parts(but="day")
        for code, span in self.spans.items():
            asked[f"day {code}"] = _narrow_to_days(by_day, span)
        counts = _count_bounded(asked)
        for name in ("department", "manager"):
            if name not in self.conditions:
                counts[f"but {name}"] = counts["all"]
        return counts

    def _parts(self, *, but: str, of: tuple[Q, ...] = (Q(),)) -> list[_Part]:
        """The SQL that finds the starters of all filters but one, and of one of these conditions."""
        filters = [fits for name, fits in self.conditions.items() if name != but]
        found = (self.rows.filter(*parts).values_list("pk") for parts in product(of, *filters))
        return [part for rows in found if (part := _compile_part(rows))]

    def _read_people(self, *, but: str) -> list[tuple[str, ...]]:
        """Read the department and the people of the starters that match all filters but one. It reads the same only once."""
        but = but if but in self.conditions else ""
        if but not in self._people:
            filters = [fits for name, fits in self.conditions.items() if name != but]
            found = [
                self.rows.filter(*parts).values_list(*PEOPLE)[: MOST + 1]
                for parts in product((Q(),), *filters)
            ]
            self._people[but] = [row for rows in found for row in rows]
        return self._people[but]

    @cached_property
    def _people(self) -> dict[str, list[tuple[str, ...]]]:
        return {}


_Part = tuple[str, tuple[Any, ...]]  # SQL that ends in its conditions, and its values


def _compile_part(rows: QuerySet[Any, Any]) -> _Part | None:
    try:
        query, values = rows.query.sql_with_params()
    except EmptyResultSet:
        return None
    return query, tuple(values)


def _narrow(parts: list[_Part], condition: str, *values: Any) -> list[_Part]:
    """Add a condition to SQL that ends in its conditions: compiling it again costs more than running it."""
    return [(f'{query} AND "{TABLE}".{condition}', (*known, *values)) for query, known in parts]


def _narrow_to_days(parts: list[_Part], span: tuple[date, date]) -> list[_Part]:
    """Do what `on_days` does."""
    days = [connection.ops.adapt_datefield_value(day) for day in span]
    begins, ends = (connection.ops.adapt_datetimefield_value(moment) for moment in _moments_of(*span))
    found = _narrow(parts, "start_date BETWEEN %s AND %s", *days)
    return _narrow(_narrow(found, "starts_at >= %s", begins), "starts_at < %s", ends)


def _count_bounded(asked: Mapping[str, list[_Part]]) -> dict[str, int]:
    named = [(name, part) for name, parts in asked.items() for part in parts]
    counts = dict.fromkeys(asked, 0)
    if not named:
        return counts
    columns = ", ".join(
        f"(SELECT COUNT(*) FROM ({query} {IN_ORDER} LIMIT {MOST + 1}) AS part{number})"  # noqa: S608 (compiled by Django)
        for number, (_, (query, _)) in enumerate(named)
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns}", [value for _, (_, values) in named for value in values])
        row = cursor.fetchone()
    for (name, _), count in zip(named, row, strict=True):
        counts[name] = min(counts[name] + count, MOST + 1)
    return counts


@dataclass(frozen=True)
class Cell:
    """Starters with equal values in all counted fields. `fits` holds the filters that match them."""

    state: str
    department: str
    needs_attention: bool
    days: frozenset[str]
    fits: frozenset[str]
    count: int


class SearchCounts(Counts):
    """With a search that finds few starters: one query for all filters, and exact counts."""

    def count_all(self) -> int:
        return sum(cell.count for cell in self._matching_cells(but=""))

    def by_state(self) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for cell in self._matching_cells(but="state"):
            counts[cell.state] += cell.count
        return dict(counts)

    def needing_attention(self) -> int:
        return sum(cell.count for cell in self._matching_cells(but="state") if cell.needs_attention)

    def by_day(self) -> dict[str, int]:
        counts = dict.fromkeys(["", *self.spans], 0)
        for cell in self._matching_cells(but="day"):
            for code in ("", *cell.days):
                counts[code] += cell.count
        return counts

    def by_department(self, most: int) -> list[tuple[str, int]]:
        counts: Counter[str] = Counter()
        for cell in self._matching_cells(but="department"):
            counts[cell.department] += cell.count
        del counts[""]
        return sorted(counts.items(), key=lambda counted: (-counted[1], counted[0]))[:most]

    def by_confirmer(self, most: int) -> list[tuple[str, str, int]]:
        """A stand-in has their own entry. A person whose name was changed is still one person."""
        filters = [_any_of(fits) for name, fits in self.conditions.items() if name != "manager"]
        confirmers = self.rows.filter(*filters).annotate(
            confirmed_by_id=CONFIRMER_ID, confirmed_by_name=CONFIRMER_NAME
        )
        rows = confirmers.exclude(confirmed_by_id="").values("confirmed_by_id", "confirmed_by_name")
        names: dict[str, str] = {}
        counts: Counter[str] = Counter()
        for row in rows.annotate(n=Count("pk")).order_by("-n", "confirmed_by_id"):
            names.setdefault(row["confirmed_by_id"], row["confirmed_by_name"] or row["confirmed_by_id"])
            counts[row["confirmed_by_id"]] += row["n"]
        return [(person, names[person], n) for person, n in counts.most_common(most)]

    def _matching_cells(self, *, but: str) -> Iterator[Cell]:
        needed = self.conditions.keys() - {but}
        return (cell for cell in self._cells if needed <= cell.fits)

    @cached_property
    def _cells(self) -> list[Cell]:
        flags = {f"fits_{name}": _any_of(fits) for name, fits in self.conditions.items()}
        flags |= {f"on_{code}": Q(start_date__range=span) for code, span in self.spans.items()}
        flags["in_need"] = _any_of(self.in_need)
        marked = self.rows.annotate(**{name: flag_where(condition) for name, condition in flags.items()})
        rows = marked.values("state", "department", *flags).annotate(n=Count("pk"))
        return [self._make_cell(row) for row in rows]

    def _make_cell(self, row: dict[str, Any]) -> Cell:
        return Cell(
            state=row["state"],
            department=row["department"],
            needs_attention=bool(row["in_need"]),
            days=frozenset(code for code in self.spans if row[f"on_{code}"]),
            fits=frozenset(name for name in self.conditions if row[f"fits_{name}"]),
            count=row["n"],
        )


def _any_of(conditions: tuple[Q, ...]) -> Q:
    return reduce(or_, conditions)
