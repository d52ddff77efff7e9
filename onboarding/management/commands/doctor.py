"""The doctor on the command line: one line a check, or JSON for a machine; the exit status says how it went."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from itertools import groupby
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation

from onboarding.doctor.frame import Told, all_is_well, examine
from onboarding.doctor.words import MARKS, summary


class Command(BaseCommand):
    help = (
        "Looks whether everything that the portal needs is there, and changes nothing. "
        "Exit status: 0 all is well, 1 something is wrong, 2 it could not look."
    )
    requires_system_checks = []  # what they have to say is one line of the report

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--account",
            default="",
            metavar="NAME_OR_ID",
            help="a test account that could be a starter's: what the guards read of it, and what each would say",
        )
        parser.add_argument("--json", action="store_true", help="for machines: id, title, state, detail, fix")

    def handle(self, *args: Any, **options: Any) -> None:
        # Commands are English whoever is at the terminal: what they say is searched for, and read by machines.
        with translation.override(settings.LANGUAGE_CODE):
            try:
                told = examine(account=options["account"])
            except Exception as error:  # not the patient: the doctor
                raise CommandError(
                    f"The doctor could not look ({type(error).__name__}).", returncode=2
                ) from None
            self.stdout.write(as_json(told) if options["json"] else as_text(told))
        if not all_is_well(told):
            sys.exit(1)


def as_json(told: tuple[Told, ...]) -> str:
    report = {"ok": all_is_well(told), "checks": [asdict(one) for one in told]}
    return json.dumps(report, indent=2, ensure_ascii=False)


def as_text(told: tuple[Told, ...]) -> str:
    """One line a check, and below it what was found. What is left out for one reason in a row is told together."""
    lines: list[str] = []
    for _, together in groupby(told, key=lambda one: one.detail if one.state == "skipped" else one.id):
        group = list(together)
        mark = MARKS[group[0].state]
        lines += [f"{mark.shape} {mark.word!s:<9} {one.title}" for one in group]
        last = group[-1]
        lines += [f"            {words}" for words in (last.detail, last.fix and f"→ {last.fix}") if words]
    return "\n".join([*lines, "", summary(told)])
