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

from onboarding.doctor.report import MARKS, summarise_results
from onboarding.doctor.runner import CheckResult, is_all_ok, run_checks


class Command(BaseCommand):
    help = (
        "Check the installation without changing anything. Exit status: 0 no problems, 1 problems "
        "found, 2 the doctor could not run."
    )
    requires_system_checks = []  # what they have to say is one line of the report

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--account",
            default="",
            metavar="NAME_OR_ID",
            help="a test account that is set up like a starter's; the doctor then also checks this account",
        )
        parser.add_argument("--json", action="store_true", help="print JSON: id, title, state, detail, fix")

    def handle(self, *args: Any, **options: Any) -> None:
        # Commands always speak English, because people search for their texts and machines read them.
        with translation.override(settings.LANGUAGE_CODE):
            try:
                results = run_checks(account=options["account"])
            except Exception as error:  # the doctor itself failed
                raise CommandError(
                    f"The doctor could not run ({type(error).__name__}).", returncode=2
                ) from None
            self.stdout.write(as_json(results) if options["json"] else as_text(results))
        if not is_all_ok(results):
            sys.exit(1)


def as_json(results: tuple[CheckResult, ...]) -> str:
    report = {"ok": is_all_ok(results), "checks": [asdict(result) for result in results]}
    return json.dumps(report, indent=2, ensure_ascii=False)


def as_text(results: tuple[CheckResult, ...]) -> str:
    """One line a check, then what it found. Checks in a row that were skipped for the same reason share one text."""
    lines: list[str] = []
    for _, same_reason in groupby(
        results, key=lambda result: result.detail if result.state == "skipped" else result.id
    ):
        group = list(same_reason)
        mark = MARKS[group[0].state]
        lines += [f"{mark.shape} {mark.word!s:<9} {result.title}" for result in group]
        last = group[-1]
        lines += [f"            {words}" for words in (last.detail, last.fix and f"→ {last.fix}") if words]
    return "\n".join([*lines, "", summarise_results(results)])
