"""Graph's small budget for everything about sign-in methods, shared by all processes through one row.

Microsoft publishes five calls in ten seconds a tenant for this kind of resource (Graph throttling limits,
"identity and access reports"). A pass costs two: the read of the methods, and the creation. People come
first, in the order in which they asked; work in the background takes what they leave.

A call is counted here when it is taken, and by Microsoft when it arrives: the second one of a pass a little later than
the first, and nobody knows how much. Two passes that were begun in one moment, and two more as soon as the window
allows, would now and then be one call too many in Microsoft's. So where the budget is tight, those who follow right after
others have left the window follow a little apart, and two that were begun together are not for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from onboarding import clock, policy
from onboarding.models import GraphBudget, Starter, Turn

CALLS_OF_AN_ISSUE = 2
# So much later than the first one, at most, the second call of a pass is taken to arrive.
LATEST = timedelta(seconds=5)
TURN_LASTS = timedelta(seconds=60)
# Microsoft is not believed beyond this, and a moment further ahead can only come from a clock that was set back.
LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True)
class Wait:
    """No room yet: from when there will be, and how many stand before."""

    until: datetime
    ahead: int

    def seconds(self, now: datetime) -> int:
        return max(1, round((self.until - now).total_seconds() + 0.5))


@transaction.atomic
def take_turn(starter: Starter, person: Any, *, more: int = 0) -> Wait | None:
    """Take the calls of one issue for a person who waits, or a place in the queue. None means: go on.

    `more` calls go before it, where passes of other tools are removed first. A place is kept through reloads; it
    opens when the budget will have room and lapses a minute later.
    """
    row, now = _locked(), clock.now()
    mine, ahead = _in_line(starter, person, now)
    calls = CALLS_OF_AN_ISSUE + more
    if _opens_at(row, calls, now) <= now and _room(row, now) >= calls + CALLS_OF_AN_ISSUE * ahead:
        _spend(row, calls, now)
        if mine:
            mine.delete()
        return None
    return _place(row, starter, person, mine, ahead, now)


@transaction.atomic
def take_place(starter: Starter, person: Any) -> Wait:
    """Only a place in the queue, for somebody whom Microsoft has just told to wait; nothing is spent."""
    row, now = _locked(), clock.now()
    return _place(row, starter, person, *_in_line(starter, person, now), now)


def _in_line(starter: Starter, person: Any, now: datetime) -> tuple[Turn | None, int]:
    """The person's own place, if any, and how many stand before; places that lapsed are cleared away."""
    Turn.objects.exclude(_kept(now)).delete()
    mine = Turn.objects.filter(starter=starter, person=person).first()
    before = Turn.objects.filter(pk__lt=mine.pk) if mine else Turn.objects.all()
    return mine, before.count()


def _place(
    row: GraphBudget, starter: Starter, person: Any, mine: Turn | None, ahead: int, now: datetime
) -> Wait:
    free_at = _opens_at(row, CALLS_OF_AN_ISSUE, now)
    if mine is None:
        opens = free_at + ahead * _pace(row)
        mine = Turn.objects.create(
            starter=starter, person=person, asked_at=now, opens_at=opens, lapses_at=opens + TURN_LASTS
        )
    elif (
        mine.opens_at <= now
    ):  # its time has come, but others were slower, or somebody faster: the place is kept
        mine.opens_at = max(free_at, now + timedelta(seconds=1)) + max(0, ahead - 1) * _pace(row)
        mine.lapses_at = mine.opens_at + TURN_LASTS
        mine.save(update_fields=["opens_at", "lapses_at"])
    return Wait(mine.opens_at, ahead)


def standing(starter: Starter, person: Any) -> Wait | None:
    """The place that a person has, if any. Looking changes nothing."""
    turns = Turn.objects.filter(_kept(clock.now()))
    mine = turns.filter(starter=starter, person=person).first()
    return Wait(mine.opens_at, turns.filter(pk__lt=mine.pk).count()) if mine else None


