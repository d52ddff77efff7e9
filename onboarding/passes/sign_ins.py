"""Read from Entra whether somebody has signed in to a starter's account, the most urgent accounts first.

Microsoft allows ten calls a minute. A call reads up to fifteen accounts if the tenant accepts such a list, else one.
Accounts whose manager waits come first, then accounts that were never read, then the soonest start. An account that the
answer leaves out stays unread. A known sign-in or attempt is never deleted, even if a later answer does not contain it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Case, Q, QuerySet, Value, When

from onboarding import clock, graph, jobs
from onboarding.jobs import JobPostponed, job_handler
from onboarding.lifecycle import StarterState
from onboarding.models import Job, Starter
from onboarding.passes import sign_in_quota
from onboarding.passes.sign_in_quota import CLICKS_LEAVE, WAITING_MANAGERS_LEAVE, WORK_LEAVES

log = logging.getLogger(__name__)

AT_ONCE = 15  # accounts in one list, the most that Graph accepts
# How long to wait before reading an account again: within a day of the start, and otherwise.
REFRESH_NEAR, REFRESH_FAR, NEAR = timedelta(minutes=10), timedelta(hours=5), timedelta(days=1)
# Nobody creates a first pass this long after the start.
READ_UNTIL_AFTER_START = timedelta(days=90)
# For this long after a failed read, an account comes after all others.
MISSED_DELAY = timedelta(minutes=1)
# How long a request of a manager's page counts, and how often a page renews it at most.
AWAITED_FOR, REQUEST_INTERVAL = timedelta(minutes=5), timedelta(seconds=20)
# Older data must be read again before a pass.
MAX_AGE = timedelta(hours=1)
# How long to read accounts one by one after the tenant refused a list, and after a list failed.
NO_LISTS_AFTER_REFUSAL, NO_LISTS_AFTER_FAILURE = timedelta(hours=1), timedelta(minutes=5)
RETRY_DELAY = timedelta(seconds=10)
STORED_FIELDS = ["last_sign_in_at", "last_attempt_at", "sign_in_looked_at", "sign_in_told"]
DUE_JOB_KEY, AWAITED_JOB_KEY = "sign_ins:due", "sign_ins:awaited"


# --- In the background --------------------------------------------------------------------------------------------


@job_handler("sign_ins")
def read_due(_: str) -> datetime | None:
    """Make one call, and return when to make the next one. Raises JobPostponed."""
    try:
        return read_next()
    except graph.Throttled as error:
        raise JobPostponed(error.retry_after) from None


def read_if_due(starter: Starter) -> None:
    """Read this starter and others now, if this one is due and a call is free; else let a job do it.

    A failure is left to that job, which shows the error: it is not about this starter alone.
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
    """Make one call for the most urgent accounts. Returns when to make the next one, None if no account is due.

    Raises Throttled after backing off, JobPostponed if no call is free, and Unavailable. JobPostponed is not a success:
    the job keeps its count of failures.
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
    """Return the starters whose sign-in activity is due now, the most urgent first.

    Starters whose manager is not invited yet are left out: nobody can create a pass for them.
    """
    now = clock.now()
    near = Q(starts_at__gt=now - NEAR, starts_at__lte=now + NEAR)
    awaited, unread = Q(sign_in_awaited_at__gt=now - AWAITED_FOR), Q(sign_in_looked_at=None)
    old = Q(sign_in_looked_at__lt=now - REFRESH_FAR) | (near & Q(sign_in_looked_at__lt=now - REFRESH_NEAR))
    old &= Q(last_sign_in_at=None)  # a known sign-in needs no further read
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
    """Return when the account may be read again after a failed read."""
    missed = starter.sign_in_missed_at
    return clock.now() if missed is None else min(missed, clock.now()) + MISSED_DELAY


def _read_one(starter: Starter) -> bool:
    """Read one account. Returns False if the tenant does not permit it. Raises Throttled, Unavailable."""
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
    """Read several accounts. If the tenant refuses the list or it fails, later calls read accounts one by one.

    Raises Throttled, Unavailable.
    """
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
    """Microsoft refused a list for a missing permission or licence. Read one account to see if this holds for all."""
    if sign_in_quota.acquire_call(leave=WAITING_MANAGERS_LEAVE) > 0:
        # No call is free for this check, and none would be after a second list: let the next call read one account.
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
    """Store what was read. Keep the known values that the answer leaves out."""
    fields: dict[str, Any] = {"sign_in_told": True}
    if seen.succeeded_at is not None:
        fields["last_sign_in_at"] = seen.succeeded_at
    if seen.attempted_at is not None:
        fields["last_attempt_at"] = seen.attempted_at
    _store_fields(starter, fields)


def _store_not_permitted(starter: Starter) -> None:
    """Store that the tenant does not permit the read. Keep a known sign-in."""
    _store_fields(starter, {"sign_in_told": False})


def _store_fields(starter: Starter, fields: dict[str, Any]) -> None:
    fields |= {"sign_in_looked_at": clock.now(), "sign_in_awaited_at": None, "sign_in_missed_at": None}
    # Meanwhile HR may have chosen another account, or a pass may have been created: then store nothing.
    same = Starter.objects.filter(pk=starter.pk, account_id=starter.account_id, first_pass_at=None)
    if same.update(**fields):
        for name, value in fields.items():
            setattr(starter, name, value)


def _mark_missed(starters: Sequence[Starter]) -> None:
    if starters:
        Starter.objects.filter(pk__in=[starter.pk for starter in starters]).update(
            sign_in_missed_at=clock.now()
        )


# --- While a manager waits, and at their click --------------------------------------------------------------------


def is_unread(starter: Starter) -> bool:
    """Whether the sign-in activity must still be read before the first pass."""
    return starter.first_pass_at is None and starter.sign_in_looked_at is None


def request_reading(starter: Starter) -> None:
    """Read this account before all others, because a manager waits on the starter's page. Repeated calls are cheap."""
    now, requested_at = clock.now(), starter.sign_in_awaited_at
    if requested_at is not None and now - REQUEST_INTERVAL < requested_at <= now:
        return
    with suppress(DatabaseError):  # the page is shown anyway, and its next poll tries again
        if Starter.objects.filter(pk=starter.pk, first_pass_at=None).update(sign_in_awaited_at=now):
            jobs.enqueue_job(AWAITED_JOB_KEY, priority=Job.Priority.PASS)


