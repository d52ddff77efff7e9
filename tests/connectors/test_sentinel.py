"""The queries for Sentinel name only fields, events, settings and columns that exist, and are right KQL.

Microsoft's own language service parses them and knows the tables. Nothing here runs them on rows.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from onboarding import policy
from onboarding.models import AuditEvent
from tests.connectors.written import FOLDER

DOCS = FOLDER.parent / "docs/reference"
FILES = sorted((FOLDER / "sentinel").glob("*.kql"))
PARSER = FOLDER / "sentinel/portal-log.kql"
RULES = [path for path in FILES if path != PARSER]

# The columns of Microsoft's tables that the queries use, with their types.
MICROSOFTS = {
    "ContainerAppConsoleLogs_CL": {"TimeGenerated": "datetime", "ContainerAppName_s": "string", "Log_s": "string"},
    "MicrosoftGraphActivityLogs": {
        "TimeGenerated": "datetime", "RequestMethod": "string", "RequestUri": "string", "AppId": "string",
        "ClientRequestId": "string", "ResponseStatusCode": "int", "IPAddress": "string", "ServicePrincipalId": "string",
    },
    "AuditLogs": {
        "TimeGenerated": "datetime", "LoggedByService": "string", "Result": "string", "OperationName": "string",
        "ResultDescription": "string", "InitiatedBy": "dynamic", "TargetResources": "dynamic", "CorrelationId": "string",
    },
}  # fmt: skip
NODE, MODULES = shutil.which("node"), FOLDER.parent / "var/node/queries/node_modules"
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


# --- As Microsoft's language service reads them ----------------------------------------------------------------------

# What the service must find, or it looks at nothing.
WRONG = {
    "a word of the language": "StarterPassPortal | extend Version = tolong(Facts.to)",
    "no such column": "StarterPassPortal | where Actor == 'x'",
    "no such column of Microsoft's": "AuditLogs | where InitiatedBye == 'x'",
    "no such table": "AuditLog | take 1",
    "no such function": "StarterPassPortal | extend At = todate(Text)",
    "another type": "StarterPassPortal | where Sequence has 'x'",
    "half a query": "StarterPassPortal | where (Action == 'x'",
}


@pytest.fixture(scope="module")
def faults():
    """What is wrong in each query, by its name."""
    if NODE is None or not MODULES.is_dir():
        pytest.skip("the language service for KQL is not installed (make page-tools; it needs npm)")
    schemas = {
        table: f"({', '.join(f'{name}:{kind}' for name, kind in columns.items())})"
        for table, columns in MICROSOFTS.items()
    }
    queries = WRONG | {path.name: path.read_text() for path in FILES}
    given = {"tables": schemas, "functions": {"StarterPassPortal": PARSER.read_text()}, "queries": queries}
    script = [NODE, str(Path(__file__).with_name("queries.js")), str(MODULES)]
    printed = subprocess.run(
        script, input=json.dumps(given), capture_output=True, text=True, check=True
    ).stdout
    return json.loads(printed)


@pytest.mark.parametrize("path", FILES, **ids)
def test_microsofts_parser_finds_no_fault_in_a_query(faults, path):
    assert faults[path.name] == []


@pytest.mark.parametrize("name", WRONG)
def test_microsofts_parser_finds_what_is_wrong(faults, name):
    assert any(fault.startswith("Error") for fault in faults[name])


@pytest.mark.django_db
def test_the_facts_of_a_policy_event_have_what_is_read(person):
    read = {
        name
        for path in RULES
        for name in re.findall(r"Facts(?:[.]|\[\")(\w+)", code_of(path))
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
