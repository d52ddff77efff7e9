"""The first migration of each app creates the same tables as the migrations that it replaced."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from portal.management.commands.migrate import FIRST_OF_BEFORE, refuse_tables_of_before
from portal.supervisor import manage_command
from tests.support.databases import KIND, fresh_database

pytestmark = pytest.mark.both_databases

# Dumped once on each database, with the migrations that these two replaced.
FIXTURE = Path(__file__).with_name(f"schema_{KIND.lower()}.txt")
OURS = ("onboarding_", "portal_")


def test_the_squashed_migrations_create_the_same_schema(tmp_path):
    with fresh_database(tmp_path) as database:
        environment = {**os.environ, "PORTAL_DATA_DIR": str(tmp_path), "DATABASE_URL": database.url}
        for app in ("portal", "onboarding"):
            subprocess.run(manage_command("migrate", app, "0001", "-v0"), env=environment, check=True)
        dump = [sys.executable, "-m", "tests.support.schema"]
        environment["DJANGO_SETTINGS_MODULE"] = "portal.settings"
        made = subprocess.run(dump, env=environment, check=True, capture_output=True, text=True).stdout

    assert tables(made) == tables(FIXTURE.read_text())


def tables(dump: str) -> list[str]:
    """The lines about our tables, without their triggers: each `migrate` creates them, and promise 7 tests them."""
    return [line for line in dump.splitlines() if line.startswith(OURS) and " trigger " not in line]


@pytest.mark.django_db
def test_a_database_of_before_the_first_release_is_refused():
    refuse_tables_of_before(connection)  # these tables are of now

    MigrationRecorder(connection).record_applied(*FIRST_OF_BEFORE)

    with pytest.raises(CommandError, match="make demo-reset"):
        refuse_tables_of_before(connection)
