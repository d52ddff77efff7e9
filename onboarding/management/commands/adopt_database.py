"""`manage.py adopt_database`: make this database belong to the settings' tenant and address, and record it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from onboarding.inputs.fields import plain_argument
from onboarding.models import Job
from onboarding.operations import installation


class Command(BaseCommand):
    help = "If the portal has moved: connect this database to the tenant and address in the settings."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--reason",
            required=True,
            type=plain_argument,
            help="why the portal moved; the audit log keeps this text",
        )

    def handle(self, *args: Any, reason: str, **options: Any) -> None:
        if len(reason.strip()) < 5:
            raise CommandError("Give a reason that people will understand in a year.")
        if not installation.wrong_database_error():
            self.stdout.write("This database already belongs to these settings. Nothing was changed.")
            return
        before, now = installation.adopt_database(reason=reason.strip())
        waiting = Job.objects.filter(done_at=None, failed_at=None, due_at__lte=timezone.now()).count()
        self.stdout.write(f"Before: {before or 'not known'}\nNow:    {now}")
        self.stdout.write(f"{waiting} jobs are due. A worker started here will run them.")
