"""`manage.py database_role`: print the SQL that lets the portal run under a role with few rights."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection

from onboarding.audit import database_role


class Command(BaseCommand):
    help = (
        "Print the SQL that gives a PostgreSQL role the rights that the portal needs, and removes all other rights. "
        "Run the SQL as the owner of the tables, after each migration."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--role", required=True, help="the role under which the portal runs")
        parser.add_argument(
            "--timeouts",
            action="store_true",
            help="print the SQL that gives the role the portal's timeouts, for a pooler such as PgBouncer",
        )
        parser.add_argument(
            "--apply",
            action="store_true",
            help="run the SQL instead of printing it; DATABASE_URL must then have the login of the tables' owner",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError(
                "SQLite has no roles. Use PostgreSQL, or limit who can write the database file."
            )
        if options["timeouts"]:
            for statement in database_role.list_timeouts(options["role"]):
                self.stdout.write(statement)
            return
        if options["apply"]:
            self.apply(options["role"])
            return
        self.stdout.write("BEGIN;")
        for statement in database_role.list_grants(options["role"]):
            self.stdout.write(statement)
        self.stdout.write("COMMIT;")

    def apply(self, role: str) -> None:
        """Run all statements as one, so that they hold together or not at all."""
        try:
            with connection.cursor() as cursor:
                cursor.execute("\n".join(database_role.list_grants(role)))
        except DatabaseError as error:
            cause = str(error).splitlines()[0]
            raise CommandError(
                f"The rights of {role} were not changed: {cause}. The role must exist, and DATABASE_URL must have "
                "the login of the tables' owner."
            ) from None
        self.stdout.write(f"{role} has the rights that the portal needs, and no others.")
