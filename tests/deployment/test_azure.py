"""The files for Azure: they fit together, with the settings that the portal knows. Nothing here can compile Bicep."""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import chain
from typing import Any

import pycep
import pytest

from tests.deployment.settings_files import DEPLOY, NEEDED, TOP, assert_command, documents, known_variables

FOLDER = DEPLOY / "azure"
FILES = sorted(path.name for path in FOLDER.glob("*.bicep"))
SENTINEL = TOP / "connectors/sentinel"
WORDS = {
    "targetScope", "param", "var", "resource", "module", "output", "existing", "if", "for", "in", "true", "false", "null",
    "string", "int", "bool", "object", "array", "allowed", "description", "minLength", "maxLength", "concat", "empty",
    "filter", "guid", "json", "replace", "loadTextContent", "resourceGroup", "subscriptionResourceId", "tenant", "environment",
    "uniqueString", "cidrSubnet",
}  # fmt: skip


@cache
def parsed(name: str) -> dict[str, Any]:
    return dict(pycep.BicepParser().parse(text=(FOLDER / name).read_text()))


def properties(name: str, resource: str) -> dict[str, Any]:
    return dict(parsed(name)["resources"][resource]["config"]["properties"])


@pytest.mark.parametrize("name", FILES)
def test_each_name_in_a_file_is_declared_in_it(name):
    """A parser reads an unknown name as a text, so this looks for itself."""
    text = re.sub(r"(?<!:)//.*", "", (FOLDER / name).read_text())
    inside = re.findall(r"\$\{([^}]*)\}", text)
    code = "\n".join(
        [re.sub(r"'[^'\n]*'", "''", text), *(re.sub(r"'[^'\n]*'", "''", part) for part in inside)]
    )
    used = set(re.findall(r"(?<![\w.])([A-Za-z_]\w*)\b(?!\s*:)", code))
    declared = set(re.findall(r"^(?:param|var|resource|module|output) (\w+)", text, re.M))
    declared |= set(re.findall(r"\[for (\w+) in", text)) | set(re.findall(r"(\w+) =>", text))

    assert used - declared - WORDS == set()


def test_each_module_gets_what_it_declares():
    modules = parsed("main.bicep")["modules"]

    for module in modules.values():
        config = module["config"].get("config", module["config"])
        assert set(config["params"]) == set(parsed(module["detail"]["path"])["parameters"])
    used = set(re.findall(r"(\w+)[.]outputs[.](\w+)", (FOLDER / "main.bicep").read_text()))
    assert used == {
        (name, output)
        for name, module in modules.items()
        for output in parsed(module["detail"]["path"]).get("outputs", {})
    }


def test_the_parameters_are_declared_and_none_is_missing():
    given = json.loads((FOLDER / "main.parameters.json").read_text())["parameters"]
    declared = parsed("main.bicep")["parameters"]
    (project,) = documents(TOP / "azure.yaml")

    assert set(given) <= set(declared)
    assert {name for name, parameter in declared.items() if parameter["default"] is None} <= set(given)
    assert (TOP / project["infra"]["path"] / f"{project['infra']['module']}.bicep").is_file()


def test_the_settings_are_known_and_complete():
    variables = parsed("apps.bicep")["variables"]
    names = {
        table: [setting["name"] for setting in variables[table]["value"]]
        for table in ("settings", "portalSettings", "ownerSettings")
    }

    assert set(chain(*names.values())) <= known_variables()
    for own in ("portalSettings", "ownerSettings"):
        together = [*names["settings"], *names[own]]
        assert set(together) >= NEEDED | {"DATABASE_URL", "DATABASE_LOGIN"}
        assert len(together) == len(set(together))


def test_metrics_are_read_inside_the_environment_only():
    variables = parsed("apps.bicep")["variables"]
    settings = {each["name"]: each["value"] for each in variables["settings"]["value"]}
    (port,) = variables["metricsPorts"]["value"]["operator"]["operands"]["false_value"]

    assert settings["METRICS_ADDRESS"]["operator"]["operands"]["false_value"] == "0.0.0.0:${metricsPort}"
    assert port["external"] is False
    ingress = properties("apps.bicep", "web")["configuration"]["ingress"]
    assert ingress["additionalPortMappings"] == "metricsPorts"


def test_an_app_registration_can_call_graph():
    settings = parsed("apps.bicep")["variables"]["settings"]["value"]

    assert {"name": "GRAPH_CLIENT_ID", "value": "graphClientId"} in settings
    given = json.loads((FOLDER / "main.parameters.json").read_text())["parameters"]
    assert given["graphClientId"] == {"value": "${GRAPH_CLIENT_ID}"}


PARTS = {"web": ["site"], "worker": ["worker"], "migrate": ["migrate", "database_role"]}


def test_each_part_runs_its_command_with_its_identity():
    for part, commands in PARTS.items():
        template = properties("apps.bicep", part)["template"]
        containers = [*template.get("initContainers", []), *template["containers"]]
        identity = parsed("apps.bicep")["resources"][part]["config"]["identity"]
        own = "owner" if part == "migrate" else "portal"

        assert [container["args"][0] for container in containers] == commands
        for container in containers:
            assert_command(container["args"])
            assert container["env"]["function"]["parameters"]["arg_2"] == f"{own}Settings"
        assert list(identity["userAssignedIdentities"]) == [f"'${{{own}.id}}'"]


def test_only_the_site_is_public_and_two_of_each_run():
    web, worker = properties("apps.bicep", "web"), properties("apps.bicep", "worker")
    probes = {probe["type"]: probe for probe in web["template"]["containers"][0]["probes"]}

    assert web["configuration"]["ingress"]["allowInsecure"] is False
    assert "ingress" not in worker["configuration"]
    assert [part["template"]["scale"]["minReplicas"] for part in (web, worker)] == [2, 2]
    assert probes["Liveness"]["httpGet"]["path"] == "/livez"
    assert probes["Readiness"]["httpGet"]["path"] == "/readyz"
    assert max(probe["failureThreshold"] for probe in probes.values()) <= 10  # Azure refuses more


def test_no_password_opens_the_database_or_the_vault():
    server, vault = properties("database.bicep", "server"), properties("foundation.bicep", "vault")

    assert (server["authConfig"]["activeDirectoryAuth"], server["authConfig"]["passwordAuth"]) == (
        "Enabled",
        "Disabled",
    )
    assert vault["enableRbacAuthorization"] and vault["enablePurgeProtection"]
    for name in FILES:
        assert "@secure()" not in (FOLDER / name).read_text()


def test_the_alerts_are_the_queries_for_sentinel():
    log = properties("alerts.bicep", "portalLog")["query"]["function"]["parameters"]
    rules = parsed("alerts.bicep")["variables"]["rules"]["value"]

    assert (
        FOLDER / log["original_string"]["function"]["parameters"]["file_path"]
    ).resolve() == SENTINEL / "portal-log.kql"
    assert (SENTINEL / "portal-log.kql").read_text().count(log["old_string"]) == 1
    for rule in rules:
        query = FOLDER / rule["query"]["function"]["parameters"]["file_path"]
        severity = {1: "high", 2: "medium"}[rule["severity"]]
        assert query.resolve() == SENTINEL / f"{rule['name']}.kql"
        assert f"// Severity: {severity}." in query.read_text()
        assert not re.search(r"11111111-1111|MicrosoftGraphActivityLogs|AuditLogs", query.read_text())
