"""The queries for Sentinel name only fields, events, settings and columns that exist. Nothing here can run KQL."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from onboarding import policy
from onboarding.models import AuditEvent
from tests.connectors.written import FOLDER

DOCS = FOLDER.parent / "docs/reference"
FILES = sorted((FOLDER / "sentinel").glob("*.kql"))
PARSER = FOLDER / "sentinel/portal-log.kql"
RULES = [path for path in FILES if path != PARSER]

# The columns of Microsoft's tables that the queries use.
MICROSOFTS = {
    "ContainerAppConsoleLogs_CL": {"TimeGenerated", "ContainerAppName_s", "Log_s"},
    "MicrosoftGraphActivityLogs": {
        "TimeGenerated", "RequestMethod", "RequestUri", "AppId", "ClientRequestId", "ResponseStatusCode", "IPAddress",
        "ServicePrincipalId",
    },
    "AuditLogs": {
        "TimeGenerated", "LoggedByService", "Result", "OperationName", "ResultDescription", "InitiatedBy",
        "TargetResources", "CorrelationId",
    },
}  # fmt: skip
ids = {"ids": lambda path: path.name}


def code_of(path: Path) -> str:
    """The query without comments."""
    return re.sub(r"//[^\n]*", "", path.read_text())


def names_in(page: str) -> set[str]:
    """The names in backticks in the first column of the tables of a reference page."""
    rows = re.findall(r"^\| (`[^|]+`) \|", (DOCS / page).read_text(), re.M)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def actions() -> set[str]:
    """The values of `event.action`: events of the audit log, and those that the page about logs names."""
    return names_in("audit-events.md") | set(
        re.findall(r"`([a-z]+-[a-z-]+)`", (DOCS / "logs.md").read_text())
    )


def columns_of_parser() -> set[str]:
    projected = code_of(PARSER).partition("| project")[2]
    return set(re.findall(r"^\s*(\w+)(?: =|,)", projected, re.M))


def test_the_function_reads_only_documented_fields():
    read = set(re.findall(r'Line\["([^"]+)"\]', code_of(PARSER)))

    assert len(read) >= 12
    assert read - names_in("logs.md") == set()


@pytest.mark.parametrize("path", RULES, **ids)
def test_a_rule_names_only_actions_that_exist(path):
    code = code_of(path)
    compared = re.findall(r'Action == "([^"]+)"', code)
    for group in re.findall(r"Action in \(([^)]+)\)", code):
        compared += re.findall(r'"([^"]+)"', group)

    assert compared or "StarterPassPortal" not in code
    assert set(compared) - actions() == set()
    assert set(re.findall(r'Dataset == "([^"]+)"', code)) <= {"portal.audit"}


@pytest.mark.parametrize("path", FILES, **ids)
def test_a_query_uses_only_columns_that_exist(path):
    code = re.sub(r'"[^"]*"', '""', code_of(path))
    tables = {name for name in MICROSOFTS if re.search(rf"\b{name}\b", code)}
    known = set().union(*(MICROSOFTS[name] for name in tables), tables)
    if "StarterPassPortal" in code:
        known |= columns_of_parser() | {"StarterPassPortal"}
    known |= set(re.findall(r"\b([A-Z]\w*) = ", code))

    used = set(re.findall(r"(?<![.\w])[A-Z]\w*", code))

    assert len(used) >= 3
    assert used - known == set()


@pytest.mark.parametrize("path", RULES, **ids)
def test_a_rule_says_its_severity_and_schedule(path):
    head = path.read_text().partition("\n")[2].splitlines()[0]

    assert re.match(
        r"// Severity: (medium|high)[.;].* Run every .* over the last .*[.] (Any|A) row is an alert[.]", head
    )
    severity = re.search(r"Severity: (\w+)", head)[1]
    assert f"| {severity} |" in next(
        line
        for line in (FOLDER / "sentinel/README.md").read_text().splitlines()
        if line.startswith(f"| `{path.name}`")
    )


@pytest.mark.django_db
def test_the_facts_of_a_policy_event_have_what_is_read(person):
    read = {
        name
        for path in RULES
        for name in re.findall(r"Facts[.](\w+)", code_of(path))
        if "policy" in code_of(path)
    }
    rules = policy.for_site()
    lifetime = rules.lifetime_minutes
    rules.frozen, rules.reason = True, "A test"
    assert policy.add_version(rules, by=person("ada"))
    draft = policy.for_site()
    draft.lifetime_minutes, draft.frozen, draft.reason = lifetime + 60, False, "A test"
    assert not policy.add_version(draft, by=person("ada"))
    frozen = AuditEvent.objects.get(event="policy.changed").facts
    proposed = AuditEvent.objects.get(event="policy.proposed").facts
    policy.activate_version(draft.number, by=person("amir"))
    activated = AuditEvent.objects.get(event="policy.activated").facts

    assert read == {"to", "version", "changed", "department", "loosens", "in_force_at"}
    assert frozen["changed"] == {"frozen": [False, True]} and "loosens" not in frozen
    assert activated["version"] == proposed["to"]
    assert set(proposed["loosens"]) == {"lifetime_minutes", "frozen"}
    assert proposed["changed"] == {"lifetime_minutes": [lifetime, lifetime + 60], "frozen": [True, False]}
