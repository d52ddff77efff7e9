"""Reads Entra's audit log page by page, and keeps the position, so that a worker that stops loses nothing.

Entra shows an entry minutes or hours after it happened. So each reading begins again a grace time ago: an entry that came
late is found then. What happened before the grace time counts as complete.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from onboarding import audit, clock, graph
from onboarding.directory_log import comparing
from onboarding.graph.listing import audit_log
from onboarding.jobs import JobPostponed, enqueue_job, job_handler
from onboarding.models import DirectoryLog, Job
from onboarding.passes import graph_quota

log = logging.getLogger(__name__)

JOB_KEY = "directory_log:read"
EVERY, REFUSED_EVERY = timedelta(minutes=15), timedelta(hours=1)
GRACE = timedelta(hours=24)
# A tenant without a licence keeps its log for seven days.
LONGEST_WINDOW = timedelta(days=6)


def enqueue_reading() -> None:
    enqueue_job(JOB_KEY, priority=Job.Priority.LOOK)


@job_handler("directory_log")
def read_log(_: str) -> datetime:
    """Read one page, and return when to read the next. Raises JobPostponed, and Unavailable: then the page is read again."""
    try:
        is_complete = read_next_page()
    except graph.Throttled as error:
        raise JobPostponed(error.retry_after) from None
    except graph.ReadNotPermitted:
        return clock.now() + REFUSED_EVERY
    return clock.now() + EVERY if is_complete else clock.now()


def read_to_the_end(pause: Callable[[float], None], *, tries: int = 4) -> None:
    """Read all pages now. A page that fails is read again, at most `tries` times in a row. Raises GraphError."""
    failures = 0
    while True:
        try:
            if read_next_page():
                return
            failures = 0
        except JobPostponed as later:
            pause(later.delay.total_seconds())
        except (graph.Throttled, graph.Unavailable) as error:
            failures += 1
            if failures == tries:
                raise
            pause(getattr(error, "retry_after", 2.0**failures))


def read_next_page() -> bool:
    """Read and compare one page within Graph's quota. True: it was the last one of this reading.

    Raises JobPostponed if no call is free, Throttled, ReadNotPermitted and Unavailable. The position stays then.
    """
    position, start, end = _open_window()
    principal = audit_log.read_own_principal(graph.client())
    wait = graph_quota.acquire_for_worker()
    if wait > 0:
        raise JobPostponed(wait)
    try:
        page = audit_log.read_page(graph.client(), since=start, until=end, token=position.next_token)
    except graph.Throttled as error:
        graph_quota.back_off(error.retry_after)
        raise
    except graph.ReadNotPermitted:
        _record_refusal(position)
        raise
    except graph.Refused:
        if not position.next_token:
            raise
        _save(position, next_token="")  # the token is too old: begin with the first page again
        return False
    finally:
        graph_quota.mark_answered()
    for logged in page.passes:
        comparing.compare_entry(logged, principal)
    if page.next_token:
        _save(position, next_token=page.next_token)
        return False
    _close_window(position, start, end)
    return True


def _open_window() -> tuple[DirectoryLog, datetime, datetime]:
    """Return the unfinished window, else the next: the position, its beginning and its end."""
    position, _ = DirectoryLog.objects.get_or_create(id=1)
    if position.window_start and position.window_end:
        return position, position.window_start, position.window_end
    now = clock.now().replace(microsecond=0)
    earliest = now - LONGEST_WINDOW
    start = max(position.complete_until or earliest, earliest)
    if position.complete_until is not None and start > position.complete_until:
        comparing.record_gap(position.complete_until, start)
    _save(position, window_start=start, window_end=now, next_token="")
    return position, start, now


def _close_window(position: DirectoryLog, start: datetime, end: datetime) -> None:
    complete = max(start, end - GRACE)
    with audit.transaction():
        comparing.find_passes_not_logged(start, complete)
        _save(
            position,
            complete_until=complete,
            window_start=None,
            window_end=None,
            next_token="",
            read_at=clock.now(),
            refused_at=None,
        )


def _record_refusal(position: DirectoryLog) -> None:
    """Close the window: what it was to read is read when the tenant permits it."""
    if position.refused_at is None:
        log.warning("Microsoft Graph does not let the portal read Entra's audit log")
    _save(
        position,
        window_start=None,
        window_end=None,
        next_token="",
        refused_at=position.refused_at or clock.now(),
    )


def _save(position: DirectoryLog, **values: datetime | str | None) -> None:
    for name, value in values.items():
        setattr(position, name, value)
    position.save(update_fields=list(values))
