"""Graph's limit for sign-in activity, shared by all processes through one row.

Microsoft publishes ten calls a minute for each app and tenant (Graph throttling limits, "identity and access
reports"). One list of accounts is one call. Calls are counted as in `graph_quota`: one that is on its way counts as
one of this very moment, and one that was answered counts from its answer.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, transaction

from onboarding import clock, locks
from onboarding.models import SignInBudget
from onboarding.passes.graph_quota import IN_FLIGHT_TIMEOUT, MAX_PAUSE, times_within

log = logging.getLogger(__name__)

SPAN = timedelta(minutes=1)
# How many calls of a minute each leaves to those who are more urgent: background work to clicks, and both to managers
# who cannot go on before their starter's account was read.
WORK_LEAVES, CLICKS_LEAVE, WAITING_MANAGERS_LEAVE = 4, 2, 0


@transaction.atomic
def acquire_call(*, leave: int = WORK_LEAVES) -> float:
    """Take one call and `leave` so many of this minute: 0.0 when there was room, else seconds until there will be.

    A call that was taken must be reported with `mark_answered`.
    """
    row, now = _lock_row(), clock.now()
    if (wait := _seconds_to_wait(row, now, leave)) > 0:
        return wait
    row.recent = times_within(row.recent, now, SPAN)
    row.on_their_way = [*times_within(row.on_their_way, now, IN_FLIGHT_TIMEOUT + SPAN), now.timestamp()]
    row.save(update_fields=["recent", "on_their_way"])
    return 0.0


def has_room_for_click() -> bool:
    """Whether a manager who clicks now would find room. Looking takes nothing."""
    row = SignInBudget.objects.filter(id=1).first()
    return row is None or _seconds_to_wait(row, clock.now(), CLICKS_LEAVE) == 0


def mark_answered() -> None:
    """A call that was taken has its answer. Where this cannot be written, it counts as on its way for a while."""
    try:
        _mark_answered()
    except DatabaseError:
        log.warning("an answered call could not be booked; it counts as on its way", exc_info=True)


def back_off(seconds: float) -> None:
    """Microsoft answered 429: nobody reads sign-in activity before that."""
    until = clock.now() + timedelta(seconds=seconds)
    with transaction.atomic():
        row = _lock_row()
        row.paused_until = max(until, _paused_until(row, clock.now()))
        row.save(update_fields=["paused_until"])


def lists_allowed() -> bool:
    """Whether several accounts may be read in one call: the tenant has not refused that lately."""
    now = clock.now()
    return not SignInBudget.objects.filter(id=1, lists_refused_until__gt=now).exists()


def refuse_lists(span: timedelta) -> None:
    """Read accounts one by one for so long."""
    with transaction.atomic():
        row = _lock_row()
        row.lists_refused_until = clock.now() + span
        row.save(update_fields=["lists_refused_until"])


@transaction.atomic
def _mark_answered() -> None:
    row, now = _lock_row(), clock.now()
    if row.on_their_way:
        row.on_their_way = row.on_their_way[:-1]
        row.recent = [*row.recent, now.timestamp()]
        row.save(update_fields=["recent", "on_their_way"])


def _lock_row() -> SignInBudget:
    locks.acquire_in_order(locks.LockQueue.SIGN_IN_BUDGET)
    return SignInBudget.objects.select_for_update().get_or_create(id=1)[0]


def _seconds_to_wait(row: SignInBudget, now: datetime, leave: int) -> float:
    """0.0 where one more call fits now."""
    allowed = max(1, settings.GRAPH_SIGN_IN_CALLS - leave)
    counted, fits = _calls_of_last_minute(row, now), now
    if len(counted) >= allowed:
        fits = datetime.fromtimestamp(counted[len(counted) - allowed], tz=now.tzinfo) + SPAN
    wait = (max(fits, _paused_until(row, now)) - now).total_seconds()
    return max(wait, 0.0)


def _calls_of_last_minute(row: SignInBudget, now: datetime) -> list[float]:
    """The calls of the last minute, in order, each with the moment from which it counts."""
    lost = IN_FLIGHT_TIMEOUT.total_seconds()
    on_their_way = [
        min(at + lost, now.timestamp())
        for at in times_within(row.on_their_way, now, IN_FLIGHT_TIMEOUT + SPAN)
    ]
    return sorted([*times_within(row.recent, now, SPAN), *times_within(on_their_way, now, SPAN)])


def _paused_until(row: SignInBudget, now: datetime) -> datetime:
    until = row.paused_until
    return until if until is not None and now < until <= now + MAX_PAUSE else now
