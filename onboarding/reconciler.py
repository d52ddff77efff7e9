"""What became of a pass: clears what is unknown, takes back what nobody saw, notices what was used.

It is a job of the workers (`issue:<id>`): each look does one thing and says when to look again. Every call of
the scarce budget is asked for first. Watching a pass that was handed over yields to people who wait; looking
for a pass that nobody saw, and deleting one, does not: a rush must not keep it alive.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings

from onboarding import audit, budget, clock, graph, handover, notifications
from onboarding.jobs import TryLater, handler
from onboarding.lifecycle import OPEN_ISSUE, IssueState, StarterState
from onboarding.models import PassIssue, Starter
from onboarding.moves import move_issue, move_starter

log = logging.getLogger(__name__)
Reason = PassIssue.Reason

# Clocks of two machines may differ by this much; a pass made later than this after a lease is not ours.
SKEW = timedelta(minutes=15)
# A single-use pass must lead to a registered method within ten minutes of its use (Entra documentation).
USE_LASTS = timedelta(minutes=12)
# A new pass may not be listed at once; only later does its absence mean something.
LISTED_AFTER = timedelta(minutes=2)
ALARM_AFTER = timedelta(minutes=10)
SWEPT_FROM, SWEPT_BEYOND = timedelta(minutes=2), timedelta(hours=1)


@handler("issue")
def reconcile(issue_id: str) -> datetime | None:
    """Bring one issue a step further. Returns when to look again, or None when it has ended."""
    issue = PassIssue.objects.select_related("starter", "policy").get(pk=issue_id)
    try:
        return _step(issue, clock.now())
    except graph.Throttled as error:  # nobody asks again before that, people included
        budget.pause(error.retry_after)
        raise TryLater(error.retry_after) from None


def _step(issue: PassIssue, now: datetime) -> datetime | None:
    match IssueState(issue.state):
        case IssueState.ISSUING:
            return _lease(issue, now)
        case IssueState.UNKNOWN:
            return _look_for_lost(issue, now)
        case IssueState.SHOWN:
            return _await_receipt(issue, now)
        case IssueState.HELD:
            return _watch(issue, now)
        case IssueState.REVOKING:
            return _take_off(issue, now)
        case IssueState.VOID:
            return _sweep(issue, now)
        case IssueState.REVOKED if issue.method_id and issue.shown_at is None:
            return _take_off_late(issue, now)
        case _:
            return None


def _lease(issue: PassIssue, now: datetime) -> datetime:
    """A process that claimed and died leaves its lease to run out."""
    if issue.lease_holds(now):
        return issue.lease_until
    move_issue(issue, IssueState.UNKNOWN, event="issue.unknown", changes={"reason": Reason.CRASHED})
    return now


# --- Unknown: was a pass made? ----------------------------------------------------------------------------------


def _look_for_lost(issue: PassIssue, now: datetime) -> datetime | None:
    """Delete what is ours. Twice empty, the second time after the quarantine, means that none was made."""
    if now > issue.lease_until + ALARM_AFTER:
        _alarm(issue)
    settled = issue.lease_until + settings.PASS_QUARANTINE
    with _spending(yields=False):
        lost = [live for live in _listed(issue) if is_ours(issue, live)]
    if lost:
        gone = []
        for live in lost:
            with _spending(yields=False):
                gone.append(graph.client().delete_pass(issue.account_id, live.method_id))
        if not all(gone) and now < settled:
            raise TryLater(5)  # listed, and yet "not found": not known everywhere yet
        _end(issue, IssueState.REVOKED, facts={"deleted": [live.method_id for live in lost]})
        return None
    if issue.first_empty_at is None:
        PassIssue.objects.filter(pk=issue.pk).update(first_empty_at=now)
        return max(now + settings.PASS_QUARANTINE / 2, settled)
    if now < settled:
        return settled
    _end(issue, IssueState.VOID)
    return now + SWEPT_FROM


def _sweep(issue: PassIssue, now: datetime) -> datetime | None:
    """A request that was lost may still take effect: look again, ever less often, while a pass could live."""
    since = now - (issue.ended_at or now)
    if since > timedelta(minutes=issue.lifetime_minutes) + SWEPT_BEYOND:
        return None
    if _another_is_open(issue):
        return now + SWEPT_FROM
    with _spending():
        orphans = [live for live in _listed(issue) if is_ours(issue, live)]
    for live in orphans:
        _delete_orphan(issue, live)
    # What was deleted is looked for once more; it may have been "not found" only because it is so new.
    return now + (timedelta(seconds=5) if orphans else max(SWEPT_FROM, since))


def _another_is_open(issue: PassIssue) -> bool:
    """A later attempt for the account, of whichever starter: its pass is not ours, and may not be recorded yet."""
    later = PassIssue.objects.filter(
        account_id=issue.account_id, state__in=[state.value for state in OPEN_ISSUE]
    )
    return later.exclude(pk=issue.pk).exists()


def _delete_orphan(issue: PassIssue, live: graph.LivePass) -> None:
    with _spending(yields=False):
        # Whoever made a pass that we listed had claimed it before: now they are on record, or their pass is.
        if _another_is_open(issue) or not is_ours(issue, live):
            raise TryLater(SWEPT_FROM.total_seconds())
        graph.client().delete_pass(issue.account_id, live.method_id)
    log.error(
        "a pass appeared after its request had been given up; it is deleted", extra={"issue": str(issue.pk)}
    )
    with audit.change():
        audit.record(
            "issue.orphan_deleted", starter=issue.starter, issue=issue, facts={"method_id": live.method_id}
        )


def _listed(issue: PassIssue) -> tuple[graph.LivePass, ...]:
    try:
        return graph.client().list_passes(issue.account_id)
    except graph.NotFound:  # the account itself is gone, and its passes with it
        return ()


def is_ours(issue: PassIssue, live: graph.LivePass) -> bool:
    """A pass of unknown origin is ours if it was not there before we asked and has the shape we asked for."""
    if live.method_id == issue.method_id:
        return True
    # An answer that could not be trusted may name a wrong id, too: then the shape decides.
    if issue.method_id and issue.reason != Reason.STRANGE_ANSWER:
        return False
    known = PassIssue.objects.filter(method_id=live.method_id).exists()
    if known or live.method_id in issue.seen_before:
        return False
    shaped = live.usable_once is not False and live.lifetime_minutes == issue.lifetime_minutes
    return shaped and live.created_at <= issue.lease_until + SKEW


# --- Shown: did anybody see it? ---------------------------------------------------------------------------------


def _await_receipt(issue: PassIssue, now: datetime) -> datetime:
    if issue.receipt_until is not None and now <= issue.receipt_until:
        return issue.receipt_until + timedelta(milliseconds=1)
    handover.take_back(issue, reason=Reason.NO_RECEIPT)
    return now


# --- Held: was it used, and is the starter on their own feet? -------------------------------------------------------


def _watch(issue: PassIssue, now: datetime) -> datetime | None:
    with _spending():
        methods, passes = _methods(issue)
    mine = next((live for live in passes if live.method_id == issue.method_id), None)
    if any(method.is_own for method in methods):
        _delete(issue, mine, now)
        _if_early(issue, now)
        _end(issue, IssueState.CLOSED, reason=Reason.REGISTERED, starter_to=StarterState.REGISTERED)
        return None
    if mine is None:
        return _missing(issue, passes, now)
    if mine.reason == "OneTimeUsed":
        return _used(issue, mine, now)
    if issue.valid_until is not None and now > issue.valid_until:
        _end(issue, IssueState.CLOSED, reason=Reason.EXPIRED)
        return None
    return _next_look(issue, now)


def _missing(issue: PassIssue, passes: tuple[graph.LivePass, ...], now: datetime) -> datetime | None:
    """Our pass is no longer listed: replaced by another tool, removed, or just not listed yet."""
    newer = any(live.method_id not in issue.seen_before for live in passes)
    if now < _listed_by(issue) and not newer:  # what stood there before ours may be listed in its place
        return _next_look(issue, now)
    others = [live.method_id for live in passes if live.usable]
    if others:
        with audit.change():
            _end(issue, IssueState.CLOSED, reason=Reason.REPLACED)
            audit.record(
                "issue.replaced_elsewhere", starter=issue.starter, issue=issue, facts={"method_ids": others}
            )
            notifications.replaced_elsewhere(issue)
    else:
        _end(issue, IssueState.CLOSED, reason=Reason.GONE)
    return None


def _if_early(issue: PassIssue, now: datetime) -> None:
    """A pass whose use is seen before the start: whoever used it may not be the starter. Told once."""
    if issue.used_at is not None or now >= issue.starter.starts_at:
        return
    with audit.change():
        if PassIssue.objects.filter(pk=issue.pk, used_at=None).update(used_at=now):
            starts = issue.starter.starts_at.isoformat(timespec="minutes")
            audit.record(
                "issue.used_early",
                starter=issue.starter,
                issue=issue,
                facts={"number": issue.number, "starts_at": starts},
            )
            notifications.used_early(issue)


def _used(issue: PassIssue, mine: graph.LivePass, now: datetime) -> datetime | None:
    """Used: there are ten minutes to register a method. After that the pass led to nothing."""
    if issue.used_at is None:
        with audit.change():
            _if_early(issue, now)
            PassIssue.objects.filter(pk=issue.pk, used_at__isnull=True).update(used_at=now)
            audit.record("issue.used", starter=issue.starter, issue=issue, facts={"number": issue.number})
        return now + timedelta(seconds=10)
    if now < issue.used_at + USE_LASTS:
        return now + timedelta(seconds=10 if now < issue.used_at + timedelta(minutes=2) else 30)
    _delete(issue, mine, now)
    _end(issue, IssueState.CLOSED, reason=Reason.USED)
    return None


def _next_look(issue: PassIssue, now: datetime) -> datetime:
    """Often at first, while people stand there and wait; then once a minute, and once after it expired."""
    held = now - (issue.held_at or issue.intended_at)
    pause = 10 if held < timedelta(minutes=3) else 30 if held < timedelta(minutes=15) else 60
    planned = now + timedelta(seconds=pause)
    expiry = (issue.valid_until or now) + timedelta(seconds=5)
    return min(planned, expiry) if expiry > now else planned


# --- Revoking: delete until it is gone ------------------------------------------------------------------------------


def _take_off(issue: PassIssue, now: datetime) -> datetime | None:
    if now > (issue.revoking_at or now) + ALARM_AFTER:
        _alarm(issue)
    with _spending(yields=False):
        was_there = graph.client().delete_pass(issue.account_id, issue.method_id)
    if not was_there:
        # "Not found" may mean "not yet", or be a mistake: ask the list before it counts as gone.
        with _spending(yields=False):
            listed = _listed(issue)
        if any(live.method_id == issue.method_id for live in listed):
            raise TryLater(5)
        if now < (issue.shown_at or issue.intended_at) + settings.PASS_QUARANTINE / 2:
            raise TryLater(5)
    served = issue.reason == Reason.NO_RECEIPT and _has_own_method(issue)
    if served:
        _if_early(issue, now)
    _end(issue, IssueState.REVOKED, starter_to=StarterState.REGISTERED if served else StarterState.INVITED)
    return None


def _has_own_method(issue: PassIssue) -> bool:
    """A pass without a receipt may all the same have been seen, and have served."""
    with _spending(yields=False):
        methods, _ = _methods(issue)
    return any(method.is_own for method in methods)


def _methods(issue: PassIssue) -> tuple[tuple[graph.Method, ...], tuple[graph.LivePass, ...]]:
    try:
        return graph.client().read_methods(issue.account_id)
    except graph.NotFound:  # the account itself is gone
        return (), ()


def _take_off_late(issue: PassIssue, now: datetime) -> datetime | None:
    """A pass that was made after its issue had been settled, by a process that woke up late."""
    with _spending(yields=False):
        if graph.client().delete_pass(issue.account_id, issue.method_id):
            return None
    with _spending(yields=False):
        listed = _listed(issue)
    if any(live.method_id == issue.method_id for live in listed):
        return now + timedelta(seconds=5)
    return None


def _alarm(issue: PassIssue) -> None:
    with audit.change():
        notifications.cannot_take_back(issue)


# --- Endings ----------------------------------------------------------------------------------------------------------


@audit.change()
def _end(
    issue: PassIssue,
    to: IssueState,
    *,
    reason: str = "",
    starter_to: StarterState = StarterState.INVITED,
    facts: dict[str, object] | None = None,
) -> None:
    """End an issue and let its starter go on: registered, open again, or stopped as HR wished."""
    # HR may have withdrawn the starter while we were at Microsoft: the reason as it stands now counts.
    issue.reason = PassIssue.objects.select_for_update().values_list("reason", flat=True).get(pk=issue.pk)
    changes: dict[str, object] = {"ended_at": clock.now(), **({"reason": reason} if reason else {})}
    move_issue(issue, to, event=f"issue.{to}", changes=changes, facts=facts)
    starter = Starter.objects.get(pk=issue.starter_id)
    if issue.reason == Reason.WITHDRAWN:
        starter_to = StarterState.WITHDRAWN
    if starter.state == StarterState.ISSUED:
        ended = {"ended_at": clock.now()} if starter_to != StarterState.INVITED else {}
        move_starter(
            starter,
            starter_to,
            event="starter.opened_again" if starter_to == StarterState.INVITED else f"starter.{starter_to}",
            issue=issue,
            changes=ended,
            facts={"reason": issue.reason},
        )
    if starter_to == StarterState.REGISTERED:
        notifications.registered(starter)
    elif starter.state == StarterState.INVITED:
        notifications.open_again(issue)


def _delete(issue: PassIssue, mine: graph.LivePass | None, now: datetime) -> None:
    """Delete a pass that is no longer needed, also one that is not listed yet."""
    if mine is None and now >= _listed_by(issue):
        return
    with _spending(yields=False):
        was_there = graph.client().delete_pass(issue.account_id, issue.method_id)
    if not was_there and now < _listed_by(issue):
        raise TryLater(5)


def _listed_by(issue: PassIssue) -> datetime:
    return (issue.shown_at or issue.intended_at) + LISTED_AFTER


@contextmanager
def _spending(*, yields: bool = True) -> Iterator[None]:
    """One call of the scarce budget, or come back later. What may be alive unseen does not yield to anybody."""
    seconds = budget.take_for_work(yields=yields)
    if seconds:
        raise TryLater(seconds)
    try:
        yield
    finally:
        budget.answered()
