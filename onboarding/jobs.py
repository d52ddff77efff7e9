"""The job queue: a job is queued in the transaction that causes it, run by a worker, retried, and shown when it fails.

A job's key is `kind:subject`; the same key is queued only once. A worker claims a job in a short transaction, runs it
outside of any, and finishes it only if the claim is still its own. The lock of a killed worker expires and another
worker takes over, so every handler must be safe to run again.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import ProgrammingError, connection, transaction
from django.db.models import Case, F, Q, QuerySet, Value, When

from onboarding import clock
from onboarding.models import Heartbeat, Job

log = logging.getLogger(__name__)

LOCK_DURATION = timedelta(seconds=120)  # longer than any handler may take
HEARTBEAT_VALID_FOR = timedelta(seconds=90)  # a heartbeat older than this counts as none
HEARTBEAT_KEPT_FOR = timedelta(hours=1)  # then a worker that is still alive deletes it
# A job about a pass that was due so long ago: no worker finishes such jobs, although one may still have a heartbeat.
# Longer than a lock, and a job that fails or has to wait gets a new due time.
PASS_JOB_OVERDUE_AFTER = timedelta(minutes=10)
GIVE_UP_AFTER = timedelta(hours=24)
FAILING_SHOWN_AFTER = timedelta(hours=1)  # of failures in a row, longer than a restart or a short outage
# The longest delay between two tries, in seconds. Jobs about a pass are retried more often: a pass may still be usable.
MAX_RETRY_DELAY, MAX_RETRY_DELAY_FOR_A_PASS = 600.0, 30.0
PASS_PRIORITIES = (Job.Priority.PASS, Job.Priority.WATCH)
IS_ABOUT_A_PASS = Q(priority__in=PASS_PRIORITIES)
IS_NOT_A_WATCH = Q(priority__lt=Job.Priority.WATCH)

# A handler gets the subject of the key, and returns when to run again. None means done.
Handler = Callable[[str], "datetime | None"]
_handlers: dict[str, Handler] = {}
_give_up_after: dict[str, timedelta] = {}
_retried: set[str] = set()
RETRY_EVERY = timedelta(minutes=10)  # for one failed job of a kind with `is_retried`


def job_handler(
    kind: str, *, gives_up_after: timedelta = GIVE_UP_AFTER, is_retried: bool = False
) -> Callable[[Handler], Handler]:
    """Register a function as the handler of this kind of job.

    Jobs that send mail, and kinds with `is_retried`, fail after `gives_up_after`. Failed jobs of an `is_retried` kind
    are shown; one of them is tried now and then, and when it succeeds all of them are tried again.
    """

    def register(function: Handler) -> Handler:
        _handlers[kind] = function
        _give_up_after[kind] = gives_up_after
        if is_retried:
            _retried.add(kind)
        return function

    return register


class JobPostponed(Exception):
    """The handler could not do the job yet, and says when to try again. This is not a failure."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"in {seconds:.0f} s")
        self.delay = timedelta(seconds=seconds)


def list_retried_kinds() -> list[str]:
    """The kinds whose failed jobs are tried again now and then."""
    return sorted(_retried)


def enqueue_job(key: str, *, priority: Job.Priority, due_at: datetime | None = None) -> None:
    """Queue a job, or bring a waiting one forward, with this priority and due time.

    Call this in the transaction of the change that causes the job.
    """
    now = clock.now()
    due = due_at or now
    job, made = Job.objects.get_or_create(key=key, defaults={"priority": priority, "due_at": due})
    if not made:
        # A running job may have read the state before this change, so it runs again.
        late = Q(due_at__gt=due) | Q(locked_until__gt=now)
        ended = Q(done_at__isnull=False) | Q(failed_at__isnull=False)
        then = Case(When(late | ended | ~Q(priority=priority), then=Value(due)), default=F("due_at"))
        # The row is written also if nothing in it changes: until this change is committed, no worker claims the job, which
        # would read the state before it and find nothing to do.
        Job.objects.filter(pk=job.pk).update(due_at=then, priority=priority, done_at=None, failed_at=None)


def claim_job(now: datetime, among: Q | None = None) -> Job | None:
    """Claim the most urgent due job that matches `among`. Returns None if there is none."""
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
        # A shorter lock, so that another worker soon takes over a job about a pass. Its steps can be repeated.
        lock = settings.WORKER_LOCK if job.priority in PASS_PRIORITIES else LOCK_DURATION
        if taken.update(locked_until=now + lock, claim=F("claim") + 1) != 1:
            return None
    job.claim += 1
    return job


def run_job(job: Job) -> None:
    """Run one claimed job and save the result."""
    kind, _, subject = job.key.partition(":")
    try:
        run_again_at = _handlers[kind](subject)
    except JobPostponed as postponed:
        _finish_job(job, due_at=clock.now() + postponed.delay)
    except Exception as error:  # after any error: back off, and show the job once it has failed for long
        _log_failure(job, error)
        _record_failure(job, error)
    else:
        _finish_job(job, due_at=run_again_at, attempts=0, last_error="")
        if job.attempts:
            log.info("a job that had failed works again", extra={"job": job.key, "failures": job.attempts})
        if kind in _retried and job.attempts and _is_given_up_after(kind, job.attempts - 1):
            _failed_jobs(kind).update(failed_at=None, due_at=clock.now())


