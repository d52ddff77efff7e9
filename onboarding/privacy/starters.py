"""Erasing who a starter was. That somebody started, when, and how it went, is kept.

While an emergency stop is in force, the object id of the account is kept too: without it, the stop would end here, and one
person could add the account again. `onboarding/stops/kept.py` erases it when the stop ends.
"""

from __future__ import annotations

from typing import Any

from django.db.models import CharField, QuerySet, Value
from django.db.models.functions import Cast, Concat

from onboarding import audit, clock
from onboarding.models import Approval, Mail, PassIssue, Starter, Ticket
from onboarding.privacy.rule_types import ERASED

# What else of a starter is emptied, in addition to `Starter.PERSONAL_FIELDS`.
EMPTY_FIELDS: dict[str, Any] = {
    "seen": {},
    "hire_date": None,
    "last_sign_in_at": None,
    "last_attempt_at": None,
    "refused_for": [],
    "shaped_by": [],
    "stop_code_hash": "",
}
EMPTY_MAIL = dict.fromkeys(("to", "reader_id", "box", "subject", "text", "html", "reason", "answer"), "")


@audit.transaction()
def erase_starter(starter: Starter) -> None:
    """Erase the starter, and what passes, approvals, tickets and mails say about them.

    A stop stays in force if the starter's account was ever found. Without an account there is nothing to keep it by.
    """
    now, stopped_id = clock.now(), _stopped_account(starter)
    Starter.objects.filter(pk=starter.pk).update(
        **{**dict.fromkeys(Starter.PERSONAL_FIELDS, ""), "account_id": stopped_id},
        **EMPTY_FIELDS,
        account_name=f"{ERASED}{starter.public_id}",
        erased_at=now,
    )
    _erase_approvals(Approval.objects.filter(starter=starter))
    Ticket.objects.filter(starter=starter).update(**dict.fromkeys(Ticket.PERSONAL_FIELDS, ""))
    PassIssue.objects.filter(starter=starter).update(account_id="", methods_before=[])
    erase_mails(Mail.objects.filter(starter=starter))
    if stopped_id:
        audit.record(
            "starter.erased", starter=starter, facts={"stop_kept": True}, personal={"account": stopped_id}
        )
    else:
        audit.record("starter.erased", starter=starter)


def _stopped_account(starter: Starter) -> str:
    """Return the object id of the account for which a stop is in force; empty without one.

    The lock of the audit trail is held, so the stop cannot change until this is committed.
    """
    row = Starter.objects.get(pk=starter.pk)
    return (row.account_id or row.found_account_id) if row.stopped_at is not None else ""


def erase_more_of_erased_starters() -> None:
    """Erase what an earlier release left of the starters that it erased. Their events say that they were erased."""
    erased = Starter.objects.filter(erased_at__isnull=False)
    left = erased.exclude(shaped_by=[], refused_for=[], last_sign_in_at=None, last_attempt_at=None)
    left.update(**EMPTY_FIELDS)
    approvals = Approval.objects.filter(starter__erased_at__isnull=False)
    _erase_approvals(approvals.exclude(occasion__startswith=ERASED))


def _erase_approvals(approvals: QuerySet[Approval]) -> None:
    """Empty them. Each occasion is unique, so it gets the number of its row."""
    occasion = Concat(Value(ERASED), Cast("pk", CharField()))
    approvals.update(reason="", occasion=occasion)


def erase_mails(mails: QuerySet[Mail]) -> int:
    """Empty these mails, and return how many rows were changed. One that was not sent never is."""
    unsent = mails.filter(sent_at=None, dropped_at=None, refused_at=None)
    unsent.update(dropped_at=clock.now(), **EMPTY_MAIL)
    return mails.update(**EMPTY_MAIL)
