"""Graph's small budget for everything about sign-in methods, shared by all processes through one row.

Microsoft publishes five calls in ten seconds a tenant for this kind of resource (Graph throttling limits,
"identity and access reports"). A pass costs two: the read of the methods, and the creation. People come
first, in the order in which they asked; work in the background takes what they leave.

Microsoft counts a call when it arrives, and nobody here knows when that is: only that it lies between the moment in
which the call was taken and that of its answer. So a call that is on its way counts as one of this very moment, and one
that was answered counts from its answer. Whatever fits here then fits there too, as long as the answer comes in time
(`ON_ITS_WAY`) and Microsoft answers at once: a call that is repeated after a 5xx is counted as one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Self

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef, Q

from onboarding import clock, in_turn, policy
from onboarding.lifecycle import OPEN_ISSUE, StarterState
from onboarding.models import GraphBudget, PassIssue, Starter, Turn

log = logging.getLogger(__name__)

CALLS_OF_AN_ISSUE = 2
# A call whose answer nobody has told of by then is on its way no more: its process has ended. The second call of an
# issue is made when the first has its answer, and each may take its time.
ON_ITS_WAY = CALLS_OF_AN_ISSUE * timedelta(
    seconds=settings.GRAPH_CONNECT_TIMEOUT + settings.GRAPH_READ_TIMEOUT
)
TURN_LASTS = timedelta(seconds=60)
# Whose turn comes so soon has the button already: by the time it is pressed, there is room.
SOON = timedelta(seconds=1)
# Microsoft is not believed beyond this, and a moment further ahead can only come from a clock that was set back.
LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True)
class Wait:
    """No room yet: from when there will be, and how many stand before."""

    until: datetime
    ahead: int

    def is_over(self, now: datetime) -> bool:
        """Whether the button is there."""
        return self.until - SOON <= now

    def seconds(self, now: datetime) -> int:
        """Until the button is there."""
        return max(1, ceil((self.until - SOON - now).total_seconds()))


class Calls:
    """The calls of one issue. How many of those that were taken were `made` is booked once, when the issue has ended."""

    def __init__(self) -> None:
        self.taken = self.made = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.book()

    def take(self, starter: Starter, person: Any, *, more: int = 0) -> Wait | None:
        """As `take_turn`, of which nothing else needs to be told then."""
        wait = take_turn(starter, person, more=more)
        if wait is None:
            self.taken = CALLS_OF_AN_ISSUE + more
        return wait

    def book(self) -> None:
        """Those that were made have their answer; the others will not be made."""
        taken, made = self.taken, self.made
        self.taken = self.made = 0
        if taken:
            _book(taken, made=made)


@transaction.atomic
def take_turn(starter: Starter, person: Any, *, more: int = 0) -> Wait | None:
    """Take the calls of one issue for a person who waits, or a place in the queue. None means: go on.

    Each call that was taken must be told of. `more` calls go before it, where passes of
    other tools are removed first. A place is kept through reloads; it opens when the budget will have room and lapses
    a minute later.
    """
    row, now = _sized(), clock.now()
    mine, ahead = _in_line(starter, person, now)
    calls = CALLS_OF_AN_ISSUE + more
    opens = _opens_at(row, calls, ahead, now)
    if opens <= now:
        _spend(row, calls, now)
        if mine:
            mine.delete()
        return None
    return _place(starter, person, mine, Wait(opens, ahead), now)


@transaction.atomic
def take_place(starter: Starter, person: Any) -> Wait:
    """Only a place in the queue, for somebody whom Microsoft has just told to wait; nothing is spent."""
    row, now = _sized(), clock.now()
    mine, ahead = _in_line(starter, person, now)
    return _place(starter, person, mine, Wait(_opens_at(row, CALLS_OF_AN_ISSUE, ahead, now), ahead), now)


def _in_line(starter: Starter, person: Any, now: datetime) -> tuple[Turn | None, int]:
    """The person's own place, if any, and how many stand before; places that lapsed are cleared away."""
    Turn.objects.exclude(_kept(now)).delete()
    mine = Turn.objects.filter(starter=starter, person=person).first()
    before = Turn.objects.filter(pk__lt=mine.pk) if mine else Turn.objects.all()
    return mine, before.count()


def _place(starter: Starter, person: Any, mine: Turn | None, wait: Wait, now: datetime) -> Wait:
    """The place that they have, or else a new one; one whose time has come while others were slower is kept."""
    if mine is None:
        mine = Turn(starter=starter, person=person, asked_at=now)
    elif not Wait(mine.opens_at, wait.ahead).is_over(now):
        return Wait(mine.opens_at, wait.ahead)
    mine.opens_at, mine.lapses_at = wait.until, wait.until + TURN_LASTS
    mine.save()
    return wait


def standing(starter: Starter, person: Any) -> Wait | None:
    """The place that a person has, if any. Looking changes nothing."""
    turns = Turn.objects.filter(_kept(clock.now()))
    mine = turns.filter(starter=starter, person=person).first()
    return Wait(mine.opens_at, turns.filter(pk__lt=mine.pk).count()) if mine else None


