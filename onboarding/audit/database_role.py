"""The rights of the PostgreSQL role that the portal needs, and whether it runs under such a role.

A role that owns the tables can drop their triggers, so the owner should only migrate. The portal's own role cannot change
or delete what is only ever added, cannot empty a table, and cannot touch a trigger. SQLite has no roles.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.conf import settings
from django.db import connection

from onboarding.audit.triggers import APPEND_ONLY_TABLES, DETAILS, HEAD, KEYS, PROTECTED_TABLES

# Rows that the portal deletes: what is done, has expired, or is written again. Everything else is kept, or erased in place.
DELETED_TABLES = frozenset(
    {
        "django_session", "onboarding_apiusage", "onboarding_auditword", "onboarding_directoryfinding",
        "onboarding_heartbeat", "onboarding_hook", "onboarding_hookdelivery", "onboarding_hrmailchoice",
        "onboarding_importrow", "onboarding_job", "onboarding_loggedpass", "onboarding_probepass",
        "onboarding_savedfilter", "onboarding_starterimport", "onboarding_starterword", "onboarding_stepupused",
        "onboarding_turn", "portal_entrasession", "portal_signin",
    }
)  # fmt: skip
# Tables of Django that only migrations write.
READ_TABLES = frozenset(
    {"auth_group", "auth_group_permissions", "auth_permission", "django_content_type", "django_migrations"}
)
SPECIAL_RIGHTS = {
    **dict.fromkeys(APPEND_ONLY_TABLES, "SELECT, INSERT"),
    **dict.fromkeys(READ_TABLES, "SELECT"),
    DETAILS: 'SELECT, INSERT, UPDATE (salt, "values")',
    HEAD: "SELECT, UPDATE (seq, hash, key)",
    KEYS: "SELECT, INSERT, UPDATE (sealed)",
}


def list_tables() -> list[str]:
    models = apps.get_models(include_auto_created=True)
    return sorted({model._meta.db_table for model in models if not model._meta.proxy} | {"django_migrations"})


def table_rights(table: str) -> str:
    """The rights on one table, as GRANT takes them."""
    usual = "SELECT, INSERT, UPDATE" + (", DELETE" if table in DELETED_TABLES else "")
    return SPECIAL_RIGHTS.get(table, usual)


def list_grants(role: str) -> Iterator[str]:
    """The SQL that the owner of the tables runs once, and again after each migration. It takes away all other rights."""
    name = connection.ops.quote_name(role)
    yield f"GRANT USAGE ON SCHEMA public TO {name};"
    yield f"REVOKE CREATE ON SCHEMA public FROM PUBLIC, {name};"
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {name};"
    for table in list_tables():
        yield f"GRANT {table_rights(table)} ON {table} TO {name};"
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name};"


def list_timeouts(role: str) -> Iterator[str]:
    """The SQL that gives a role the portal's timeouts, for a pooler. The role itself may run it."""
    name, database = (
        connection.ops.quote_name(text) for text in (role, str(connection.settings_dict["NAME"]))
    )
    for setting, milliseconds in settings.DATABASE_TIMEOUTS.items():
        yield f"ALTER ROLE {name} IN DATABASE {database} SET {setting} = {milliseconds};"


def find_excessive_rights() -> list[str]:
    """What the portal's role can do that would let it change the audit log, in SQL's words. PostgreSQL only."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone()[0]:
            return ["SUPERUSER"]
        cursor.execute(_OWNED_TABLES, [list(PROTECTED_TABLES)])
        if owned := [table for (table,) in cursor.fetchall()]:
            return [f"OWNER {table}" for table in owned]
        cursor.execute(_EXCESSIVE_RIGHTS, [list(PROTECTED_TABLES), list(APPEND_ONLY_TABLES)])
        return [f"{right} {table}" for table, right in cursor.fetchall()]


_OWNED_TABLES = """
    SELECT relname FROM pg_class
    WHERE oid IN (SELECT to_regclass(name) FROM unnest(%s::text[]) AS name) AND pg_has_role(current_user, relowner, 'MEMBER')
    ORDER BY relname
"""
_EXCESSIVE_RIGHTS = """
    SELECT name, wanted FROM unnest(%s::text[]) AS name, unnest(ARRAY['TRUNCATE', 'TRIGGER', 'DELETE', 'UPDATE']) AS wanted
    WHERE has_table_privilege(current_user, name, wanted) AND (wanted <> 'UPDATE' OR name = ANY(%s::text[]))
    ORDER BY name, wanted
"""
