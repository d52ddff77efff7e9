"""What HR and the portal do with a starter besides handing over a pass: record, edit, invite, withdraw."""

from __future__ import annotations

from datetime import date, time
from typing import Any

from django.db import IntegrityError

from onboarding import audit, clock, graph, handover, jobs, notifications, policy
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import PassIssue, Starter
from onboarding.models.work import Job
from onboarding.moves import Changed, move_starter

Problem = Starter.Problem
# With one of these nobody can be sent the link. A manager without a mailbox finds the starter on their own page.
NO_MAIL = Problem.NO_MAILBOX
BLOCKING = {Problem.ACCOUNT_GONE, Problem.NO_MANAGER, Problem.MANAGER_RECORDED}


class AlreadyRecorded(Exception):
    """This account has an unfinished starter."""


class CannotInvite(Exception):
    """The link cannot be sent; the problem's words say why."""

    def __init__(self, problem: str) -> None:
        super().__init__(Problem(problem).label)


class OwnStarter(Exception):
    """Somebody of HR acts on a starter whose manager they are."""


class AccountMoved(Exception):
    """The account found meanwhile is not the one that was looked at."""


def record_starter(
    *,
    account_name: str,
    account: graph.Account | None,
    manager: graph.Manager | None,
    start_date: date,
    start_time: time,
    time_zone: str,
    note: str,
    by: Any,
) -> Starter:
    """Record who starts when. Without `account` it is expected to appear under its name. Raises AlreadyRecorded."""
    starter = Starter(
        account_name=account_name.lower(),
        start_date=start_date,
        start_time=start_time,
        time_zone=time_zone,
        note=note,
        recorded_by=by,
        shaped_by=[by.oid],
        recorded_at=clock.now(),
    )
    if account is None:
        starter.problem = Problem.ACCOUNT_MISSING
    else:
        starter.account_id = account.object_id
        for name, value in directory_facts(account, manager).items():
            setattr(starter, name, value)
    try:
        with audit.change():
            starter.save(force_insert=True)
            audit.record(
                "starter.recorded",
                by=by,
                starter=starter,
                facts=_when(starter) | {"expected": account is None},
                personal=_who(starter),
            )
            jobs.ask(f"look:{starter.pk}", priority=Job.Priority.LOOK)
    except IntegrityError:
        raise AlreadyRecorded(account_name) from None
    return starter


def directory_facts(account: graph.Account, manager: graph.Manager | None) -> dict[str, Any]:
    """What is kept of the directory's answer, so that lists need not ask again."""
    return {
        "account_name": account.user_principal_name.lower()[:120],
        "display_name": account.display_name[:256],
        "job_title": account.job_title[:128],
        "department": account.department[:128],
        "hire_date": account.hire_date,
        "manager_id": manager.object_id if manager else "",
        "manager_name": manager.display_name[:256] if manager else "",
        "manager_mail": manager.mail[:320] if manager else "",
        "looked_at": clock.now(),
    }


def accept_account(*, starter: Starter, found_account_id: str, by: Any) -> None:
    """HR says that the account which appeared is the starter's. Raises AccountMoved, AlreadyRecorded, Changed."""
    account, manager = graph.client().look_up(found_account_id)
    if (
        not found_account_id
        or starter.found_account_id != found_account_id
        or account.object_id != found_account_id
        or account.user_principal_name.lower() != starter.account_name
    ):
        raise AccountMoved(found_account_id)
    _still_before_a_pass(starter)
    if manager is not None and manager.object_id == by.oid:
        raise OwnStarter
    facts = directory_facts(account, manager)
    try:
        with audit.change():
            move_starter(
                starter,
                None,
                event="starter.account_accepted",
                by=by,
                changes={
                    **facts,
                    "account_id": account.object_id,
                    "found_account_id": "",
                    "shaped_by": _with(starter, by),
                    "problem": Problem.NONE,
                },
                personal={"account": account.object_id},
            )
            jobs.ask(f"look:{starter.pk}", priority=Job.Priority.LOOK)
    except IntegrityError:
        raise AlreadyRecorded(starter.account_name) from None


def reschedule(
    *, starter: Starter, start_date: date, start_time: time, time_zone: str, note: str, by: Any
) -> None:
    """Move the start, or change the note. Everything that depends on the date follows. Raises Changed."""
    _still_before_a_pass(starter)
    _not_their_manager(starter, by)
    moved = Starter(start_date=start_date, start_time=start_time, time_zone=time_zone)
    with audit.change():
        move_starter(
            starter,
            None,
            event="starter.rescheduled",
            by=by,
            changes={
                "start_date": start_date,
                "start_time": start_time,
                "time_zone": time_zone,
                "starts_at": moved.start_local,
                "shaped_by": _with(starter, by),
                "note": note,
            },
            facts=_when(moved),
        )
        jobs.ask(f"look:{starter.pk}", priority=Job.Priority.LOOK)


def _not_their_manager(starter: Starter, by: Any) -> None:
    """Who sets the time or allows a pass takes part in making it, and so cannot be the one who confirms."""
    if by.oid == starter.manager_id:
        raise OwnStarter


def _with(starter: Starter, by: Any) -> list[str]:
    return sorted({*starter.shaped_by, by.oid})


def _still_before_a_pass(starter: Starter) -> None:
    if starter.state not in {StarterState.RECORDED, StarterState.INVITED}:
        raise Changed("the onboarding has gone further, or is finished")


