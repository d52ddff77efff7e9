"""`manage.py diagrams`: write the lifecycle diagrams into the documents, from the tables in the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from onboarding.lifecycle import ISSUE_MOVES, STARTER_MOVES, draw_diagram

DOCUMENTS = ("docs/explanation/hand-over.md",)
MARKED_PLACE = re.compile(r"<!-- diagram: (\w+) -->\n.*?<!-- end of diagram -->", re.S)
DIAGRAMS = {"starter": draw_diagram(STARTER_MOVES), "issue": draw_diagram(ISSUE_MOVES)}


class Command(BaseCommand):
    help = "Write the lifecycle diagrams into docs/explanation/, or with --check report whether they are current."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true")

    def handle(self, *_: Any, check: bool, **__: Any) -> None:
        for name in DOCUMENTS:
            path = Path(settings.BASE_DIR, name)
            text = path.read_text()
            current = draw_diagrams(text)
            if check and text != current:
                raise CommandError(f"{name} does not show the current lifecycle. Run `manage.py diagrams`.")
            path.write_text(current)


def draw_diagrams(text: str) -> str:
    """The text with the current diagram at each marked place."""
    return MARKED_PLACE.sub(
        lambda place: (
            f"<!-- diagram: {place[1]} -->\n```mermaid\n{DIAGRAMS[place[1]]}\n```\n<!-- end of diagram -->"
        ),
        text,
    )
