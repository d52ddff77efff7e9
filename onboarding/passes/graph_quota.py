"""Graph's small budget for everything about sign-in methods, shared by all processes through one row.

Microsoft publishes five calls in ten seconds a tenant for this kind of resource (Graph throttling limits,
"identity and access reports"). A pass costs two: the read of the methods, and the creation. People come
first, in the order in which they asked; work in the background takes what they leave.

Microsoft counts a call when it arrives, and nobody here knows when that is: only that it lies between the moment in
which the call was taken and that of its answer. So a call that is on its way counts as one of this very moment, and one
that was answered counts from its answer. Whatever fits here then fits there too, as long as the answer comes in time
(`IN_FLIGHT_TIMEOUT`) and Microsoft answers at once: a call that is repeated after a 5xx is counted as one.
"""

from __future__ import annotations

import logging
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
# A call whose answer nobody has told of by then is on its way no more: its process has ended. The second call of an
# issue is made when the first has its answer, and each may take its time.
IN_FLIGHT_TIMEOUT = CALLS_PER_ISSUE * timedelta(
    seconds=settings.GRAPH_CONNECT_TIMEOUT + settings.GRAPH_READ_TIMEOUT
)
POSITION_LIFETIME = timedelta(seconds=60)
MOST_POSITIONS_PER_PERSON = 3  # one manager with many starters does not keep all others waiting
# Whose turn comes so soon has the button already: by the time it is pressed, there is room.
BUTTON_LEAD_TIME = timedelta(seconds=1)
# Microsoft is not believed beyond this, and a moment further ahead can only come from a clock that was set back.
MAX_PAUSE = timedelta(hours=1)


class QueueLimitReached(Exception):
    """A person holds as many places in the queue as one person may; they got no further one."""


@dataclass(frozen=True)
class Wait:
    """No room yet: from when there will be, and how many stand before."""

    until: datetime
    ahead: int

    def is_over(self, now: datetime) -> bool:
        """Whether the button is there."""
        return self.until - BUTTON_LEAD_TIME <= now

    def seconds_left(self, now: datetime) -> int:
        """Until the button is there."""
        return max(1, ceil((self.until - BUTTON_LEAD_TIME - now).total_seconds()))


class IssueCalls:
    """The calls of one issue. How many of those that were taken were `made` is booked once, when the issue has ended."""

    def __init__(self) -> None:
        self.taken = self.made = 0
        self.asked_at: datetime | None = None  # since when the person is in the queue

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.settle_calls()

    def acquire_or_queue(self, starter: Starter, person: Any, *, more: int = 0) -> Wait | None:
        """As `acquire_or_queue`, of which nothing else needs to be told then."""
        wait, self.asked_at = _acquire_position(starter, person, more=more)
        if wait is None:
            self.taken = CALLS_PER_ISSUE + more
        return wait

    def settle_calls(self) -> None:
        """Those that were made have their answer; the others will not be made."""
        taken, made = self.taken, self.made
        self.taken = self.made = 0
        if taken:
            _book_calls(taken, made=made)


def acquire_or_queue(starter: Starter, person: Any, *, more: int = 0) -> Wait | None:
    """Take the calls of one issue for a person who waits, or a place in the queue. None means: go on.

    Each call that was taken must be told of. `more` calls go before it, where passes of
    other tools are removed first. A place is kept through reloads; it opens when the budget will have room and lapses
    a minute later.
    """
    wait, _ = _acquire_position(starter, person, more=more)
    return wait


@transaction.atomic
def _acquire_position(starter: Starter, person: Any, *, more: int) -> tuple[Wait | None, datetime]:
    """As `acquire_or_queue`, and since when the person has been in the queue."""
    row, now = _row_with_limits(), clock.now()
    mine = _own_turn(starter, person, now)
    asked_at = mine.asked_at if mine else now
    ahead = _earlier_turns(asked_at, mine).count()
    calls = CALLS_PER_ISSUE + more
    opens = _opens_at(row, calls, ahead, now)
    if opens <= now:
        _record_calls(row, calls, now)
        if mine:
            mine.delete()
        return None, asked_at
    return _save_turn(starter, person, mine, Wait(opens, ahead), asked_at, now), asked_at


