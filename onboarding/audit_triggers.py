"""Database triggers: nobody changes or removes an audit event or a policy version, whatever their program."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

TABLES = {
    "onboarding_auditevent": "an audit event",
    "onboarding_policyversion": "a policy version",
    "onboarding_policyactivation": "the putting in force of a policy",
}


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers on every table that is there; a migration that adds one, or makes one anew, does it again."""
    with connection.cursor() as cursor:
        there = connection.introspection.table_names(cursor)
        for statement in _statements(connection.vendor, [table for table in TABLES if table in there]):
            cursor.execute(statement)


def remove(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for table in TABLES:
            for verb in ("update", "delete"):
                on = f" ON {table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb}{on}")


def _statements(vendor: str, tables: list[str]) -> list[str]:
    if vendor == "postgresql":
        function = (
            "CREATE OR REPLACE FUNCTION onboarding_only_added() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is only ever added', TG_TABLE_NAME; END $$"
        )
        return [function, *(_postgresql(table, verb) for table in tables for verb in ("update", "delete"))]
    return [_sqlite(table, verb) for table in tables for verb in ("update", "delete")]


def _postgresql(table: str, verb: str) -> str:
    return (
        f"CREATE OR REPLACE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION onboarding_only_added()"
    )


def _sqlite(table: str, verb: str) -> str:
    return (
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{TABLES[table]} is only ever added'); END"
    )
