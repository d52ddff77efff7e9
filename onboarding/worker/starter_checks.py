"""The worker's check of one starter: read the directory, send the link, remind the manager, escalate."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from onboarding import audit, clock, graph, jobs, obstacles, policy
from onboarding.errors import ConcurrentUpdate
from onboarding.jobs import JobPostponed, job_handler
from onboarding.lifecycle import StarterState
from onboarding.mail import notifications
from onboarding.models import EffectivePolicy, Job, Starter
from onboarding.models.policy_settings import EscalateTo
from onboarding.passes import sign_ins
from onboarding.restored import use
from onboarding.starters import directory_sync, invitations, timetable
from onboarding.starters.errors import LinkNotSent
from onboarding.starters.timetable import Timetable

log = logging.getLogger(__name__)

CHECK_FAR, CHECK_NEAR, CHECK_SOON = timedelta(hours=6), timedelta(minutes=15), timedelta(seconds=2)
# A stored refusal stays if the guards' facts could not be read. While it holds the link back, the check soon tries again.
CHECK_REFUSED = timedelta(minutes=3)
CHECK_LATE, CHECKED_ON_FOR = timedelta(days=1), timedelta(days=30)


@job_handler("look", is_retried=True)
def check_starter(starter_id: str) -> datetime | None:
    """Check one starter in the directory, do what is due, and return when to check again."""
    starter = Starter.objects.select_related("recorded_by").get(pk=starter_id)
    if not starter.is_unfinished:
        return None
    if use.is_check_missing(starter):
        jobs.enqueue_job(use.check_key(starter), priority=Job.Priority.LOOK)
    try:
        if starter.account_id:
            invitations.check_starter(starter)
        else:
            _find_expected_account(starter)
        _run_due_steps(starter)
        sign_ins.read_if_due(starter)
    except graph.Throttled as error:
        raise JobPostponed(error.retry_after) from None
    except ConcurrentUpdate:
        log.info("starter changed meanwhile; checking again soon", extra={"starter": starter.public_id})
        return clock.now() + CHECK_SOON  # a manager may be waiting for what was not read
    except LinkNotSent:
        log.info("the link cannot be sent yet", extra={"starter": starter.public_id})
    return _next_check(starter)


def _find_expected_account(starter: Starter) -> None:
    """Notify HR when the expected account appears. Only HR can say that it is the starter's."""
    try:
        account, manager = graph.client().look_up(starter.account_name)
    except graph.NotFound:
        return
    if starter.found_account_id == account.object_id:
        return
    facts = directory_sync.directory_facts(account, manager)
    facts |= {"found_account_id": account.object_id, "problem": Starter.Problem.ACCOUNT_FOUND}
    facts.pop("account_name")
    with audit.transaction():
        Starter.objects.filter(pk=starter.pk, account_id="").update(**facts)
        for name, value in facts.items():
            setattr(starter, name, value)
        personal = {"account": account.object_id, "manager": facts["manager_id"]}
        audit.record("starter.account_found", starter=starter, personal=personal)
        notifications.write_account_found(starter)


def _run_due_steps(starter: Starter) -> None:
    now, starter_policy = clock.now(), policy.for_starter(starter)
    due = timetable.plan_timetable(starter, starter_policy)
    if starter.state == StarterState.RECORDED and due.invited <= now <= due.closes:
        if starter.problem in obstacles.BLOCKING or not starter.account_id:
            obstacles.notify_hr(starter)
        else:
            invitations.send_link(starter=starter, by=None)
    if starter.state == StarterState.INVITED and now <= due.closes:
        _send_reminder(starter, starter_policy, due, now)
        _send_escalation(starter, starter_policy, due, now)


def _send_reminder(starter: Starter, starter_policy: EffectivePolicy, due: Timetable, now: datetime) -> None:
    """Remind the manager on the day, and as many days before as policy says; not within an hour of the invitation.

    While a problem or a freeze stops the pass, the reminder of the day waits.
    """
    recent = _was_invited_recently(starter, now)
    if now < due.opens:
        if due.reminded_ahead is not None and now >= due.reminded_ahead and not recent:
            with audit.transaction():
                notifications.write_early_reminder(starter)
    elif due.reminded is not None and starter.reminded_for != starter.start_date:
        if starter_policy.frozen or obstacles.stops_a_pass(starter):
            return
        with audit.transaction():
            invited = Starter.objects.filter(pk=starter.pk, state=StarterState.INVITED)
            claimed = invited.exclude(reminded_for=starter.start_date)
            if claimed.update(reminded_for=starter.start_date) and not recent:
                notifications.write_reminder(starter)


def _was_invited_recently(starter: Starter, now: datetime) -> bool:
    return starter.invited_at is not None and starter.invited_at > now - timedelta(hours=1)


def _send_escalation(
    starter: Starter, starter_policy: EffectivePolicy, due: Timetable, now: datetime
) -> None:
    """Notify others once if nobody has confirmed in time; not of a problem that only HR can solve."""
    if due.escalated is None or now < due.escalated or starter.escalated_for == starter.start_date:
        return
    if _was_invited_recently(starter, now):
        return
    if obstacles.stops_a_pass(starter) or starter.issues.exists():
        return
    above = _read_managers_manager(starter) if starter_policy.escalate_to == EscalateTo.ABOVE else None
    with audit.transaction():
        invited = Starter.objects.filter(pk=starter.pk, state=StarterState.INVITED)
        if invited.exclude(escalated_for=starter.start_date).update(escalated_for=starter.start_date):
            notifications.write_escalation(starter, above)
            personal = {"manager": above.object_id} if above else {}
            facts = {"to": starter_policy.escalate_to, "found": above is not None}
            audit.record("starter.escalated", starter=starter, facts=facts, personal=personal)


def _read_managers_manager(starter: Starter) -> graph.Manager | None:
    """The confirmer's manager in the directory now; None if they should get no mail."""
    try:
        above = graph.client().read_manager(starter.confirmer_id)
    except graph.NotFound:
        return None
    if above is None or not above.mail or above.enabled is not True or above.kind != "member":
        return None
    return None if above.object_id in {starter.account_id, starter.confirmer_id} else above


def _next_check(starter: Starter) -> datetime | None:
    """Check often near the start and seldom before; after the window once a day for a month."""
    now, starter_policy = clock.now(), policy.for_starter(starter)
    due = timetable.plan_timetable(starter, starter_policy)
    if now > due.closes:
        return now + CHECK_LATE if now < due.closes + CHECKED_ON_FOR else None
    near = now >= due.invited - timedelta(days=1) or not starter.account_id
    holds_link_back = starter.problem == Starter.Problem.REFUSED and starter.state == StarterState.RECORDED
    wait = CHECK_NEAR if near else CHECK_FAR
    if holds_link_back and now >= due.invited:
        wait = CHECK_REFUSED
    return min([now + wait, *due.moments_after(now)])
