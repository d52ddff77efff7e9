"""`manage.py adopt_database`: this database is from now on the one of these settings. On purpose, and on the record."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from onboarding import installation
from onboarding.models import Job


class Command(BaseCommand):
    help = (
        "Say that the portal has moved: make this database the one of the tenant and address in the settings."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", required=True, help="why; it goes on the audit trail")

    def handle(self, *args: Any, reason: str, **options: Any) -> None:
        if len(reason.strip()) < 5:
            raise CommandError("Give a reason that somebody can understand in a year.")
        if not installation.complaint():
            self.stdout.write("This database already belongs to these settings. Nothing was changed.")
            return
        before, now = installation.adopt(reason=reason.strip())
        waiting = Job.objects.filter(done_at=None, failed_at=None, due_at__lte=timezone.now()).count()
        self.stdout.write(f"Before: {before or 'not known'}\nNow:    {now}")
        self.stdout.write(f"{waiting} jobs are due; a worker that is started here will do them.")
