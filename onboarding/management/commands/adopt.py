"""`manage.py adopt`: put a restored or moved database into use, with the settings' tenant and address."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from onboarding import audit, policy
from onboarding.inputs.fields import plain_argument
from onboarding.models import AuditHead, Job
from onboarding.operations import installation
from onboarding.restored import use


class Command(BaseCommand):
    help = (
        "Put a restored or moved database into use, with the tenant and address in the settings. Until you do, the "
        "portal does nothing with it. First stop the portal that uses the original database."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--reason",
            required=True,
            type=plain_argument,
            help="why it was restored or moved; the audit log keeps this text",
        )
        parser.add_argument(
            "--frozen",
            action="store_true",
            help="also freeze the portal, so that managers cannot create passes; the banner shows the reason",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")

    def handle(self, *args: Any, reason: str, yes: bool, frozen: bool, **options: Any) -> None:
        if len(reason.strip()) < 5:
            raise CommandError(
                "Give a reason of at least 5 characters that people will understand in a year."
            )
        cause = use.find_cause()
        if cause is None and not installation.wrong_database_error():
            self.stdout.write("This database already belongs to these settings. Nothing was changed.")
            return
        if seconds := installation.seconds_until_adoptable():
            raise CommandError(
                "A worker used this database in the last 90 seconds. Stop the portal that uses this database. If you "
                f"restored a backup of that time, run this command again in {seconds} seconds."
            )
        self._describe(cause)
        if not yes:
            self._ask()
        with audit.transaction():
            before, now = installation.adopt_database(reason=reason.strip())
            if frozen:
                self._freeze(reason.strip())
        if frozen:
            self.stdout.write("The portal is frozen. Managers cannot create passes.")
        due = Job.objects.filter(done_at=None, failed_at=None, due_at__lte=timezone.now())
        checks = due.filter(key__startswith="restored:").count()
        self.stdout.write(
            f"Owner before: {before or 'not known'}\nOwner now:    {now}\n"
            f"Jobs that are due: {due.count() - checks}. Starters that the worker checks for passes created after the "
            f"backup: {checks}."
        )

    def _describe(self, cause: use.Cause | None) -> None:
        head = AuditHead.objects.get(id=1)
        if cause is not None:
            self.stdout.write(use.describe_cause(cause))
        self.stdout.write(
            f"The audit log in this database ends with event {head.seq}, head {head.hash}. The database does not "
            "contain what happened later: passes, emergency stops, withdrawals, policy changes. Once you adopt the "
            "database, this portal creates passes, sends emails and runs jobs."
        )

    def _freeze(self, reason: str) -> None:
        with contextlib.suppress(policy.AlreadyFrozen):
            policy.set_frozen(True, by=None, reason=reason[:300], operator=installation.operator_name())

    def _ask(self) -> None:
        """Raises CommandError unless a person at a terminal says yes."""
        if not sys.stdin.isatty():
            raise CommandError("Add --yes to adopt the database without a terminal.")
        if input("Adopt this database? Type yes: ").strip().lower() != "yes":
            raise CommandError("Nothing was changed.")
