"""The rate limit for Graph calls about sign-in methods, with a queue. All processes share it through one row.

Microsoft allows five calls in ten seconds per tenant for this kind of resource (Graph throttling limits,
"identity and access reports"). A pass costs two calls: the read of the methods, and the creation. People are served
first, in the order in which they asked. Background work takes what they leave.

Microsoft counts a call when it arrives. The portal knows only that this is between the moment when it took the call and
the moment of the answer. So a call in flight counts as made now, and an answered call counts from its answer. What fits
this limit then fits Microsoft's, with two exceptions: an answer that comes after `IN_FLIGHT_TIMEOUT`, and a call that is
repeated after a 5xx, which counts as one call here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Self

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from onboarding import clock, locks, policy
from onboarding.lifecycle import OPEN_ISSUE, IssueState, StarterState
from onboarding.models import GraphBudget, PassIssue, Starter, Turn

log = logging.getLogger(__name__)

CALLS_PER_ISSUE = 2
# Treat a call as dead if no result was recorded by this deadline: its process has ended. An issue makes its second call
# after the answer to the first, and each call may take the full HTTP timeout.
IN_FLIGHT_TIMEOUT = CALLS_PER_ISSUE * timedelta(
    seconds=settings.GRAPH_CONNECT_TIMEOUT + settings.GRAPH_READ_TIMEOUT
)
POSITION_LIFETIME = timedelta(seconds=60)
MOST_POSITIONS_PER_PERSON = 3  # so that one manager with many starters does not block all others
# Show the button this much early: by the time of the click, the calls are free.
BUTTON_LEAD_TIME = timedelta(seconds=1)
# Ignore a longer pause. A time further ahead can only come from a clock that was set back.
MAX_PAUSE = timedelta(hours=1)


class QueueLimitReached(Exception):
    """The person already holds `MOST_POSITIONS_PER_PERSON` queue positions, so they got no new one."""


@dataclass(frozen=True)
class Wait:
    """A position in the queue: when it opens, and how many people are ahead."""

    until: datetime
    ahead: int

    def is_over(self, now: datetime) -> bool:
        """Whether the page shows the button."""
        return self.until - BUTTON_LEAD_TIME <= now

    def seconds_left(self, now: datetime) -> int:
        """Return the seconds until the page shows the button, at least 1."""
        return max(1, ceil((self.until - BUTTON_LEAD_TIME - now).total_seconds()))


class IssueCalls:
    """The calls of one issue. At the end of the issue, settle once how many of the `taken` calls were `made`."""

    def __init__(self) -> None:
        self.taken = self.made = 0
        self.reads_sign_ins = (
            False  # whether a call of the other quota was taken, which `sign_ins` reports as answered
        )
        self.asked_at: datetime | None = None  # when the person joined the queue

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.settle_calls()

    def acquire_or_queue(
        self, starter: Starter, person: Any, *, take_sign_in_call: Callable[[], bool], more: int = 0
    ) -> Wait | None:
        """Do the same as the function `acquire_or_queue`, and remember the calls, so that `settle_calls` reports them.

        `take_sign_in_call` runs in the same transaction, if the calls were taken: the manager waits for each commit.
        """
        with transaction.atomic():
            wait, self.asked_at = _acquire_position(starter, person, more=more)
            reads_sign_ins = wait is None and take_sign_in_call()
        if wait is None:
            self.taken, self.reads_sign_ins = CALLS_PER_ISSUE + more, reads_sign_ins
        return wait

    def settle_calls(self) -> None:
        """Record the calls that were made as answered, and give back the others."""
        taken, made = self.taken, self.made
        self.taken = self.made = 0
        if taken:
            _try_to_settle(taken, made=made)


def acquire_or_queue(starter: Starter, person: Any, *, more: int = 0) -> Wait | None:
    """Take the calls of one issue for a person, or give them a queue position. None means that the calls were taken.

    Report each call that was taken with `mark_answered`. `more` is the number of extra calls to delete passes of other
    tools first. A reload keeps the position. It opens when the calls are free, and lapses a minute later.
    Raises QueueLimitReached.
    """
    wait, _ = _acquire_position(starter, person, more=more)
    return wait


@transaction.atomic
def _acquire_position(starter: Starter, person: Any, *, more: int) -> tuple[Wait | None, datetime]:
    """Do the same as `acquire_or_queue`, and also return when the person joined the queue."""
    row, now = _row_with_limits(), clock.now()
    turn, asked_at, ahead = _find_position(starter, person, now, asked_at=now)
    calls = CALLS_PER_ISSUE + more
    opens = _opens_at(row, calls, ahead, now)
    if opens <= now:
        _record_calls(row, calls, now)
        if turn:
            turn.delete()
        return None, asked_at
    return _save_turn(starter, person, turn, Wait(opens, ahead), asked_at, now), asked_at


@transaction.atomic
def join_queue(starter: Starter, person: Any, *, asked_at: datetime | None = None) -> Wait:
    """Give a queue position to a person whose call Microsoft has just throttled. Takes no calls.

    With `asked_at`, they get back their earlier position, ahead of people who asked later. Raises QueueLimitReached.
    """
    row, now = _row_with_limits(), clock.now()
    turn, asked_at, ahead = _find_position(starter, person, now, asked_at=min(asked_at or now, now))
    wait = Wait(_opens_at(row, CALLS_PER_ISSUE, ahead, now), ahead)
    return _save_turn(starter, person, turn, wait, asked_at, now)


@transaction.atomic
def would_join_queue(starter: Starter, person: Any, *, more: int = 0) -> bool:
    """Whether a request now would get a new queue position. Takes no calls."""
    row, now = _row_with_limits(), clock.now()
    turn, _, ahead = _find_position(starter, person, now, asked_at=now)
    return turn is None and _opens_at(row, CALLS_PER_ISSUE + more, ahead, now) > now


def open_queue_position(starter: Starter) -> None:
    """Open this starter's queue position now, because nothing blocks it any longer."""
    now = clock.now()
    Turn.objects.filter(starter=starter).update(opens_at=now, lapses_at=now + POSITION_LIFETIME)


