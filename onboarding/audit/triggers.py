"""Database triggers: no program can change or delete an audit event or a policy version."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

APPEND_ONLY_TABLES = {
    "onboarding_auditevent": "an audit event",
    "onboarding_policyversion": "a policy version",
    "onboarding_policyactivation": "the putting in force of a policy",
}


def install_triggers(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers on every table that exists. A migration that adds or rebuilds such a table calls this again."""
    with connection.cursor() as cursor:
        existing = connection.introspection.table_names(cursor)
        for statement in _create_statements(
            connection.vendor, [table for table in APPEND_ONLY_TABLES if table in existing]
        ):
            cursor.execute(statement)


def remove_triggers(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for table in APPEND_ONLY_TABLES:
            for verb in ("update", "delete"):
                on = f" ON {table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb}{on}")


def _create_statements(vendor: str, tables: list[str]) -> list[str]:
    if vendor == "postgresql":
        function = (
            "CREATE OR REPLACE FUNCTION onboarding_only_added() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is only ever added', TG_TABLE_NAME; END $$"
        )
        return [
            function,
            *(_create_on_postgresql(table, verb) for table in tables for verb in ("update", "delete")),
        ]
    return [_create_on_sqlite(table, verb) for table in tables for verb in ("update", "delete")]


def _create_on_postgresql(table: str, verb: str) -> str:
    return (
        f"CREATE OR REPLACE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION onboarding_only_added()"
    )


def _create_on_sqlite(table: str, verb: str) -> str:
    return (
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY_TABLES[table]} is only ever added'); END"
    )
