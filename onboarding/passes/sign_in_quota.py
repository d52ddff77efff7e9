"""The rate limit for reading sign-in activity from Graph. All processes share it through one row.

Microsoft allows ten calls a minute per app and tenant (Graph throttling limits, "identity and access reports"). One
list of accounts is one call. Calls are counted as in `graph_quota`: a call in flight counts as made now, and an
answered call counts from its answer.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, transaction

from onboarding import clock, locks
from onboarding.models import SignInBudget
from onboarding.passes.graph_quota import IN_FLIGHT_TIMEOUT, MAX_PAUSE, QuotaUsage, times_within

log = logging.getLogger(__name__)

SPAN = timedelta(minutes=1)
# How many of a minute's calls each kind of work leaves free for more urgent work: background work for clicks, and both
# for managers who cannot continue until their starter's account was read.
WORK_LEAVES, CLICKS_LEAVE, WAITING_MANAGERS_LEAVE = 4, 2, 0


@transaction.atomic
def acquire_call(*, leave: int = WORK_LEAVES) -> float:
    """Take one call, if `leave` more stay free in this minute. Returns 0.0, or else the seconds until one is free.

    Report a call that was taken with `mark_answered`.
    """
    row, now = _lock_row(), clock.now()
    if (wait := _seconds_to_wait(row, now, leave)) > 0:
        return wait
    row.recent = times_within(row.recent, now, SPAN)
    row.on_their_way = [*times_within(row.on_their_way, now, IN_FLIGHT_TIMEOUT + SPAN), now.timestamp()]
    row.save(update_fields=["recent", "on_their_way"])
    return 0.0


def has_room_for_click() -> bool:
    """Whether a call is free for a manager who clicks now. Takes no call."""
    row = SignInBudget.objects.filter(id=1).first()
    return row is None or _seconds_to_wait(row, clock.now(), CLICKS_LEAVE) == 0


def read_usage() -> QuotaUsage:
    """Read the quota without a lock, for monitoring."""
    row, now = SignInBudget.objects.filter(id=1).first() or SignInBudget(), clock.now()
    paused = (_paused_until(row, now) - now).total_seconds()
    return QuotaUsage(settings.GRAPH_SIGN_IN_CALLS, len(_calls_of_last_minute(row, now)), paused)


def mark_answered() -> None:
    """Record that a taken call was answered. If the database fails, it counts as in flight until the timeout."""
    try:
        _mark_answered()
    except DatabaseError:
        log.warning("an answered call could not be recorded; it counts as in flight", exc_info=True)


def back_off(seconds: float) -> None:
    """Read no sign-in activity for this many seconds, because Microsoft answered 429."""
    until = clock.now() + timedelta(seconds=seconds)
    with transaction.atomic():
        row = _lock_row()
        row.paused_until = max(until, _paused_until(row, clock.now()))
        row.save(update_fields=["paused_until"])


def lists_allowed() -> bool:
    """Whether one call may read several accounts: the tenant has not refused such a list recently."""
    now = clock.now()
    return not SignInBudget.objects.filter(id=1, lists_refused_until__gt=now).exists()


def refuse_lists(span: timedelta) -> None:
    """Read accounts one by one during this span."""
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
    """Return the seconds until one more call is free, 0.0 if it is free now."""
    allowed = max(1, settings.GRAPH_SIGN_IN_CALLS - leave)
    counted, fits = _calls_of_last_minute(row, now), now
    if len(counted) >= allowed:
        fits = datetime.fromtimestamp(counted[len(counted) - allowed], tz=now.tzinfo) + SPAN
    wait = (max(fits, _paused_until(row, now)) - now).total_seconds()
    return max(wait, 0.0)


def _calls_of_last_minute(row: SignInBudget, now: datetime) -> list[float]:
    """Return the calls of the last minute, in order, each with the time from which it counts."""
    timeout = IN_FLIGHT_TIMEOUT.total_seconds()
    in_flight = [
        min(at + timeout, now.timestamp())
        for at in times_within(row.on_their_way, now, IN_FLIGHT_TIMEOUT + SPAN)
    ]
    return sorted([*times_within(row.recent, now, SPAN), *times_within(in_flight, now, SPAN)])


def _paused_until(row: SignInBudget, now: datetime) -> datetime:
    until = row.paused_until
    return until if until is not None and now < until <= now + MAX_PAUSE else now
