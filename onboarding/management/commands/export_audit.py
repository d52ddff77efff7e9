"""`manage.py export_audit`: write the events of a period as CSV or JSON lines, and record that."""

from __future__ import annotations

from argparse import ArgumentTypeError
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation

from onboarding import audit
from onboarding.auditors.export import FORMATS, export_events
from onboarding.auditors.filters import EventFilters, parse_date
from onboarding.auditors.search import EventSearch
from onboarding.models import AuditHead
from onboarding.operations.installation import operator_name


class Command(BaseCommand):
    help = (
        "Export the events of the audit log from one day to another, including both days. Names are included unless "
        "they were erased. The audit log records the export, with the name of your account on this machine."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        zone = f"in the zone {settings.TIME_ZONE}"
        parser.add_argument("--since", type=day, required=True, help=f"the first day, as 2026-05-01, {zone}")
        parser.add_argument("--until", type=day, required=True, help=f"the last day, as 2026-05-31, {zone}")
        parser.add_argument(
            "--format", choices=FORMATS, default="csv", help="csv, or jsonl: one event a line"
        )
        parser.add_argument("--output", default="-", help="a new file (default: standard output)")

    def handle(self, *args: Any, since: str, until: str, output: str, **options: Any) -> None:
        if since > until:
            raise CommandError("--since must not be later than --until.")
        filters, kind = EventFilters(since=since, until=until), options["format"]
        target = nullcontext(self.stdout) if output == "-" else open_new(Path(output))
        with target as file, translation.override("en"):
            found = EventSearch(filters, last=AuditHead.objects.get(id=1).seq)
            audit.record_reading(
                audit.EXPORTED,
                by=None,
                facts={**filters.facts, "format": kind},
                personal={"operator": operator_name()},
            )
            for part in export_events(found, kind):
                file.write(part, ending="") if output == "-" else file.write(part)


def day(text: str) -> str:
    if not (parsed := parse_date(text)):
        raise ArgumentTypeError(f"{text} is not a day such as 2026-05-01")
    return str(parsed)


def open_new(path: Path) -> Any:
    """Open a file that only its owner can read, and never overwrite one. Raises CommandError."""
    try:
        path.touch(mode=0o600, exist_ok=False)
        return path.open("w", encoding="utf-8", newline="")
    except FileExistsError:
        raise CommandError(f"{path} already exists. Choose another file name.") from None
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None
