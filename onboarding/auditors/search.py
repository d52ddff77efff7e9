"""Finding events: people and starters become ids first, so that an index finds their events.

Names are only in details, which can be erased. Reading the details of a million events would take many seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext

from onboarding.auditors.filters import EventFilters
from onboarding.models import AuditDetail, AuditEvent, AuditWord, Starter, folded_words, starter_search
from onboarding.models.audit import ActorKey

MAX_PEOPLE, MAX_STARTERS = 50, 500
MAX_CANDIDATES = 2000
JOINING = str.maketrans("", "", "'`-")  # a search may leave these out
PUBLIC_ID = re.compile(r"[A-Za-z0-9_-]{22}")
OBJECT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# Events have the order of their times, but for a clock that was set back.
CLOCK_TOLERANCE = timedelta(minutes=10)


# For each typed word, the sets of beginnings that find it: see `folded_words.search_alternatives`.
Ways = list[list[set[str]]]


class TooManyFound(Exception):
    """The search words match so many people or starters that the events could not be read in one query."""


def find_people(typed: str) -> list[str]:
    """Return who could be meant, as `tenant id/object id`. Raises TooManyFound."""
    people = get_user_model()._default_manager.order_by("pk")
    if OBJECT_ID.fullmatch(typed):
        known = people.filter(oid__iexact=typed).values_list("tid", "oid")
        return [f"{tid}/{oid}" for tid, oid in known] or _find_unknown_actor(typed)
    if "/" in typed:
        return [typed.lower()]
    ways = [way for way in folded_words.search_alternatives(typed) if way]
    if not ways:
        return []
    with transaction.atomic():  # in which PostgreSQL returns the rows in chunks
        found = [
            f"{tid}/{oid}"
            for tid, oid, *names in people.values_list("tid", "oid", "name", "user_principal_name").iterator()
            if _matches(ways, names)
        ]
    if len(found) > MAX_PEOPLE:
        raise TooManyFound(gettext("Too many people have this name. Enter more of the name."))
    return found


def _find_unknown_actor(object_id: str) -> list[str]:
    """An application acts too, but never signs in: find it by the tenants of those who did."""
    tenants = get_user_model()._default_manager.order_by("tid").values_list("tid", flat=True).distinct()
    return [f"{tenant}/{object_id.lower()}" for tenant in tenants]


def find_starters(typed: str) -> list[str]:
    """Return the public ids of the starters with this name or account. Raises TooManyFound.

    HR's search knows the starters whose row is kept. Of the others the audit log may still have the name.
    """
    if PUBLIC_ID.fullmatch(typed):
        return [typed]
    ways = [way for way in folded_words.search_alternatives(typed) if way]
    if not ways:
        return []
    found = _find_kept_starters(typed, ways) | _find_erased_starters(ways)
    if len(found) > MAX_STARTERS:
        raise TooManyFound(_too_many_starters())
    return sorted(found)


def _too_many_starters() -> str:
    return gettext("Too many starters have this name. Enter more of the name.")


def _find_kept_starters(typed: str, ways: Ways) -> set[str]:
    """Find starters by HR's search, without those that it finds by their manager or department."""
    using = Starter.objects.all().db
    if (ids := starter_search.find_few_ids(typed, using)) is None:
        raise TooManyFound(_too_many_starters())
    rows = Starter.objects.filter(pk__in=ids, erased_at=None)
    names = rows.values_list("public_id", "display_name", "account_name")
    return {public_id for public_id, *texts in names if _matches(ways, texts)}


def _find_erased_starters(ways: Ways) -> set[str]:
    """Find starters whose own row is erased, but not yet the details that name them: by the longest typed word."""
    using = AuditWord.objects.all().db
    longest = max(ways, key=lambda way: max(len(part) for parts in way for part in parts))
    ids: set[str] = set()
    for parts in longest:
        rows = AuditWord.objects.filter(starter_search.begins_with(max(parts, key=len), using))
        ids |= set(rows.values_list("starter", flat=True)[: MAX_CANDIDATES + 1])
    if len(ids) > MAX_CANDIDATES:
        raise TooManyFound(_too_many_starters())
    words: dict[str, set[str]] = {}
    for public_id, word in AuditWord.objects.filter(starter__in=ids).values_list("starter", "word"):
        words.setdefault(public_id, set()).add(word)
    return {public_id for public_id, known in words.items() if _match_words(ways, known)}


def _matches(ways: Ways, names: Iterable[str]) -> bool:
    """Whether each typed word begins a word of the names."""
    texts = list(names)
    return _could_match(ways, " ".join(texts)) and _match_words(ways, folded_words.search_words(texts))


