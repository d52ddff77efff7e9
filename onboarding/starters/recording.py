"""HR adds a starter: the account, or the name under which IT will create it, and the start."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError

from onboarding import audit, clock, guards, jobs, policy
from onboarding.guards import daily_limits, emergency_stop
from onboarding.mail import notifications
from onboarding.models import Starter, Ticket
from onboarding.models.job import Job
from onboarding.starters import duplicates
from onboarding.starters.accounts import AccountEntry, reviewed_fields
from onboarding.starters.directory import FoundAccount
from onboarding.starters.directory_sync import directory_facts
from onboarding.starters.errors import AlreadyRecorded, UnacknowledgedDuplicate
from onboarding.starters.rescheduling import Schedule, schedule_facts

Problem = Starter.Problem
# A list is saved in transactions of so many starters: one lock and one write to the disk for each. One takes about 0.2 s,
# and holds the audit log.
SAVED_TOGETHER = 20
# The accounts of a list were checked when it was saved. So the worker leaves the database to the rest of the list first.
CHECK_LIST_AFTER = timedelta(seconds=10)


@dataclass(frozen=True)
class Together:
    """What the starters of one transaction share. The lock of the audit log keeps it true until the end."""

    duplicates: duplicates.DuplicateSearch
    stopped: frozenset[str]
    check_after: timedelta


@contextmanager
def save_together(
    entries: Sequence[AccountEntry], *, check_after: timedelta = CHECK_LIST_AFTER
) -> Iterator[Together]:
    """Record at most SAVED_TOGETHER starters in one transaction. Each has a savepoint: one that fails undoes only itself."""
    with audit.transaction(), policy.read_once():
        accounts = [entry.found.account for entry in entries if entry.found]
        search = duplicates.DuplicateSearch([entry.account_or_name for entry in entries])
        yield Together(search, emergency_stop.find_stopped_accounts(accounts), check_after)


def record_starter(
    *,
    entry: AccountEntry,
    schedule: Schedule,
    note: str = "",
    by: Any,
    acknowledged_ids: Collection[str] | None = None,
    together: Together | None = None,
) -> Starter:
    """Add a starter, alone or within `save_together`.

    `acknowledged_ids` are the public ids of the possible duplicates that HR was shown and confirmed; None skips that
    check, where no person could be shown any. Raises AlreadyRecorded, UnacknowledgedDuplicate, and DailyLimitReached
    if this HR person has reached the daily limit.
    """
    search = together.duplicates if together else None
    duplicates_before = _require_acknowledged(entry, acknowledged_ids, search)
    starter = _build_starter(entry, schedule, note, recorder=by)
    try:
        with audit.transaction():
            refusing = _refusing_guards(starter, entry.found, together.stopped if together else None)
            if not daily_limits.is_recorder_below_limit(by, policy.for_starter(starter)):
                raise daily_limits.DailyLimitReached
            starter.save(force_insert=True)
            _record_event(starter, by, refusing, duplicates_before)
            notifications.alarm_security_when_added(starter, refusing)
            due_at = clock.now() + together.check_after if together else None
            jobs.enqueue_job(f"look:{starter.pk}", priority=Job.Priority.LOOK, due_at=due_at)
    except IntegrityError:
        raise AlreadyRecorded(entry.account_name) from None
    if together:
        together.duplicates.add(starter)
    return starter


def record_from_ticket(
    *,
    ticket: Ticket,
    entry: AccountEntry,
    schedule: Schedule,
    note: str,
    by: Any,
    recorder: Any | None,
) -> tuple[Starter, tuple[guards.Guard, ...]]:
    """Add the starter of another system's ticket, with the guards that refuse now.

    `by` is the application; `recorder` is the person in HR who counts as recorder, or None until HR accepts. Raises
    AlreadyRecorded, and DailyLimitReached if the application or the recorder has reached the daily limit.
    """
    starter = _build_starter(entry, schedule, note, recorder=recorder)
    starter.source = ticket.source
    if by.is_person:
        starter.shaped_by = sorted({*starter.shaped_by, by.oid})
    try:
        with audit.transaction():
            refusing = _refusing_guards(starter, entry.found)
            rules = policy.for_starter(starter)
            if not daily_limits.is_application_below_limit(by.application_id, rules) or (
                recorder is not None and not daily_limits.is_recorder_below_limit(recorder, rules)
            ):
                raise daily_limits.DailyLimitReached
            starter.save(force_insert=True)
            ticket.starter = starter
            ticket.save(force_insert=True)
            _record_event(starter, by, refusing, [], ticket=ticket)
            notifications.alarm_security_when_added(starter, refusing)
            jobs.enqueue_job(f"look:{starter.pk}", priority=Job.Priority.LOOK)
    except IntegrityError:
        raise AlreadyRecorded(entry.account_name) from None
    return starter, refusing


def _build_starter(entry: AccountEntry, schedule: Schedule, note: str, *, recorder: Any | None) -> Starter:
    starter = Starter(
        account_name=entry.account_name.lower(),
        **asdict(schedule),
        note=note,
        recorded_by=recorder,
        shaped_by=[recorder.oid] if recorder else [],
        recorded_at=clock.now(),
    )
    _set_account(starter, entry.found)
    return starter


def _record_event(
    starter: Starter,
    by: Any,
    refusing: tuple[guards.Guard, ...],
    duplicates_before: list[duplicates.Duplicate],
    *,
    ticket: Ticket | None = None,
) -> None:
    facts, personal = _ticket_facts(ticket) if ticket else ({}, {})
    audit.record(
        "starter.recorded",
        by=by,
        starter=starter,
        facts=schedule_facts(starter)
        | {"expected": not starter.account_id, "warned": [guard.code for guard in refusing]}
        | ({"recorded_before": len(duplicates_before)} if duplicates_before else {})
        | facts,
        personal=_personal_values(starter) | personal,
    )


def _ticket_facts(ticket: Ticket) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what the audit log says of a ticket: facts, and personal details."""
    facts: dict[str, Any] = {"source": ticket.source, "ticket": ticket.number}
    if ticket.accepted_at is not None:
        facts["trusted"] = True  # the requester counts as recorder, without a click in HR
    return facts, {"requested_by": ticket.requested_by_id} if ticket.requested_by_id else {}


