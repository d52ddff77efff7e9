"""The reference pages list exactly what the code has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.conf import settings

from onboarding.admin import mail_previews
from onboarding.hr.labels import EVENTS

TOP = Path(settings.BASE_DIR)
EVENT = re.compile(r"(?:account|audit|database|hook|issue|mail|policy|session|starter)\.[a-z_]+")
DJANGOS = {"auth", "admin", "contenttypes"}


def first_column(page: str) -> list[str]:
    """The names in backticks in the first column of each table of a reference page."""
    rows = re.findall(r"^\| (`[^|]+`) \|", (TOP / "docs/reference" / page).read_text(), re.M)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def test_the_variables_are_those_of_the_example():
    example = re.findall(r"^#?([A-Z_]+)=", (TOP / ".env.example").read_text(), re.M)

    assert first_column("variables.md") == example


def test_the_mails_are_those_that_have_a_template():
    names = first_column("mails.md")

    assert sorted(names) == sorted(mail_previews.list_kinds())


def recorded_events() -> Iterator[str]:
    """The event names in the code that records them."""
    for path in (TOP / "onboarding").rglob("*.py"):
        if "doctor" in path.parts or "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and EVENT.fullmatch(node.value):
                yield node.value


def test_the_audit_events_are_those_that_the_code_records():
    names = first_column("audit-events.md")

    assert len(names) == len(set(names))
    assert set(names) == set(recorded_events())
    assert set(EVENTS) <= set(names)


def test_the_tables_are_those_of_the_database():
    names = first_column("data-kept.md")

    tables = {model._meta.db_table for model in apps.get_models() if model._meta.app_label not in DJANGOS}
    assert len(names) == len(set(names))
    assert set(names) == tables
