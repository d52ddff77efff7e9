"""Walks the whole audit chain and says whether it is what was written."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from onboarding import audit
from onboarding.models import AuditHead


class Command(BaseCommand):
    help = "Verify the audit trail. Prints its head, to be kept elsewhere and given back with --head."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--head", default="", help="a head hash noted earlier; it must still be in the trail"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        faults = list(audit.verify(options["head"]))
        for fault in faults:
            self.stderr.write(f"event {fault.seq}: {fault.what}")
        if faults:
            raise CommandError(f"The audit trail is not what was written: {len(faults)} fault(s).")
        head = AuditHead.objects.get(id=1)
        self.stdout.write(f"The audit trail is whole: {head.seq} events, head {head.hash}")
