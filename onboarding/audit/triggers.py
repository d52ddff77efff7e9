"""Database triggers that protect the audit log and the policy.

No program can change, delete, replace or truncate an audit event, its code, a policy version, an activation or a stop. The
details of an event can only be erased as a whole, the head only moves forward by one event, and a key is never deleted.

Each `manage.py migrate` installs the triggers again. To change a table on SQLite, Django rebuilds it, and that drops its
triggers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper

APPEND_ONLY_TABLES = {
    "onboarding_auditevent": "an audit event",
    "onboarding_auditcode": "an authentication code",
    "onboarding_policyversion": "a policy version",
    "onboarding_policyactivation": "the putting in force of a policy",
    "onboarding_policystop": "the stop of a policy version",
}
DETAILS, HEAD, KEYS = "onboarding_auditdetail", "onboarding_audithead", "onboarding_auditkey"
PROTECTED_TABLES = (*APPEND_ONLY_TABLES, DETAILS, HEAD, KEYS)


@dataclass(frozen=True)
class Trigger:
    """One trigger: it refuses `verb` on `table`, with `message`, if `condition` holds for the row."""

    table: str
    verb: str
    message: str
    condition: str = ""  # SQL over NEW and OLD; empty for always

    @property
    def name(self) -> str:
        return f"{self.table}_no_{self.verb}"


def install_triggers(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers on every table that exists, in place of those that are there. Each `migrate` calls this."""
    with connection.cursor() as cursor:
        existing = set(connection.introspection.table_names(cursor))
        if connection.vendor == "postgresql":
            cursor.execute(_POSTGRESQL_FUNCTION)
    for trigger in all_triggers(connection):
        if trigger.table in existing:
            with connection.cursor() as cursor:
                cursor.execute(_drop_statement(connection.vendor, trigger))
                cursor.execute(_create_statement(connection.vendor, trigger))


def remove_triggers(connection: BaseDatabaseWrapper) -> None:
    """Remove the triggers."""
    with connection.cursor() as cursor:
        for trigger in all_triggers(connection):
            cursor.execute(_drop_statement(connection.vendor, trigger))


def remove_head_update(connection: BaseDatabaseWrapper) -> None:
    """Let the head change without an event, in a migration that installs the triggers again at its end."""
    (trigger,) = (one for one in all_triggers(connection) if (one.table, one.verb) == (HEAD, "update"))
    with connection.cursor() as cursor:
        cursor.execute(_drop_statement(connection.vendor, trigger))


