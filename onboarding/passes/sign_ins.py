"""Whether somebody has signed in to a starter's account: read where it is needed first, and never forgotten.

Microsoft allows ten calls a minute. A call reads up to fifteen accounts where the tenant takes such a list, else one.
First come accounts whose manager waits, then those that were never read, then the soonest start. An account that an
answer leaves out stays unread. What was once known, a sign-in or an attempt, is never overwritten by less.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError
from django.db.models import Case, Q, QuerySet, Value, When

from onboarding import clock, graph, jobs
from onboarding.jobs import JobPostponed, job_handler
from onboarding.lifecycle import StarterState
from onboarding.models import Job, Starter
from onboarding.passes import sign_in_quota
from onboarding.passes.sign_in_quota import CLICKS_LEAVE, WAITING_MANAGERS_LEAVE, WORK_LEAVES

log = logging.getLogger(__name__)

AT_ONCE = 15  # Graph takes so many accounts in one list
# What was read is read again after so long: near the start, and before.
REFRESH_NEAR, REFRESH_FAR, NEAR = timedelta(minutes=10), timedelta(hours=5), timedelta(days=1)
# Nobody creates a first pass so long after the start.
READ_UNTIL_AFTER_START = timedelta(days=90)
# An account that was asked for in vain comes after all others for so long.
MISSED_DELAY = timedelta(minutes=1)
# A manager whose page has not asked for so long waits no more; so often at most the page says that one waits.
AWAITED_FOR, REQUEST_INTERVAL = timedelta(minutes=5), timedelta(seconds=20)
# What is older than this must be read again before a pass.
MAX_AGE = timedelta(hours=1)
# So long no list is tried after the tenant refused one, and after one failed.
NO_LISTS_AFTER_REFUSAL, NO_LISTS_AFTER_FAILURE = timedelta(hours=1), timedelta(minutes=5)
RETRY_DELAY = timedelta(seconds=10)
STORED_FIELDS = ["last_sign_in_at", "last_attempt_at", "sign_in_looked_at", "sign_in_told"]
DUE_JOB_KEY, AWAITED_JOB_KEY = "sign_ins:due", "sign_ins:awaited"


# --- In the background --------------------------------------------------------------------------------------------


@job_handler("sign_ins")
def read_due(_: str) -> datetime | None:
    """Make one call, and say when the next one may follow."""
    try:
        return read_next()
    except graph.Throttled as error:
        raise JobPostponed(error.retry_after) from None


def read_if_due(starter: Starter) -> None:
    """Read this starter, if it is time and there is room, with others who need it; else a job does it later.

    What fails is left to that job, which shows its error: it says nothing about this starter alone.
    """
    if not starters_to_read().filter(pk=starter.pk).exists():
        return
    try:
        again = read_next()
    except JobPostponed as later:
        again = clock.now() + later.delay
    except graph.Throttled as error:
        again = clock.now() + timedelta(seconds=error.retry_after)
    except graph.Unavailable as error:
        log.warning("sign-in activity was not read: %s", error, extra={"starter": starter.public_id})
        again = clock.now() + RETRY_DELAY
    if again is not None:
        jobs.enqueue_job(DUE_JOB_KEY, priority=Job.Priority.LOOK, due_at=again)


def read_next() -> datetime | None:
    """Make one call for those who need it most. Returns when to make the next one, None where nobody needs any.

    Raises Throttled after everybody was told to wait, JobPostponed where the limit has no room, and Unavailable. No room
    is no success: the job keeps its count of failures.
    """
    wanted = list(starters_to_read()[: AT_ONCE + 1])
    if not wanted:
        return None
    urgent = _is_awaited(wanted[0])
    wait = sign_in_quota.acquire_call(leave=WAITING_MANAGERS_LEAVE if urgent else WORK_LEAVES)
    if wait > 0:
        raise JobPostponed(wait)
    batch = wanted[:AT_ONCE] if sign_in_quota.lists_allowed() else wanted[:1]
    try:
        if len(batch) == 1:
            _read_one(batch[0])
        else:
            _read_list(batch)
    except graph.Throttled as error:
        sign_in_quota.back_off(error.retry_after)
        raise
    finally:
        sign_in_quota.mark_answered()
    left = starters_to_read().first()
    return None if left is None else max(_rested_at(left), clock.now())


def starters_to_read() -> QuerySet[Starter]:
    """Starters whose sign-in activity must be read now, those first who need it most.

    Until the manager is invited nobody can create a pass, so nothing has to be known.
    """
    now = clock.now()
    near = Q(starts_at__gt=now - NEAR, starts_at__lte=now + NEAR)
    awaited, unread = Q(sign_in_awaited_at__gt=now - AWAITED_FOR), Q(sign_in_looked_at=None)
    old = Q(sign_in_looked_at__lt=now - REFRESH_FAR) | (near & Q(sign_in_looked_at__lt=now - REFRESH_NEAR))
    old &= Q(last_sign_in_at=None)  # a sign-in that is known stays known
    before_a_pass = Starter.objects.filter(
        state=StarterState.INVITED, first_pass_at=None, starts_at__gt=now - READ_UNTIL_AFTER_START
    ).exclude(account_id="")
    wanted = before_a_pass.exclude(problem=Starter.Problem.ACCOUNT_GONE).filter(awaited | unread | old)
    return wanted.order_by(
        _sort_last(Q(sign_in_missed_at__gt=now - MISSED_DELAY)),
        _sort_first(awaited),
        _sort_first(unread),
        _sort_first(Q(starts_at__gt=now - NEAR)),  # a start that was missed days ago is not soon
        "starts_at",
        "pk",
    )


def _sort_first(condition: Q) -> Case:
    return Case(When(condition, then=Value(0)), default=Value(1))


def _sort_last(condition: Q) -> Case:
    return Case(When(condition, then=Value(1)), default=Value(0))


def _is_awaited(starter: Starter) -> bool:
    since = starter.sign_in_awaited_at
    return since is not None and since > clock.now() - AWAITED_FOR


def _rested_at(starter: Starter) -> datetime:
    """When the account may be asked for again, after it was asked for in vain."""
    missed = starter.sign_in_missed_at
    return clock.now() if missed is None else min(missed, clock.now()) + MISSED_DELAY


def _read_one(starter: Starter) -> bool:
    """Read one. False: the tenant does not let the portal read it."""
    try:
        _store_reading(starter, graph.client().read_sign_ins(starter.account_id))
    except graph.ReadNotPermitted:
        _store_not_permitted(starter)
        return False
    except graph.Refused as error:
        log.info("sign-in activity was not read: %s", error, extra={"starter": starter.public_id})
        _mark_missed([starter])
    except graph.Unavailable:
        _mark_missed([starter])
        raise
    return True


def _read_list(batch: Sequence[Starter]) -> None:
    """Read several. Where the tenant refuses that, or it fails, they are read one by one from the next call on."""
    try:
        found = graph.client().list_sign_ins([starter.account_id for starter in batch])
    except graph.ReadNotPermitted:
        return _probe_permission(batch)
    except graph.Refused as error:
        log.warning("sign-in activity is read one by one, since its list was refused: %s", error)
        return sign_in_quota.refuse_lists(NO_LISTS_AFTER_REFUSAL)
    except graph.Unavailable:
        sign_in_quota.refuse_lists(NO_LISTS_AFTER_FAILURE)
        raise
    for starter in batch:
        if (seen := found.get(starter.account_id)) is not None:
            _store_reading(starter, seen)
    return _mark_missed([starter for starter in batch if starter.account_id not in found])


def _probe_permission(batch: Sequence[Starter]) -> None:
    """The right or the licence is missing, it was said of a list. Said of one account too, it holds for all."""
    if sign_in_quota.acquire_call(leave=WAITING_MANAGERS_LEAVE) > 0:
        # A second list would find no room for this question either: the next call reads one account.
        sign_in_quota.refuse_lists(NO_LISTS_AFTER_FAILURE)
        return
    try:
        permitted = _read_one(batch[0])
    finally:
        sign_in_quota.mark_answered()
    if permitted:
        sign_in_quota.refuse_lists(NO_LISTS_AFTER_REFUSAL)
        return
    for starter in batch[1:]:
        _store_not_permitted(starter)


# --- What is kept -------------------------------------------------------------------------------------------------


def _store_reading(starter: Starter, seen: graph.SignIns) -> None:
    """Keep what was read. What it does not say leaves what is known as it is."""
    kept: dict[str, Any] = {"sign_in_told": True}
    if seen.succeeded_at is not None:
        kept["last_sign_in_at"] = seen.succeeded_at
    if seen.attempted_at is not None:
        kept["last_attempt_at"] = seen.attempted_at
    _store_fields(starter, kept)


def _store_not_permitted(starter: Starter) -> None:
    """The tenant does not let the portal read it. A sign-in that is known stays known."""
    _store_fields(starter, {"sign_in_told": False})


def _store_fields(starter: Starter, kept: dict[str, Any]) -> None:
    kept |= {"sign_in_looked_at": clock.now(), "sign_in_awaited_at": None, "sign_in_missed_at": None}
    # Meanwhile HR may have chosen another account, of which this says nothing, or a pass may have been made.
    same = Starter.objects.filter(pk=starter.pk, account_id=starter.account_id, first_pass_at=None)
    if same.update(**kept):
        for name, value in kept.items():
            setattr(starter, name, value)


def _mark_missed(starters: Sequence[Starter]) -> None:
    if starters:
        Starter.objects.filter(pk__in=[starter.pk for starter in starters]).update(
            sign_in_missed_at=clock.now()
        )


# --- While a manager waits, and at their click --------------------------------------------------------------------


def is_unread(starter: Starter) -> bool:
    """Whether nothing is known yet that must be known before a first pass."""
    return starter.first_pass_at is None and starter.sign_in_looked_at is None


def request_reading(starter: Starter) -> None:
    """A manager waits on the starter's page: this account is read before all others. It may be said often."""
    now, said = clock.now(), starter.sign_in_awaited_at
    if said is not None and now - REQUEST_INTERVAL < said <= now:
        return
    with suppress(DatabaseError):  # a page is shown all the same; it says so again with the next look
        if Starter.objects.filter(pk=starter.pk, first_pass_at=None).update(sign_in_awaited_at=now):
            jobs.enqueue_job(AWAITED_JOB_KEY, priority=Job.Priority.PASS)