def _find_position(
    starter: Starter, person: Any, now: datetime, *, asked_at: datetime
) -> tuple[Turn | None, datetime, int]:
    """Delete the lapsed positions. Return the person's own, if any, since when it counts, and how many are ahead.

    `asked_at` counts for a person without a position. Usually nobody waits: then one small query is enough.
    """
    if not Turn.objects.exists():
        return None, asked_at, 0
    Turn.objects.exclude(_unfinished_turns(now)).delete()
    turn = Turn.objects.filter(starter=starter, person=person).first()
    asked_at = turn.asked_at if turn else asked_at
    return turn, asked_at, _earlier_turns(asked_at, turn).count()


def _earlier_turns(asked_at: datetime, turn: Turn | None) -> QuerySet[Turn]:
    """Return the positions of people who asked earlier. The order of arrival also holds for people who came back."""
    if turn is None:
        return Turn.objects.filter(asked_at__lte=asked_at)
    return Turn.objects.filter(Q(asked_at__lt=asked_at) | Q(asked_at=asked_at, pk__lt=turn.pk))


def _save_turn(
    starter: Starter, person: Any, turn: Turn | None, wait: Wait, asked_at: datetime, now: datetime
) -> Wait:
    """Save the person's queue position, or a new one, and return it. Raises QueueLimitReached.

    An opening time that is still ahead stays. One that has passed, while others were slower, moves to that of `wait`.
    """
    if turn is None:
        # `_find_position` has deleted the lapsed positions.
        if Turn.objects.filter(person=person).count() >= MOST_POSITIONS_PER_PERSON:
            raise QueueLimitReached
        turn = Turn(starter=starter, person=person, asked_at=asked_at)
    elif not Wait(turn.opens_at, wait.ahead).is_over(now):
        return Wait(turn.opens_at, wait.ahead)
    turn.opens_at, turn.lapses_at = wait.until, wait.until + POSITION_LIFETIME
    turn.save()
    return wait


def queue_position(starter: Starter, person: Any) -> Wait | None:
    """Return the person's queue position, if any. This changes nothing."""
    turns = Turn.objects.filter(_unfinished_turns(clock.now()))
    turn = turns.filter(starter=starter, person=person).first()
    if turn is None:
        return None
    before = _earlier_turns(turn.asked_at, turn).filter(pk__in=turns.values("pk"))
    return Wait(turn.opens_at, before.count())


def has_queue_position(person: Any) -> bool:
    """Return whether the person waits in the queue, for any starter. Each position lapses after its time."""
    return Turn.objects.filter(_unfinished_turns(clock.now()), person=person).exists()


@transaction.atomic
def acquire_for_worker(calls: int = 1, *, yields: bool = True) -> float:
    """Take calls for background work. Returns 0.0 if they were free, else the seconds until the next try.

    Report the calls that were taken with `mark_answered`. Work that `yields` leaves enough calls for everyone in the
    queue and for one person who comes now.
    """
    row, now = _row_with_limits(), clock.now()
    waiting = Turn.objects.filter(_unfinished_turns(now)).count()
    reserved = CALLS_PER_ISSUE * (waiting + 1) if yields else 0
    if _free_at(row, calls, now) <= now and _calls_left(row, now) >= calls + reserved:
        _record_calls(row, calls, now)
        return 0.0
    paused = (_paused_until(row, now) - now).total_seconds()
    return max(1.0, min(paused, 600.0), row.span.total_seconds() / 5)


def mark_answered(calls: int = 1) -> None:
    """Record that this many of the taken calls were made and answered."""
    _try_to_settle(calls, made=calls)


def _try_to_settle(taken: int, *, made: int) -> None:
    """Record the answers. If the database fails, the pass does not: the calls count as in flight until the timeout."""
    try:
        _settle_calls(taken, made=made)
    except DatabaseError:
        log.warning("answered calls could not be recorded; they count as in flight", exc_info=True)


