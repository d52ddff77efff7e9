"""Add the starter of a ticket, or change it. The same request again changes nothing.

The rules are those of HR's pages, because the same services make the changes. An application is not a person: until
somebody in HR accepts the starter, it has no recorder, and the guard `recorder_is_a_person` refuses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model

from onboarding import audit, clock, guards, jobs, policy
from onboarding.models import Starter, Ticket
from onboarding.models.job import Job
from onboarding.starters import accounts, duplicates, recording, rescheduling
from onboarding.starters.accounts import AccountEntry
from onboarding.starters.directory import FoundAccount
from onboarding.starters.errors import AlreadyRecorded
from onboarding.starters.preconditions import require_no_pass_yet
from onboarding.starters.rescheduling import Schedule
from onboarding.tickets.request import (
    Application,
    Requester,
    TicketRequest,
    look_up_account,
    look_up_requester,
)
from onboarding.transitions import move_starter

HR_ACTIVE_FOR = timedelta(days=90)  # a requester who has not signed in for so long does not count as HR


@dataclass(frozen=True)
class TicketResult:
    """`created` says whether this request added the starter."""

    starter: Starter
    created: bool
    refusing: tuple[guards.Guard, ...] = field(default=(), compare=False)  # asked while adding


def find_ticket(source: str, number: str) -> Ticket | None:
    rows = Ticket.objects.select_related("starter", "starter__recorded_by")
    return rows.filter(source=source, number=number).first()


def put_ticket(
    request: TicketRequest, *, by: Application, expected_version: int | None = None
) -> TicketResult:
    """Add the starter of a ticket, or change it. The same request again changes nothing.

    `expected_version` is the version that the caller read. Raises TicketError for an account that cannot be used,
    VersionMismatch, ConcurrentUpdate for a starter that can no longer be changed, AlreadyRecorded, DailyLimitReached,
    DirectoryUnavailable.
    """
    ticket = find_ticket(request.source, request.number)
    _require_version(ticket, expected_version)
    if ticket is None:
        try:
            starter, refusing = _add(request, by)
            return TicketResult(starter, created=True, refusing=refusing)
        except _AddedMeanwhile:
            ticket = Ticket.objects.select_related("starter__recorded_by").get(**request.key)
            _require_version(ticket, expected_version)
    _change(ticket, request, by)
    return TicketResult(ticket.starter, created=False)


class VersionMismatch(Exception):
    """The starter has another version than the caller read."""


class _AddedMeanwhile(Exception):
    """A parallel request has added this ticket."""


def _require_version(ticket: Ticket | None, expected: int | None) -> None:
    if expected is not None and (ticket is None or ticket.starter.version != expected):
        raise VersionMismatch


def _add(request: TicketRequest, by: Application) -> tuple[Starter, tuple[guards.Guard, ...]]:
    entry = look_up_account(request.account)
    requester = look_up_requester(request.requested_by)
    recorder = _trusted_recorder(request, requester, entry.found)
    now = clock.now()
    ticket = Ticket(
        **request.key,
        application_id=by.application_id,
        account=request.account,
        requested_by=request.requested_by,
        requested_by_id=requester.object_id,
        requested_by_name=requester.name[:256],
        created_at=now,
        accepted_at=now if recorder else None,
    )
    try:
        return recording.record_from_ticket(
            ticket=ticket, entry=entry, schedule=request.schedule, note=request.note, by=by, recorder=recorder
        )
    except AlreadyRecorded:
        if Ticket.objects.filter(**request.key).exists():
            raise _AddedMeanwhile from None
        raise


def _trusted_recorder(request: TicketRequest, requester: Requester, found: FoundAccount | None) -> Any | None:
    """Return the person in HR who counts as the recorder without a click, if the policy trusts the source.

    Never the manager or the starter, and nobody who has not signed in as HR for 90 days.
    """
    if not policy.is_trusted_source(policy.for_site(), request.source) or found is None:
        return None
    involved = {found.account.object_id, found.manager.object_id if found.manager else ""}
    if not requester.object_id or requester.object_id in involved:
        return None
    person = get_user_model().objects.filter(
        oid=requester.object_id, last_login__gt=clock.now() - HR_ACTIVE_FOR
    )
    known = person.first()
    return known if known is not None and known.is_hr else None


# --- Changing ---------------------------------------------------------------------------------------------------------


def _change(ticket: Ticket, request: TicketRequest, by: Application) -> None:
    """Change what differs. Another account or requester needs HR's acceptance again."""
    starter = ticket.starter
    is_moved = (Schedule.of_starter(starter), starter.note) != (request.schedule, request.note)
    is_other_account = ticket.account.casefold() != request.account.casefold()
    is_other_requester = ticket.requested_by.casefold() != request.requested_by.casefold()
    if not (is_moved or is_other_account or is_other_requester):
        return
    require_no_pass_yet(starter)
    entry = look_up_account(request.account) if is_other_account else None
    requester = look_up_requester(request.requested_by) if is_other_requester else None
    with audit.transaction():
        if entry is not None:
            _replace_account(ticket, entry, request, by)
        if requester is not None:
            _replace_requester(ticket, requester, request, by)
        if is_moved:
            rescheduling.reschedule_starter(
                starter=starter, schedule=request.schedule, note=request.note, by=by
            )


def _replace_account(ticket: Ticket, entry: AccountEntry, request: TicketRequest, by: Application) -> None:
    known = {duplicate.starter.public_id for duplicate in duplicates.find_duplicates(entry.account_or_name)}
    accounts.replace_account(starter=ticket.starter, entry=entry, by=by, acknowledged_ids=known)
    _cancel_acceptance(ticket, account=request.account)


def _replace_requester(ticket: Ticket, requester: Requester, request: TicketRequest, by: Application) -> None:
    move_starter(
        ticket.starter,
        None,
        event="starter.requester_changed",
        by=by,
        changes={},
        personal={"from": ticket.requested_by_id, "to": requester.object_id},
    )
    _cancel_acceptance(
        ticket,
        requested_by=request.requested_by,
        requested_by_id=requester.object_id,
        requested_by_name=requester.name[:256],
    )
    jobs.enqueue_job(f"look:{ticket.starter_id}", priority=Job.Priority.LOOK)


def _cancel_acceptance(ticket: Ticket, **changes: str) -> None:
    changes_now = {**changes, "accepted_at": None}
    Ticket.objects.filter(pk=ticket.pk).update(**changes_now)
    Starter.objects.filter(pk=ticket.starter_id).update(recorded_by=None)
    for name, value in changes_now.items():
        setattr(ticket, name, value)
    ticket.starter.recorded_by = None
