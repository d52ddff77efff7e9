"""The guard that holds an emergency stop: no pass until two people in HR start again (`onboarding/stops/`)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from onboarding.guards.engine import Guard, Question
from onboarding.models import Starter


def is_account_stopped(account_id: str) -> bool:
    """Return whether a stop is in force for any starter with this account, also one that HR withdrew."""
    stopped = Starter.objects.filter(account_id=account_id, stopped_at__isnull=False)
    return bool(account_id) and stopped.exists()


def not_stopped(q: Question) -> bool:
    return q.starter.stopped_at is None and not is_account_stopped(q.account.object_id)


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
