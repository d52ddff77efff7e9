"""The check that a database belongs to this installation.

A backup that is restored next to the running portal has its starters, open passes and unsent mails. With another
address it would send people to the wrong place; with another tenant it would act on other people's accounts.
"""

from __future__ import annotations

import getpass
import math
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core import checks
from django.db import DatabaseError, connection
from django.db.models import Max
from django.utils.translation import gettext

from onboarding import audit, clock, jobs
from onboarding.models import Heartbeat, Installation, Job, Starter
from onboarding.operations.unreachable import database_error_text
from onboarding.restored import place, use

TAG = "installation"
LOOPBACK_ADDRESS = "this machine"


def configured_owner() -> tuple[str, str]:
    """Tenant and address in the settings. All loopback addresses count as one, because only this machine reaches them."""
    return settings.TENANT_ID, LOOPBACK_ADDRESS if settings.LOOPBACK else settings.PORTAL_URL


def wrong_database_error() -> str:
    """Why these settings must not use this database, and what to do; empty if they may, or if it has no tables yet."""
    if not has_tables():
        return ""
    row, (tenant, address) = Installation.objects.filter(id=1).first(), configured_owner()
    if row is not None and (row.tenant_id, row.address) == (tenant, address):
        return ""
    return gettext(
        "This database belongs to %(owner)s, but the settings say %(address)s, tenant %(tenant)s. A copy "
        "or a restored backup must not run next to the original portal. If this is a copy, set "
        "DATABASE_URL to another database. If the portal has moved here, run: manage.py adopt --reason 'why it moved'"
    ) % {
        "owner": row or gettext("an unknown installation"),
        "address": address,
        "tenant": tenant,
    }


def has_tables() -> bool:
    """Whether the database has been migrated. SQLite is not asked for a file that does not exist: it would create one."""
    if connection.vendor == "sqlite" and not Path(connection.settings_dict["NAME"]).exists():
        return False
    return Installation._meta.db_table in connection.introspection.table_names()


@checks.register(TAG, deploy=True)
def database_is_of_this_installation(**_: Any) -> list[checks.CheckMessage]:
    try:
        words = wrong_database_error()
    except DatabaseError as error:
        return [checks.Warning(database_error_text(error), id="onboarding.W001")]
    return [checks.Error(words, id="onboarding.E001")] if words else []


def adopt_database(*, reason: str) -> tuple[str, str]:
    """Make this database belong to these settings, where it is now. Returns the owner before and the owner now.

    If it was a copy, every starter who waits is checked for passes that it does not know, and everybody signs in again: a
    session that was ended after the backup must not come back.
    """
    tenant, address = configured_owner()
    here, cause = place.label_place(), use.find_cause()
    with audit.transaction():
        before = Installation.objects.select_for_update().filter(id=1).first()
        now = Installation(
            id=1,
            tenant_id=tenant,
            address=address,
            since=before.since if before else clock.now(),
            database_id=here.number,
            database_address=here.address,
            adopted_at=clock.now() if cause or before is None else before.adopted_at,
        )
        now.save()
        facts = {
            "tenant": tenant,
            "address": address,
            "tenant_before": before.tenant_id if before else "",
            "address_before": before.address if before else "",
            "cause": str(cause or "moved"),
        }
        # Nobody is signed in at a command line, so the name of the operating system's user is recorded.
        personal = {"reason": reason, "operator": operator_name()}
        audit.record("database.adopted", facts=facts, personal=personal)
        if cause is not None:
            _enqueue_checks()
            Session.objects.all().delete()
    use.forget_last_cause()
    return str(before or ""), str(now)


def _enqueue_checks() -> None:
    """Queue one check per starter who waits, those who start first before the others."""
    waiting = Starter.objects.unfinished().exclude(account_id="").order_by("starts_at")
    now = clock.now()
    Job.objects.filter(key__startswith="restored:").delete()
    Job.objects.bulk_create(
        (
            Job(
                key=use.check_key(starter),
                priority=Job.Priority.LOOK,
                due_at=now + timedelta(milliseconds=number),
            )
            for number, starter in enumerate(waiting.only("pk", "account_id").iterator())
        ),
        batch_size=500,
    )


def seconds_until_adoptable() -> int:
    """Seconds until no worker's heartbeat is recent. Until then another portal may be at work on this database."""
    last = Heartbeat.objects.aggregate(last=Max("beat_at"))["last"]
    left = last + jobs.HEARTBEAT_VALID_FOR - clock.now() if last else timedelta(0)
    return max(0, math.ceil(left.total_seconds()))


def suspend_database(*, reason: str) -> None:
    """An operator marks a restored database as one that nobody may use before it is adopted."""
    with audit.transaction():
        Installation.objects.filter(id=1).update(suspended=Installation.Suspended.BY_OPERATOR)
        audit.record("database.suspended", personal={"reason": reason, "operator": operator_name()})
    use.forget_last_cause()


def operator_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
