"""A pass that was handed over: was it used, did it expire, and can the starter now sign in without it?"""

from __future__ import annotations

from datetime import datetime, timedelta

from onboarding import audit, graph, jobs
from onboarding.lifecycle import IssueState, StarterState
from onboarding.mail import notifications
from onboarding.models import PassIssue
from onboarding.models.job import Job
from onboarding.passes.cancellation import cancel_pass
from onboarding.passes.recognition import SKEW, find_late_passes, is_ours
from onboarding.passes.reconciler.deletion import adopt_listed_id, delete_unneeded_pass
from onboarding.passes.reconciler.ending import end_issue
from onboarding.passes.reconciler.reading import listed_by, read_methods, spend_quota

Reason = PassIssue.Reason

# A single-use pass must lead to a registered method within ten minutes of its use (Entra documentation).
REGISTRATION_TIME = timedelta(minutes=12)


def watch_held_pass(issue: PassIssue, now: datetime) -> datetime | None:
    """Read the account's methods and passes, and act on what changed. Returns when to check again."""
    with spend_quota():
        methods, passes = read_methods(issue, now)
    mine = next((live for live in passes if is_ours(issue, live)), None)
    if mine is not None:
        adopt_listed_id(issue, mine)
    if can_sign_in_again(issue, methods, mine):
        delete_unneeded_pass(issue, mine, now)
        report_early_use(issue, now)
        end_issue(issue, IssueState.CLOSED, reason=Reason.REGISTERED, starter_to=StarterState.REGISTERED)
        return None
    if mine is None:
        return _handle_missing_pass(issue, passes, now)
    if mine.was_used:
        return _handle_used_pass(issue, mine, now)
    _record_methods_before_use(issue, methods)
    if mine.has_expired:
        end_issue(issue, IssueState.CLOSED, reason=Reason.EXPIRED)
        return None
    if issue.valid_until is not None and now > issue.valid_until + SKEW:
        # Its time is over by any clock, but Microsoft does not say so.
        cancel_pass(issue, reason=Reason.EXPIRED)
        return now
    return _next_check(issue, now)


def can_sign_in_again(
    issue: PassIssue, methods: tuple[graph.Method, ...], mine: graph.LivePass | None
) -> bool:
    """Whether the starter registered a method that lets them sign in again. `graph/methods.py` has the rules."""
    used = issue.used_at is not None or (mine is not None and mine.reason == "OneTimeUsed")
    from_then = mine.starts_at if mine is not None else issue.shown_at
    return graph.can_sign_in_again(
        methods, before=issue.methods_before, used_from=from_then if used else None
    )


def _record_methods_before_use(issue: PassIssue, methods: tuple[graph.Method, ...]) -> None:
    """Record methods that were registered before the pass was used: they were not registered with the pass."""
    early = [
        method_id
        for method_id in graph.registered_too_early(methods)
        if method_id not in issue.methods_before
    ]
    if early:
        PassIssue.objects.filter(pk=issue.pk).update(methods_before=[*issue.methods_before, *early])


def _handle_missing_pass(
    issue: PassIssue, passes: tuple[graph.LivePass, ...], now: datetime
) -> datetime | None:
    """Handle a pass that is no longer listed: replaced by another tool, removed, or just not listed yet."""
    newer = any(live.method_id not in issue.seen_before for live in passes)
    if now < listed_by(issue) and not newer:  # an older pass may be listed in its place
        return _next_check(issue, now)
    others = [live.method_id for live in passes if live.usable]
    late = find_late_passes(issue.account_id, passes)
    if others and set(others) <= set(late):
        with audit.transaction():
            end_issue(issue, IssueState.CLOSED, reason=Reason.OVERTAKEN)
            for earlier in late.values():
                jobs.enqueue_job(f"issue:{earlier.pk}", priority=Job.Priority.PASS)
    elif others:
        with audit.transaction():
            end_issue(issue, IssueState.CLOSED, reason=Reason.REPLACED)
            audit.record(
                "issue.replaced_elsewhere", starter=issue.starter, issue=issue, facts={"method_ids": others}
            )
            notifications.write_replaced_elsewhere(issue)
    elif issue.used_at is not None:  # the starter may be registering a method
        if now < issue.used_at + REGISTRATION_TIME:
            return _next_check_after_use(issue.used_at, now)
        end_issue(issue, IssueState.CLOSED, reason=Reason.USED)
    else:
        end_issue(issue, IssueState.CLOSED, reason=Reason.GONE)
    return None


def report_early_use(issue: PassIssue, now: datetime) -> None:
    """Notify security and HR, once, of a pass that was used before the start: perhaps not by the starter."""
    if issue.used_at is not None or now >= issue.starter.starts_at:
        return
    with audit.transaction():
        if PassIssue.objects.filter(pk=issue.pk, used_at=None).update(used_at=now):
            starts = issue.starter.starts_at.isoformat(timespec="minutes")
            audit.record(
                "issue.used_early",
                starter=issue.starter,
                issue=issue,
                facts={"number": issue.number, "starts_at": starts},
            )
            notifications.write_used_early(issue)


def _handle_used_pass(issue: PassIssue, mine: graph.LivePass, now: datetime) -> datetime | None:
    """Wait until REGISTRATION_TIME after the use for a method. Then end an issue that led to none."""
    if issue.used_at is None:
        with audit.transaction():
            report_early_use(issue, now)
            PassIssue.objects.filter(pk=issue.pk, used_at__isnull=True).update(used_at=now)
            audit.record("issue.used", starter=issue.starter, issue=issue, facts={"number": issue.number})
        return now + timedelta(seconds=10)
    if now < issue.used_at + REGISTRATION_TIME:
        return _next_check_after_use(issue.used_at, now)
    delete_unneeded_pass(issue, mine, now)
    end_issue(issue, IssueState.CLOSED, reason=Reason.USED)
    return None


def _next_check_after_use(used_at: datetime, now: datetime) -> datetime:
    return now + timedelta(seconds=10 if now < used_at + timedelta(minutes=2) else 30)


def _next_check(issue: PassIssue, now: datetime) -> datetime:
    """Check often at first, while people wait; then once a minute, and once after the pass expired."""
    held = now - (issue.held_at or issue.intended_at)
    pause = 10 if held < timedelta(minutes=3) else 30 if held < timedelta(minutes=15) else 60
    planned = now + timedelta(seconds=pause)
    expiry = (issue.valid_until or now) + timedelta(seconds=5)
    return min(planned, expiry) if expiry > now else planned
