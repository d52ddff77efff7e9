"""The guard that holds an emergency stop: no pass until two people in HR start again (`onboarding/stops/`)."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import gettext_lazy as _

from onboarding.guards.engine import Guard, Question
from onboarding.models import Starter


def is_account_stopped(account_id: str) -> bool:
    """Return whether a stop is in force for any starter with this account, also one that HR withdrew."""
    stopped = Starter.objects.filter(account_id=account_id, stopped_at__isnull=False)
    return bool(account_id) and stopped.exists()


def find_stopped_accounts(account_ids: Collection[str]) -> frozenset[str]:
    """Return those of these accounts for which a stop is in force, with one query."""
    stopped = Starter.objects.filter(account_id__in=account_ids, stopped_at__isnull=False)
    return frozenset(stopped.exclude(account_id="").values_list("account_id", flat=True))


def not_stopped(q: Question) -> bool:
    if q.starter.stopped_at is not None:
        return False
    if q.stopped_accounts is not None:
        return q.account.object_id not in q.stopped_accounts
    return not is_account_stopped(q.account.object_id)


NOT_STOPPED = Guard(
    "not_stopped",
    _("No emergency stop is in force"),
    not_stopped,
    _("An emergency stop is in force for this starter. No pass can be created until HR starts again."),
    _(
        "An emergency stop is in force for this starter. Ask the security team what happened. Then two "
        "people in HR can start again, on the page of the starter that was stopped."
    ),
)
