"""HR assigns the manager's manager as stand-in for a manager who is away, and removes the stand-in.

The stand-in is one person that HR was shown, with a reason. The guards check at the click whether that person may
confirm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.utils.translation import gettext

from onboarding import audit, confirmer, graph, jobs, obstacles, participants
from onboarding.errors import ConcurrentUpdate
from onboarding.guards import approvals
from onboarding.lifecycle import StarterState
from onboarding.mail import notifications
from onboarding.models import Starter
from onboarding.models.job import Job
from onboarding.sessions.freshness import require_enabled_account, require_fresh_sign_in
from onboarding.starters import invitations
from onboarding.starters.errors import AccountChanged, OwnStarter, StandInRefused
from onboarding.starters.preconditions import contributors_with
from onboarding.transitions import move_starter

Problem = Starter.Problem
# Problems that end when another person confirms.
CONFIRMER_PROBLEMS = {
    Problem.NO_MAILBOX,
    Problem.MAIL_FAILED,
    Problem.MAIL_REFUSED,
    Problem.NO_STAND_IN,
    Problem.MANAGER_RECORDED,
}
# Codes of the guards that check the confirmer.
CONFIRMER_GUARDS = {"manager_now", "manager_enabled", "three_people", "not_an_admin", "manager_has_room"}


@dataclass(frozen=True)
class StandInLookup:
    """The manager, their manager in Entra, and the reason why that person cannot stand in, if any."""

    manager: graph.Manager | None
    managers_manager: graph.Manager | None
    objection: str = ""


def can_assign_stand_in(starter: Starter) -> bool:
    """Return whether HR can assign a stand-in: before a pass exists, and only if the manager is known."""
    is_early = starter.state in {StarterState.RECORDED, StarterState.INVITED}
    return is_early and bool(starter.account_id and starter.manager_id)


def find_stand_in(starter: Starter, *, by: Any) -> StandInLookup:
    """Read the manager and the manager's manager from Entra. Raises GraphError."""
    manager, above = graph.client().read_managers(starter.account_id, starter.manager_id)
    return StandInLookup(manager, above, _objection_to(starter, manager, above, by))


def assign_stand_in(*, starter: Starter, stand_in_id: str, by: Any, reason: str) -> None:
    """Assign the manager's manager as stand-in. `stand_in_id` is the person that HR was shown.

    The manager's link stops working, and they get an email.

    Raises SignInNotFresh, ActorDisabled, StandInRefused, OwnStarter, AccountChanged, ConcurrentUpdate, GraphError.
    """
    require_fresh_sign_in(by, starter)
    if not can_assign_stand_in(starter):
        raise ConcurrentUpdate("a pass is out, the onboarding is finished, or no manager is known")
    if by.oid in {starter.manager_id, stand_in_id}:
        raise OwnStarter
    require_enabled_account(by)
    found = find_stand_in(starter, by=by)
    if found.managers_manager is None or found.managers_manager.object_id != stand_in_id:
        raise AccountChanged(starter.account_id)
    if found.objection:
        raise StandInRefused(found.objection)
    with audit.transaction():
        _notify_former_confirmer(starter)
        if starter.has_stand_in:
            approvals.void_stand_in_approval(starter)
        move_starter(
            starter,
            None,
            event="starter.routed",
            by=by,
            changes={
                "stand_in_for": starter.manager_id,
                "stand_in_id": stand_in_id,
                "stand_in_name": found.managers_manager.display_name[:256],
                "stand_in_mail": found.managers_manager.mail[:320],
                "shaped_by": contributors_with(starter, by),
                **_problem_cleared(starter),
            },
            personal={"reason": reason, "manager": starter.manager_id, "stand_in": stand_in_id},
        )
        _send_and_check(starter, by=by)


