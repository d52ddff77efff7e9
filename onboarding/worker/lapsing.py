"""Ending the onboarding of starters whose time is over without a result: the state `lapsed`.

A starter has a window in which a pass can be created. `LAPSES_AFTER` the window has closed, nobody can expect a result
any more: the onboarding ends, so that retention can erase the personal details. Until then HR can change the start date.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from onboarding import audit, clock
from onboarding.errors import ConcurrentUpdate
from onboarding.lifecycle import OPEN_ISSUE, StarterState
from onboarding.mail import notifications
from onboarding.models import PassIssue, Starter
from onboarding.starters import timetable
from onboarding.transitions import move_starter

log = logging.getLogger(__name__)

LAPSES_AFTER = timedelta(days=30)  # after the window has closed
MOST_AT_ONCE = 500


def starters_to_lapse(now: datetime) -> QuerySet[Starter]:
    """Unfinished starters whose window closed `LAPSES_AFTER` ago, but none whose pass may still exist.

    The reconciler ends an attempt whose outcome is not known yet; the starter lapses after that.
    """
    open_issues = PassIssue.objects.filter(starter=OuterRef("pk"), state__in=list(OPEN_ISSUE))
    return Starter.objects.unfinished().filter(
        ~Exists(open_issues), timetable.window_has_closed(now - LAPSES_AFTER)
    )


def overdue_since_lapse(now: datetime, kept_for: timedelta) -> Q:
    """Match lapsed starters whose time was over `kept_for` ago, even if the worker noticed it late."""
    closed = timetable.window_has_closed(
        now - LAPSES_AFTER - kept_for, Starter.objects.filter(erased_at=None)
    )
    return Q(state=StarterState.LAPSED) & closed


def lapse_starters(now: datetime) -> int:
    """End these onboardings, at most `MOST_AT_ONCE`, and return how many were found."""
    due = list(starters_to_lapse(now).order_by("starts_at", "pk")[:MOST_AT_ONCE])
    for starter in due:
        try:
            _lapse_starter(starter)
        except ConcurrentUpdate:
            log.info("starter changed meanwhile; it lapses tomorrow", extra={"starter": starter.public_id})
    return len(due)


@audit.transaction()
def _lapse_starter(starter: Starter) -> None:
    notifications.cancel_unsent(starter)
    move_starter(
        starter,
        StarterState.LAPSED,
        event="starter.lapsed",
        changes={"ended_at": clock.now(), "problem": Starter.Problem.NONE},
        facts={"was": starter.state},
    )
