"""Whether this database is the one that these settings mean.

A backup that is restored beside the running portal holds its starters, its open passes and its mails to send. Opened
with another address it would invite people to the wrong place; with another tenant it would act on strangers.
"""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import DatabaseError, connection
from django.utils.translation import gettext

from onboarding import audit, clock
from onboarding.models import Installation

TAG = "installation"
THIS_MACHINE = "this machine"


def described() -> tuple[str, str]:
    """Tenant and address as the settings have them. Nobody else reaches a loopback address, whatever its port."""
    return settings.TENANT_ID, THIS_MACHINE if settings.LOOPBACK else settings.PORTAL_URL


def complaint() -> str:
    """Why these settings must not open this database, and what to do; empty where they may, or it is not made yet."""
    if not is_made():
        return ""
    row, (tenant, address) = Installation.objects.filter(id=1).first(), described()
    if row is not None and (row.tenant_id, row.address) == (tenant, address):
        return ""
    return gettext(
        "This database belongs to %(owner)s, and the settings say %(address)s, tenant %(tenant)s. A copy or a restored "
        "backup is not to be opened beside the portal it came from: give this one a DATABASE_URL of its own. If the "
        "portal itself has moved here, say so on the record: manage.py adopt_database --reason 'why it moved'"
    ) % {
        "owner": row or gettext("no installation that is known"),
        "address": address,
        "tenant": tenant,
    }


def is_made() -> bool:
    """Whether the database is there at all. Asking SQLite for one that is not would make an empty file."""
    if connection.vendor == "sqlite" and not Path(connection.settings_dict["NAME"]).exists():
        return False
    return Installation._meta.db_table in connection.introspection.table_names()


@checks.register(TAG, deploy=True)
def database_is_of_this_installation(**_: Any) -> list[checks.CheckMessage]:
    try:
        words = complaint()
    except DatabaseError:
        return [
            checks.Warning(
                gettext("The database does not answer, so whose it is could not be checked."),
                id="onboarding.W001",
            )
        ]
    return [checks.Error(words, id="onboarding.E001")] if words else []


def adopt(*, reason: str) -> tuple[str, str]:
    """Make this database the one of these settings. Returns what it was before and what it is now."""
    tenant, address = described()
    with audit.change():
        before = Installation.objects.select_for_update().filter(id=1).first()
        now = Installation(id=1, tenant_id=tenant, address=address, since=clock.now())
        now.save()
        facts = {
            "tenant": tenant,
            "address": address,
            "tenant_before": before.tenant_id if before else "",
            "address_before": before.address if before else "",
        }
        # No one is signed in at a command line: what the machine says of them is all there is.
        personal = {"reason": reason, "operator": operator()}
        audit.record("database.adopted", facts=facts, personal=personal)
    return str(before or ""), str(now)


def operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
