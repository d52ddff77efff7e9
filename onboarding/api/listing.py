"""The list for systems that poll: what changed, in the order of the audit log, page by page.

A cursor is the number of the latest audit event that a caller has seen. Events are numbered in the order of their
commits, so a caller that keeps its cursor misses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import merge
from itertools import islice

from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext

from onboarding.api.problems import INVALID_QUERY, FieldError, Problem
from onboarding.lifecycle import StarterState
from onboarding.models import AuditHead, Ticket

PAGE_SIZE = 50
MAX_SCANNED = 200  # tickets that one page reads at most, where `state` leaves most of them out
MOST_DIGITS = 18  # of a cursor
PARAMETERS = {"state", "since", "cursor"}


@dataclass(frozen=True)
class ListQuery:
    state: str = ""
    since: datetime | None = None
    cursor: int = 0


@dataclass(frozen=True)
class Page:
    """`cursor` continues after this page; `has_more` says that there is something to read already."""

    tickets: list[Ticket]
    cursor: int
    has_more: bool


def read_query(sent: QueryDict) -> ListQuery:
    """Raises Problem for an unknown parameter or value."""
    errors = [
        _error(name, gettext("This parameter does not exist.")) for name in sent if name not in PARAMETERS
    ]
    errors += [
        _error(name, gettext("Send this parameter only once."))
        for name in PARAMETERS
        if len(sent.getlist(name)) > 1
    ]
    state, since, cursor = sent.get("state", ""), sent.get("since", ""), sent.get("cursor", "")
    errors += [
        _error(name, gettext("Send a value, or leave out the parameter."))
        for name in PARAMETERS & {*sent}
        if not sent[name]
    ]
    if state and state not in {each.value for each in StarterState}:
        errors.append(_error("state", gettext("This state does not exist.")))
    moment = _parse_moment(since)
    if since and moment is None:
        errors.append(_error("since", gettext("Send a time with its UTC offset, like 2026-11-30T09:00:00Z.")))
    if cursor and not (len(cursor) <= MOST_DIGITS and cursor.isascii() and cursor.isdigit()):
        errors.append(_error("cursor", gettext("Send a cursor from an earlier response.")))
    if errors:
        raise Problem(INVALID_QUERY, errors=tuple(errors))
    return ListQuery(state, moment, int(cursor or 0))


def read_page(query: ListQuery, sources: Iterable[str]) -> Page:
    """One query for each source, and constant time whatever the number of starters."""
    names = sorted(sources)
    newest = AuditHead.objects.get(id=1).seq  # read first: what happens from now on comes after this cursor
    after = min(query.cursor, newest)
    if query.since:
        after = max(after, _event_before(query.since, names, newest))
    most = MAX_SCANNED if query.state else PAGE_SIZE
    by_source = [_changed_after(after, name, most + 1) for name in names]
    scanned = list(islice(merge(*by_source, key=lambda ticket: ticket.last_event), most + 1))
    found: list[Ticket] = []
    for ticket in scanned[:most]:
        if len(found) == PAGE_SIZE:
            return Page(found, after, has_more=True)
        after = ticket.last_event
        if ticket.starter.erased_at is None and query.state in {"", ticket.starter.state}:
            found.append(ticket)
    return Page(found, after, has_more=len(scanned) > most)


def _changed_after(event: int, source: str, most: int) -> list[Ticket]:
    rows = Ticket.objects.filter(source=source, last_event__gt=event).select_related("starter")
    return list(rows.order_by("last_event")[:most])


def _event_before(since: datetime, sources: list[str], newest: int) -> int:
    """Return the number just before the first change since this time, the newest one if there is none."""
    firsts = [
        Ticket.objects.filter(source=name, changed_at__gte=since).order_by("changed_at", "last_event").first()
        for name in sources
    ]
    return min((first.last_event - 1 for first in firsts if first), default=newest)


def _parse_moment(text: str) -> datetime | None:
    """Return the time in UTC, because PostgreSQL takes no offset of 16 hours or more. None if it is not valid."""
    try:
        moment = parse_datetime(text.replace(" ", "+"))  # a `+` in an address that was not escaped
        return moment.astimezone(UTC) if moment is not None and timezone.is_aware(moment) else None
    except (ValueError, OverflowError):
        return None


def _error(name: str, detail: str) -> FieldError:
    return FieldError(name, "invalid", detail)
