"""`manage.py person export WHO`: write everything that the portal keeps about one person as JSON, and record that."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import translation

from onboarding import audit
from onboarding.management.commands.export_audit import open_new
from onboarding.operations.installation import operator_name
from onboarding.privacy import search


class Command(BaseCommand):
    help = (
        "Export everything that the portal keeps about one person as JSON: as a starter, manager, stand-in, in HR or "
        "as an admin. The audit log records the export, with the name of your account on this machine."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("verb", choices=["export"])
        parser.add_argument("who", help="an object id, an account name or an email address")
        parser.add_argument("--output", default="-", help="a new file (default: standard output)")

    def handle(self, *args: Any, who: str, output: str, **options: Any) -> None:
        target = nullcontext(self.stdout) if output == "-" else open_new(Path(output))
        with target as file, translation.override("en"):
            personal = {"person": who, "operator": operator_name()}
            audit.record_reading(audit.PERSON_EXPORTED, by=None, facts={}, personal=personal)
            person = search.find_person(who)
            found = search.describe_export(who, person, search.find_tables(person))
            text = json.dumps(found, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False)
            file.write(f"{text}\n")