@transaction.atomic
def take_for_work(calls: int = 1, *, yields: bool = True) -> float:
    """Take calls for work in the background: 0.0 when they were there, else seconds to come back in.

    What was taken must be told of with `answered`, as for a person.
    Work that yields never touches what those who wait, and a person who comes now, would need.
    """
    row, now = _sized(), clock.now()
    waiting = Turn.objects.filter(_kept(now)).count()
    kept = CALLS_OF_AN_ISSUE * (waiting + 1) if yields else 0
    if _free_at(row, calls, now) <= now and _room(row, now) >= calls + kept:
        _spend(row, calls, now)
        return 0.0
    paused = (_paused_until(row, now) - now).total_seconds()
    return max(1.0, min(paused, 600.0), row.span.total_seconds() / 5)


def answered(calls: int = 1) -> None:
    """So many of the calls that were taken were made, and their answer is there."""
    _book(calls, made=calls)


def _book(taken: int, *, made: int) -> None:
    """Keeping the books costs nobody a pass: where they cannot be written the calls count as on their way for a while."""
    try:
        _done(taken, made=made)
    except DatabaseError:
        log.warning("answered calls could not be booked; they count as on their way", exc_info=True)


@transaction.atomic
def _done(taken: int, *, made: int) -> None:
    row, now = _locked(), clock.now()
    # The newest go first: what somebody left behind who can tell of it no more gets old, and ends.
    left = max(len(row.on_their_way) - taken, 0)
    row.recent = [*row.recent, *[now.timestamp()] * min(made, len(row.on_their_way) - left)]
    row.on_their_way = row.on_their_way[:left]
    row.save(update_fields=["recent", "on_their_way"])


@transaction.atomic
def pause(seconds: float) -> None:
    """Microsoft answered 429: nobody asks again before that."""
    row, now = _locked(), clock.now()
    until = now + timedelta(seconds=seconds)
    if _paused_until(row, now) < until:
        row.paused_until = until
        row.save(update_fields=["paused_until"])


def _locked() -> GraphBudget:
    in_turn.stand_in(in_turn.Line.GRAPH_BUDGET)
    return GraphBudget.objects.select_for_update().get(id=1)


def _sized() -> GraphBudget:
    """The one row, locked, and how large the budget is: as policy says, or else as it was installed."""
    row, rules = _locked(), policy.in_force()
    row.calls = rules.graph_calls or settings.GRAPH_BUDGET_CALLS
    row.span = timedelta(seconds=rules.graph_seconds or settings.GRAPH_BUDGET_SECONDS)
    return row


def _counted(row: GraphBudget, now: datetime) -> list[float]:
    """The calls in the window, in order, each with the moment from which it counts."""
    lost = ON_ITS_WAY.total_seconds()
    on_their_way = [
        min(at + lost, now.timestamp()) for at in _within(row.on_their_way, now, ON_ITS_WAY + row.span)
    ]
    return sorted([*_within(row.recent, now, row.span), *_within(on_their_way, now, row.span)])


def _within(moments: list[float], now: datetime, span: timedelta) -> list[float]:
    # A time ahead of now can only come from a clock that was set back; it must not block for ever.
    began, latest = (now - span).timestamp(), now.timestamp() + 1
    return [at for at in moments if began < at <= latest]


def _room(row: GraphBudget, now: datetime) -> int:
    return row.calls - len(_counted(row, now))


def _free_at(row: GraphBudget, calls: int, now: datetime) -> datetime:
    """When so many calls fit, were nobody else to come; at most all that there are."""
    counted = _counted(row, now)
    too_many = len(counted) + min(calls, row.calls) - row.calls
    fits = now if too_many <= 0 else datetime.fromtimestamp(counted[too_many - 1], tz=now.tzinfo) + row.span
    return max(fits, _paused_until(row, now), now)


def _opens_at(row: GraphBudget, calls: int, ahead: int, now: datetime) -> datetime:
    """When so many calls of a person fit, while each of those before them has room for an issue."""
    rounds, beside = divmod(ahead, max(1, row.calls // CALLS_OF_AN_ISSUE))
    wanted = calls + CALLS_OF_AN_ISSUE * beside
    if beside and wanted > row.calls:
        rounds, wanted = rounds + 1, calls
    return _free_at(row, wanted, now) + rounds * row.span


def _paused_until(row: GraphBudget, now: datetime) -> datetime:
    until = row.paused_until
    return until if until is not None and now < until <= now + LONGEST_PAUSE else now


def _kept(now: datetime) -> Q:
    """Places in the queue that still count: nobody waits for who has a pass, or needs none any more.

    One that was asked for later than now comes from a clock that was set back.
    """
    has_one = PassIssue.objects.filter(starter=OuterRef("starter"), state__in=OPEN_ISSUE)
    waits = Q(starter__state=StarterState.INVITED) & ~Exists(has_one)
    return waits & Q(lapses_at__gte=now, asked_at__lte=now + timedelta(seconds=1))


def _spend(row: GraphBudget, calls: int, now: datetime) -> None:
    row.recent = _within(row.recent, now, row.span)
    row.on_their_way = [
        *_within(row.on_their_way, now, ON_ITS_WAY + row.span),
        *[now.timestamp()] * calls,
    ]
    row.save(update_fields=["recent", "on_their_way"])
