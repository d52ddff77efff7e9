"""The invitation: the portal or HR sends the manager's link, the first time or again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from onboarding import audit, clock, graph, guards, jobs, obstacles, participants, policy
from onboarding.errors import ConcurrentUpdate
from onboarding.guards import daily_limits
from onboarding.guards.daily_limits import DailyLimitReached, Use
from onboarding.lifecycle import StarterState
from onboarding.mail import notifications
from onboarding.mail.send_times import Urgency
from onboarding.models import Starter
from onboarding.models.job import Job
from onboarding.obstacles import BLOCKING
from onboarding.starters import directory_sync, timetable
from onboarding.starters.errors import LinkLimitReached, LinkNotSent, StarterLinkLimitReached
from onboarding.transitions import move_starter

Problem = Starter.Problem
# A manager without a mailbox finds the starter on their own page.
NO_MAIL = Problem.NO_MAILBOX
LINKS_PER_STARTER = 5  # that a manager can get in a day because HR asks for them


def send_link(*, starter: Starter, by: Any | None, in_bulk: bool = False) -> datetime | None:
    """Send the link to the current confirmer, the first time or again. Raises LinkNotSent, GraphError,
    ConcurrentUpdate, LinkLimitReached, StarterLinkLimitReached.

    A link that HR asks for is sent immediately. With `in_bulk`, the links of one manager share one mail. Returns when the
    same link was sent, if that was in the last ten minutes: then it is not sent again.
    """
    if not starter.account_id:
        raise LinkNotSent(starter.problem or Problem.ACCOUNT_MISSING)
    try:
        facts = participants.read_facts(starter, policy.for_starter(starter), clock.now())
    except graph.NotFound as error:
        facts, missing = None, error
    was_sent = update_from_directory(starter, by=by, known=facts)
    if starter.problem in BLOCKING:
        raise LinkNotSent(starter.problem)
    if facts is None:  # one request found the account, the other did not
        raise missing
    _require_guards(starter, facts)
    with audit.transaction():
        if starter.state == StarterState.RECORDED:
            move_starter(
                starter,
                StarterState.INVITED,
                event="starter.invited",
                by=by,
                changes={
                    "invited_at": clock.now(),
                    **obstacles.CLEARED_FIELDS,
                    "problem": NO_MAIL if not starter.confirmer_mail else Problem.NONE,
                },
                personal={"manager": starter.confirmer_id, "to": starter.confirmer_mail},
            )
            _write_invitation(starter, None if in_bulk else by)
            obstacles.notify_hr(starter)
            jobs.enqueue_job(f"look:{starter.pk}", priority=Job.Priority.LOOK)
        elif starter.state == StarterState.INVITED:
            sent_at = link_sent_just_now(starter) if by is not None else None
            if not was_sent and sent_at is None:
                if by is not None:
                    _count_link(starter, by)
                send_to_confirmer(starter, by=by, in_bulk=in_bulk)
            return sent_at
        else:
            raise ConcurrentUpdate("the link is no longer needed")
    return None


def _count_link(starter: Starter, by: Any) -> None:
    """Count a link that HR sends again. Raises StarterLinkLimitReached, LinkLimitReached."""
    today = starter.mails.filter(kind="invitation", written_at__gte=daily_limits.start_of_day())
    if today.count() >= LINKS_PER_STARTER:
        raise StarterLinkLimitReached
    try:
        daily_limits.count_use(Use.LINKS, by.oid, most=policy.for_starter(starter).hr_links_daily)
    except DailyLimitReached:
        raise LinkLimitReached from None


def link_sent_just_now(starter: Starter) -> datetime | None:
    """Return when the confirmer got the link, if that was in the last ten minutes."""
    return notifications.invitation_recently_sent_at(starter)


def _require_guards(starter: Starter, facts: graph.Facts) -> None:
    """Ask the guards that can be asked before the day. Raises LinkNotSent for a refusal that time does not fix."""
    rules = policy.for_starter(starter)
    question = guards.Question(starter, facts, None, None, rules, clock.now(), place=guards.Place.SENT)
    if guards.lasting_refusals(guards.find_refusals(question)):
        raise LinkNotSent(Problem.REFUSED)


def check_starter(starter: Starter) -> None:
    """Check the starter against Entra and the guards, and save the result. Raises GraphError, ConcurrentUpdate.

    This runs before and after the link is sent, so that HR knows of a problem long before the manager does.
    """
    update_from_directory(starter, guarded=True)


def update_from_directory(
    starter: Starter, *, by: Any | None = None, known: graph.Facts | None = None, guarded: bool = False
) -> bool:
    """Read Entra and save what changed. Return whether the link was sent to a new confirmer.

    The parameters are those of `read_directory`. No transaction is open during the request to Microsoft. Raises
    GraphError, ConcurrentUpdate.
    """
    reading = directory_sync.read_directory(starter, known, guarded=guarded)
    with audit.transaction():
        change = directory_sync.sync_from_directory(starter, reading, by=by)
        if change.needs_link:
            send_to_confirmer(starter, by=by)
    return change.needs_link


def send_to_confirmer(starter: Starter, *, by: Any | None, in_bulk: bool = False) -> None:
    """Send the link again, or to a new confirmer, inside the caller's transaction."""
    _record_link(starter, by)
    _write_invitation(starter, None if in_bulk else by)


def _record_link(starter: Starter, by: Any | None) -> None:
    audit.record(
        "starter.link_sent",
        by=by,
        starter=starter,
        personal={"manager": starter.confirmer_id, "to": starter.confirmer_mail},
    )


@audit.transaction()
def send_waiting_link_now(*, starter: Starter, by: Any) -> bool:
    """Send a link that waits for a digest immediately. Return False if it was already sent or there is none."""
    if notifications.send_invitation_now(starter):
        _record_link(starter, by)
        return True
    return notifications.is_invitation_unsent(starter)


def _write_invitation(starter: Starter, by: Any | None) -> None:
    """Write the invitation. If HR asked for it, send it immediately, or the waiting one if there is one."""
    if by is not None:
        is_hurried = notifications.send_invitation_now(starter)
        if is_hurried or notifications.is_invitation_unsent(starter):
            return
    is_the_day = timetable.plan_timetable(starter, policy.for_starter(starter)).opens <= clock.now()
    urgency = Urgency.NOW if by is not None else Urgency.SOON if is_the_day else Urgency.NORMAL
    notifications.write_invitation(starter, number=next_invitation_number(starter), urgency=urgency)


def next_invitation_number(starter: Starter) -> int:
    """Return the number of the next invitation. Each invitation of a starter is a mail of its own."""
    return starter.mails.filter(kind="invitation").count() + 1
