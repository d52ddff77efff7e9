"""`manage.py database_role`: print the SQL that lets the portal run under a role with few rights."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from onboarding.audit import database_role


class Command(BaseCommand):
    help = (
        "Print the SQL that gives a PostgreSQL role the rights that the portal needs, and takes all others away. Run it "
        "as the owner of the tables, after each migration."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--role", required=True, help="the role under which the portal runs")

    def handle(self, *args: Any, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError(
                "SQLite has no roles. Use PostgreSQL, or limit who can write the database file."
            )
        self.stdout.write("BEGIN;")
        for statement in database_role.list_grants(options["role"]):
            self.stdout.write(statement)
        self.stdout.write("COMMIT;")
