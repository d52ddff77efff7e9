"""`manage.py verify_audit`: verify the whole audit chain, and the rows that it tells of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from onboarding import audit
from onboarding.audit import triggers
from onboarding.models import AuditHead


class Command(BaseCommand):
    help = (
        "Check that no event in the audit log was changed or removed, that each erasure of details was due, that "
        "policy versions, starters and passes are what the events say, and that the database still refuses changes. "
        "Prints the hash of the last event (the head). Keep the head elsewhere, and give it to the next run with "
        "--head."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--head", default="", help="the head hash of an earlier run, which must still be in the audit log"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        events = self._report(
            f"event {fault.seq}: {fault.what}" for fault in audit.verify_chain(options["head"])
        )
        rows = self._report(f"{fault.subject}: {fault.what}" for fault in audit.compare_rows())
        if events:
            raise CommandError(f"The audit log was changed. Problems found: {events + rows}.")
        if rows:
            raise CommandError(
                f"The events are unchanged, but other tables do not match them. Problems found: {rows}."
            )
        if missing := triggers.find_missing(connection):
            raise CommandError(
                "The events are unchanged, but the database no longer protects them. Missing or changed triggers: "
                f"{', '.join(missing)}. Find out who did this. `manage.py migrate` creates them again."
            )
        head = AuditHead.objects.get(id=1)
        self.stdout.write(
            f"The audit log is unchanged: {head.seq} events, head {head.hash}. "
            "Policy versions, starters and passes match it."
        )

    def _report(self, lines: Iterator[str]) -> int:
        """Print each problem, and return how many there are."""
        count = 0
        for line in lines:
            self.stderr.write(line)
            count += 1
        return count
