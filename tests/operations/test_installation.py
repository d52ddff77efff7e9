"""A backup that is opened elsewhere is refused; a portal that has moved adopts its database."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from django.core.management import call_command
from django.core.management.base import CommandError

from onboarding import audit
from onboarding.models import AuditEvent, Installation
from onboarding.operations import installation
from portal.demo.process import free_port, wait_for
from portal.supervisor import manage_command
from tests.operations.test_serve import own_folder
from tests.promises.test_8_no_secret_opens_graph import REAL
from tests.support.databases import fresh_database, give_static_files

ELSEWHERE = {"PORTAL_URL": "https://staging.contoso.example"}
ANOTHER_TENANT = {"AZURE_TENANT_ID": "99999999-2222-3333-4444-555555555555"}
Copy = dict[str, str]

pytestmark = pytest.mark.django_db


# --- As somebody at a command line meets it ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def backup() -> Iterator[Copy]:
    """A database of a real installation, restored here."""
    with own_folder() as folder, fresh_database(folder) as database:
        environment = {
            "PATH": os.environ["PATH"],
            **REAL,
            "BEHIND_PROXY": "on",
            "ORGANISATION_NAME": "Contoso",
            "PORTAL_DATA_DIR": str(folder),
            "DATABASE_URL": database.url,
            "LOG_LEVEL": "ERROR",
        }
        give_static_files(folder)
        assert run(environment, "migrate", "-v0").returncode == 0
        yield environment


def run(environment: Copy, *words: str, **other: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        manage_command(*words), env={**environment, **other}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("words", "other"),
    [
        (["serve", "--prepare"], ELSEWHERE),
        (["worker", "--once"], ELSEWHERE),
        (["check", "--deploy"], ELSEWHERE),
        (["check", "--deploy"], ANOTHER_TENANT),
    ],
)
def test_a_restored_backup_with_other_settings_refuses_to_start(
    backup: Copy, words: list[str], other: Copy
) -> None:
    address = ["--bind", f"127.0.0.1:{free_port()}"] if words[0] == "serve" else []

    done = run(backup, *words, *address, **other)

    assert done.returncode == 1
    assert "belongs to https://starters.contoso.example" in done.stderr
    assert "adopt --reason" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_database_is_not_refused_or_created(backup: Copy, tmp_path: Path) -> None:
    nowhere = {"PORTAL_DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": ""}

    done = run(backup, "check", "--deploy", **nowhere)

    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "data").exists()


def test_the_sandbox_does_not_open_a_real_backup(backup: Copy, tmp_path: Path) -> None:
    pretended = {
        **{name: value for name, value in backup.items() if name not in REAL and name != "BEHIND_PROXY"},
        "PORTAL_URL": f"http://localhost:{free_port()}",
        "SANDBOX_URL": f"http://127.0.0.1:{free_port()}",
    }

    done = run(pretended, "demo")

    assert done.returncode == 1
    assert "belongs to https://starters.contoso.example" in done.stderr


def test_an_adopted_database_works_with_the_new_settings(backup: Copy) -> None:
    assert run(backup, "check", "--deploy").returncode == 0
    assert "already belongs" in run(backup, "adopt", "--yes", "--reason", "only to be sure").stdout

    adopted = run(backup, "adopt", "--yes", "--reason", "The site moved to a new host", **ELSEWHERE)

    assert adopted.returncode == 0, adopted.stderr
    assert "https://starters.contoso.example" in adopted.stdout
    assert "https://staging.contoso.example" in adopted.stdout
    assert serves({**backup, **ELSEWHERE})
    assert run(backup, "check", "--deploy").returncode == 1  # the old settings are now refused
    assert run(backup, "verify_audit", **ELSEWHERE).returncode == 0


def serves(environment: Copy) -> bool:
    port = free_port()
    site = subprocess.Popen(
        manage_command("serve", "--bind", f"127.0.0.1:{port}", "--processes", "1"),
        env=environment,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(lambda: site.poll() is not None or answers(port), "the site to answer")
        return site.poll() is None
    finally:
        site.send_signal(signal.SIGTERM)
        site.wait(120)


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/livez", timeout=5).ok
    except requests.RequestException:
        return False


# --- What is kept -----------------------------------------------------------------------------------------------------


@pytest.fixture
def ours(db, settings) -> Installation:
    tenant, address = installation.configured_owner()
    row, _ = Installation.objects.update_or_create(id=1, defaults={"tenant_id": tenant, "address": address})
    return row


def test_another_local_port_is_the_same_installation(ours, settings):
    settings.PORTAL_URL = "http://localhost:9999"

    assert installation.wrong_database_error() == ""


def test_a_database_without_an_owner_is_refused(ours):
    ours.delete()

    assert "an unknown installation" in installation.wrong_database_error()


def test_an_adoption_is_audited_with_both_addresses_and_the_reason(ours, settings):
    settings.LOOPBACK, settings.PORTAL_URL = False, "https://new.contoso.example"

    installation.adopt_database(reason="The site moved")

    event = AuditEvent.objects.select_related("detail").get(event="database.adopted")
    assert (event.facts["address_before"], event.facts["address"]) == ("this machine", settings.PORTAL_URL)
    assert event.detail.values["reason"] == "The site moved"
    assert event.detail.values["operator"]
    assert list(audit.verify_chain()) == []
    assert installation.wrong_database_error() == ""


@pytest.mark.parametrize("reason", ["", "  ", "x"])
def test_an_adoption_without_a_reason_is_refused(ours, settings, reason):
    settings.LOOPBACK, settings.PORTAL_URL = False, "https://new.contoso.example"

    with pytest.raises(CommandError, match="reason"):
        call_command("adopt", yes=True, reason=reason)

    assert installation.wrong_database_error()
