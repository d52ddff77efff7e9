"""HR routes a starter past a manager who is away, to the manager of that manager; and takes the routing back.

It is one person whom HR saw in the directory, with a reason. Whether they may confirm is asked of the guards again at
the press, with what the directory says then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.utils.translation import gettext

from onboarding import approvals, audit, graph, in_charge, jobs, notifications, services
from onboarding.lifecycle import StarterState
from onboarding.models import Starter
from onboarding.models.work import Job
from onboarding.moves import Changed, move_starter

Problem = Starter.Problem
THEIRS = {
    Problem.NO_MAILBOX,
    Problem.MAIL_FAILED,
    Problem.MAIL_REFUSED,
    Problem.NO_STAND_IN,
    Problem.MANAGER_RECORDED,
}
# Codes of the guards that speak about who confirms.
ABOUT_THEM = {"manager_now", "manager_enabled", "three_people", "not_an_admin", "manager_has_room"}


class CannotStandIn(Exception):
    """Nobody can be routed to; the words say why."""


@dataclass(frozen=True)
class StandIn:
    """Who would stand in, for whom, and what is in the way, if anything."""

    manager: graph.Manager | None
    above: graph.Manager | None
    trouble: str = ""


def may_route(starter: Starter) -> bool:
    """Before a pass is out; only past a manager who is known."""
    waits = starter.state in {StarterState.RECORDED, StarterState.INVITED}
    return waits and bool(starter.account_id and starter.manager_id)


def stand_in_of(starter: Starter, *, by: Any) -> StandIn:
    """Read who the manager is now and who is above them. Raises GraphError."""
    manager, above = graph.client().read_managers(starter.account_id, starter.manager_id)
    return StandIn(manager, above, _trouble(starter, manager, above, by))


def route(*, starter: Starter, stand_in_id: str, by: Any, reason: str) -> None:
    """Let the manager's own manager confirm in the manager's place. `stand_in_id` is whom HR was shown.

    The manager's link ends with it, and they hear of it. Raises CannotStandIn, OwnStarter, AccountMoved, Changed,
    GraphError.
    """
    if not may_route(starter):
        raise Changed("a pass is out, the onboarding is finished, or no manager is known")
    if by.oid in {starter.manager_id, stand_in_id}:
        raise services.OwnStarter
    found = stand_in_of(starter, by=by)
    if found.above is None or found.above.object_id != stand_in_id:
        raise services.AccountMoved(starter.account_id)
    if found.trouble:
        raise CannotStandIn(found.trouble)
    with audit.change():
        _tell_who_was_in_charge(starter)
        if starter.is_routed:
            approvals.void_routing(starter)
        move_starter(
            starter,
            None,
            event="starter.routed",
            by=by,
            changes={
                "stand_in_for": starter.manager_id,
                "stand_in_id": stand_in_id,
                "stand_in_name": found.above.display_name[:256],
                "stand_in_mail": found.above.mail[:320],
                "shaped_by": sorted({*starter.shaped_by, by.oid}),
                **_problem_left(starter),
            },
            personal={"reason": reason, "manager": starter.manager_id, "stand_in": stand_in_id},
        )
        _go_on(starter, by=by)


def take_back(*, starter: Starter, by: Any, reason: str) -> None:
    """The manager confirms again; who stood in gets no page any more. Raises OwnStarter, Changed."""
    if not starter.is_routed or not may_route(starter):
        raise Changed("it is not routed, a pass is out, or the onboarding is finished")
    if by.oid in {starter.manager_id, starter.stand_in_id}:
        raise services.OwnStarter
    with audit.change():
        _tell_who_was_in_charge(starter)
        approvals.void_routing(starter)
        move_starter(
            starter,
            None,
            event="starter.routing_ended",
            by=by,
            changes={
                **in_charge.NOT_ROUTED,
                "shaped_by": sorted({*starter.shaped_by, by.oid}),
                **_problem_left(starter),
            },
            personal={"reason": reason, "manager": starter.manager_id, "stand_in": starter.stand_in_id},
        )
        _go_on(starter, by=by)


def _tell_who_was_in_charge(starter: Starter) -> None:
    """Who was mailed the link hears that it is not theirs any more; what they were not sent yet is not sent."""
    waited = starter.mails.filter(reader_id=starter.in_charge_id, sent_at__isnull=False).exists()
    notifications.drop_unsent(starter)
    if starter.state == StarterState.INVITED and waited:
        notifications.not_asked_any_more(starter, to=starter.in_charge_mail, reader_id=starter.in_charge_id)


def _problem_left(starter: Starter) -> dict[str, Any]:
    """What was in the way of the one before is nothing to the other; the worker looks again at once."""
    is_theirs = starter.problem in THEIRS or (
        starter.problem == Problem.REFUSED and ABOUT_THEM.issuperset(starter.refused_for)
    )
    return {"problem": Problem.NONE, "refused_for": []} if is_theirs else {}


def _go_on(starter: Starter, *, by: Any) -> None:
    if starter.state == StarterState.INVITED and starter.problem not in services.BLOCKING:
        services.send_to_who_may_confirm(starter, by=by)
    jobs.ask(f"look:{starter.pk}", priority=Job.Priority.LOOK)


def _trouble(starter: Starter, manager: graph.Manager | None, above: graph.Manager | None, by: Any) -> str:
    """Why this person cannot stand in, or nothing. The guards ask all of it again at the press."""
    took_part = {starter.recorded_by.oid, *starter.shaped_by, *approvals.given_by(starter), by.oid}
    if manager is None or manager.object_id != starter.manager_id:
        return gettext(
            "The directory names another manager than this page. Open the starter’s page again in a minute."
        )
    if above is None:
        return gettext("The directory names nobody above the manager.")
    told = (
        (above.enabled is not True, gettext("Their account is disabled.")),
        (above.kind != "member", gettext("They are a guest here, and a guest may not confirm.")),
        (
            above.object_id in {starter.account_id, starter.manager_id},
            gettext("They are the starter or the manager."),
        ),
        (
            above.object_id in took_part,
            gettext("They had a part in recording this starter. Three people are needed."),
        ),
        (_is_an_admin(above.object_id), gettext("They are an admin of this portal, who may not confirm.")),
    )
    return next((words for wrong, words in told if wrong), "")


def _is_an_admin(object_id: str) -> bool:
    """As far as the portal knows: somebody who never signed in is asked at the press."""
    return any(user.is_admin for user in get_user_model().objects.filter(oid=object_id))
