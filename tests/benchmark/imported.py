"""`python -m tests.benchmark.imported`: a list of 10,000 rows, read and stored by the portal and by django-import-export.

Both get the same file in the same run, each in a process of its own with an empty database. Each reads the cells, checks
the account and the date of every row and stores the row. The directory is not asked. Processor time, so that other work on
the machine changes little.
"""

from __future__ import annotations

import io
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import django
from openpyxl import Workbook

from portal.supervisor import manage_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

ROWS = 10_000
TITLES = ("Account", "Start date", "Employee number", "Name", "Manager", "Start time", "Time zone", "Note")
READERS = ("portal", "django-import-export", "django-import-export in bulk")
MEGABYTE = 1024


def lines() -> list[tuple[str, ...]]:
    first = date(2026, 12, 1)
    return [
        (
            f"person{number}@contoso.example", f"{first + timedelta(days=number % 300)}", f"{number:06}",
            f"Person Number{number}", "Maria Lindqvist", "09:00", "Europe/Amsterdam", "Second floor; ask for the blue door",
        )
        for number in range(ROWS)
    ]  # fmt: skip


def as_csv() -> bytes:
    rows = [TITLES, *lines()]
    return "".join(",".join(row) + "\r\n" for row in rows).encode()


def as_xlsx() -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in (TITLES, *lines()):
        sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


# --- In a process of its own ------------------------------------------------------------------------------------------


def read_by_portal(data: bytes, _kind: str) -> int:
    from onboarding.imports import uploads
    from onboarding.imports.values import Columns, read_row
    from portal.models import User

    hr = User.objects.create(tid="t", oid="o", name="Hanna", roles=["HR"])
    stored = uploads.store_file(data=data, file_name="list", by=hr)
    columns = Columns(stored.layout["fields"])
    return sum(not read_row(cells, columns).findings for cells in uploads.read_cells(stored))


def read_by_library(data: bytes, kind: str, **options: Any) -> int:
    import tablib
    from import_export import fields, resources, widgets

    from onboarding.models import ApiUsage

    class AccountWidget(widgets.CharWidget):
        def clean(self, value: Any, row: Any = None, **more: Any) -> Any:
            from onboarding.starters.input_rules import is_account

            if not is_account(value):
                raise ValueError("not an account")
            return value

    class ListResource(resources.ModelResource):
        """A small table with a text, a date and a number, so that the library stores less than the portal does."""

        caller = fields.Field("caller", "Account", widget=AccountWidget())
        day = fields.Field("day", "Start date", widget=widgets.DateWidget("%Y-%m-%d"))
        count = fields.Field("count", "Employee number", widget=widgets.IntegerWidget())

        class Meta:
            model = ApiUsage
            import_id_fields = ("caller", "day")
            fields = ("caller", "day", "count")

    for name, value in options.items():
        setattr(ListResource._meta, name, value)
    dataset = tablib.Dataset().load(data if kind == "xlsx" else data.decode(), format=kind)
    result = ListResource().import_data(dataset, dry_run=False, raise_errors=False)
    return ROWS - len(result.invalid_rows) - len(result.row_errors())


def measure_here(reader: str, path: str) -> None:
    """Print the seconds of processor time, the peak memory before and after in megabytes, and how many rows were right."""
    django.setup()
    from onboarding.models import PolicyVersion

    PolicyVersion.objects.create(reason="A benchmark", import_daily=50_000)
    data, kind = Path(path).read_bytes(), Path(path).suffix[1:]
    bulk = {"use_bulk": True, "batch_size": 500, "skip_diff": True, "skip_html_diff": True}
    before, began = peak_memory(), time.process_time()
    if reader == "portal":
        right = read_by_portal(data, kind)
    else:
        right = read_by_library(data, kind, **(bulk if reader.endswith("bulk") else {}))
    taken = time.process_time() - began
    sys.stdout.write(f"{taken} {peak_memory() - before} {right}\n")


def peak_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE


# --- The comparison ---------------------------------------------------------------------------------------------------


def measure(reader: str, path: Path) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PORTAL_DATA_DIR": folder, "DATABASE_URL": "", "LOG_LEVEL": "ERROR"}
        subprocess.run(manage_command("migrate", "-v0"), env=environment, check=True)
        command = [sys.executable, "-m", "tests.benchmark.imported", reader, str(path)]
        said = subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        ).stdout.split()
    assert int(said[2]) == ROWS, f"{reader} read only {said[2]} rows"
    return float(said[0]), float(said[1])


def main() -> None:
    sys.stdout.write(
        f"{ROWS} rows, seconds of processor time, rows a second, megabytes more at the peak, ratio\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        for kind, data in (("csv", as_csv()), ("xlsx", as_xlsx())):
            path = Path(folder) / f"list.{kind}"
            path.write_bytes(data)
            ours = 0.0
            for reader in READERS:
                taken, peak = measure(reader, path)
                ours = ours or taken
                sys.stdout.write(
                    f"  {kind:<5} {reader:<30} {taken:7.2f} {ROWS / taken:8.0f} {peak:7.1f} {taken / ours:7.1f}\n"
                )
                sys.stdout.flush()


if __name__ == "__main__":
    measure_here(*sys.argv[1:]) if len(sys.argv) > 1 else main()
