"""`manage.py verify_audit`: verify the whole audit chain."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from onboarding import audit
from onboarding.audit import triggers
from onboarding.models import AuditHead


class Command(BaseCommand):
    help = (
        "Check that no event in the audit log was changed or removed, that each erasure of details was due, and that "
        "the database still refuses changes. Prints the hash of the last event (the head). Keep the head elsewhere, "
        "and give it to the next run with --head."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--head", default="", help="the head hash of an earlier run, which must still be in the audit log"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        faults = list(audit.verify_chain(options["head"]))
        for fault in faults:
            self.stderr.write(f"event {fault.seq}: {fault.what}")
        if faults:
            raise CommandError(f"The audit log was changed. Problems found: {len(faults)}.")
        if missing := triggers.find_missing(connection):
            raise CommandError(
                "The events are unchanged, but the database no longer protects them. Missing triggers: "
                f"{', '.join(missing)}. Find out who removed them. `manage.py migrate` creates them again."
            )
        head = AuditHead.objects.get(id=1)
        self.stdout.write(f"The audit log is unchanged: {head.seq} events, head {head.hash}")
