"""`manage.py prove_tenant`: find out in a real tenant what no test can know."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation

from onboarding import clock, graph
from onboarding.restored import use
from onboarding.tenant_proof import report
from onboarding.tenant_proof.findings import Check, Finding
from onboarding.tenant_proof.one_run import AnotherRunIsGoing, only_run
from onboarding.tenant_proof.run import ProofRun
from onboarding.tenant_proof.runner import choose_checks, is_proven, list_checks, run_checks

ANOTHER_RUN = (
    "Another prove_tenant is running on this database. This one ran no check, because the two would delete each "
    "other's test passes. Wait until the other one has ended, or stop it."
)


class Command(BaseCommand):
    help = (
        "Find out how this tenant behaves, which no automated test can show. Without --probe and --mail the command "
        "only reads. Exit status: 0 every question has an answer, 1 something needs attention or has no answer, 2 "
        "the command could not run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("checks", nargs="*", metavar="CHECK", help="only these checks; --list shows all")
        parser.add_argument("--list", action="store_true", help="list the checks and stop")
        parser.add_argument(
            "--account",
            action="append",
            default=[],
            metavar="NAME_OR_ID",
            help="an account to read; can be repeated",
        )
        parser.add_argument(
            "--probe",
            default="",
            metavar="NAME_OR_ID",
            help="a test account that the policy lists; the command creates test passes for it, shows them to "
            "nobody and deletes them",
        )
        parser.add_argument("--mail", action="store_true", help="send one email to the portal's own mailbox")
        parser.add_argument(
            "--watch-grant",
            default="",
            metavar="PERMISSION",
            help="wait until a token contains this permission",
        )
        parser.add_argument(
            "--watch-handover",
            default="",
            metavar="NAME_OR_ID",
            help="watch a real hand-over to this starter",
        )
        parser.add_argument("--minutes", type=int, default=30, help="how long to watch (default %(default)s)")
        parser.add_argument(
            "--report", default="", metavar="FILE", help="write the report to FILE.md and FILE.json"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            self.stdout.write("\n".join(list_checks()))
            return
        if words := use.not_in_use_error():
            raise CommandError(words, returncode=2)
        # Commands always speak English, because people search for their texts and machines read them.
        with translation.override(settings.LANGUAGE_CODE):
            try:
                choose_checks(options["checks"])
                refuse_unwritable(options["report"])
                run = self.build_run(options)
            except (ValueError, graph.GraphError) as error:
                raise CommandError(str(error), returncode=2) from None
            try:
                with only_run():
                    results = run_checks(run, options["checks"], follow=self.print_result)
            except AnotherRunIsGoing:
                raise CommandError(ANOTHER_RUN, returncode=2) from None
        self.write_report(options["report"], results)
        if not is_proven(results):
            sys.exit(1)

    def build_run(self, options: dict[str, Any]) -> ProofRun:
        """Find the object ids of the accounts. Raises GraphError."""
        return ProofRun(
            accounts=tuple(find_object_id(name) for name in options["account"]),
            probe_account=find_object_id(options["probe"]),
            sends_mail=options["mail"],
            watched_permission=options["watch_grant"],
            watched_starter=find_object_id(options["watch_handover"]),
            watch_seconds=60.0 * options["minutes"],
            say=self.stdout.write,
        )

    def print_result(self, check: Check, finding: Finding) -> None:
        self.stdout.write(
            f"{finding.state:<12}  {check.question} {finding.answer}\n              {finding.words}"
        )

    def write_report(self, file: str, results: Any) -> None:
        if not file:
            return
        pages, data = report_files(file)
        try:
            for path, render in ((pages, report.as_markdown), (data, report.as_json)):
                text = render(results, tenant_id=settings.TENANT_ID, at=clock.now())
                path.write_text(text, encoding="utf-8")
        except OSError as problem:
            raise CommandError(f"Could not write {file}: {problem.strerror}.", returncode=2) from None
        self.stdout.write(f"The report is in {pages} and {data}.")


def report_files(file: str) -> tuple[Path, Path]:
    """Return the report for people, and the one for machines."""
    stem = Path(file).with_suffix("") if Path(file).suffix in {".md", ".json"} else Path(file)
    return stem.with_name(stem.name + ".md"), stem.with_name(stem.name + ".json")


def refuse_unwritable(file: str) -> None:
    """Before any check, see that the report can be written: a probe costs passes and minutes. Raises CommandError."""
    if not file:
        return
    try:
        for path in report_files(file):
            is_new = not path.exists()
            path.open("a", encoding="utf-8").close()
            if is_new:
                path.unlink()
    except OSError as problem:
        raise CommandError(
            f"Could not write {file}: {problem.strerror}. No check ran.", returncode=2
        ) from None


def find_object_id(name: str) -> str:
    """Return the object id of an account, nothing for an empty name. Raises GraphError."""
    return graph.client().look_up(name)[0].object_id if name else ""
