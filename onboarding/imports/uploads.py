"""Keep the rows of a file, then HR's choices for its columns. Nothing is checked or added yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import time
from itertools import islice
from typing import Any

from django.db.models import Sum

from onboarding import audit, clock, jobs, policy
from onboarding.guards.daily_limits import start_of_day
from onboarding.imports import columns, dates
from onboarding.imports.columns import Layout
from onboarding.imports.errors import UnreadableFile
from onboarding.imports.header_names import START_DATE
from onboarding.imports.tables import SourceRow, open_table
from onboarding.imports.values import Columns, clean_cell
from onboarding.models import ImportColumns, ImportRow, Job, StarterImport

Phase, Status = StarterImport.Phase, ImportRow.Status
BATCH = 500
DONE = (Status.ADDED, Status.MOVED)


def store_file(*, data: bytes, file_name: str, by: Any) -> StarterImport:
    """Read a file and keep its rows, in batches with a short transaction each. Raises UnreadableFile.

    An import that was not read to its end stays in the first phase: nobody can use it, and retention deletes it.
    """
    table = open_table(data)
    layout, rows = columns.find_layout(table)
    stored = StarterImport.objects.create(uploaded_by=by, file_name=file_name[:120])
    try:
        while some := list(islice(rows, BATCH)):
            _store_rows(stored, some)
    except UnreadableFile:
        stored.delete()
        raise
    stored.phase = Phase.COLUMNS
    stored.layout = columns.as_json(layout)
    stored.source = {
        "kind": table.kind,
        "encoding": table.encoding,
        "separator": table.separator,
        "sheet": table.sheet,
        "other_sheets": table.other_sheets,
        "epoch_1904": table.epoch_1904,
    }
    stored.save()
    return stored


def _store_rows(stored: StarterImport, some: Iterable[SourceRow]) -> None:
    """Raises UnreadableFile beyond the daily limit."""
    rows = [ImportRow(starter_import=stored, number=row.number, cells=row.cells) for row in some]
    ImportRow.objects.bulk_create(rows)
    stored.row_count += len(rows)
    stored.save(update_fields=["row_count"])
    most = policy.for_site().import_daily
    if count_rows_today(stored.uploaded_by) > most:
        raise UnreadableFile("daily_limit", most=most)


def count_rows_today(person: Any) -> int:
    """Return how many rows this person has imported since the day began."""
    today = StarterImport.objects.filter(uploaded_by=person, uploaded_at__gte=start_of_day())
    return int(today.aggregate(rows=Sum("row_count"))["rows"] or 0)


# --- The columns ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Choices:
    """What HR chose: what each column is, the order of the dates, and the start of rows without a time or zone."""

    fields: list[str]
    day_order: dates.DayOrder
    start_time: time
    time_zone: str

    def as_json(self) -> dict[str, Any]:
        return {
            "fields": self.fields,
            "day_order": self.day_order,
            "start_time": f"{self.start_time:%H:%M}",
            "time_zone": self.time_zone,
        }


def layout_of(stored: StarterImport) -> Layout:
    return columns.from_json(stored.layout)


def columns_of(stored: StarterImport) -> Columns:
    """Return how the rows are read, by HR's choices."""
    choices = stored.choices
    return Columns(choices["fields"], choices["day_order"], stored.source["epoch_1904"])


def suggest_fields(stored: StarterImport) -> list[str]:
    """Return what each column is: by the last choice for these titles, else by its title. Empty where HR must say it."""
    layout, remembered = layout_of(stored), _remembered_choices(stored)
    kept = remembered.get("fields", [])
    if len(kept) == len(layout.titles):
        return list(kept)
    fields = list(layout.fields)
    if len(kept) == len(layout.remembered):
        for number, name in zip(layout.remembered, kept, strict=True):
            fields[number] = name
    return fields


def suggest_order(stored: StarterImport) -> dates.DayOrder:
    """Return the order of day and month that the last file with these titles had."""
    order: dates.DayOrder = _remembered_choices(stored).get("day_order", "")
    return order


def _remembered_choices(stored: StarterImport) -> Mapping[str, Any]:
    if stored.choices:
        return dict(stored.choices)
    signature = layout_of(stored).signature
    kept = ImportColumns.objects.filter(signature=signature).first() if signature else None
    return kept.choices if kept else {}


@dataclass(frozen=True)
class DateOrder:
    """What the dates of a column say about the order of day and month."""

    ambiguous: str = ""  # an example that could be read either way
    certain: frozenset[str] = frozenset()  # the orders of the other dates


def find_date_order(stored: StarterImport, fields: list[str]) -> DateOrder:
    """Read all dates of the file. It asks nothing of the directory."""
    if START_DATE not in fields:
        return DateOrder()
    place, example, certain = fields.index(START_DATE), "", set()
    for cells in read_cells(stored):
        text = clean_cell(cells[place]) if place < len(cells) else ""
        if order := dates.find_order(text):
            certain.add(order)
        elif not example and dates.is_ambiguous(text):
            example = text
    return DateOrder(example, frozenset(certain))


def read_cells(stored: StarterImport) -> Iterator[list[str]]:
    """Read all rows in order, a batch at a time: on SQLite an open cursor would block every writer."""
    last = 0
    while some := list(stored.rows.filter(number__gt=last).values_list("number", "cells")[:BATCH]):
        yield from (cells for _number, cells in some)
        last = some[-1][0]


def start_check(*, stored: StarterImport, choices: Choices, by: Any) -> None:
    """Keep the choices, remember them for files with the same titles, and queue the check of all rows."""
    layout = layout_of(stored)
    signature = layout.signature
    with audit.transaction():
        stored.choices = choices.as_json()
        if signature:
            fields = [choices.fields[number] for number in layout.remembered]
            kept = {"fields": fields, "day_order": choices.day_order}
            ImportColumns.objects.update_or_create(
                signature=signature, defaults={"choices": kept, "changed_at": clock.now()}
            )
        stored.rows.exclude(status__in=DONE).update(**UNCHECKED)
        stored.phase, stored.failures, stored.stopped, stored.touched_at = Phase.CHECKING, 0, "", clock.now()
        stored.save()
        facts = {"import": stored.public_id, "rows": stored.row_count}
        audit.record("import.checked", by=by, facts=facts)
        jobs.enqueue_job(f"import-check:{stored.pk}", priority=Job.Priority.LOOK)


def delete_rows(stored: StarterImport) -> None:
    """Delete the rows of a list, and keep that it was: its rows count for the daily limit."""
    stored.rows.all().delete()
    StarterImport.objects.filter(pk=stored.pk).update(
        phase=Phase.DELETED, file_name="", source={}, layout={}, choices={}, touched_at=clock.now()
    )


UNCHECKED: dict[str, Any] = {
    "status": Status.WAITING, "question": "", "values": {}, "findings": [], "shown": {}, "identity": "", "starter_id": "",
    "is_wanted": False,
}  # fmt: skip
