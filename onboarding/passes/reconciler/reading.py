"""The reconciler's reads at Microsoft, within the quota.

Every call is taken from the quota first. Watching a pass that was handed over yields to people who wait. Looking for a
pass that nobody saw, and deleting one, yields to nobody: busy hours must not keep it alive.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from onboarding import audit, graph
from onboarding.jobs import JobPostponed
from onboarding.mail import notifications
from onboarding.models import PassIssue
from onboarding.passes import graph_quota

# A new pass may not be listed at once. Only after this time does its absence mean something.
LISTED_AFTER = timedelta(minutes=2)
# Replicas that do not know a new account answer "not found". This long after the account was read, it means deleted.
REPLICATION_TIME = timedelta(minutes=10)
ALARM_AFTER = timedelta(minutes=10)


@contextmanager
def spend_quota(calls: int = 1, *, yields: bool = True) -> Iterator[None]:
    """Take calls from the quota, and mark them as answered. Raises JobPostponed if the quota has no room.

    With `yields`, leave room for people who wait. A pass that nobody saw does not yield.
    """
    seconds = graph_quota.acquire_for_worker(calls, yields=yields)
    if seconds:
        raise JobPostponed(seconds)
    try:
        yield
    finally:
        graph_quota.mark_answered(calls)


def list_passes(issue: PassIssue, now: datetime) -> tuple[graph.LivePass, ...]:
    """Return the passes of the account, none if it is deleted. Raises JobPostponed if Microsoft cannot tell."""
    try:
        return graph.client().list_passes(issue.account_id)
    except graph.NotFound:
        require_deleted_account(issue, now)
        return ()


def read_methods(
    issue: PassIssue, now: datetime
) -> tuple[tuple[graph.Method, ...], tuple[graph.LivePass, ...]]:
    """Return the methods and the passes of the account, as `list_passes` does."""
    try:
        return graph.client().read_methods(issue.account_id)
    except graph.NotFound:
        require_deleted_account(issue, now)
        return (), ()


def require_deleted_account(issue: PassIssue, now: datetime) -> None:
    """Raise JobPostponed unless the account is deleted, and its passes with it.

    "Not found" alone proves nothing: a new account is not known to every replica at once. The account is deleted if the
    directory does not find it either, REPLICATION_TIME after it was read there.
    """
    since = now - issue.intended_at
    if since < REPLICATION_TIME:
        raise JobPostponed(10 if since < LISTED_AFTER else 30)
    try:
        graph.client().look_up(issue.account_id)
    except graph.NotFound:
        return
    raise JobPostponed(30)


def listed_by(issue: PassIssue) -> datetime:
    """Return when a pass that exists is certain to be listed."""
    return (issue.shown_at or issue.intended_at) + LISTED_AFTER


@contextmanager
def alarm_if_overdue(issue: PassIssue, *, since: datetime, now: datetime) -> Iterator[None]:
    """Email security, once, if this check settles nothing and ALARM_AFTER has passed `since`."""
    try:
        yield
    except (graph.GraphError, JobPostponed):
        if now > since + ALARM_AFTER:
            with audit.transaction():
                notifications.write_cannot_cancel(issue)
        raise
