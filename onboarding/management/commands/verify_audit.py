"""`manage.py verify_audit`: verify the whole audit chain, and the rows that it tells of."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from onboarding import audit, clock
from onboarding.audit import signed_heads, triggers
from onboarding.models import AuditCheck, AuditHead
from onboarding.worker.audit_outlets import report_chain_faults

MOST_LINES = 20


class Command(BaseCommand):
    help = (
        "Check the whole audit log: nobody changed, removed or added an event outside the portal; each erasure of "
        "details was due; policy versions, starters, passes and test passes match the events; the database still "
        "refuses changes. Print the hash of the last event (the head). Keep the head elsewhere, and give it to the "
        "next run with --head."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--head", default="", help="the head hash of an earlier run, which must still be in the audit log"
        )
        parser.add_argument(
            "--signed-heads",
            default="",
            help="a file with signed checkpoints that were sent elsewhere, one a line: each must still be in the audit log",
        )
        parser.add_argument(
            "--public-key",
            default="",
            help="a PEM file with the public key of these checkpoints, and any earlier public keys",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        events = self._report(
            f"event {fault.seq}: {fault.what}" for fault in audit.verify_chain(options["head"])
        )
        events += self._report(find_head_faults(options["signed_heads"], options["public_key"]))
        rows = self._report(f"{fault.subject}: {fault.what}" for fault in audit.compare_rows())
        missing = [f"trigger {name}: missing or changed" for name in triggers.find_missing(connection)]
        report_chain_faults(events + rows)
        store_result(events + rows + missing)
        if events:
            raise CommandError(f"The audit log was changed. Problems found: {len(events + rows)}.")
        if rows:
            raise CommandError(
                f"The events are unchanged, but other tables do not match them. Problems found: {len(rows)}."
            )
        if names := triggers.find_missing(connection):
            raise CommandError(
                "The events are unchanged, but the database no longer protects them. Missing or changed triggers: "
                f"{', '.join(names)}. Find out who did this. `manage.py migrate` creates them again."
            )
        head = AuditHead.objects.get(id=1)
        self.stdout.write(
            f"The audit log is unchanged: {head.seq} events, head {head.hash}. "
            "Policy versions, starters, passes and test passes match it."
        )

    def _report(self, lines: Iterable[str]) -> list[str]:
        """Print each problem as it is found, and return all of them."""
        found = []
        for line in lines:
            self.stderr.write(line)
            found.append(line)
        return found


def store_result(lines: list[str]) -> None:
    """Keep the result for the page about the audit chain, which cannot check a long log itself."""
    head = AuditHead.objects.filter(id=1).first()
    values = {
        "finished_at": clock.now(),
        "seq": head.seq if head else 0,
        "problems": len(lines),
        "lines": lines[:MOST_LINES],
    }
    AuditCheck.objects.update_or_create(id=1, defaults=values)


def find_head_faults(file: str, key_file: str) -> list[str]:
    """What is wrong with the signed checkpoints in this file, a sentence each. Raises CommandError."""
    if bool(file) != bool(key_file):
        raise CommandError("Give both --signed-heads and --public-key.")
    if not file:
        return []
    try:
        keys = signed_heads.read_public_keys(Path(key_file).read_bytes())
        lines = Path(file).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"The file cannot be read: {error}") from None
    except signed_heads.UnusableKey as error:
        raise CommandError(f"{key_file} cannot be used: {error}.") from None
    if not any(line.strip() for line in lines):
        raise CommandError(f"{file} contains no signed checkpoint, so there is nothing to check.")
    return [
        f"line {fault.line} of {file}: {fault.what}"
        for fault in signed_heads.verify_signed_heads(lines, keys)
    ]