@transaction.atomic
def join_queue(starter: Starter, person: Any, *, asked_at: datetime | None = None) -> Wait:
    """Only a place in the queue, for somebody whom Microsoft has just told to wait; nothing is spent.

    With `asked_at`, the place that they had in the queue before: those who asked later stay behind them.
    Raises QueueLimitReached.
    """
    row, now = _row_with_limits(), clock.now()
    mine = _own_turn(starter, person, now)
    asked_at = mine.asked_at if mine else min(asked_at or now, now)
    ahead = _earlier_turns(asked_at, mine).count()
    wait = Wait(_opens_at(row, CALLS_PER_ISSUE, ahead, now), ahead)
    return _save_turn(starter, person, mine, wait, asked_at, now)


@transaction.atomic
def would_join_queue(starter: Starter, person: Any, *, more: int = 0) -> bool:
    """Whether a request at this moment would have to wait in a new place of the queue. Takes nothing."""
    row, now = _row_with_limits(), clock.now()
    if _own_turn(starter, person, now) is not None:
        return False
    return _opens_at(row, CALLS_PER_ISSUE + more, _earlier_turns(now, None).count(), now) > now


def open_queue_position(starter: Starter) -> None:
    """What kept this starter's place from being used is over: it opens now."""
    now = clock.now()
    Turn.objects.filter(starter=starter).update(opens_at=now, lapses_at=now + POSITION_LIFETIME)


def _own_turn(starter: Starter, person: Any, now: datetime) -> Turn | None:
    """The person's own place, if any; places that lapsed are cleared away."""
    Turn.objects.exclude(_unfinished_turns(now)).delete()
    return Turn.objects.filter(starter=starter, person=person).first()


def _earlier_turns(asked_at: datetime, mine: Turn | None) -> QuerySet[Turn]:
    """The places of those who asked before: in order of arrival, also for whoever came back."""
    if mine is None:
        return Turn.objects.filter(asked_at__lte=asked_at)
    return Turn.objects.filter(Q(asked_at__lt=asked_at) | Q(asked_at=asked_at, pk__lt=mine.pk))


def _save_turn(
    starter: Starter, person: Any, mine: Turn | None, wait: Wait, asked_at: datetime, now: datetime
) -> Wait:
    """The place that they have, or else a new one; one whose time has come while others were slower is kept."""
    if mine is None:
        if (
            Turn.objects.filter(person=person).count() >= MOST_POSITIONS_PER_PERSON
        ):  # those that lapsed are gone
            raise QueueLimitReached
        mine = Turn(starter=starter, person=person, asked_at=asked_at)
    elif not Wait(mine.opens_at, wait.ahead).is_over(now):
        return Wait(mine.opens_at, wait.ahead)
    mine.opens_at, mine.lapses_at = wait.until, wait.until + POSITION_LIFETIME
    mine.save()
    return wait


def queue_position(starter: Starter, person: Any) -> Wait | None:
    """The place that a person has, if any. Looking changes nothing."""
    turns = Turn.objects.filter(_unfinished_turns(clock.now()))
    mine = turns.filter(starter=starter, person=person).first()
    if mine is None:
        return None
    before = _earlier_turns(mine.asked_at, mine).filter(pk__in=turns.values("pk"))
    return Wait(mine.opens_at, before.count())


@transaction.atomic
def acquire_for_worker(calls: int = 1, *, yields: bool = True) -> float:
    """Take calls for work in the background: 0.0 when they were there, else seconds to come back in.

    What was taken must be told of with `mark_answered`, as for a person.
    Work that yields never touches what those who wait, and a person who comes now, would need.
    """
    row, now = _row_with_limits(), clock.now()
    waiting = Turn.objects.filter(_unfinished_turns(now)).count()
    kept = CALLS_PER_ISSUE * (waiting + 1) if yields else 0
    if _free_at(row, calls, now) <= now and _calls_left(row, now) >= calls + kept:
        _record_calls(row, calls, now)
        return 0.0
    paused = (_paused_until(row, now) - now).total_seconds()
    return max(1.0, min(paused, 600.0), row.span.total_seconds() / 5)


def mark_answered(calls: int = 1) -> None:
    """So many of the calls that were taken were made, and their answer is there."""
    _book_calls(calls, made=calls)


def _book_calls(taken: int, *, made: int) -> None:
    """Keeping the books costs nobody a pass: where they cannot be written the calls count as on their way for a while."""
    try:
        _settle_calls(taken, made=made)
    except DatabaseError:
        log.warning("answered calls could not be booked; they count as on their way", exc_info=True)