def _match_words(ways: Ways, words: set[str]) -> bool:
    return all(
        any(all(any(word.startswith(part) for word in words) for part in parts) for parts in way)
        for way in ways
    )


def _could_match(ways: Ways, text: str) -> bool:
    """A quick first look: a plain name without the typed letters cannot match. Folding each name would be slow."""
    if not text.isascii():
        return True
    plain = text.lower().translate(JOINING)
    return all(any(all(part in plain for part in parts) for parts in way) for way in ways)


class EventSearch:
    """The events that match the filters, read by number: an event that is added meanwhile moves no page."""

    def __init__(self, filters: EventFilters, *, last: int | None = None) -> None:
        """`last` is the newest event to show. Raises TooManyFound."""
        self.actors = find_people(filters.person) if filters.person else None
        self.starters = find_starters(filters.starter) if filters.starter else None
        self.event = filters.event
        self.since, self.until = filters.first_moment, filters.end_moment
        self.first, self.last = 0, last
        if self.since:
            self.first = _first_since(self.since, -CLOCK_TOLERANCE)
        if self.until:
            end = _first_since(self.until, CLOCK_TOLERANCE) - 1
            self.last = end if last is None else min(end, last)

    def older_than(self, seq: int | None, size: int) -> list[int]:
        """The numbers of the newest `size` events before `seq`, newest first."""
        top = self.last if seq is None else min(seq - 1, self.last) if self.last is not None else seq - 1
        return self._find(self.first, top, size, newest_first=True)

    def newer_than(self, seq: int, size: int) -> list[int]:
        """The numbers of the oldest `size` events after `seq`, oldest first."""
        return self._find(max(self.first, seq + 1), self.last, size, newest_first=False)

    def _find(self, first: int, last: int | None, size: int, *, newest_first: bool) -> list[int]:
        order = "-" if newest_first else ""
        events = self._events_between(first, last)
        if self.actors is not None and self.starters is None:
            if self.event and len(few := self._first_of(events)) <= MAX_CANDIDATES:
                events = AuditEvent.objects.filter(pk__in=few)
            else:
                several = [self._of_actor(actor, first, last, order, size) for actor in self.actors]
                return list(islice(merge(*several, reverse=newest_first), size))
        if self.actors is not None:
            events = events.annotate(actor=ActorKey("detail__values")).filter(actor__in=self.actors)
        return list(events.order_by(f"{order}seq").values_list("seq", flat=True)[:size])

    def _first_of(self, events: QuerySet[AuditEvent]) -> list[int]:
        return list(events.order_by("seq").values_list("seq", flat=True)[: MAX_CANDIDATES + 1])

    def _events_between(self, first: int, last: int | None) -> QuerySet[AuditEvent]:
        """The events of these numbers that match the filters, but for the person."""
        events = AuditEvent.objects.filter(seq__gte=first)
        if self.since:
            events = events.filter(at__gte=self.since)
        if self.until:
            events = events.filter(at__lt=self.until)
        if last is not None:
            events = events.filter(seq__lte=last)
        if self.event:
            events = events.filter(event=self.event)
        if self.starters is not None:
            events = events.filter(starter__in=self.starters)
        return events

    def _of_actor(self, actor: str, first: int, last: int | None, order: str, size: int) -> Sequence[int]:
        """The numbers of one person's events, from the index."""
        details = AuditDetail.objects.annotate(actor=ActorKey("values")).filter(actor=actor, event__gte=first)
        if last is not None:
            details = details.filter(event__lte=last)
        if self.event:
            details = details.filter(event__event=self.event)
        if self.since:
            details = details.filter(event__at__gte=self.since)
        if self.until:
            details = details.filter(event__at__lt=self.until)
        return list(details.order_by(f"{order}event_id").values_list("event_id", flat=True)[:size])


def _first_since(moment: str, tolerance: timedelta) -> int:
    """Return the number of the first event since this moment, by halves: times have no index, and need none.

    Clocks that were set back by less than the tolerance change nothing, because each event's own time is compared too.
    """
    limit = (datetime.fromisoformat(moment) + tolerance).isoformat(timespec="milliseconds")
    low, high = 1, (AuditEvent.objects.order_by("-seq").values_list("seq", flat=True).first() or 0) + 1
    while low < high:
        middle = (low + high) // 2
        at = AuditEvent.objects.filter(seq__gte=middle).order_by("seq").values_list("at", flat=True).first()
        if at is not None and at < limit:
            low = middle + 1
        else:
            high = middle
    return low
