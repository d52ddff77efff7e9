"""What the pages of an import show: groups of rows with counts, and rows with each finding at its cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, QuerySet
from django.urls import reverse
from django.utils.formats import date_format

from onboarding.hr.importing.labels import FIELD_LABELS, GROUPS
from onboarding.i18n import Words
from onboarding.imports import findings, uploads
from onboarding.imports import header_names as names
from onboarding.imports.values import clean_cell
from onboarding.models import ImportRow, StarterImport

PAGE_SIZE = 100
LONG_TEXT = 120  # characters of a cell on the page


@dataclass(frozen=True)
class Group:
    """Rows with one status and kind of question."""

    name: str
    status: str
    question: str
    label: Words
    count: int

    def rows(self, stored: StarterImport) -> QuerySet[ImportRow]:
        return stored.rows.filter(status=self.status, question=self.question)


def list_groups(stored: StarterImport) -> dict[str, Group]:
    """Return the groups with their counts, in one query."""
    counted = stored.rows.order_by().values_list("status", "question").annotate(count=Count("pk"))
    counts = {(status, question): count for status, question, count in counted}
    return {
        name: Group(name, status, question, label, counts.get((str(status), question), 0))
        for name, status, question, label in GROUPS
    }


def count_progress(stored: StarterImport) -> tuple[int, int]:
    """Return how many rows of the running job are done, and how many there are.

    While adding, these are the rows of the list that were added or changed so far, and with those that HR wants.
    """
    if stored.phase == StarterImport.Phase.ADDING:
        done = stored.rows.filter(status__in=uploads.DONE).count()
        return done, done + stored.rows.filter(is_wanted=True).exclude(status__in=uploads.DONE).count()
    waiting = stored.rows.filter(status=ImportRow.Status.WAITING).count()
    return stored.row_count - waiting, stored.row_count


@dataclass
class ShownCell:
    """A cell with what was found at it. `typed` is what the file has where the portal shows another text."""

    text: str = ""
    typed: str = ""
    label: Words = ""
    errors: list[str] = field(default_factory=list)

    @property
    def is_blank(self) -> bool:
        return not (self.text or self.errors)


@dataclass
class ShownRow:
    """A row by its account: the start, and the other columns that are used."""

    pk: int
    number: int
    account: ShownCell
    name: str  # of the account in Entra
    start: ShownCell
    cells: list[ShownCell]
    url: str = ""


@dataclass(frozen=True)
class ShownTable:
    titles: list[Words]
    rows: list[ShownRow]


START_FIELDS = (names.START_DATE, names.START_TIME)


def show_rows(stored: StarterImport, rows: list[ImportRow]) -> ShownTable:
    """Return the rows of one page, without columns that are empty in all of them."""
    places = {name: number for number, name in enumerate(stored.choices["fields"]) if name != names.IGNORED}
    shown = [_show_row(row, places) for row in rows]
    other = _other_fields(places)
    used = [number for number in range(len(other)) if not all(row.cells[number].is_blank for row in shown)]
    for row in shown:
        row.cells = [row.cells[number] for number in used]
    return ShownTable([FIELD_LABELS[other[number]] for number in used], shown)


def _other_fields(places: dict[str, int]) -> list[str]:
    """Return the fields with a column of their own, in the order of the file."""
    account = names.ACCOUNT if names.ACCOUNT in places else names.MAIL
    return [name for name in places if name not in {account, *START_FIELDS}]


def _show_row(row: ImportRow, places: dict[str, int]) -> ShownRow:
    found = findings.from_json(row.findings)
    other = _other_fields(places)
    account = names.ACCOUNT if names.ACCOUNT in places else names.MAIL
    elsewhere = {*other, *START_FIELDS}
    return ShownRow(
        row.pk,
        row.number,
        ShownCell(
            _typed_text(row, places, account),
            errors=[each.words for each in found if each.field not in elsewhere],
        ),
        row.shown.get("name", ""),
        _show_start(row, places, found),
        [
            ShownCell(
                _typed_text(row, places, name),
                label=FIELD_LABELS[name],
                errors=[each.words for each in found if each.field == name],
            )
            for name in other
        ],
        reverse("hr:starter", args=[row.starter_id]) if row.starter_id else "",
    )


def _typed_text(row: ImportRow, places: dict[str, int], name: str) -> str:
    number = places.get(name, len(row.cells))
    return clean_cell(row.cells[number])[:LONG_TEXT] if number < len(row.cells) else ""


def _show_start(row: ImportRow, places: dict[str, int], found: list[findings.Finding]) -> ShownCell:
    """Show how the portal read the start, and below it what the file has."""
    typed = " ".join(filter(None, (_typed_text(row, places, name) for name in START_FIELDS)))
    errors = [each.words for each in found if each.field in START_FIELDS]
    day, at = (row.values.get(name, "") for name in START_FIELDS)
    if not (day and at):
        return ShownCell(typed, errors=errors)
    start = date_format(datetime.fromisoformat(f"{day} {at}"), "STAMP")
    return ShownCell(start, typed if typed not in {day, f"{day} {at}"} else "", errors=errors)
