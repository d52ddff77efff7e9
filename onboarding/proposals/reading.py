"""Reads the accounts with a hire date in the coming weeks, page by page, and proposes them as starters.

The policy sets how many days ahead; 0 turns it off. A worker that stops begins with the same page again: what was proposed
is not proposed twice.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from onboarding import clock, graph, policy
from onboarding.graph.listing import hires
from onboarding.guards.daily_limits import DailyLimitReached
from onboarding.jobs import JobPostponed, enqueue_job, job_handler
from onboarding.models import HireListing, Job
from onboarding.proposals.adding import propose_accounts

EVERY = timedelta(hours=1)


def enqueue_proposals() -> None:
    enqueue_job("proposals:read", priority=Job.Priority.LOOK)


@job_handler("proposals")
def read_proposals(_: str) -> datetime:
    """Read one page, and return when to read the next. Raises JobPostponed, and Unavailable: then the page is read again."""
    days = policy.for_site().propose_days
    if not days:
        HireListing.objects.update(first_day=None, last_day=None, next_token="")
        return clock.now() + EVERY
    try:
        is_complete = _read_next_page(days)
    except graph.Throttled as error:
        raise JobPostponed(error.retry_after) from None
    except DailyLimitReached:  # the rest waits, at the same page
        return clock.now() + EVERY
    return clock.now() + EVERY if is_complete else clock.now()


def _read_next_page(days: int) -> bool:
    """True: it was the last page."""
    listing, first, last = _open_listing(days)
    zone = ZoneInfo(settings.TIME_ZONE)
    # A day more on each side: Entra has a moment, and the day depends on the zone.
    since = datetime.combine(first - timedelta(days=1), time(0), zone)
    until = datetime.combine(last + timedelta(days=2), time(0), zone)
    try:
        page = hires.read_page(graph.client(), since=since, until=until, token=listing.next_token)
    except graph.Throttled:
        raise
    except graph.Refused:
        if not listing.next_token:
            raise
        _save(listing, next_token="")  # the token is too old: begin with the first page again
        return False
    propose_accounts(page.accounts, first, last)
    if page.next_token:
        _save(listing, next_token=page.next_token)
        return False
    _save(listing, first_day=None, last_day=None, next_token="", read_at=clock.now())
    return True


def _open_listing(days: int) -> tuple[HireListing, date, date]:
    """Return the listing with its first and last day: the one that is being read, else the next one."""
    listing, _ = HireListing.objects.get_or_create(id=1)
    if listing.first_day and listing.last_day:
        return listing, listing.first_day, listing.last_day
    today = timezone.localtime(clock.now(), ZoneInfo(settings.TIME_ZONE)).date()
    last = today + timedelta(days=days)
    _save(listing, first_day=today, last_day=last, next_token="")
    return listing, today, last


def _save(listing: HireListing, **values: date | datetime | str | None) -> None:
    for name, value in values.items():
        setattr(listing, name, value)
    listing.save(update_fields=list(values))
