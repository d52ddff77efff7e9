"""The guard that holds an emergency stop: no pass until two people in HR start again (`onboarding/stops/`).

A stop outlives the details of its starter. When they are erased, the row keeps the account's object id, and every entrance
goes on refusing. `onboarding/stops/kept.py` ends such a stop.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from onboarding.graph import Account
from onboarding.guards.engine import Guard, Question
from onboarding.models import Starter


def is_account_stopped(account_id: str, account_name: str = "") -> bool:
    """Return whether a stop is in force for any starter with this account, also one that is withdrawn or erased.

    A starter who was stopped before the account existed has only its name.
    """
    same = Q(account_id=account_id) | Q(account_id="", account_name__iexact=account_name)
    return bool(account_id) and Starter.objects.filter(same, stopped_at__isnull=False).exists()


def find_kept_stops(account_id: str) -> QuerySet[Starter]:
    """Return the erased starters whose stop is still in force for this account, the last stop first."""
    kept = Starter.objects.filter(stopped_at__isnull=False, erased_at__isnull=False).exclude(account_id="")
    return kept.filter(account_id=account_id).order_by("-stopped_at")


def find_stopped_accounts(accounts: Collection[Account]) -> frozenset[str]:
    """Return the object ids of those of these accounts for which a stop is in force, with one query."""
    stopped = Starter.objects.filter(stopped_at__isnull=False)
    rows = list(stopped.values_list("account_id", "account_name"))
    ids = {account_id for account_id, _ in rows}
    names = {name.lower() for account_id, name in rows if not account_id}
    return frozenset(
        account.object_id
        for account in accounts
        if account.object_id in ids or account.user_principal_name.lower() in names
    )


def not_stopped(q: Question) -> bool:
    if q.starter.stopped_at is not None:
        return False
    if q.stopped_accounts is not None:
        return q.account.object_id not in q.stopped_accounts
    return not is_account_stopped(q.account.object_id, q.account.user_principal_name)


NOT_STOPPED = Guard(
    "not_stopped",
    _("Emergency stop"),
    not_stopped,
    _(
        "An emergency stop is in force for this starter. Nobody can create a pass until two people in HR end it."
    ),
    _(
        "An emergency stop is in force for this account. Ask the security team what happened. Two people "
        "in HR can then end the stop on the page of the starter that it was used for. If that starter’s "
        "details were erased, they can end the stop on the page of the starter who has the account now."
    ),
)
