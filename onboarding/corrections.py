"""What HR puts right: a withdrawal that was a mistake, and a starter recorded with the wrong account.

Either way everything begins anew. What was judged before, and what HR had allowed, does not come back by itself; who
took part in shaping the onboarding still did.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import IntegrityError

from onboarding import (
    approvals,
    audit,
    clock,
    earlier,
    graph,
    in_charge,
    jobs,
    notifications,
    policy,
    services,
)
from onboarding.lifecycle import StarterState
from onboarding.models import Starter
from onboarding.models.work import Job
from onboarding.moves import Changed, move_starter
from onboarding.services import AlreadyRecorded, OwnStarter, RecordedBefore

Problem = Starter.Problem
NOT_SENT_YET: dict[str, Any] = {
    "invited_at": None,
    "reminded_for": None,
    "escalated_for": None,
    **in_charge.NOT_ROUTED,
    "extra_attempts": 0,
    "found_account_id": "",
    "refused_for": [],
}
NOT_READ_YET: dict[str, Any] = {"sign_in_looked_at": None, "last_sign_in_at": None, "sign_in_told": False}
NOBODY_YET: dict[str, Any] = {
    "account_id": "",
    "display_name": "",
    "job_title": "",
    "department": "",
    "employee_id": "",
    "manager_id": "",
    "manager_name": "",
    "manager_mail": "",
    "hire_date": None,
    "looked_at": None,
    "seen": {},
    "first_manager_id": "",
}


class SameAccount(Exception):
    """The account chosen is the one that the starter has."""


def may_bring_back(starter: Starter) -> bool:
    """While its own window is open, or still to come; a pass that may be alive is settled first."""
    in_time = clock.now() <= starter.starts_at + policy.in_force().after
    return (
        starter.state == StarterState.WITHDRAWN
        and starter.erased_at is None
        and in_time
        and starter.open_issue() is None
    )


def bring_back(*, starter: Starter, by: Any, reason: str) -> None:
    """Undo a withdrawal: the starter is recorded, and nobody is invited. Raises Changed, OwnStarter, AlreadyRecorded."""
    if not may_bring_back(starter):
        raise Changed("it is not withdrawn, or the time for it is over")
    if by.oid in {starter.manager_id, starter.stand_in_id}:
        raise OwnStarter
    # What happened before our first pass was read before it, and cannot be read any more.
    read = NOT_READ_YET if starter.first_pass_at is None else {}
    try:
        with audit.change():
            notifications.drop_unsent(starter)
            approvals.void(starter)
            move_starter(
                starter,
                StarterState.RECORDED,
                event="starter.brought_back",
                by=by,
                changes={
                    **NOT_SENT_YET,
                    "schedule": starter.schedule + 1,
                    **read,
                    "ended_at": None,
                    "problem": Problem.NONE if starter.account_id else Problem.ACCOUNT_MISSING,
                    "shaped_by": sorted({*starter.shaped_by, by.oid}),
                },
                personal={"reason": reason},
            )
            jobs.ask(f"look:{starter.pk}", priority=Job.Priority.LOOK)
    except IntegrityError:
        raise AlreadyRecorded(starter.account_name) from None


def may_replace_account(starter: Starter) -> bool:
    """Only before any pass: afterwards it would not be certain whose account was opened."""
    before = starter.state in {StarterState.RECORDED, StarterState.INVITED} and starter.first_pass_at is None
    return (
        before and starter.open_issue() is None and not any(issue.counted for issue in starter.issues.all())
    )


def replace_account(
    *,
    starter: Starter,
    account_name: str,
    account: graph.Account | None,
    manager: graph.Manager | None,
    by: Any,
    knowing: Collection[str],
) -> None:
    """Give the record another account; without `account` it is expected under its name.

    A manager who was invited is told, and the new account's manager is invited when the time comes. Raises Changed,
    SameAccount, OwnStarter, AlreadyRecorded, RecordedBefore.
    """
    if not may_replace_account(starter):
        raise Changed("a pass was made for this account, or the onboarding is finished")
    if account.object_id == starter.account_id if account else account_name.lower() == starter.account_name:
        raise SameAccount
    if manager is not None and manager.object_id == by.oid:
        raise OwnStarter
    before = {one.starter.public_id for one in earlier.records_of(account or account_name)}
    if not before - {starter.public_id} <= set(knowing):
        raise RecordedBefore(account_name)
    invited = starter.state == StarterState.INVITED
    facts = {"account_name": account_name.lower()} | NOBODY_YET
    if account is not None:
        facts = services.directory_facts(account, manager) | services.seen_by_hr(account, manager)
        facts |= {"account_id": account.object_id}
    try:
        with audit.change():
            notifications.drop_unsent(starter)
            if invited:
                notifications.account_replaced(starter)
            approvals.void(starter)
            move_starter(
                starter,
                StarterState.RECORDED if invited else None,
                event="starter.account_replaced",
                by=by,
                changes={
                    **NOT_SENT_YET,
                    "schedule": starter.schedule + 1,
                    **NOT_READ_YET,
                    **facts,
                    "problem": Problem.NONE if account else Problem.ACCOUNT_MISSING,
                    "shaped_by": sorted({*starter.shaped_by, by.oid}),
                },
                facts={"expected": account is None, "was_invited": invited},
                personal={
                    "from": starter.account_id or starter.account_name,
                    "account": account.object_id if account else "",
                    "account_name": facts["account_name"],
                },
            )
            jobs.ask(f"look:{starter.pk}", priority=Job.Priority.LOOK)
    except IntegrityError:
        raise AlreadyRecorded(account_name) from None
