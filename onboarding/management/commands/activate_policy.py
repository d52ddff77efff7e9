"""`manage.py activate_policy`: the second person for a draft of the policy, where there is no second admin."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from onboarding import policy
from onboarding.inputs.fields import plain_argument
from onboarding.operations import installation
from onboarding.restored import use


class Command(BaseCommand):
    help = (
        "Activate a draft of the policy. The draft comes into force after 24 hours. Until then you can stop it with "
        "--stop. If the portal has never created a pass, the draft comes into force immediately."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", type=int, help="the number of the version")
        parser.add_argument(
            "--reason", required=True, type=plain_argument, help="the reason; the audit log keeps this text"
        )
        parser.add_argument(
            "--stop", action="store_true", help="stop a version that has not come into force yet"
        )

    def handle(self, *args: Any, number: int, reason: str, stop: bool, **options: Any) -> None:
        if len(reason.strip()) < 5:
            raise CommandError(
                "Give a reason of at least 5 characters that people will understand in a year."
            )
        if words := installation.wrong_database_error() or use.not_in_use_error():
            raise CommandError(words)
        operator = installation.operator_name()
        try:
            if stop:
                policy.stop_version(number, by=None, reason=reason.strip(), operator=operator)
                self.stdout.write(f"Version {number} was stopped and will not come into force.")
                return
            in_force_at = policy.activate_on_console(number, reason=reason.strip(), operator=operator)
        except policy.CannotActivate as why:
            raise CommandError(str(why)) from None
        if in_force_at is None:
            self.stdout.write(f"Version {number} is in force.")
        else:
            self.stdout.write(
                f"Version {number} comes into force at {in_force_at:%Y-%m-%d %H:%M:%S} UTC.\n"
                f"To stop it: manage.py activate_policy {number} --stop --reason TEXT"
            )
