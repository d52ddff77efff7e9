"""`manage.py diagrams`: writes the lifecycle's diagrams into the documents, from the tables in the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from onboarding.lifecycle import ISSUE_MOVES, STARTER_MOVES, diagram

DOCUMENTS = ("README.md", "docs/lifecycle.md")
PLACE = re.compile(r"<!-- diagram: (\w+) -->\n.*?<!-- end of diagram -->", re.S)
DIAGRAMS = {"starter": diagram(STARTER_MOVES), "issue": diagram(ISSUE_MOVES)}


class Command(BaseCommand):
    help = "Write the lifecycle diagrams into README.md and docs/, or with --check say whether they are true."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true")

    def handle(self, *_: Any, check: bool, **__: Any) -> None:
        for name in DOCUMENTS:
            path = Path(settings.BASE_DIR, name)
            text = path.read_text()
            true = drawn(text)
            if check and text != true:
                raise CommandError(f"{name} does not show the lifecycle as it is: run `manage.py diagrams`.")
            path.write_text(true)


def drawn(text: str) -> str:
    """The text with each marked place showing the diagram of today."""
    return PLACE.sub(
        lambda place: (
            f"<!-- diagram: {place[1]} -->\n```mermaid\n{DIAGRAMS[place[1]]}\n```\n<!-- end of diagram -->"
        ),
        text,
    )
