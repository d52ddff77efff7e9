"""Synchronise a starter with Entra: read the account and its manager, and save what changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from onboarding import audit, clock, confirmer, graph, obstacles, participants, policy
from onboarding.errors import ConcurrentUpdate
from onboarding.guards import approvals
from onboarding.lifecycle import StarterState
from onboarding.mail import notifications
from onboarding.models import Starter
from onboarding.obstacles import BLOCKING

Problem = Starter.Problem


def directory_facts(account: graph.Account, manager: graph.Manager | None) -> dict[str, Any]:
    """Return the fields that the starter keeps of a reading, so that lists need no requests."""
    return {
        "account_name": account.user_principal_name.lower()[:120],
        "display_name": account.display_name[:256],
        "job_title": account.job_title[:128],
        "department": account.department[:128],
        "hire_date": account.hire_date,
        "employee_id": account.employee_id[:64],
        "manager_id": manager.object_id if manager else "",
        "manager_name": manager.display_name[:256] if manager else "",
        "manager_mail": manager.mail[:320] if manager else "",
        "looked_at": clock.now(),
    }


@dataclass(frozen=True)
class DirectoryReading:
    """One reading of the account and its managers, with the facts for the guards if they were read."""

    account: graph.Account
    manager: graph.Manager | None
    above: graph.Manager | None
    facts: graph.Facts | None


@dataclass(frozen=True)
class DirectoryChange:
    """What a reading changed. `needs_link`: the confirmer has not got the link and can get it now."""

    needs_link: bool = False


def read_directory(
    starter: Starter, known: graph.Facts | None = None, *, guarded: bool = False
) -> DirectoryReading | None:
    """Read the account and its manager, unless they are `known` from a moment ago.

    `guarded` reads the facts for the guards as well, if they are asked. Returns None if the account no longer exists.
    Raises GraphError.
    """
    try:
        account, manager, above = read_account(starter, known)
    except graph.NotFound:
        return None
    if guarded and (known := _read_guard_facts(starter)):
        account, manager, above = read_account(starter, known)
    return DirectoryReading(account, manager, above, known)


@audit.transaction()
def sync_from_directory(
    starter: Starter, reading: DirectoryReading | None, *, by: Any | None = None
) -> DirectoryChange:
    """Save a reading and the problem that follows from it. A missing account is a problem.

    The caller sends the link if it is needed, in the same transaction. Raises ConcurrentUpdate.
    """
    if reading is None:
        account_is_gone(starter)
        return DirectoryChange()
    if not Starter.objects.filter(pk=starter.pk, account_id=starter.account_id).exists():
        raise ConcurrentUpdate("HR has chosen another account meanwhile")
    facts = directory_facts(reading.account, reading.manager)
    is_other_manager = bool(starter.looked_at) and starter.manager_id != facts["manager_id"]
    had_no_mail = starter.problem in {Problem.NO_MAILBOX, Problem.MAIL_REFUSED}
    address_before = starter.confirmer_mail
    notify_former_manager(starter, facts["manager_id"])
    end_void_stand_in(starter, reading.manager)
    facts |= _stand_in_fields(starter, reading.manager, reading.above)
    answer = obstacles.find_obstacle(
        starter, obstacles.Read(reading.account, reading.manager, reading.above, reading.facts)
    )
    Starter.objects.filter(pk=starter.pk).update(**facts)
    if is_other_manager:
        audit.record(
            "starter.manager_changed",
            starter=starter,
            personal={"from": starter.manager_id, "to": facts["manager_id"]},
        )
    for name, value in facts.items():
        setattr(starter, name, value)
    obstacles.store_answer(starter, answer, by=by)
    has_mail_now = had_no_mail and starter.confirmer_mail not in {"", address_before}
    waits = starter.state == StarterState.INVITED and starter.problem not in BLOCKING
    waits = waits and not starter.awaits_acceptance
    return DirectoryChange(needs_link=waits and (is_other_manager or has_mail_now))


def _read_guard_facts(starter: Starter) -> graph.Facts | None:
    """Return the facts for the guards, or None if they are not asked or cannot be read. The next check reads again."""
    if not obstacles.asks_guards(starter):
        return None
    try:
        return participants.read_facts(starter, policy.for_starter(starter), clock.now())
    except graph.GraphError:
        return None


@audit.transaction()
def account_is_gone(starter: Starter) -> None:
    """Save that the account is no longer in Entra, and notify HR."""
    starter.looked_at = clock.now()
    Starter.objects.filter(pk=starter.pk).update(looked_at=starter.looked_at)
    obstacles.store_answer(starter, obstacles.Answer(Problem.ACCOUNT_GONE))


def read_account(
    starter: Starter, known: graph.Facts | None = None
) -> tuple[graph.Account, graph.Manager | None, graph.Manager | None]:
    """Read the account, its manager and, with a stand-in, the manager's manager, in one round trip."""
    if known is not None:
        return known.account, known.manager, known.above
    if not starter.has_stand_in:
        return *graph.client().look_up(starter.account_id), None
    found = graph.client().look_up_several([starter.account_id, starter.stand_in_for])
    of_account, of_manager = found[starter.account_id], found[starter.stand_in_for]
    if isinstance(of_account, graph.GraphError):
        raise of_account
    if isinstance(of_manager, graph.GraphError) and not isinstance(of_manager, graph.NotFound):
        raise of_manager
    return *of_account, None if isinstance(of_manager, graph.NotFound) else of_manager[1]


def end_void_stand_in(starter: Starter, manager: graph.Manager | None) -> None:
    """Drop the stand-in if the manager changed, and notify them."""
    if not starter.has_stand_in or confirmer.is_replaced_by_stand_in(starter, manager):
        return
    manager_id, stand_in_id = starter.stand_in_for, starter.stand_in_id
    approvals.void_stand_in_approval(starter)
    if starter.state == StarterState.INVITED:
        notifications.write_not_asked(starter, to=starter.stand_in_mail, reader_id=stand_in_id)
    Starter.objects.filter(pk=starter.pk).update(**confirmer.NO_STAND_IN)
    for name, value in confirmer.NO_STAND_IN.items():
        setattr(starter, name, value)
    audit.record(
        "starter.routing_void", starter=starter, personal={"manager": manager_id, "stand_in": stand_in_id}
    )


def notify_former_manager(starter: Starter, manager_id: str) -> None:
    """Notify the former manager who got the link, if Entra has another manager now."""
    if (
        starter.has_stand_in
        or starter.manager_id in {"", manager_id}
        or starter.state != StarterState.INVITED
    ):
        return
    if notifications.is_confirmer_notified(starter):
        notifications.write_not_asked(starter, to=starter.manager_mail, reader_id=starter.manager_id)


def _stand_in_fields(
    starter: Starter, manager: graph.Manager | None, above: graph.Manager | None
) -> dict[str, str]:
    person = confirmer.find_confirmer(starter, manager, above)
    if not starter.has_stand_in or person is None:
        return {}
    return {"stand_in_name": person.display_name[:256], "stand_in_mail": person.mail[:320]}