def find_missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of the triggers that the database does not have, has turned off, or has with another body, in order."""
    with connection.cursor() as cursor:
        cursor.execute(_EXISTING[connection.vendor])
        existing = {name: {_normalise(text) for text in texts if text} for name, *texts in cursor.fetchall()}
    wanted = {trigger.name: _definition(connection.vendor, trigger) for trigger in all_triggers(connection)}
    return sorted(name for name, texts in wanted.items() if existing.get(name) != texts)


# The name of each trigger, and what defines it: its own statement, and on PostgreSQL the body of its function.
_EXISTING = {
    "postgresql": (
        "SELECT tgname, pg_get_triggerdef(pg_trigger.oid), prosrc FROM pg_trigger JOIN pg_proc ON tgfoid = pg_proc.oid "
        "WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
    ),
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
}


def _definition(vendor: str, trigger: Trigger) -> set[str]:
    texts = {_create_statement(vendor, trigger)} | ({_FUNCTION_BODY} if vendor == "postgresql" else set())
    return {_normalise(text) for text in texts}


def _normalise(sql: str) -> str:
    """SQL without what PostgreSQL adds when it prints a definition: schema, casts, brackets and spaces."""
    return re.sub(r'::\w+|\bpublic\.|[()\s"]', "", sql.lower())


def all_triggers(connection: BaseDatabaseWrapper) -> Iterator[Trigger]:
    """Every trigger of this kind of database.

    SQLite has no TRUNCATE, and its INSERT OR REPLACE deletes without asking the trigger for deletions.
    PostgreSQL has TRUNCATE, and its INSERT ... ON CONFLICT asks the trigger for updates.
    """
    on_postgresql = connection.vendor == "postgresql"
    empty = "'{}'::jsonb" if on_postgresql else "'{}'"
    for table, what in APPEND_ONLY_TABLES.items():
        yield Trigger(table, "update", f"{what} is only ever added")
        yield Trigger(table, "delete", f"{what} is only ever added")
    is_erasure = f"NEW.event_id = OLD.event_id AND NEW.salt = '' AND NEW.\"values\" = {empty}"
    yield Trigger(
        DETAILS, "update", "the details of an audit event can only be erased", f"NOT ({is_erasure})"
    )
    yield Trigger(DETAILS, "delete", "the details of an audit event are never deleted")
    one_further = "NEW.id = OLD.id AND NEW.seq = OLD.seq + 1 AND NEW.hash <> OLD.hash"
    yield Trigger(HEAD, "update", "the audit head only moves forward", f"NOT ({one_further})")
    yield Trigger(HEAD, "delete", "the audit head is never deleted")
    yield Trigger(
        KEYS, "update", "a key of the audit log can only be encrypted again", "NEW.name <> OLD.name"
    )
    yield Trigger(KEYS, "delete", "a key of the audit log is never deleted")
    for table in PROTECTED_TABLES:
        if on_postgresql:
            yield Trigger(table, "truncate", "this table is never emptied")
        else:
            yield Trigger(table, "replace", "a row is never replaced", _is_there_already(connection, table))


def _is_there_already(connection: BaseDatabaseWrapper, table: str) -> str:
    """The SQL condition that a row with one of the unique values of the new one exists."""
    unique = sorted(_unique_columns(connection, table))
    alike = (" AND ".join(f'"{name}" = NEW."{name}"' for name in columns) for columns in unique)
    rows = " OR ".join(f"({condition})" for condition in alike)
    return f"EXISTS (SELECT 1 FROM {table} WHERE {rows})"  # noqa: S608 - names of our own tables


def _unique_columns(connection: BaseDatabaseWrapper, table: str) -> set[tuple[str, ...]]:
    """The columns of the primary key and of each unique index of a table in SQLite.

    Django's introspection parses the table's SQL for this, which takes far longer.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA table_info({table})")
        keys = sorted((place, name) for _, name, _, _, _, place in cursor.fetchall() if place)
        cursor.execute(f"PRAGMA index_list({table})")
        indexes = [name for _, name, is_unique, _, _ in cursor.fetchall() if is_unique]
        found = {tuple(name for _, name in keys)}
        for index in indexes:
            cursor.execute(f'PRAGMA index_info("{index}")')
            found.add(tuple(name for _, _, name in cursor.fetchall()))
    return found


_FUNCTION_BODY = " BEGIN RAISE EXCEPTION '%: %', TG_TABLE_NAME, TG_ARGV[0]; END "
_POSTGRESQL_FUNCTION = (
    f"CREATE OR REPLACE FUNCTION onboarding_refuse() RETURNS trigger LANGUAGE plpgsql AS $${_FUNCTION_BODY}$$"
)


def _drop_statement(vendor: str, trigger: Trigger) -> str:
    on = f" ON {trigger.table}" if vendor == "postgresql" else ""
    return f"DROP TRIGGER IF EXISTS {trigger.name}{on}"


def _create_statement(vendor: str, trigger: Trigger) -> str:
    verb = "INSERT" if trigger.verb == "replace" else trigger.verb.upper()
    when = f"WHEN ({trigger.condition}) " if trigger.condition else ""
    if vendor == "postgresql":
        each = "ROW" if trigger.condition else "STATEMENT"
        return (
            f"CREATE TRIGGER {trigger.name} BEFORE {verb} ON {trigger.table} FOR EACH {each} {when}"
            f"EXECUTE FUNCTION onboarding_refuse('{trigger.message}')"
        )
    return (
        f"CREATE TRIGGER {trigger.name} BEFORE {verb} ON {trigger.table} {when}"
        f"BEGIN SELECT RAISE(ABORT, '{trigger.message}'); END"
    )
