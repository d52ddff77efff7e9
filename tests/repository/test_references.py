"""The reference pages list exactly what the code has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from onboarding.admin import mail_previews
from onboarding.history.event_words import EVENTS
from onboarding.metrics import document
from onboarding.metrics.catalogue import METRICS
from onboarding.policy.loosening import RULES
from portal.logs.log_format import field_name
from portal.views import summarise_csp_report

TOP = Path(settings.BASE_DIR)
EVENT = re.compile(
    r"(?:account|audit|database|directory|hook|import|issue|list|mail|person|policy|probe|session|starter)\.[a-z_]+"
)


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


def test_the_policy_page_has_each_direction_and_reason():
    page = (TOP / "docs/reference/policy.md").read_text()
    rows = [
        [cell.strip() for cell in row.split("|")[1:-1]] for row in page.splitlines() if row.startswith("| `")
    ]

    assert [row[0] for row in rows] == [f"`{name}`" for name in RULES]
    for row, rule in zip(rows, RULES.values(), strict=True):
        order = ", ".join(f"`{choice}`" for choice in rule.order)
        assert row[1:] == [rule.direction.value + (f": {order}" if order else ""), rule.reason]


FIELD = re.compile(
    r"@timestamp|message|(?:client|ecs|error|event|http|log|organization|process|url|user|portal)[.][a-z_.]+"
)


def logged_fields() -> Iterator[str]:
    """The field names in the code: what is given as `extra`, and keys that look like a field."""
    for path in [*(TOP / "onboarding").rglob("*.py"), *(TOP / "portal").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "extra" and isinstance(node.value, ast.Dict):
                yield from (field_name(ast.literal_eval(key)) for key in node.value.keys if key)
            keys = node.keys if isinstance(node, ast.Dict) else []
            keys += [node.slice] if isinstance(node, ast.Subscript) else []
            for key in keys:
                if (
                    isinstance(key, ast.Constant)
                    and FIELD.fullmatch(str(key.value))
                    and ({"logs", "audit"} & set(path.parts) or path.name == "audit_outlets.py")
                ):
                    yield str(key.value)


def test_the_log_fields_are_those_that_the_code_writes():
    names = first_column("logs.md")

    written = set(logged_fields()) | {field_name(key) for key in summarise_csp_report(b"{}")}
    assert len(names) == len(set(names))
    assert set(names) == written


def test_the_metrics_page_is_the_one_of_the_catalogue():
    assert document.page_path().read_text() == document.build_page(), "run make metrics"
    assert len(first_column("metrics.md")) >= len(METRICS)