@transaction.atomic
def _settle_calls(taken: int, *, made: int) -> None:
    row, now = _locked_row(), clock.now()
    # Remove the newest calls first. The calls of a process that died get old and time out.
    left = max(len(row.on_their_way) - taken, 0)
    row.recent = [*row.recent, *[now.timestamp()] * min(made, len(row.on_their_way) - left)]
    row.on_their_way = row.on_their_way[:left]
    row.save(update_fields=["recent", "on_their_way"])


@transaction.atomic
def back_off(seconds: float) -> None:
    """Make no more calls for this many seconds, because Microsoft answered 429."""
    row, now = _locked_row(), clock.now()
    until = now + timedelta(seconds=seconds)
    if _paused_until(row, now) < until:
        row.paused_until = until
        row.save(update_fields=["paused_until"])


@dataclass(frozen=True)
class QuotaUsage:
    """One quota at this moment. `paused` is the seconds until Microsoft accepts calls again, 0 if it does."""

    limit: int
    used: int
    paused: float


def read_usage() -> QuotaUsage:
    """Read the quota without a lock, for monitoring. A pass that is being created can change it meanwhile."""
    row, now = _set_limits(GraphBudget.objects.get(id=1)), clock.now()
    paused = (_paused_until(row, now) - now).total_seconds()
    return QuotaUsage(row.calls, len(_recent_calls(row, now)), paused)


def _locked_row() -> GraphBudget:
    locks.acquire_in_order(locks.LockQueue.GRAPH_BUDGET)
    return GraphBudget.objects.select_for_update().get(id=1)


def _row_with_limits() -> GraphBudget:
    """Return the one row, locked, with its limit."""
    return _set_limits(_locked_row())


def _set_limits(row: GraphBudget) -> GraphBudget:
    """Set the limit from the policy, or else from the settings."""
    rules = policy.for_site()
    row.calls = rules.graph_calls or settings.GRAPH_BUDGET_CALLS
    row.span = timedelta(seconds=rules.graph_seconds or settings.GRAPH_BUDGET_SECONDS)
    return row


def _recent_calls(row: GraphBudget, now: datetime) -> list[float]:
    """Return the calls in the window, in order, each with the time from which it counts."""
    timeout = IN_FLIGHT_TIMEOUT.total_seconds()
    in_flight = [
        min(at + timeout, now.timestamp())
        for at in times_within(row.on_their_way, now, IN_FLIGHT_TIMEOUT + row.span)
    ]
    return sorted([*times_within(row.recent, now, row.span), *times_within(in_flight, now, row.span)])


def times_within(moments: list[float], now: datetime, span: timedelta) -> list[float]:
    """Return the times within the last `span`. A time ahead of now comes from a clock that was set back: drop it."""
    began, latest = (now - span).timestamp(), now.timestamp() + 1
    return [at for at in moments if began < at <= latest]


def _calls_left(row: GraphBudget, now: datetime) -> int:
    return row.calls - len(_recent_calls(row, now))


def _free_at(row: GraphBudget, calls: int, now: datetime) -> datetime:
    """Return when this many calls are free, if nobody else takes any. More than the whole limit counts as the limit."""
    counted = _recent_calls(row, now)
    too_many = len(counted) + min(calls, row.calls) - row.calls
    fits = now if too_many <= 0 else datetime.fromtimestamp(counted[too_many - 1], tz=now.tzinfo) + row.span
    return max(fits, _paused_until(row, now), now)


def _opens_at(row: GraphBudget, calls: int, ahead: int, now: datetime) -> datetime:
    """Return when a person's calls are free, if everyone ahead of them makes one issue."""
    rounds, beside = divmod(ahead, max(1, row.calls // CALLS_PER_ISSUE))
    wanted = calls + CALLS_PER_ISSUE * beside
    if beside and wanted > row.calls:
        rounds, wanted = rounds + 1, calls
    return _free_at(row, wanted, now) + rounds * row.span


def _paused_until(row: GraphBudget, now: datetime) -> datetime:
    until = row.paused_until
    return until if until is not None and now < until <= now + MAX_PAUSE else now


def _unfinished_turns(now: datetime) -> Q:
    """Queue positions that still count: not lapsed, and of a starter who still needs a pass.

    A position that was asked for later than now comes from a clock that was set back, and does not count. After a 429,
    the position stays until the worker has read the account's list of passes.
    """
    open_issues = PassIssue.objects.filter(starter=OuterRef("starter"), state__in=OPEN_ISSUE)
    throttled = Q(state=IssueState.UNKNOWN, reason=PassIssue.Reason.THROTTLED)
    waits = Q(starter__state=StarterState.INVITED) & ~Exists(open_issues.exclude(throttled))
    stays = Q(lapses_at__gte=now) | Exists(open_issues.filter(throttled))
    return waits & stays & Q(asked_at__lte=now + timedelta(seconds=1))


def _record_calls(row: GraphBudget, calls: int, now: datetime) -> None:
    row.recent = times_within(row.recent, now, row.span)
    row.on_their_way = [
        *times_within(row.on_their_way, now, IN_FLIGHT_TIMEOUT + row.span),
        *[now.timestamp()] * calls,
    ]
    row.save(update_fields=["recent", "on_their_way"])