@transaction.atomic
def _settle_calls(taken: int, *, made: int) -> None:
    row, now = _locked_row(), clock.now()
    # The newest go first: what somebody left behind who can tell of it no more gets old, and ends.
    left = max(len(row.on_their_way) - taken, 0)
    row.recent = [*row.recent, *[now.timestamp()] * min(made, len(row.on_their_way) - left)]
    row.on_their_way = row.on_their_way[:left]
    row.save(update_fields=["recent", "on_their_way"])


@transaction.atomic
def back_off(seconds: float) -> None:
    """Microsoft answered 429: nobody asks again before that."""
    row, now = _locked_row(), clock.now()
    until = now + timedelta(seconds=seconds)
    if _paused_until(row, now) < until:
        row.paused_until = until
        row.save(update_fields=["paused_until"])


def _locked_row() -> GraphBudget:
    locks.acquire_in_order(locks.LockQueue.GRAPH_BUDGET)
    return GraphBudget.objects.select_for_update().get(id=1)


def _row_with_limits() -> GraphBudget:
    """The one row, locked, and how large the budget is: as policy says, or else as it was installed."""
    row, rules = _locked_row(), policy.for_site()
    row.calls = rules.graph_calls or settings.GRAPH_BUDGET_CALLS
    row.span = timedelta(seconds=rules.graph_seconds or settings.GRAPH_BUDGET_SECONDS)
    return row


def _recent_calls(row: GraphBudget, now: datetime) -> list[float]:
    """The calls in the window, in order, each with the moment from which it counts."""
    lost = IN_FLIGHT_TIMEOUT.total_seconds()
    on_their_way = [
        min(at + lost, now.timestamp())
        for at in times_within(row.on_their_way, now, IN_FLIGHT_TIMEOUT + row.span)
    ]
    return sorted([*times_within(row.recent, now, row.span), *times_within(on_their_way, now, row.span)])


def times_within(moments: list[float], now: datetime, span: timedelta) -> list[float]:
    # A time ahead of now can only come from a clock that was set back; it must not block for ever.
    began, latest = (now - span).timestamp(), now.timestamp() + 1
    return [at for at in moments if began < at <= latest]


def _calls_left(row: GraphBudget, now: datetime) -> int:
    return row.calls - len(_recent_calls(row, now))


def _free_at(row: GraphBudget, calls: int, now: datetime) -> datetime:
    """When so many calls fit, were nobody else to come; at most all that there are."""
    counted = _recent_calls(row, now)
    too_many = len(counted) + min(calls, row.calls) - row.calls
    fits = now if too_many <= 0 else datetime.fromtimestamp(counted[too_many - 1], tz=now.tzinfo) + row.span
    return max(fits, _paused_until(row, now), now)


def _opens_at(row: GraphBudget, calls: int, ahead: int, now: datetime) -> datetime:
    """When so many calls of a person fit, while each of those before them has room for an issue."""
    rounds, beside = divmod(ahead, max(1, row.calls // CALLS_PER_ISSUE))
    wanted = calls + CALLS_PER_ISSUE * beside
    if beside and wanted > row.calls:
        rounds, wanted = rounds + 1, calls
    return _free_at(row, wanted, now) + rounds * row.span


def _paused_until(row: GraphBudget, now: datetime) -> datetime:
    until = row.paused_until
    return until if until is not None and now < until <= now + MAX_PAUSE else now


def _unfinished_turns(now: datetime) -> Q:
    """Places in the queue that still count: nobody waits for who has a pass, or needs none any more.

    One that was asked for later than now comes from a clock that was set back. Whoever Microsoft told to wait keeps
    the place until its list has been read.
    """
    open_ones = PassIssue.objects.filter(starter=OuterRef("starter"), state__in=OPEN_ISSUE)
    throttled = Q(state=IssueState.UNKNOWN, reason=PassIssue.Reason.THROTTLED)
    waits = Q(starter__state=StarterState.INVITED) & ~Exists(open_ones.exclude(throttled))
    stays = Q(lapses_at__gte=now) | Exists(open_ones.filter(throttled))
    return waits & stays & Q(asked_at__lte=now + timedelta(seconds=1))


def _record_calls(row: GraphBudget, calls: int, now: datetime) -> None:
    row.recent = times_within(row.recent, now, row.span)
    row.on_their_way = [
        *times_within(row.on_their_way, now, IN_FLIGHT_TIMEOUT + row.span),
        *[now.timestamp()] * calls,
    ]
    row.save(update_fields=["recent", "on_their_way"])
