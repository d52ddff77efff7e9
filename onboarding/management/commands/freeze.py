"""`manage.py freeze`: stop all new passes at once, without a browser."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from onboarding import policy
from onboarding.inputs.characters import clean_name
from onboarding.operations import installation
from onboarding.restored import use


class Command(BaseCommand):
    help = "Stop all new passes at once. Two admins can end the freeze, or one admin and `manage.py activate_policy`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--reason", required=True, help="the reason; the banner shows this text to everyone"
        )

    def handle(self, *args: Any, reason: str, **options: Any) -> None:
        reason = clean_name(reason, limit=len(reason))  # an invisible character must not delay this
        if not 5 <= len(reason) <= 300:
            raise CommandError("Give a reason of 5 to 300 characters that people will understand.")
        # A freeze only stops things, so it is never refused: a copy stays frozen when it is adopted.
        if words := installation.wrong_database_error() or use.not_in_use_error():
            self.stderr.write(words)
        try:
            policy.set_frozen(True, by=None, reason=reason, operator=installation.operator_name())
        except policy.AlreadyFrozen as why:
            raise CommandError(str(why)) from None
        self.stdout.write("The portal is frozen. Managers cannot create passes.")
