"""Add the starter of a ticket, or change it. The same request again changes nothing.

The rules are those of HR's pages, because the same services make the changes. An application is not a person: until
somebody in HR accepts the starter, it has no recorder, and the guard `recorder_is_a_person` refuses.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model

from onboarding import audit, clock, guards, jobs, obstacles, policy
from onboarding.errors import ConcurrentUpdate
from onboarding.guards import approvals, daily_limits
from onboarding.lifecycle import StarterState
from onboarding.mail import notifications
from onboarding.models import EffectivePolicy, Starter, Ticket
from onboarding.models.job import Job
from onboarding.starters import accounts, directory, duplicates, recording, rescheduling
from onboarding.starters.accounts import AccountEntry
from onboarding.starters.directory import FoundAccount
from onboarding.starters.errors import AlreadyRecorded, SameAccount
from onboarding.starters.preconditions import (
    contributors_with,
    require_no_pass_yet,
    require_other_manager,
)
from onboarding.starters.rescheduling import Schedule
from onboarding.tickets.request import (
    Application,
    Requester,
    TicketRequest,
    find_account,
    find_requester,
    look_up_names,
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
    request: TicketRequest,
    ticket: Ticket | None,
    *,
    by: Application,
    only_adds: bool = False,
    expected_version: int | None = None,
) -> TicketResult:
    """Add the starter of a ticket, or change it. The same request again changes nothing.

    `ticket` is what `find_ticket` has just found. `expected_version` is the version that the caller read. Raises
    TicketError for an account that cannot be used, VersionMismatch, ConcurrentUpdate for a starter that can no longer
    be changed, AlreadyRecorded, DailyLimitReached, DirectoryUnavailable, OwnStarter.
    """
    _require_version(ticket, expected_version)
    if only_adds and ticket is not None:
        raise VersionMismatch
    if ticket is None:
        try:
            starter, refusing = _add(request, by)
            return TicketResult(starter, created=True, refusing=refusing)
        except _AddedMeanwhile:
            if only_adds:
                raise VersionMismatch from None
            ticket = Ticket.objects.select_related("starter__recorded_by").get(**request.key)
            _require_version(ticket, expected_version)
    try:
        _change(ticket, request, by)
    except ConcurrentUpdate:
        # A check or a person was faster. Once more with what is there now, unless the caller named a version.
        fresh = Ticket.objects.select_related("starter__recorded_by").get(pk=ticket.pk)
        if expected_version is not None or fresh.starter.version == ticket.starter.version:
            raise
        ticket = fresh
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
    rules = policy.for_site()
    if not daily_limits.is_application_below_limit(by.application_id, EffectivePolicy(rules)):
        raise daily_limits.DailyLimitReached  # before anything is looked up
    daily_limits.count_api_use(by.callers, rules)
    looked = look_up_names(request.account, request.requested_by)
    entry = find_account(request.account, looked)
    requester = find_requester(request.requested_by, looked)
    if entry.found is not None:
        entry = replace(entry, found=directory.read_facts(entry.found))
    recorder = _trusted_recorder(request, requester, entry.found)
    now = clock.now()
    ticket = Ticket(
        **request.key,
        **request.as_sent,
        application_id=by.application_id,
        requested_by_id=requester.object_id,
        requested_by_name=requester.name,
        created_at=now,
        accepted_at=now if recorder else None,
    )
    try:
        return recording.record_from_ticket(
            ticket=ticket, entry=entry, schedule=request.schedule, note=request.note, by=by, recorder=recorder
        )
    except AlreadyRecorded as error:
        if Ticket.objects.filter(**request.key).exists():
            raise _AddedMeanwhile from None
        error.person = entry.account_or_name
        raise


def _trusted_recorder(request: TicketRequest, requester: Requester, found: FoundAccount | None) -> Any | None:
    """Return the person in HR who counts as the recorder without a click, if the policy trusts the source.

    Never the manager or the starter, nobody whose account is disabled, and nobody who has not signed in as HR for 90 days.
    """
    if not policy.is_trusted_source(policy.for_site(), request.source) or found is None:
        return None
    involved = {found.account.object_id, found.manager.object_id if found.manager else ""}
    if not requester.is_active or requester.object_id in involved:
        return None
    person = get_user_model().objects.filter(
        oid=requester.object_id, last_login__gt=clock.now() - HR_ACTIVE_FOR
    )
    known = person.first()
    return known if known is not None and known.is_hr else None


# --- Changing ---------------------------------------------------------------------------------------------------------


def _change(ticket: Ticket, request: TicketRequest, by: Application) -> None:
    """Change what differs from what this system sent before. What HR changed since stays.

    Another account, requester or note, or an earlier start, needs HR's acceptance again.
    """
    starter, sent = ticket.starter, request.as_sent
    changed = {name for name, value in sent.items() if not _is_same(getattr(ticket, name), value)}
    if not changed:
        return
    require_no_pass_yet(starter)
    if starter.issues.exists():
        raise ConcurrentUpdate("a pass was requested")
    require_other_manager(starter, by)
    daily_limits.count_api_use(by.callers, policy.for_site())
    looked = look_up_names(*(sent[name] for name in ("account", "requested_by") if name in changed))
    entry = find_account(request.account, looked) if "account" in changed else None
    requester = find_requester(request.requested_by, looked) if "requested_by" in changed else None
    with audit.transaction():
        before = starter.starts_at
        if entry is not None:
            _replace_account(starter, entry, by)
        if changed & {"start_date", "start_time", "time_zone", "note"}:
            _reschedule(starter, request, changed, by)
        if requester is not None:
            _replace_requester(ticket, requester, by)
        fields = {name: sent[name] for name in changed}
        Ticket.objects.filter(pk=ticket.pk).update(**fields)
        if changed & {"account", "requested_by", "note"} or starter.starts_at < before:
            _cancel_acceptance(ticket, by)
    for name, value in fields.items():
        setattr(ticket, name, value)


def _is_same(before: Any, now: Any) -> bool:
    return (
        before.lower() == now.lower() if isinstance(before, str) and isinstance(now, str) else before == now
    )


def _replace_account(starter: Starter, entry: AccountEntry, by: Application) -> None:
    known = {duplicate.starter.public_id for duplicate in duplicates.find_duplicates(entry.account_or_name)}
    try:
        accounts.replace_account(starter=starter, entry=entry, by=by, acknowledged_ids=known)
    except SameAccount:
        return  # the same account under its other name
    except AlreadyRecorded as error:
        error.person = entry.account_or_name
        raise


def _reschedule(starter: Starter, request: TicketRequest, changed: set[str], by: Application) -> None:
    schedule = Schedule.of_starter(starter)
    if changed - {"note"}:
        schedule = request.schedule
    note = request.note if "note" in changed else starter.note
    rescheduling.reschedule_starter(starter=starter, schedule=schedule, note=note, by=by)


def _replace_requester(ticket: Ticket, requester: Requester, by: Application) -> None:
    starter = ticket.starter
    move_starter(
        starter,
        None,
        event="starter.requester_changed",
        by=by,
        changes={"shaped_by": contributors_with(starter, by)},
        personal={"from": ticket.requested_by_id, "to": requester.object_id},
    )
    found = {"requested_by_id": requester.object_id, "requested_by_name": requester.name}
    Ticket.objects.filter(pk=ticket.pk).update(**found)
    for name, value in found.items():
        setattr(ticket, name, value)


def _cancel_acceptance(ticket: Ticket, by: Application) -> None:
    """HR must accept again. Until then the manager's link does not work, and no other mail leaves."""
    starter = ticket.starter
    if starter.awaits_acceptance:
        return
    invited = starter.state == StarterState.INVITED
    notifications.cancel_unsent(starter)
    approvals.void_approvals(starter)
    move_starter(
        starter,
        StarterState.RECORDED if invited else None,
        event="starter.acceptance_cancelled",
        by=by,
        changes={"recorded_by": None, **(NOT_INVITED if invited else {})},
        facts={"was_invited": invited},
    )
    Ticket.objects.filter(pk=ticket.pk).update(accepted_at=None)
    ticket.accepted_at = None
    jobs.enqueue_job(f"look:{starter.pk}", priority=Job.Priority.LOOK)


NOT_INVITED: dict[str, Any] = {
    "invited_at": None,
    "reminded_for": None,
    "escalated_for": None,
    **obstacles.CLEARED_FIELDS,
}
