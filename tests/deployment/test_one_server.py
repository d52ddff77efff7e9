"""The files for one server: the systemd unit, and the containers of compose."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest

from portal.supervisor import STOP_TIMEOUT_SECONDS
from tests.deployment import image as container
from tests.deployment.settings_files import (
    DEPLOY,
    NEEDED,
    TOP,
    assert_command,
    documents,
    known_variables,
    variables_of,
)

UNIT = DEPLOY / "systemd/starter-pass-portal.service"


@pytest.fixture(scope="module")
def unit() -> RawConfigParser:
    parser = RawConfigParser(strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT)
    return parser


def test_the_unit_starts_serve_and_lets_it_finish(unit):
    service = unit["Service"]
    python, manage, command, *options = service["ExecStart"].split()

    assert python == f"{service['WorkingDirectory']}/.venv-run/bin/python"
    assert (TOP / manage).is_file()
    assert_command([command, *options])
    assert {"--prepare", "--bind"} <= set(options) and "127.0.0.1:8000" in options
    assert int(service["TimeoutStopSec"]) > STOP_TIMEOUT_SECONDS
    assert service["User"] == service["Group"] == service["StateDirectory"] == "starter-pass-portal"


def test_the_unit_writes_only_its_folder_and_has_no_rights(unit):
    service = unit["Service"]

    assert (service["ProtectSystem"], service["PrivateTmp"]) == ("strict", "yes")
    assert (service["NoNewPrivileges"], service["CapabilityBoundingSet"]) == ("yes", "")
    assert (service["ProtectHome"], service["LimitCORE"], service["UMask"]) == ("yes", "0", "0077")
    assert "ReadWritePaths" not in service


def test_systemd_accepts_the_unit_where_it_is_found(tmp_path):
    if not shutil.which("systemd-analyze"):
        return  # the tests above read it
    program = tmp_path / "python"  # systemd looks whether it is there
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / UNIT.name
    copy.write_text(re.sub(r"ExecStart=\S+", f"ExecStart={program}", UNIT.read_text()))

    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_settings_of_the_unit_are_known_and_complete(unit):
    given = variables_of(DEPLOY / "systemd/settings.env")

    assert set(given) <= known_variables()
    assert set(given) >= NEEDED
    assert given["PORTAL_DATA_DIR"] == f"/var/lib/{unit['Service']['StateDirectory']}"


# --- compose ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    (compose,) = documents(DEPLOY / "compose.yaml")
    return dict(compose["services"])


PORTAL = {"migrate": "migrate", "web": "site", "worker": "worker"}


def test_compose_runs_each_part_apart_in_a_read_only_container(services):
    assert set(services) == {"database", "proxy", *PORTAL}
    for name, command in PORTAL.items():
        service = services[name]
        assert service["command"][0] == command
        assert_command(service["command"])
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["user"] == container.stages()[-1].last("USER")
        assert [mount.partition(":")[0] for mount in service["tmpfs"]] == ["/tmp"]
        assert "volumes" not in service
        assert set(service["environment"]) <= known_variables()
        build = service["build"]
        assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == container.DOCKERFILE
        assert set(build["args"]) <= set(re.findall(r"^ARG (\w+)", container.DOCKERFILE.read_text(), re.M))
    # A worker has no address that could be asked.
    assert services["worker"]["healthcheck"] == {"disable": True} and "healthcheck" not in services["web"]


def test_compose_starts_in_order_and_keeps_the_database_inside(services):
    (compose,) = documents(DEPLOY / "compose.yaml")

    assert compose["networks"]["inside"] == {"internal": True}
    assert services["database"]["networks"] == ["inside"] and "ports" not in services["database"]
    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    for name in ("web", "worker"):
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
        assert int(services[name]["stop_grace_period"].rstrip("s")) > STOP_TIMEOUT_SECONDS


def test_visitors_reach_the_portal_only_through_the_proxy(services):
    assert services["proxy"]["network_mode"] == "service:web"
    assert services["web"]["command"] == ["site", "--bind", "127.0.0.1:8000"]
    assert [name for name, service in services.items() if "ports" in service] == ["web"]
    assert services["web"]["ports"] == ["80:80", "443:443"]
    configuration, certificate = services["proxy"]["volumes"]
    assert configuration == "./nginx.conf:/etc/nginx/conf.d/default.conf:ro"
    used = re.findall(r"ssl_certificate(?:_key)? (\S+)/[\w.]+;", (DEPLOY / "nginx.conf").read_text())
    assert used and all(folder in certificate for folder in used)


def test_metrics_are_not_published(services):
    for name in ("web", "worker"):
        port = services[name]["environment"]["METRICS_ADDRESS"].rpartition(":")[2]
        assert not [published for published in services[name].get("ports", []) if port in published]
    assert port not in (DEPLOY / "nginx.conf").read_text()


def test_compose_has_no_secret_of_its_own(services):
    text = (DEPLOY / "compose.yaml").read_text()

    required = set(re.findall(r"\$\{(\w+):\?", text))
    assert required == {"PYTHON_DIGEST", "DATABASE_PASSWORD", "TLS_FOLDER", "PORTAL_KEY_FILE"}
    assert "${DATABASE_PASSWORD:?" in services["database"]["environment"]["POSTGRES_PASSWORD"]
    assert json.dumps(services).count("sha256:") == 0


def test_only_deployments_own_files_are_shipped():
    """A settings file that somebody filled in does not get into an image."""
    assert [name for name in container.build_context() if Path(name).parts[0] == "deploy"] == [
        "deploy/build.env"
    ]
