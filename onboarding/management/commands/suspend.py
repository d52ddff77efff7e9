"""`manage.py suspend`: mark a restored database, so that the portal does nothing with it until it is adopted."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from onboarding.inputs.fields import plain_argument
from onboarding.operations import installation


class Command(BaseCommand):
    help = (
        "Mark this database as restored. The portal then does nothing with it until you run `manage.py adopt`. You "
        "need this only where the portal cannot detect a restored copy itself. docs/how-to/back-up.md lists these "
        "cases."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--reason",
            required=True,
            type=plain_argument,
            help="which backup was restored; the audit log keeps this text",
        )

    def handle(self, *args: Any, reason: str, **options: Any) -> None:
        if len(reason.strip()) < 5:
            raise CommandError(
                "Give a reason of at least 5 characters that people will understand in a year."
            )
        installation.suspend_database(reason=reason.strip())
        self.stdout.write("The portal does nothing with this database until you run manage.py adopt.")
