"""`manage.py migrate`, as Django has it, one at a time: two servers that start together do not both migrate."""

from __future__ import annotations

from typing import Any

from django.core.management import CommandError
from django.core.management.commands import migrate
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder

from portal.locks import lock_database

# The first migration of the versions whose migrations became one, before the first release.
FIRST_OF_BEFORE = ("onboarding", "0001_initial")


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, unless the database is from before the first release: CommandError."""
        connection = connections[options["database"]]
        with lock_database(connection):
            refuse_tables_of_before(connection)
            super().handle(*args, **options)


def refuse_tables_of_before(connection: BaseDatabaseWrapper) -> None:
    """Raise CommandError for a database whose tables no migration can change into those of now."""
    if FIRST_OF_BEFORE in MigrationRecorder(connection).applied_migrations():
        raise CommandError(
            "A version from before the first release made this database. This version cannot upgrade it. "
            "Use an empty database. In the demo, run `make demo-reset`."
        )
