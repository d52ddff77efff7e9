"""Stops that outlive the details of their starter: the row of the erased starter keeps the account's object id, only.

Such a stop ends when two people in HR end it, on the page of a starter with the same account, or when `audit_days` have
passed since the details were erased. Then the object id goes too.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from django.db.models import QuerySet

from onboarding import audit
from onboarding.models import Starter


class Why(StrEnum):
    """Why a kept stop ended. The audit event has it."""

    TWO_PEOPLE = "two_people"
    TIME = "time"


def find_over(erased_before: datetime) -> QuerySet[Starter]:
    """Return the erased starters whose stop has been kept long enough."""
    return Starter.objects.filter(stopped_at__isnull=False, erased_at__lt=erased_before).exclude(
        account_id=""
    )


@audit.transaction()
def end_kept_stop(starter: Starter, *, why: Why) -> None:
    """End the stop of an erased starter, and erase the object id. The event does not say who ended it, or which account."""
    rows = Starter.objects.filter(pk=starter.pk, erased_at__isnull=False, stopped_at__isnull=False)
    if rows.update(stopped_at=None, account_id=""):
        audit.record("starter.kept_stop_ended", starter=starter, facts={"why": str(why)})
