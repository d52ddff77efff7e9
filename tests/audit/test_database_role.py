"""The portal under a PostgreSQL role that does not own its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from onboarding import policy
from onboarding.audit import database_role, triggers
from onboarding.doctor.context import DoctorRun
from onboarding.doctor.installation import check_database_role
from onboarding.models import AuditDetail, PolicyVersion, Starter
from onboarding.starters import withdrawal
from onboarding.worker import retention
from tests.support.databases import IS_POSTGRESQL

pytestmark = pytest.mark.django_db
ROLE = "portal_of_a_test"

if IS_POSTGRESQL:

    @pytest.fixture
    def limited(first_rows: None) -> Iterator[None]:
        """This connection acts as a role with the rights that the command gives."""
        triggers.install_triggers(connection)
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE ROLE {ROLE}")
            call_command("database_role", "--role", ROLE, "--apply", stdout=StringIO())
            cursor.execute(f"SET SESSION AUTHORIZATION {ROLE}")
        yield
        connection.set_rollback(True)
        connection.close()

    def test_main_job_runs_under_the_limited_role(
        limited: None,
        held: Callable[..., Any],
        record: Callable[..., Starter],
        person: Callable[[str], Any],
        run_jobs: Callable[..., int],
        browser_of: Callable[..., Any],
        tenant: Any,
        time_machine: Any,
    ) -> None:
        policy.add_version(PolicyVersion(lifetime_minutes=45, reason="Shorter"), by=person("ada"))
        issue = held("noor")
        tenant.tenant.accounts["noor"].methods.append(
            {"@odata.type": "#microsoft.graph.fido2AuthenticationMethod", "id": "f"}
        )
        run_jobs(timedelta(minutes=1))
        withdrawal.withdraw_starter(starter=record("liam"), by=person("hanna"), reason="Not coming")
        assert browser_of("hanna").get("/hr/").status_code == 200
        time_machine.move_to(timezone.now() + timedelta(days=400))
        retention.run_retention("")
        retention.run_retention("")

        erased = Starter.objects.get(pk=issue.starter_id)
        assert erased.state == "registered" and erased.erased_at is not None
        assert not AuditDetail.objects.filter(event__starter=erased.public_id, event__lt=10).exclude(
            values={}
        )
        call_command("verify_audit", stdout=StringIO())

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE onboarding_auditevent SET facts = '{}'",
            "DELETE FROM onboarding_auditevent",
            "TRUNCATE onboarding_auditevent CASCADE",
            "UPDATE onboarding_policyversion SET attempts = 9",
            "DELETE FROM onboarding_policyactivation",
            "UPDATE onboarding_auditdetail SET event_id = 1",
            "DELETE FROM onboarding_auditdetail",
            "INSERT INTO onboarding_audithead (id, seq, hash) VALUES (1, 0, '')",
            "DELETE FROM onboarding_audithead",
            "DELETE FROM onboarding_starter",
            "DELETE FROM onboarding_passissue",
            "UPDATE django_migrations SET name = ''",
            "DROP TRIGGER onboarding_auditevent_no_update ON onboarding_auditevent",
            "ALTER TABLE onboarding_auditevent DISABLE TRIGGER ALL",
            "CREATE TRIGGER mine BEFORE INSERT ON onboarding_auditevent EXECUTE FUNCTION onboarding_refuse('x')",
            "CREATE OR REPLACE FUNCTION onboarding_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
            "SET session_replication_role = replica",
            "DROP TABLE onboarding_auditevent CASCADE",
            "CREATE TABLE mine (id int)",
        ],
    )
    def test_role_cannot_change_the_trail(limited: None, statement: str) -> None:
        with (
            pytest.raises(DatabaseError, match=r"permission denied|must be owner"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)

    def test_doctor_accepts_the_limited_role(limited: None, settings: Any) -> None:
        settings.SANDBOX = False

        assert database_role.find_excessive_rights() == []
        assert check_database_role(DoctorRun("")).state == "ok"

    def test_doctor_reports_a_superuser(settings: Any) -> None:
        settings.SANDBOX = False

        found = check_database_role(DoctorRun(""))

        assert (found.state, found.detail.endswith("SUPERUSER.")) == ("wrong", True)

    @pytest.mark.parametrize("right", ["TRUNCATE", "TRIGGER", "DELETE", "UPDATE"])
    def test_doctor_reports_each_excessive_right(limited: None, right: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("RESET SESSION AUTHORIZATION")
            cursor.execute(f"GRANT {right} ON onboarding_policyversion TO {ROLE}")
            cursor.execute(f"SET SESSION AUTHORIZATION {ROLE}")

        assert database_role.find_excessive_rights() == [f"{right} onboarding_policyversion"]

    def test_doctor_reports_the_owner(limited: None) -> None:
        with connection.cursor() as cursor:
            cursor.execute("RESET SESSION AUTHORIZATION")
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(f"ALTER TABLE onboarding_auditdetail OWNER TO {ROLE}")
            cursor.execute(f"SET SESSION AUTHORIZATION {ROLE}")

        assert database_role.find_excessive_rights() == ["OWNER onboarding_auditdetail"]

    def test_every_table_has_rights_and_every_special_one_exists() -> None:
        with connection.cursor() as cursor:
            existing = set(connection.introspection.table_names(cursor))

        assert set(database_role.list_tables()) == existing
        assert existing >= {*database_role.SPECIAL_RIGHTS, *database_role.DELETED_TABLES}

else:

    def test_sqlite_has_no_role() -> None:
        with pytest.raises(CommandError, match="SQLite has no roles"):
            call_command("database_role", "--role", ROLE)

        found = check_database_role(DoctorRun(""))
        assert (found.state, "SQLite" in found.detail) == ("ok", True)