def remove_stand_in(*, starter: Starter, by: Any, reason: str) -> None:
    """Remove the stand-in; the manager can confirm again.

    Raises SignInNotFresh, ActorDisabled, OwnStarter, ConcurrentUpdate, GraphError.
    """
    require_fresh_sign_in(by, starter)
    if not starter.has_stand_in or not can_assign_stand_in(starter):
        raise ConcurrentUpdate("there is no stand-in, a pass is out, or the onboarding is finished")
    if by.oid in {starter.manager_id, starter.stand_in_id}:
        raise OwnStarter
    require_enabled_account(by)
    with audit.transaction():
        _notify_former_confirmer(starter)
        approvals.void_stand_in_approval(starter)
        move_starter(
            starter,
            None,
            event="starter.routing_ended",
            by=by,
            changes={
                **confirmer.NO_STAND_IN,
                "shaped_by": contributors_with(starter, by),
                **_problem_cleared(starter),
            },
            personal={"reason": reason, "manager": starter.manager_id, "stand_in": starter.stand_in_id},
        )
        _send_and_check(starter, by=by)


def _notify_former_confirmer(starter: Starter) -> None:
    """Cancel unsent mails, and notify the person who got the link that they no longer confirm."""
    was_notified = notifications.is_confirmer_notified(starter)
    notifications.cancel_unsent(starter)
    if starter.state == StarterState.INVITED and was_notified:
        notifications.write_not_asked(starter, to=starter.confirmer_mail, reader_id=starter.confirmer_id)


def _problem_cleared(starter: Starter) -> dict[str, Any]:
    """Return the changes that clear a problem of the former confirmer. The worker checks again immediately."""
    is_of_confirmer = starter.problem in CONFIRMER_PROBLEMS or (
        starter.problem == Problem.REFUSED and CONFIRMER_GUARDS.issuperset(starter.refused_for)
    )
    return obstacles.CLEARED_FIELDS if is_of_confirmer else {}


def _send_and_check(starter: Starter, *, by: Any) -> None:
    if starter.state == StarterState.INVITED and starter.problem not in obstacles.BLOCKING:
        invitations.send_to_confirmer(starter, by=by)
    jobs.enqueue_job(f"look:{starter.pk}", priority=Job.Priority.LOOK)


def _objection_to(
    starter: Starter, manager: graph.Manager | None, above: graph.Manager | None, by: Any
) -> str:
    """Return why this person cannot stand in, or an empty text. The guards check again at the click."""
    took_part = participants.hr_participant_ids(starter) | {by.oid}
    if manager is None or manager.object_id != starter.manager_id:
        return gettext("The manager in Entra has changed. Open the starter’s page again in a minute.")
    if above is None:
        return gettext(
            "The manager has no manager in Entra, so nobody can stand in. If this is wrong, ask IT to "
            "correct it in Entra."
        )
    checks = (
        (
            above.enabled is not True,
            gettext(
                "The account of the manager’s manager is disabled, so this person cannot be the stand-in."
            ),
        ),
        (
            above.kind != "member",
            gettext("The manager’s manager has a guest account. A guest cannot be a stand-in."),
        ),
        (
            above.object_id in {starter.account_id, starter.manager_id},
            gettext(
                "In Entra, the manager’s manager is the starter or the manager, so nobody can stand in. If "
                "this is wrong, ask IT to correct it in Entra."
            ),
        ),
        (
            above.object_id in took_part,
            gettext(
                "The manager’s manager is you, or a person who added, changed or approved this starter. You "
                "cannot assign that person as the stand-in."
            ),
        ),
        (
            _is_portal_admin(above.object_id),
            gettext("The manager’s manager is an admin of this portal. An admin cannot be a stand-in."),
        ),
    )
    return next((objection for fails, objection in checks if fails), "")


def _is_portal_admin(object_id: str) -> bool:
    """Return whether an account here has the role. A person who has never signed in is checked at the click."""
    return any(user.is_admin for user in get_user_model().objects.filter(oid=object_id))
