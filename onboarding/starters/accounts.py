"""The starter's account: HR accepts one that appeared, confirms changes in Entra, or chooses another."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError

from onboarding import audit, graph, guards, jobs, obstacles
from onboarding.errors import ConcurrentUpdate
from onboarding.guards import approvals
from onboarding.lifecycle import StarterState
from onboarding.mail import notifications
from onboarding.models import Starter
from onboarding.models.job import Job
from onboarding.obstacles import BLOCKING
from onboarding.sessions.freshness import require_enabled_account, require_fresh_sign_in
from onboarding.starters import directory_sync, duplicates, invitations
from onboarding.starters.directory import FoundAccount
from onboarding.starters.directory_sync import directory_facts
from onboarding.starters.errors import (
    AccountChanged,
    AlreadyRecorded,
    OwnStarter,
    SameAccount,
    UnacknowledgedDuplicate,
)
from onboarding.starters.preconditions import contributors_with, require_no_pass_yet, require_other_manager
from onboarding.starters.withdrawal import NOT_READ_YET, NOT_SENT_YET
from onboarding.transitions import move_starter

Problem = Starter.Problem


@dataclass(frozen=True)
class AccountEntry:
    """The account that HR entered: one found in Entra, or the name under which IT will create it."""

    account_name: str
    found: FoundAccount | None = None

    @classmethod
    def from_look_up(cls, found: FoundAccount | None, *, typed: str) -> AccountEntry:
        """`typed` is the name that HR entered. It counts only if no account was found."""
        return cls(found.account.user_principal_name if found else typed, found)

    @property
    def account_or_name(self) -> duplicates.AccountOrName:
        return self.found.account if self.found else self.account_name


def reviewed_fields(account: graph.Account, manager: graph.Manager | None) -> dict[str, Any]:
    """Return the fields that keep what HR reviewed. The guards compare later readings with them."""
    reviewed = guards.identity_snapshot(account, manager)
    return {"seen": reviewed, "first_manager_id": reviewed["manager_id"]}


def accept_account(*, starter: Starter, found_account_id: str, by: Any) -> None:
    """Accept the account that appeared as the starter's.

    Raises AccountChanged, OwnStarter, AlreadyRecorded, ConcurrentUpdate, GraphError.
    """
    account, manager = graph.client().look_up(found_account_id)
    if (
        not found_account_id
        or starter.found_account_id != found_account_id
        or account.object_id != found_account_id
        or account.user_principal_name.lower() != starter.account_name
    ):
        raise AccountChanged(found_account_id)
    require_no_pass_yet(starter)
    if manager is not None and manager.object_id == by.oid:
        raise OwnStarter
    facts = directory_facts(account, manager)
    try:
        with audit.transaction():
            move_starter(
                starter,
                None,
                event="starter.account_accepted",
                by=by,
                changes={
                    **facts,
                    **reviewed_fields(account, manager),
                    "account_id": account.object_id,
                    "found_account_id": "",
                    "shaped_by": contributors_with(starter, by),
                    **obstacles.CLEARED_FIELDS,
                },
                personal={"account": account.object_id, "manager": facts["manager_id"]},
            )
            jobs.enqueue_job(f"look:{starter.pk}", priority=Job.Priority.LOOK)
    except IntegrityError:
        raise AlreadyRecorded(starter.account_name) from None


def accept_directory_changes(*, starter: Starter, expected: dict[str, str], by: Any) -> None:
    """Accept changes that HR reviewed. `expected` is the identity snapshot that HR was shown.

    A new manager gets the link. Raises AccountChanged if Entra has changed since, OwnStarter, ConcurrentUpdate, GraphError.
    """
    account, manager, above = directory_sync.read_account(starter)
    now = guards.identity_snapshot(account, manager)
    if now != expected or account.object_id != starter.account_id:
        raise AccountChanged(starter.account_id)
    require_no_pass_yet(starter)
    if by.oid == now["manager_id"]:
        raise OwnStarter
    require_other_manager(starter, by)
    before, invited = dict(starter.seen), starter.state == StarterState.INVITED
    with audit.transaction():
        directory_sync.notify_former_manager(starter, now["manager_id"])
        directory_sync.end_void_stand_in(starter, manager)
        move_starter(
            starter,
            None,
            event="starter.looked_again",
            by=by,
            changes={
                **directory_facts(account, manager),
                "seen": now,
                "shaped_by": contributors_with(starter, by),
                **obstacles.CLEARED_FIELDS,
            },
            facts={"changed": sorted(name for name in now if before.get(name) != now[name])},
            personal={
                f"{name}_{when}": str(values.get(name, ""))
                for when, values in (("before", before), ("now", now))
                for name in now
                if before.get(name) != now[name]
            },
        )
        starter.problem = obstacles.find_obstacle(starter, obstacles.Read(account, manager, above)).problem
        Starter.objects.filter(pk=starter.pk).update(problem=starter.problem)
        if invited and before.get("manager_id") != now["manager_id"] and starter.problem not in BLOCKING:
            invitations.send_to_confirmer(starter, by=by)
        jobs.enqueue_job(f"look:{starter.pk}", priority=Job.Priority.LOOK)


NEVER_READ: dict[str, Any] = NOT_READ_YET | {"last_sign_in_at": None, "last_attempt_at": None}


NO_ACCOUNT_YET: dict[str, Any] = {
    **dict.fromkeys(("account_id", *Starter.DIRECTORY_FIELDS, "first_manager_id"), ""),
    "hire_date": None,
    "looked_at": None,
    "seen": {},
}


def can_replace_account(starter: Starter) -> bool:
    """Return whether HR can still choose another account: only before any pass was created."""
    is_early = (
        starter.state in {StarterState.RECORDED, StarterState.INVITED} and starter.first_pass_at is None
    )
    if not is_early or starter.stopped_at is not None:
        return False
    return starter.open_issue() is None and not any(issue.counted for issue in starter.issues.all())


def _account_fields(account: graph.Account, manager: graph.Manager | None) -> dict[str, Any]:
    fields = directory_facts(account, manager) | reviewed_fields(account, manager)
    return fields | {"account_id": account.object_id}


def _require_other_account(starter: Starter, entry: AccountEntry) -> None:
    """Raises ConcurrentUpdate, SameAccount."""
    if not can_replace_account(starter):
        raise ConcurrentUpdate("a pass was made for this account, or the onboarding is finished")
    if entry.found is None:
        is_same = entry.account_name.lower() == starter.account_name
    else:
        is_same = entry.found.account.object_id == starter.account_id
    if is_same:
        raise SameAccount


def _require_acknowledged(starter: Starter, entry: AccountEntry, acknowledged_ids: Collection[str]) -> None:
    """Raises UnacknowledgedDuplicate if HR was not shown another starter of this person."""
    found = {duplicate.starter.public_id for duplicate in duplicates.find_duplicates(entry.account_or_name)}
    if not found - {starter.public_id} <= set(acknowledged_ids):
        raise UnacknowledgedDuplicate


def replace_account(
    *, starter: Starter, entry: AccountEntry, by: Any, acknowledged_ids: Collection[str]
) -> None:
    """Give the starter another account.

    An invited manager is notified. The new account's manager gets the link when it is due. Raises ConcurrentUpdate,
    SameAccount, OwnStarter, AlreadyRecorded, UnacknowledgedDuplicate, SignInNotFresh, ActorDisabled, GraphError.
    """
    require_fresh_sign_in(by, starter)
    _require_other_account(starter, entry)
    found = entry.found
    if found and found.manager is not None and found.manager.object_id == by.oid:
        raise OwnStarter
    _require_acknowledged(starter, entry, acknowledged_ids)
    require_enabled_account(by)
    invited = starter.state == StarterState.INVITED  # before it is moved
    if found:
        fields = _account_fields(found.account, found.manager)
    else:
        fields = NO_ACCOUNT_YET | {"account_name": entry.account_name.lower()}
    try:
        with audit.transaction():
            notifications.cancel_unsent(starter)
            if invited:
                notifications.write_account_replaced(starter)
            approvals.void_approvals(starter)
            move_starter(
                starter,
                StarterState.RECORDED if invited else None,
                event="starter.account_replaced",
                by=by,
                changes={
                    **NOT_SENT_YET,
                    "schedule": starter.schedule + 1,
                    **NEVER_READ,
                    **fields,
                    "problem": Problem.NONE if found else Problem.ACCOUNT_MISSING,
                    "shaped_by": contributors_with(starter, by),
                },
                facts={"expected": found is None, "was_invited": invited},
                personal={
                    "from": starter.account_id or starter.account_name,
                    "account": found.account.object_id if found else "",
                    "account_name": fields["account_name"],
                    "manager": fields["manager_id"],
                },
            )
            jobs.enqueue_job(f"look:{starter.pk}", priority=Job.Priority.LOOK)
    except IntegrityError:
        raise AlreadyRecorded(entry.account_name) from None
