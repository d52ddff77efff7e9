"""Durable work: asked for in the transaction that causes it, done by a worker, retried, visible when it fails.

A job's key is `kind:what`; asking for the same key twice asks once. A worker claims a job in a short
transaction, works outside of any, and finishes it only if the claim is still its own. A killed worker's lock
runs out and another takes over, so every handler must bear being run again.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q

from onboarding import clock
from onboarding.models import Heartbeat, Job

log = logging.getLogger(__name__)

LOCK = timedelta(seconds=120)  # longer than any handler may take
ALIVE = timedelta(seconds=90)  # a heartbeat older than this counts as none
GIVE_UP = timedelta(hours=24)
ABOUT_A_PASS = (Job.Priority.PASS, Job.Priority.WATCH)
FOR_A_PASS = Q(priority__in=ABOUT_A_PASS)
NO_WATCH = Q(priority__lt=Job.Priority.WATCH)

# A handler gets what follows the colon, and says when it wants to run again; None means done.
Handler = Callable[[str], "datetime | None"]
_handlers: dict[str, Handler] = {}


def handler(kind: str) -> Callable[[Handler], Handler]:
    """Name a function as the one that does jobs of this kind."""

    def register(function: Handler) -> Handler:
        _handlers[kind] = function
        return function

    return register


class TryLater(Exception):
    """Not a failure: the job could not be done yet, and says when to come back."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"in {seconds:.0f} s")
        self.delay = timedelta(seconds=seconds)


def ask(key: str, *, priority: Job.Priority, due_at: datetime | None = None) -> None:
    """Ask for a job, or bring a waiting one forward; it becomes as urgent as is said now, and due then.

    Call it inside the causing transaction.
    """
    now = clock.now()
    due = due_at or now
    job, made = Job.objects.get_or_create(key=key, defaults={"priority": priority, "due_at": due})
    if not made:
        waiting = Job.objects.filter(pk=job.pk)
        # A job that is running may have read what was true before this was asked: it runs once more.
        late = Q(due_at__gt=due) | Q(locked_until__gt=now)
        ended = Q(done_at__isnull=False) | Q(failed_at__isnull=False)
        waiting.filter(late | ended | ~Q(priority=priority)).update(
            due_at=due, priority=priority, done_at=None, failed_at=None
        )


def claim(now: datetime, among: Q | None = None) -> Job | None:
    """Take the most urgent due job (`among` those of a kind), or none."""
    free = Q(locked_until__isnull=True) | Q(locked_until__lt=now)
    with transaction.atomic():
        rows = Job.objects.filter(free, done_at__isnull=True, failed_at__isnull=True, due_at__lte=now)
        rows = rows.filter(among) if among else rows
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True)
        job = rows.order_by("priority", "due_at").first()
        if job is None:
            return None
        taken = Job.objects.filter(free, pk=job.pk, claim=job.claim, done_at__isnull=True)
        # A pass does not wait long for a worker that was killed; its steps can be repeated.
        lock = settings.WORKER_LOCK if job.priority in ABOUT_A_PASS else LOCK
        if taken.update(locked_until=now + lock, claim=F("claim") + 1) != 1:
            return None
    job.claim += 1
    return job


def work(job: Job) -> None:
    """Do one claimed job and write down how it went."""
    kind, _, what = job.key.partition(":")
    try:
        again = _handlers[kind](what)
    except TryLater as later:
        _finish(job, due_at=clock.now() + later.delay)
    except Exception as error:  # whatever a handler could not answer is answered here: backoff, then the list
        log.exception("job failed", extra={"job": job.key})
        _failed(job, error)
    else:
        _finish(job, due_at=again, attempts=0, last_error="")


def _finish(job: Job, *, due_at: datetime | None, **values: object) -> None:
    mine = Job.objects.filter(pk=job.pk, claim=job.claim)
    done = {"done_at": clock.now()} if due_at is None else {"due_at": due_at}
    # Brought forward while it ran? Then what was asked since stands, and the job runs once more.
    if mine.filter(due_at=job.due_at).update(locked_until=None, **done, **values) != 1:
        mine.update(locked_until=None, **values)


def _failed(job: Job, error: Exception) -> None:
    words = f"{type(error).__name__}: {error}"[:300]
    # A pass may be alive that nobody should use: that is tried again more often than anything else.
    longest = 30 if job.priority in ABOUT_A_PASS else 600
    delay = min(_pause(job.attempts), longest) * random.uniform(0.8, 1.2)  # noqa: S311  (spread, not secrecy)
    values: dict[str, object] = {"attempts": job.attempts + 1, "last_error": words}
    if (
        sum(_pause(n) for n in range(job.attempts + 1)) > GIVE_UP.total_seconds()
        and job.priority == Job.Priority.MAIL
    ):
        values["failed_at"] = clock.now()
    _finish(job, due_at=clock.now() + timedelta(seconds=delay), **values)


def _pause(attempts: int) -> float:
    """Seconds to wait after so many failures: double each time, ten minutes at most."""
    return min(2.0 ** min(attempts, 10), 600)


def start_again(job: Job) -> None:
    """A job that was given up begins anew, with all its attempts before it."""
    given_up = Job.objects.filter(pk=job.pk, failed_at__isnull=False)
    given_up.update(failed_at=None, attempts=0, due_at=clock.now())


def beat(worker: str, *, clock_skew: int | None = None) -> None:
    """Say that a worker lives, and how its clock compares with Microsoft's."""
    seen = {"beat_at": clock.now(), "clock_skew": clock_skew}
    Heartbeat.objects.update_or_create(worker=worker, defaults=seen)


def a_worker_lives() -> bool:
    return Heartbeat.objects.filter(beat_at__gt=clock.now() - ALIVE).exists()
