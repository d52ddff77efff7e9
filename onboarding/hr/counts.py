"""Count the starters for each choice of HR's filters, with all other filters applied."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from django.db.models import Case, Count, IntegerField, Q, Value, When

from onboarding.models.starter import StarterQuerySet

Spans = Mapping[str, tuple[date, date]]


def flag_where(condition: Q) -> Case:
    """Return 1 where the condition holds, else 0, for sorting and grouping."""
    return Case(When(condition, then=Value(1)), default=Value(0), output_field=IntegerField())


class Counts(ABC):
    """`rows` are those of the search, `conditions` the filters by name, `spans` the first and last day of each choice."""

    def __init__(self, rows: StarterQuerySet, conditions: Mapping[str, Q], spans: Spans, in_need: Q) -> None:
        self.rows, self.conditions, self.spans, self.in_need = rows.order_by(), conditions, spans, in_need

    @abstractmethod
    def count_all(self) -> int:
        """Count the starters that match all filters."""

    @abstractmethod
    def by_state(self) -> dict[str, int]:
        """Count by state. States without starters may be missing."""

    @abstractmethod
    def needing_attention(self) -> int:
        """Count in all states, as `by_state` does."""

    @abstractmethod
    def by_day(self) -> dict[str, int]:
        """Count by the code of each span, and all days under an empty code."""

    @abstractmethod
    def by_department(self, most: int) -> list[tuple[str, int]]:
        """Return the departments with the most starters, at most `most`."""


class ListCounts(Counts):
    """Without a search: one query for each filter, answered from an index."""

    def count_all(self) -> int:
        return self._matching_rows(but="").count()

    def by_state(self) -> dict[str, int]:
        rows = self._matching_rows(but="state").values("state").annotate(n=Count("pk"))
        return {row["state"]: row["n"] for row in rows}

    def needing_attention(self) -> int:
        return self._matching_rows(but="state").filter(self.in_need).count()

    def by_day(self) -> dict[str, int]:
        counted = {code: Count("pk", filter=Q(start_date__range=span)) for code, span in self.spans.items()}
        counts: dict[str, int] = self._matching_rows(but="day").aggregate(all=Count("pk"), **counted)
        return {"": counts.pop("all"), **counts}

    def by_department(self, most: int) -> list[tuple[str, int]]:
        rows = self._matching_rows(but="department").exclude(department="").values("department")
        counted = rows.annotate(n=Count("pk")).order_by("-n", "department")[:most]
        return [(row["department"], row["n"]) for row in counted]

    def _matching_rows(self, *, but: str) -> StarterQuerySet:
        return self.rows.filter(*[fits for name, fits in self.conditions.items() if name != but])


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
    """With a search: one query for all filters.

    No index has both words and filters, so each query would read every row that the search found.
    """

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

    def _matching_cells(self, *, but: str) -> Iterator[Cell]:
        needed = self.conditions.keys() - {but}
        return (cell for cell in self._cells if needed <= cell.fits)

    @cached_property
    def _cells(self) -> list[Cell]:
        flags = {f"fits_{name}": fits for name, fits in self.conditions.items()}
        flags |= {f"on_{code}": Q(start_date__range=span) for code, span in self.spans.items()}
        flags["in_need"] = self.in_need
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
