"""Many invited starters as rows, and the calls for their sign-in activity."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from onboarding import clock, guards
from onboarding.graph import Account
from onboarding.models import Starter
from portal.sandbox.people import BY_KEY
from portal.sandbox.server import Sandbox

UTC = ZoneInfo("UTC")


def many_invited(
    tenant: Sandbox, count: int, *, by: Any, starts_in: timedelta = timedelta(0), manager: str = "maria"
) -> list[Starter]:
    """Add this many people to the tenant and as starters with this start. Nothing was read about them since."""
    number, start = Starter.objects.count(), datetime.now(UTC) + starts_in
    accounts = [
        tenant.tenant.add_starter(f"many{n}", f"Many Number{n}", manager=manager)
        for n in range(number, number + count)
    ]
    rows = [
        Starter(
            state="invited",
            invited_at=clock.now(),
            account_name=account.user_principal_name,
            account_id=account.id,
            display_name=account.name,
            manager_id=BY_KEY[manager].object_id,
            start_date=start.date(),
            start_time=start.time().replace(second=0, microsecond=0),
            starts_at=start.replace(second=0, microsecond=0),
            time_zone="UTC",
            recorded_by=by,
            shaped_by=[by.oid],
            seen=_seen(account, manager),
            first_manager_id=BY_KEY[manager].object_id,
            looked_at=clock.now(),
        )
        for account in accounts
    ]
    return Starter.objects.bulk_create(rows)


def _seen(account: Any, manager: str) -> dict[str, str]:
    blank = dict.fromkeys(Account.__dataclass_fields__, None)
    known = {
        "object_id": account.id,
        "user_principal_name": account.user_principal_name,
        "display_name": account.name,
        "employee_id": account.properties["employeeId"],
    }
    return guards.identity_snapshot(Account(**blank | known), None) | {
        "manager_id": BY_KEY[manager].object_id
    }


def sign_in_calls(tenant: Sandbox) -> list[dict[str, Any]]:
    """The calls for sign-in activity in order, also those within a batch."""
    return [
        request
        for request in tenant.tenant.requests
        if "signInActivity" in request["query"].get("$select", "")
    ]