def take_call_for_click(starter: Starter) -> bool:
    """Take a call to read this account again at the click, if that is useful and a call is free.

    Report the call with `sign_in_quota.mark_answered`.
    """
    is_useful = starter.first_pass_at is None and starter.sign_in_told and starter.last_sign_in_at is None
    return is_useful and sign_in_quota.acquire_call(leave=CLICKS_LEAVE) == 0


@transaction.atomic
def store_click_reading(
    starter: Starter, read: graph.SignIns | graph.GraphError | None, *, was_read: bool
) -> None:
    """Store what was read at a click, and that the call of its quota was answered. If it failed, keep the known values.

    The worker may have stored a sign-in since the page was loaded, so load the stored values again. One transaction, because
    the manager waits for each commit.
    """
    if isinstance(read, graph.SignIns):
        _store_reading(starter, read)
    elif isinstance(read, graph.ReadNotPermitted):
        _store_not_permitted(starter)
    elif isinstance(read, graph.Throttled):
        sign_in_quota.back_off(read.retry_after)
    starter.refresh_from_db(fields=STORED_FIELDS)
    if was_read:
        sign_in_quota.mark_answered()  # last, because everybody waits for the lock of that row


def is_too_old(starter: Starter) -> bool:
    """Whether the stored data is too old for a first pass."""
    read_at = starter.sign_in_looked_at
    decides = starter.first_pass_at is None and starter.last_sign_in_at is None
    return decides and read_at is not None and read_at < clock.now() - MAX_AGE


def known_since(starter: Starter) -> datetime | None:
    """Return when it was last read that nobody has signed in. None after a first pass, or if reading is not permitted."""
    applies = starter.first_pass_at is None and starter.sign_in_told
    return starter.sign_in_looked_at if applies else None