@transaction.atomic
def take_for_work(calls: int = 1, *, yields: bool = True) -> float:
    """Take calls for work in the background: 0.0 when they were there, else seconds to come back in.

    Work that yields never touches what those who wait, and a person who comes now, would need.
    """
    row, now = _locked(), clock.now()
    waiting = Turn.objects.filter(_kept(now)).count()
    kept = CALLS_OF_AN_ISSUE * (waiting + 1) if yields else 0
    if _free_at(row, calls, now) <= now and _room(row, now) >= calls + kept:
        _spend(row, calls, now)
        return 0.0
    paused = (_paused_until(row, now) - now).total_seconds()
    return max(1.0, min(paused, 600.0), row.span.total_seconds() / 5)


@transaction.atomic
def give_back(calls: int) -> None:
    """The calls were not made after all."""
    row = _locked()
    row.recent = row.recent[: len(row.recent) - calls]
    row.save(update_fields=["recent"])


@transaction.atomic
def pause(seconds: float) -> None:
    """Microsoft answered 429: nobody asks again before that."""
    row, now = _locked(), clock.now()
    until = now + timedelta(seconds=seconds)
    if _paused_until(row, now) < until:
        row.paused_until = until
        row.save(update_fields=["paused_until"])


def _locked() -> GraphBudget:
    """The one row, and how large the budget is: as policy says, or else as it was installed."""
    row, rules = GraphBudget.objects.select_for_update().get(id=1), policy.in_force()
    row.calls = rules.graph_calls or settings.GRAPH_BUDGET_CALLS
    row.span = timedelta(seconds=rules.graph_seconds or settings.GRAPH_BUDGET_SECONDS)
    return row


def _pace(row: GraphBudget) -> timedelta:
    """How long the budget needs for one issue. Both its calls come in one moment, so an odd call helps nobody."""
    return row.span / (row.calls // CALLS_OF_AN_ISSUE)


def _apart(row: GraphBudget) -> timedelta:
    """How far apart is enough, and never slower than the budget itself."""
    return min(LATEST, _pace(row))


def _in_window(row: GraphBudget, now: datetime, span: timedelta | None = None) -> list[float]:
    # A time ahead of now can only come from a clock that was set back; it must not block for ever.
    oldest = (now - (span or row.span)).timestamp()
    return [at for at in row.recent if oldest < at <= now.timestamp() + 1]


def _room(row: GraphBudget, now: datetime) -> int:
    return row.calls - len(_in_window(row, now))


def _free_at(row: GraphBudget, calls: int, now: datetime) -> datetime:
    """When so many calls fit, were nobody else to come."""
    recent = sorted(_in_window(row, now))
    too_many = len(recent) + calls - row.calls
    fits = now if too_many <= 0 else datetime.fromtimestamp(recent[too_many - 1], tz=now.tzinfo) + row.span
    return max(fits, _paused_until(row, now), now)


def _opens_at(row: GraphBudget, calls: int, now: datetime) -> datetime:
    """When so many calls of a person fit, apart from others where some have just left a window that was full."""
    free_at, apart = _free_at(row, calls, now), _apart(row)
    recent = [datetime.fromtimestamp(at, tz=now.tzinfo) for at in _in_window(row, now, row.span + apart)]
    moments = {free_at, *(at + apart for at in recent), *(at + row.span + apart for at in recent)}
    return min(at for at in moments if at >= free_at and _is_safe(row, calls, at))


def _is_safe(row: GraphBudget, calls: int, at: datetime) -> bool:
    """Whether Microsoft has room then too, though it may still count those that have just left the window here."""
    counted_longer = len(_in_window(row, at, row.span + _apart(row)))
    just_left = counted_longer - len(_in_window(row, at))
    just_begun = len(_in_window(row, at, _apart(row)))
    fits_anyhow = not just_left or counted_longer + calls <= row.calls
    return fits_anyhow or just_begun <= row.calls % CALLS_OF_AN_ISSUE


def _paused_until(row: GraphBudget, now: datetime) -> datetime:
    until = row.paused_until
    return until if until is not None and now < until <= now + LONGEST_PAUSE else now


def _kept(now: datetime) -> Q:
    """Places in the queue that still count; one that was asked for later than now does not."""
    return Q(lapses_at__gte=now, asked_at__lte=now + timedelta(seconds=1))


def _spend(row: GraphBudget, calls: int, now: datetime) -> None:
    row.recent = [*_in_window(row, now, row.span + _apart(row)), *[now.timestamp()] * calls]
    row.save(update_fields=["recent"])
