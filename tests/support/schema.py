"""A database's schema as sorted lines: one per column, constraint, index and trigger, in no particular order."""

from __future__ import annotations

import re

from django.db import connection

# Without the names of NOT NULL constraints, which PostgreSQL numbers by itself.
COLUMNS = (
    "SELECT table_name || ' column ' || column_name || ' ' || udt_name || coalesce('(' || character_maximum_length || ')', '')"
    " || ' ' || is_nullable || coalesce(' default ' || column_default, '') || coalesce(' identity ' || identity_generation, '')"
    " FROM information_schema.columns WHERE table_schema = 'public'"
)
CONSTRAINTS = (
    "SELECT conrelid::regclass || ' constraint ' || conname || ' ' || pg_get_constraintdef(oid)"
    " FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'"
)
INDEXES = "SELECT tablename || ' index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'"
TRIGGERS = (
    "SELECT tgrelid::regclass || ' trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
)
SQLITE = (
    "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
)


def schema_lines() -> list[str]:
    """The schema of the default connection, without Django's table of migrations."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            lines = []
            for query in (COLUMNS, CONSTRAINTS, INDEXES, TRIGGERS):
                cursor.execute(query)
                lines += [str(line) for (line,) in cursor.fetchall()]
        else:
            cursor.execute(SQLITE)
            lines = [line for row in cursor.fetchall() for line in _of_sqlite(*row)]
    return sorted(line for line in lines if not line.startswith("django_migrations"))


def _of_sqlite(kind: str, name: str, table: str, sql: str) -> list[str]:
    if kind != "table":
        return [f"{table} {kind} {name} {' '.join(sql.split())}"]
    _, _, inside = sql.partition("(")
    return [f"{table} {part}" for part in _parts(inside.rpartition(")")[0])]


def _parts(text: str) -> list[str]:
    """Split at the commas outside brackets and quotes."""
    parts, depth, quote, start = [], 0, "", 0
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "()":
            depth += 1 if character == "(" else -1
        elif character == "," and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    return [re.sub(r"\s+", " ", part).strip() for part in [*parts, text[start:]]]


if __name__ == "__main__":
    import django

    django.setup()
    print("\n".join(schema_lines()))  # noqa: T201
