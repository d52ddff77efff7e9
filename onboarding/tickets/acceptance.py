"""HR accepts the starters that other systems added. Who accepts is the recorder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Any

from django.db import IntegrityError

from onboarding import audit, clock, jobs, obstacles, participants, policy
from onboarding.errors import ConcurrentUpdate
from onboarding.guards import approvals, daily_limits
from onboarding.models import Approval, Starter, Ticket
from onboarding.models.job import Job
from onboarding.models.starter import IS_OPEN
from onboarding.starters import directory, duplicates
from onboarding.starters.accounts import reviewed_fields
from onboarding.starters.directory import FoundAccount
from onboarding.starters.directory_sync import directory_facts
from onboarding.starters.errors import (
    AccountChanged,
    AlreadyRecorded,
    DirectoryUnavailable,
    OwnStarter,
    UnacknowledgedDuplicate,
)
from onboarding.starters.preconditions import contributors_with, require_no_pass_yet
from onboarding.transitions import move_starter


def waiting_starters() -> Any:
    """Return the starters that HR has not accepted yet, soonest start first."""
    rows = Starter.objects.filter(IS_OPEN, recorded_by=None, erased_at=None)
    return rows.select_related("ticket").order_by("starts_at", "id")


def review_key(starter: Starter) -> str:
    """Return a value that changes whenever what HR was shown of this starter changes."""
    shown = [starter.account_id or starter.found_account_id, starter.account_name]
    shown += [str(getattr(starter, name)) for name in (*Starter.DIRECTORY_FIELDS, "note")]
    digest = hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:16]
    return f"{starter.version}.{digest}"


def accept_starter(*, starter: Starter, shown: str, by: Any, acknowledged_ids: Collection[str] = ()) -> None:
    """HR accepts what another system added, and becomes its recorder. `shown` is the `review_key` of the page.

    The account is read again. Raises AccountChanged if it differs from what was shown, UnacknowledgedDuplicate,
    OwnStarter, NotAnotherPerson, ConcurrentUpdate, DailyLimitReached, AlreadyRecorded, DirectoryUnavailable.
    """
    if not starter.awaits_acceptance or review_key(starter) != shown:
        raise ConcurrentUpdate("it was accepted or changed meanwhile")
    require_no_pass_yet(starter)
    found = _read_again(starter)
    theirs = {starter.manager_id, starter.account_id, starter.stand_in_id}
    theirs |= {found.account.object_id} if found else set()
    if by.oid in theirs:
        raise OwnStarter
    # Those who ended an emergency stop have only found that the account is safe.
    if by.oid in participants.approver_ids(starter, excluding=[Approval.Why.RESTART]):
        raise approvals.NotAnotherPerson
    person = found.account if found else starter.account_name
    before = {duplicate.starter.public_id for duplicate in duplicates.find_duplicates(person)}
    if not before - {starter.public_id} <= set(acknowledged_ids):
        raise UnacknowledgedDuplicate
    _store_acceptance(starter, found, by)


def _read_again(starter: Starter) -> FoundAccount | None:
    """Read the account again. Raises AccountChanged if it differs from what HR was shown.

    The difference is stored, so that the page shows it. An account that has just appeared is left to the worker's check.
    """
    known_id = starter.account_id or starter.found_account_id
    looked = directory.look_up(known_id or starter.account_name)
    if looked.error:
        raise DirectoryUnavailable
    if looked.found is None or not known_id:
        if looked.found is not None or known_id:
            jobs.enqueue_job(f"look:{starter.pk}", priority=Job.Priority.LOOK)
            raise AccountChanged(starter.account_id)
        return None
    before, fresh = review_key(starter), directory_facts(looked.found.account, looked.found.manager)
    if not starter.account_id and fresh["account_name"] != starter.account_name:
        raise AccountChanged(starter.account_name)  # no longer the account that the ticket names
    for name, value in fresh.items():
        setattr(starter, name, value)
    if review_key(starter) != before:
        Starter.objects.filter(pk=starter.pk, version=starter.version).update(**fresh)
        raise AccountChanged(starter.account_id)
    return looked.found


def _store_acceptance(starter: Starter, found: FoundAccount | None, by: Any) -> None:
    account = found.account if found else None
    changes: dict[str, Any] = {
        "recorded_by": by,
        "recorded_at": clock.now(),
        "shaped_by": contributors_with(starter, by),
        "found_account_id": "",
    }
    if found and account:
        changes |= directory_facts(account, found.manager) | reviewed_fields(account, found.manager)
        changes |= {"account_id": account.object_id, **obstacles.CLEARED_FIELDS}
    try:
        with audit.transaction():
            if not daily_limits.is_recorder_below_limit(by, policy.for_starter(starter)):
                raise daily_limits.DailyLimitReached
            approvals.void_approvals(starter)
            move_starter(
                starter,
                None,
                event="starter.accepted",
                by=by,
                changes=changes,
                facts={"source": starter.ticket.source, "ticket": starter.ticket.number},
                personal={
                    "account": account.object_id if account else starter.account_name,
                    **({"manager": changes["manager_id"]} if account else {}),
                },
            )
            Ticket.objects.filter(starter=starter).update(accepted_at=clock.now())
            jobs.enqueue_job(f"look:{starter.pk}", priority=Job.Priority.LOOK)
    except IntegrityError:
        raise AlreadyRecorded(starter.account_name) from None