def _require_acknowledged(
    entry: AccountEntry, acknowledged_ids: Collection[str] | None, search: duplicates.DuplicateSearch | None
) -> list[duplicates.Duplicate]:
    """Return the possible duplicates. Raises UnacknowledgedDuplicate if HR was not shown one of them."""
    if acknowledged_ids is None:
        return []
    person = entry.account_or_name
    found = search.find(person) if search else duplicates.find_duplicates(person)
    if not {duplicate.starter.public_id for duplicate in found} <= set(acknowledged_ids):
        raise UnacknowledgedDuplicate
    return found


def _set_account(starter: Starter, found: FoundAccount | None) -> None:
    if found is None:
        starter.problem = Problem.ACCOUNT_MISSING
        return
    starter.account_id = found.account.object_id
    fields = directory_facts(found.account, found.manager) | reviewed_fields(found.account, found.manager)
    for name, value in fields.items():
        setattr(starter, name, value)


def _refusing_guards(
    starter: Starter, found: FoundAccount | None, stopped: frozenset[str] | None = None
) -> tuple[guards.Guard, ...]:
    """Return the guards that would refuse now. HR saw their warnings; the audit log records that HR saved anyway."""
    if found is None or found.facts is None:
        return ()
    starter.starts_at = starter.start_local
    rules, place = policy.for_starter(starter), guards.Place.RECORDED
    now = clock.now()
    return guards.find_refusals(
        guards.Question(starter, found.facts, None, None, rules, now, place=place, stopped_accounts=stopped)
    )


def _personal_values(starter: Starter) -> dict[str, str]:
    return {
        "account_name": starter.account_name,
        "account": starter.account_id,
        "name": starter.display_name,
        "manager": starter.manager_id,
    }
