"""What the pages of an import show: groups of rows with counts, and rows with each finding at its cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from django.db.models import Count, QuerySet
from django.urls import reverse
from django.utils.formats import date_format

from onboarding.hr.importing.labels import FIELD_LABELS, GROUPS
from onboarding.i18n import Words
from onboarding.imports import findings
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
    """Return how many rows of the running check are done, and how many there are. While adding, how many are left."""
    if stored.phase == StarterImport.Phase.ADDING:
        left = stored.rows.filter(is_wanted=True).count()
        return left, left
    waiting = stored.rows.filter(status=ImportRow.Status.WAITING).count()
    return stored.row_count - waiting, stored.row_count


@dataclass
class ShownCell:
    label: Words
    text: str
    under: str = ""
    errors: list[str] = field(default_factory=list)
    is_account: bool = False


@dataclass
class ShownRow:
    pk: int
    number: int
    cells: list[ShownCell]
    words: list[str]  # about the whole row
    url: str = ""


def shown_columns(stored: StarterImport) -> list[tuple[int, str]]:
    """Return the position and the field of each column that is used, in the order of the file."""
    return [
        (number, name)
        for number, name in enumerate(stored.choices["fields"])
        if name not in {"", names.IGNORED}
    ]


def show_row(row: ImportRow, columns: list[tuple[int, str]]) -> ShownRow:
    found = findings.from_json(row.findings)
    cells = [_show_cell(row, number, name, found) for number, name in columns]
    used = {name for _, name in columns}
    words = [finding.words for finding in found if finding.field not in used]
    url = reverse("hr:starter", args=[row.starter_id]) if row.starter_id else ""
    return ShownRow(row.pk, row.number, cells, words, url)


def _show_cell(row: ImportRow, number: int, name: str, found: list[findings.Finding]) -> ShownCell:
    text = clean_cell(row.cells[number]) if number < len(row.cells) else ""
    cell = ShownCell(
        FIELD_LABELS[name], text[:LONG_TEXT], errors=[each.words for each in found if each.field == name]
    )
    read = row.values.get(name, "")
    if name == names.START_DATE and read:
        cell.text = date_format(date.fromisoformat(read), "DAY_YEAR")
        cell.under = text if text != read else ""
    elif name == names.START_TIME and read and read != text:
        cell.text, cell.under = read, text
    elif name == identifying_field(row):
        cell.is_account = True
        cell.under = row.shown.get("name", "")
    return cell


def identifying_field(row: ImportRow) -> str:
    return names.ACCOUNT if row.values.get(names.ACCOUNT) else names.MAIL