def refresh(starter: Starter, *, by: Any | None = None) -> bool:
    """Read the account and its manager anew. True: there is a new manager, who was sent the link.

    Raises what `graph` raises; a missing account becomes a problem.
    """
    try:
        account, manager = graph.client().look_up(starter.account_id)
    except graph.NotFound:
        starter.problem, starter.looked_at = Problem.ACCOUNT_GONE, clock.now()
        with audit.change():
            Starter.objects.filter(pk=starter.pk).update(problem=starter.problem, looked_at=starter.looked_at)
            _tell_hr_what_blocks(starter)
        return False
    facts = directory_facts(account, manager)
    changed = bool(starter.looked_at) and starter.manager_id != facts["manager_id"]
    facts["problem"] = _problem(starter, facts)
    with audit.change():
        Starter.objects.filter(pk=starter.pk).update(**facts)
        if changed:
            audit.record(
                "starter.manager_changed",
                starter=starter,
                personal={"from": starter.manager_id, "to": facts["manager_id"]},
            )
        for name, value in facts.items():
            setattr(starter, name, value)
        told = changed and starter.state == StarterState.INVITED and starter.problem not in BLOCKING
        if told:
            _send(starter, by=by)
        _tell_hr_what_blocks(starter)
    return told


def _tell_hr_what_blocks(starter: Starter) -> None:
    """Once the manager is invited, HR may no longer be looking: what blocks from then on is mailed, once."""
    if starter.state == StarterState.INVITED and starter.problem in {*BLOCKING, NO_MAIL}:
        notifications.problem(starter)


def _problem(starter: Starter, facts: dict[str, Any]) -> str:
    if not facts["manager_id"]:
        return Problem.NO_MANAGER
    if not facts["manager_mail"]:
        return Problem.NO_MAILBOX
    if facts["manager_id"] in starter.shaped_by:
        return Problem.MANAGER_RECORDED
    lasting = {Problem.REFUSED, Problem.MAIL_FAILED}
    return starter.problem if starter.problem in lasting else Problem.NONE


def send_link(*, starter: Starter, by: Any | None) -> None:
    """Send the manager of today the link, the first time or again. Raises CannotInvite, GraphError, Changed."""
    if not starter.account_id:
        raise CannotInvite(starter.problem or Problem.ACCOUNT_MISSING)
    told = refresh(starter, by=by)
    if starter.problem in BLOCKING:
        raise CannotInvite(starter.problem)
    with audit.change():
        if starter.state == StarterState.RECORDED:
            move_starter(
                starter,
                StarterState.INVITED,
                event="starter.invited",
                by=by,
                changes={
                    "invited_at": clock.now(),
                    "problem": NO_MAIL if not starter.manager_mail else Problem.NONE,
                },
                personal={"manager": starter.manager_id, "to": starter.manager_mail},
            )
            notifications.invitation(starter, number=1)
            _tell_hr_what_blocks(starter)
            jobs.ask(f"look:{starter.pk}", priority=Job.Priority.LOOK)
        elif starter.state == StarterState.INVITED:
            if not told:
                _send(starter, by=by)
        else:
            raise Changed("the link is no longer needed")


def _send(starter: Starter, *, by: Any | None) -> None:
    audit.record(
        "starter.link_sent",
        by=by,
        starter=starter,
        personal={"manager": starter.manager_id, "to": starter.manager_mail},
    )
    sent = starter.mails.filter(kind="invitation").count()
    notifications.invitation(starter, number=sent + 1)


def allow_another(*, starter: Starter, by: Any) -> None:
    """HR lets a starter whose passes are used up have one more. Raises Changed."""
    if not may_allow_another(starter):
        raise Changed("no other pass is needed, or none can be made for this starter")
    _not_their_manager(starter, by)
    move_starter(
        starter,
        None,
        event="starter.another_allowed",
        by=by,
        changes={"extra_attempts": starter.extra_attempts + 1, "shaped_by": _with(starter, by)},
    )


def may_allow_another(starter: Starter) -> bool:
    return starter.state == StarterState.INVITED and policy.attempts_left(starter, policy.in_force()) <= 0


def withdraw_starter(*, starter: Starter, by: Any, reason: str) -> bool:
    """Stop the onboarding for good. A live pass is taken back first: False says that this is under way.

    Then the worker deletes the pass and withdraws the starter in the moment it is gone.
    """
    issue = starter.open_issue()
    if issue is not None and issue.state in {IssueState.SHOWN, IssueState.HELD, IssueState.REVOKING}:
        with audit.change():
            if issue.state != IssueState.REVOKING:
                handover.take_back(issue, reason=PassIssue.Reason.WITHDRAWN, by=by)
            going = PassIssue.objects.filter(pk=issue.pk, state=IssueState.REVOKING)
            if going.update(reason=PassIssue.Reason.WITHDRAWN) != 1:
                raise Changed("the pass is gone meanwhile, and the starter open again")
            move_starter(
                starter,
                None,
                event="starter.withdrawal_asked",
                by=by,
                issue=issue,
                personal={"reason": reason},
            )
        return False
    # A pass that is being made right now finds the version changed and is deleted, never shown.
    move_starter(
        starter,
        StarterState.WITHDRAWN,
        event="starter.withdrawn",
        by=by,
        changes={"ended_at": clock.now(), "problem": Problem.NONE},
        personal={"reason": reason},
    )
    return True


def _when(starter: Starter) -> dict[str, str]:
    return {"start": f"{starter.start_date} {starter.start_time:%H:%M}", "zone": starter.time_zone}


def _who(starter: Starter) -> dict[str, str]:
    return {
        "account_name": starter.account_name,
        "account": starter.account_id,
        "name": starter.display_name,
        "manager": starter.manager_id,
    }