def take_call_for_click(starter: Starter) -> bool:
    """Take a call to read this account once more, where that can tell anything and the limit has room.

    It must be reported with `sign_in_quota.mark_answered`.
    """
    can_tell = starter.first_pass_at is None and starter.sign_in_told and starter.last_sign_in_at is None
    return can_tell and sign_in_quota.acquire_call(leave=CLICKS_LEAVE) == 0


def store_click_reading(starter: Starter, read: graph.SignIns | graph.GraphError | None) -> None:
    """Keep what was read at a click. What could not be read leaves what is known as it is.

    The worker may have learned of a sign-in since the page was asked for: what it has kept counts too.
    """
    if isinstance(read, graph.SignIns):
        _store_reading(starter, read)
    elif isinstance(read, graph.ReadNotPermitted):
        _store_not_permitted(starter)
    elif isinstance(read, graph.Throttled):
        sign_in_quota.back_off(read.retry_after)
    starter.refresh_from_db(fields=STORED_FIELDS)


def is_too_old(starter: Starter) -> bool:
    """Whether what is known is too old to make a first pass by it."""
    read_at = starter.sign_in_looked_at
    decides = starter.first_pass_at is None and starter.last_sign_in_at is None
    return decides and read_at is not None and read_at < clock.now() - MAX_AGE


def known_since(starter: Starter) -> datetime | None:
    """When it was last read that nobody has signed in; None where the tenant does not tell, or after a first pass."""
    told = starter.first_pass_at is None and starter.sign_in_told
    return starter.sign_in_looked_at if told else None
