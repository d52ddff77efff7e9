"""Starting again after an emergency stop: one person in HR asks with a reason, and another one agrees.

Each of the two is a row of `Approval`, for this stop. Both can no longer confirm the starter's identity.

A stop of an earlier starter with the same account, whose details were erased, ends in the same way: on the page of the
starter that HR added later.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import IntegrityError
from django.db.models import Q

from onboarding import audit, clock, jobs, obstacles
from onboarding.audit.rows.starter_rows import ACCEPTED_BY_RULE, CONTRIBUTIONS
from onboarding.errors import ConcurrentUpdate
from onboarding.guards import emergency_stop
from onboarding.guards.approvals import NotAnotherPerson, is_uninvolved
from onboarding.models import Approval, AuditDetail, Starter
from onboarding.models.job import Job
from onboarding.sessions.freshness import require_enabled_account, require_fresh_sign_in
from onboarding.starters import directory
from onboarding.starters.preconditions import contributors_with, require_other_manager
from onboarding.stops import kept
from onboarding.transitions import move_starter

ASKED, AGREED = "asked", "agreed"


def find_stop(starter: Starter) -> datetime | None:
    """Return since when a stop is in force that two people can end for this starter; None without one."""
    if starter.erased_at is not None:
        return None
    if starter.stopped_at is not None:
        return starter.stopped_at
    earlier = emergency_stop.find_kept_stops(starter.account_id).first()
    return earlier.stopped_at if earlier else None


def find_request(starter: Starter) -> Approval | None:
    """Return who asked to start again after the present stop, and why. None if nobody has."""
    if find_stop(starter) is None:
        return None
    asked = starter.approvals.filter(
        why=Approval.Why.RESTART, occasion=_occasion(starter, ASKED), voided_at=None
    )
    return asked.select_related("by").first()


def ask_to_restart(*, starter: Starter, by: Any, reason: str) -> None:
    """The first person. The stop stays in force.

    Raises SignInNotFresh, ActorDisabled, OwnStarter, ConcurrentUpdate, GraphError.
    """
    require_fresh_sign_in(by, starter)
    require_other_manager(starter, by)
    require_enabled_account(by)
    with audit.transaction():
        _require_stopped(starter)
        if find_request(starter) is not None:
            raise ConcurrentUpdate("somebody else has just asked")
        row = _add_row(starter, ASKED, by=by, reason=reason)
        move_starter(
            starter,
            None,
            event="starter.restart_asked",
            by=by,
            changes={"shaped_by": contributors_with(starter, by)},
            facts={"why": [row.why], "approvals": [row.pk]},
            personal={"reason": reason, "occasions": audit.list_occasions([row])},
        )


def agree_to_restart(*, starter: Starter, by: Any, reason: str) -> None:
    """The second person, who had no part in the starter but for ending earlier stops.

    The stop ends, also one that an erased starter left.

    Raises SignInNotFresh, ActorDisabled, NotAnotherPerson, ConcurrentUpdate, GraphError.
    """
    require_fresh_sign_in(by, starter)
    if not _is_second_person(starter, by) or not directory.is_another_person(by, starter):
        raise NotAnotherPerson
    require_enabled_account(by)
    with audit.transaction():
        _require_stopped(starter)
        if find_request(starter) is None:
            raise ConcurrentUpdate("nobody has asked")
        row = _add_row(starter, AGREED, by=by, reason=reason)
        problem = Starter.Problem.NONE if starter.account_id else Starter.Problem.ACCOUNT_MISSING
        move_starter(
            starter,
            None,
            event="starter.started_again",
            by=by,
            changes={
                **obstacles.CLEARED_FIELDS,
                "stopped_at": None,
                "problem": problem,
                "shaped_by": contributors_with(starter, by),
            },
            facts={"why": [row.why], "approvals": [row.pk]},
            personal={"reason": reason, "occasions": audit.list_occasions([row])},
        )
        for earlier in emergency_stop.find_kept_stops(starter.account_id):
            kept.end_kept_stop(earlier, why=kept.Why.TWO_PEOPLE)
        jobs.enqueue_job(f"look:{starter.pk}", priority=Job.Priority.LOOK)


def _is_second_person(starter: Starter, by: Any) -> bool:
    """Return whether this person had no part in the starter, but for ending earlier stops.

    Otherwise a second stop would need a third and a fourth person in HR, and many organisations have two.
    """
    if is_uninvolved(starter, by):
        return True
    asked = find_request(starter)
    if not by.is_hr or by.oid in {starter.manager_id, starter.stand_in_id, starter.account_id}:
        return False
    if asked is None or asked.by_id == by.pk or starter.recorded_by_id == by.pk:
        return False
    other = CONTRIBUTIONS - {"starter.restart_asked", "starter.started_again"}
    theirs = AuditDetail.objects.filter(event__starter=starter.public_id, event__event__in=other)
    has_ended_a_stop = starter.approvals.filter(why=Approval.Why.RESTART, by=by).exists()
    accepted = AuditDetail.objects.filter(event__starter=starter.public_id, event__event=ACCEPTED_BY_RULE)
    made_the_rule = accepted.filter(Q(values__author=by.oid) | Q(values__second=by.oid)).exists()
    took_part = theirs.filter(values__by=f"{by.tid}/{by.oid}").exists()
    return has_ended_a_stop and not took_part and not made_the_rule


def _require_stopped(starter: Starter) -> None:
    if find_stop(starter) is None:
        raise ConcurrentUpdate("no emergency stop is in force")


def _add_row(starter: Starter, step: str, *, by: Any, reason: str) -> Approval:
    occasion, why = _occasion(starter, step), Approval.Why.RESTART
    row = Approval(starter=starter, why=why, occasion=occasion, by=by, reason=reason, at=clock.now())
    try:
        (added,) = Approval.objects.bulk_create([row])
        return added
    except IntegrityError:
        raise ConcurrentUpdate("somebody else was faster") from None


def _occasion(starter: Starter, step: str) -> str:
    since = find_stop(starter)
    return f"{step} {since.isoformat() if since else ''}"
