"""`manage.py verify_audit`: verify the whole audit chain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from onboarding import audit
from onboarding.audit import signed_heads, triggers
from onboarding.models import AuditHead
from onboarding.worker.audit_outlets import report_chain_faults


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
        parser.add_argument(
            "--signed-heads",
            default="",
            help="a file with signed heads that were sent elsewhere, one a line: each must still be in the audit log",
        )
        parser.add_argument(
            "--public-key", default="", help="a PEM file with the public key of these heads, and earlier ones"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        faults = [f"event {fault.seq}: {fault.what}" for fault in audit.verify_chain(options["head"])]
        faults += find_head_faults(options["signed_heads"], options["public_key"])
        for fault in faults:
            self.stderr.write(fault)
        if faults:
            report_chain_faults(faults)
            raise CommandError(f"The audit log was changed. Problems found: {len(faults)}.")
        if missing := triggers.find_missing(connection):
            raise CommandError(
                "The events are unchanged, but the database no longer protects them. Missing triggers: "
                f"{', '.join(missing)}. Find out who removed them. `manage.py migrate` creates them again."
            )
        head = AuditHead.objects.get(id=1)
        self.stdout.write(f"The audit log is unchanged: {head.seq} events, head {head.hash}")


def find_head_faults(file: str, key_file: str) -> list[str]:
    """What is wrong with the signed heads in this file, a sentence each. Raises CommandError."""
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
        raise CommandError(f"{file} has no signed head, so it proves nothing.")
    return [
        f"line {fault.line} of {file}: {fault.what}"
        for fault in signed_heads.verify_signed_heads(lines, keys)
    ]