def _log_failure(job: Job, error: Exception) -> None:
    """Log a failure with its stack. One whose text says all, such as a silent Microsoft, is one warning an outage.

    Its later tries are of level info. Doctor and metrics show each job that goes on failing.
    """
    if not getattr(error, "is_explained", False):
        log.exception("job failed", extra={"job": job.key})
        return
    level = logging.INFO if job.attempts else logging.WARNING
    log.log(
        level, "a job will be tried again: %s", error, extra={"job": job.key, "failures": job.attempts + 1}
    )


def _finish_job(job: Job, *, due_at: datetime | None, **values: object) -> None:
    mine = Job.objects.filter(pk=job.pk, claim=job.claim)
    done = {"done_at": clock.now()} if due_at is None else {"due_at": due_at}
    # A job that was brought forward while it ran keeps its new due time, and runs again.
    if mine.filter(due_at=job.due_at).update(locked_until=None, **done, **values) != 1:
        mine.update(locked_until=None, **values)


def _record_failure(job: Job, error: Exception) -> None:
    text = f"{type(error).__name__}: {error}"[:300]
    longest = MAX_RETRY_DELAY_FOR_A_PASS if job.priority in PASS_PRIORITIES else MAX_RETRY_DELAY
    delay = min(_retry_delay(job.attempts), longest) * random.uniform(0.8, 1.2)  # noqa: S311  (spread, not secrecy)
    values: dict[str, object] = {"attempts": job.attempts + 1, "last_error": text}
    kind = job.key.partition(":")[0]
    if (job.priority == Job.Priority.MAIL or kind in _retried) and _is_given_up_after(kind, job.attempts):
        values["failed_at"] = clock.now()
        if kind in _retried:
            enqueue_job(f"retry:{kind}", priority=Job.Priority.LOOK, due_at=clock.now() + RETRY_EVERY)
    _finish_job(job, due_at=clock.now() + timedelta(seconds=delay), **values)


def _is_given_up_after(kind: str, attempts: int) -> bool:
    """Whether one more failure after `attempts` fails a job of this kind for good."""
    return (
        sum(_retry_delay(n) for n in range(attempts + 1))
        > _give_up_after.get(kind, GIVE_UP_AFTER).total_seconds()
    )


def _failed_jobs(kind: str) -> QuerySet[Job]:
    return Job.objects.filter(key__startswith=f"{kind}:", failed_at__isnull=False)


@job_handler("retry")
def retry_oldest_failed(kind: str) -> datetime | None:
    """Retry the job of this kind that failed first. It keeps its count, so one more failure fails it at once."""
    oldest = _failed_jobs(kind).order_by("failed_at").first()
    if oldest is None:
        return None
    _failed_jobs(kind).filter(pk=oldest.pk).update(failed_at=None, due_at=clock.now())
    return clock.now() + RETRY_EVERY


def failing_jobs() -> QuerySet[Job]:
    """Return the jobs that never stop retrying, and have failed for an hour or longer without a success."""
    about_a_pass = IS_ABOUT_A_PASS & Q(
        attempts__gte=_failures_in(FAILING_SHOWN_AFTER, MAX_RETRY_DELAY_FOR_A_PASS)
    )
    other = ~IS_ABOUT_A_PASS & Q(attempts__gte=_failures_in(FAILING_SHOWN_AFTER, MAX_RETRY_DELAY))
    found = Job.objects.filter(about_a_pass | other, done_at=None, failed_at=None)
    for kind in _retried:
        found = found.exclude(key__startswith=f"{kind}:")
    return found.exclude(priority=Job.Priority.MAIL)


def _failures_in(span: timedelta, longest: float) -> int:
    """Return how many failures in a row take as long as `span`, with delays of at most `longest` seconds."""
    failures, passed = 0, 0.0
    while passed < span.total_seconds():
        passed += min(_retry_delay(failures), longest)
        failures += 1
    return failures


def _retry_delay(attempts: int) -> float:
    """Return the seconds to back off after this many failures: double each time, at most ten minutes."""
    return min(2.0 ** min(attempts, 10), MAX_RETRY_DELAY)


def restart_job(job: Job) -> bool:
    """Queue a failed job again, with its attempts counted from zero. Return whether it had failed."""
    failed = Job.objects.filter(pk=job.pk, failed_at__isnull=False)
    return bool(failed.update(failed_at=None, attempts=0, due_at=clock.now()))


def record_heartbeat(worker: str, *, clock_skew: int | None = None) -> None:
    """Record that a worker is alive, and by how many seconds its clock is behind Microsoft's."""
    values = {"beat_at": clock.now(), "clock_skew": clock_skew}
    Heartbeat.objects.update_or_create(worker=worker, defaults=values)


def delete_dead_heartbeats() -> None:
    """Delete the heartbeats of workers that died long ago: each restart of a container is a worker with a new name."""
    try:
        Heartbeat.objects.filter(beat_at__lt=clock.now() - HEARTBEAT_KEPT_FOR).delete()
    except ProgrammingError:  # a missing DELETE right must not stop the worker
        log.warning(
            "the database role may not delete heartbeats: run `manage.py database_role --apply` again"
        )


def worker_state() -> str:
    """`alive`; `missing` without a recent heartbeat; `late` if a worker has one, but finishes no jobs about passes."""
    now = clock.now()
    if not Heartbeat.objects.filter(beat_at__gt=now - HEARTBEAT_VALID_FOR).exists():
        return "missing"
    waiting = Job.objects.filter(priority=Job.Priority.PASS, done_at=None, failed_at=None)
    return "late" if waiting.filter(due_at__lt=now - PASS_JOB_OVERDUE_AFTER).exists() else "alive"


def has_live_worker() -> bool:
    """Whether a worker would delete a pass that nobody saw. Only then is a pass created."""
    return worker_state() == "alive"
