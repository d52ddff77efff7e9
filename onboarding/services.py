"""What HR and the portal do with a starter besides handing over a pass: record, edit, invite, withdraw."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import date, time
from typing import Any

from django.db import IntegrityError

from onboarding import (
    approvals,
    audit,
    caps,
    clock,
    earlier,
    graph,
    guards,
    handover,
    in_charge,
    jobs,
    letters,
    moments,
    notifications,
    policy,
)
from onboarding.letters import Haste
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import PassIssue, Starter
from onboarding.models.work import Job
from onboarding.moves import Changed, move_starter

Problem = Starter.Problem
# With one of these nobody can be sent the link. A manager without a mailbox finds the starter on their own page.
NO_MAIL = Problem.NO_MAILBOX
BLOCKING = {
    Problem.ACCOUNT_GONE,
    Problem.ACCOUNT_CHANGED,
    Problem.NO_MANAGER,
    Problem.MANAGER_CHANGED,
    Problem.MANAGER_RECORDED,
    Problem.NO_STAND_IN,
}


class AlreadyRecorded(Exception):
    """This account has an unfinished starter."""


class RecordedBefore(Exception):
    """There are earlier records of this person that HR has not been shown."""


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
    facts: graph.Facts | None = None,
    knowing: Collection[str] | None = None,
) -> Starter:
    """Record who starts when. Without `account` it is expected to appear under its name.

    `knowing` are the earlier records that `by` was shown and takes for another matter; None, where nobody is there to
    be shown any. Raises AlreadyRecorded, RecordedBefore, and TooMany where somebody records more than policy lets one
    person record in a day.
    """
    before = earlier.records_of(account or account_name) if knowing is not None else []
    if not {one.starter.public_id for one in before} <= set(knowing or ()):
        raise RecordedBefore(account_name)
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
        for name, value in {**directory_facts(account, manager), **seen_by_hr(account, manager)}.items():
            setattr(starter, name, value)
    try:
        with audit.change():
            warned = _warned(starter, facts)
            if not caps.recorder_has_room(by, policy.for_starter(starter)):
                raise caps.TooMany
            starter.save(force_insert=True)
            audit.record(
                "starter.recorded",
                by=by,
                starter=starter,
                facts=_when(starter)
                | {"expected": account is None, "warned": [guard.code for guard in warned]}
                | ({"recorded_before": len(before)} if before else {}),
                personal=_who(starter),
            )
            notifications.alarm(starter, warned)
            jobs.ask(f"look:{starter.pk}", priority=Job.Priority.LOOK)
    except IntegrityError:
        raise AlreadyRecorded(account_name) from None
    return starter


def _warned(starter: Starter, facts: graph.Facts | None) -> tuple[guards.Guard, ...]:
    """What would be refused if this were the day. HR was told; that they saved it all the same is written down."""
    if facts is None:
        return ()
    starter.starts_at = starter.start_local
    rules, place = policy.for_starter(starter), guards.Place.RECORDED
    return guards.refusals(guards.Question(starter, facts, None, None, rules, clock.now(), place=place))


def directory_facts(account: graph.Account, manager: graph.Manager | None) -> dict[str, Any]:
    """What is kept of the directory's answer, so that lists need not ask again."""
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


def seen_by_hr(account: graph.Account, manager: graph.Manager | None) -> dict[str, Any]:
    """What HR saw when they chose this account; the day's directory is compared with it."""
    seen = guards.seen_of(account, manager)
    return {"seen": seen, "first_manager_id": seen["manager_id"]}


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
                    **seen_by_hr(account, manager),
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


def look_again(*, starter: Starter, expected: dict[str, str], by: Any) -> None:
    """HR has seen what changed in the directory, and says that it is still right. `expected` is what they were shown.

    A manager who is new gets the link. Raises AccountMoved when the directory has changed since, OwnStarter, Changed.
    """
    account, manager, above = _read(starter)
    now = guards.seen_of(account, manager)
    if now != expected or account.object_id != starter.account_id:
        raise AccountMoved(starter.account_id)
    _still_before_a_pass(starter)
    if by.oid == now["manager_id"]:
        raise OwnStarter
    _not_their_manager(starter, by)
    before, invited = dict(starter.seen), starter.state == StarterState.INVITED
    with audit.change():
        end_if_void(starter, manager)
        move_starter(
            starter,
            None,
            event="starter.looked_again",
            by=by,
            changes={
                **directory_facts(account, manager),
                "seen": now,
                "shaped_by": _with(starter, by),
                "problem": Problem.NONE,
            },
            facts={"changed": sorted(name for name in now if before.get(name) != now[name])},
            personal={
                f"{name}_{when}": str(values.get(name, ""))
                for when, values in (("before", before), ("now", now))
                for name in now
                if before.get(name) != now[name]
            },
        )
        starter.problem = _problem(starter, directory_facts(account, manager), manager, above)
        Starter.objects.filter(pk=starter.pk).update(problem=starter.problem)
        if invited and before.get("manager_id") != now["manager_id"] and starter.problem not in BLOCKING:
            send_to_who_may_confirm(starter, by=by)
        jobs.ask(f"look:{starter.pk}", priority=Job.Priority.LOOK)


def reschedule(
    *, starter: Starter, start_date: date, start_time: time, time_zone: str, note: str, by: Any
) -> None:
    """Move the start, or change the note. Everything that depends on the date follows. Raises Changed."""
    _still_before_a_pass(starter)
    _not_their_manager(starter, by)
    moved = Starter(start_date=start_date, start_time=start_time, time_zone=time_zone)
    anew: dict[str, Any] = {}
    with audit.change():
        if moved.start_local != starter.starts_at or start_date != starter.start_date:
            notifications.drop_unsent(starter, letters.DATED)
            anew = {"reminded_for": None, "escalated_for": None, "schedule": starter.schedule + 1}
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
                **anew,
                "shaped_by": _with(starter, by),
                "note": note,
            },
            facts=_when(moved),
        )
        jobs.ask(f"look:{starter.pk}", priority=Job.Priority.LOOK)


def _not_their_manager(starter: Starter, by: Any) -> None:
    """Who sets the time or allows a pass takes part in making it, and so cannot be the one who confirms."""
    if by.oid in {starter.manager_id, starter.stand_in_id}:
        raise OwnStarter


def _with(starter: Starter, by: Any) -> list[str]:
    return sorted({*starter.shaped_by, by.oid})


def _still_before_a_pass(starter: Starter) -> None:
    if starter.state not in {StarterState.RECORDED, StarterState.INVITED}:
        raise Changed("the onboarding has gone further, or is finished")


def refresh(starter: Starter, *, by: Any | None = None, known: graph.Facts | None = None) -> bool:
    """Read the account and its manager anew, unless they are `known`. True: who may confirm now was sent the link.

    `known` is what the directory said a moment ago, of many at once. Raises what `graph` raises; a missing account
    becomes a problem.
    """
    try:
        account, manager, above = _read(starter, known)
    except graph.NotFound:
        starter.problem, starter.looked_at = Problem.ACCOUNT_GONE, clock.now()
        with audit.change():
            Starter.objects.filter(pk=starter.pk).update(problem=starter.problem, looked_at=starter.looked_at)
            _tell_hr_what_blocks(starter)
        return False
    facts = directory_facts(account, manager)
    changed = bool(starter.looked_at) and starter.manager_id != facts["manager_id"]
    had_no_mail, address = starter.problem in {NO_MAIL, Problem.MAIL_REFUSED}, starter.in_charge_mail
    with audit.change():
        end_if_void(starter, manager)
        facts |= _stand_in_now(starter, manager, above)
        facts["problem"] = _problem(starter, facts, manager, above)
        Starter.objects.filter(pk=starter.pk).update(**facts)
        if changed:
            audit.record(
                "starter.manager_changed",
                starter=starter,
                personal={"from": starter.manager_id, "to": facts["manager_id"]},
            )
        for name, value in facts.items():
            setattr(starter, name, value)
        mended = had_no_mail and starter.in_charge_mail not in {"", address}
        waits = starter.state == StarterState.INVITED and starter.problem not in BLOCKING
        told = waits and (changed or mended)
        if told:
            send_to_who_may_confirm(starter, by=by)
        _tell_hr_what_blocks(starter)
    return told


def _read(
    starter: Starter, known: graph.Facts | None = None
) -> tuple[graph.Account, graph.Manager | None, graph.Manager | None]:
    """The account, its manager, and the manager of that manager where HR routed it; in one round trip."""
    if known is not None:
        return known.account, known.manager, known.above
    if not starter.is_routed:
        return *graph.client().look_up(starter.account_id), None
    found = graph.client().look_up_several([starter.account_id, starter.stand_in_for])
    theirs, past = found[starter.account_id], found[starter.stand_in_for]
    if isinstance(theirs, graph.GraphError):
        raise theirs
    if isinstance(past, graph.GraphError) and not isinstance(past, graph.NotFound):
        raise past
    return *theirs, None if isinstance(past, graph.NotFound) else past[1]


def end_if_void(starter: Starter, manager: graph.Manager | None) -> None:
    """A routing past somebody who is not the manager any more is void. Who stood in hears of it."""
    if not starter.is_routed or in_charge.is_routed_past(starter, manager):
        return
    past, gone = starter.stand_in_for, starter.stand_in_id
    approvals.void_routing(starter)
    if starter.state == StarterState.INVITED:
        notifications.not_asked_any_more(starter, to=starter.stand_in_mail, reader_id=gone)
    Starter.objects.filter(pk=starter.pk).update(**in_charge.NOT_ROUTED)
    for name, value in in_charge.NOT_ROUTED.items():
        setattr(starter, name, value)
    audit.record("starter.routing_void", starter=starter, personal={"manager": past, "stand_in": gone})


def _stand_in_now(
    starter: Starter, manager: graph.Manager | None, above: graph.Manager | None
) -> dict[str, str]:
    person = in_charge.of(starter, manager, above)
    if not starter.is_routed or person is None:
        return {}
    return {"stand_in_name": person.display_name[:256], "stand_in_mail": person.mail[:320]}


def _tell_hr_what_blocks(starter: Starter) -> None:
    """Once the manager is invited, HR may no longer be looking: what blocks from then on is mailed, once."""
    if starter.state == StarterState.INVITED and starter.problem in {*BLOCKING, NO_MAIL}:
        notifications.problem(starter)


def _problem(
    starter: Starter, facts: dict[str, Any], manager: graph.Manager | None, above: graph.Manager | None
) -> str:
    rules, seen = policy.for_starter(starter), starter.seen
    drifted = [
        name for name, field in SEEN_IN.items() if seen and seen.get(name, facts[field]) != facts[field]
    ]
    if rules.same_person and drifted:
        return Problem.ACCOUNT_CHANGED
    if not facts["manager_id"]:
        return Problem.NO_MANAGER
    if rules.same_manager and seen.get("manager_id", "") != facts["manager_id"]:
        return Problem.MANAGER_CHANGED
    person = in_charge.of(starter, manager, above)
    if person is None:
        return Problem.NO_STAND_IN
    if not person.mail:
        return Problem.NO_MAILBOX
    if person.object_id in starter.shaped_by:
        return Problem.MANAGER_RECORDED
    lasting = {Problem.REFUSED, Problem.MAIL_FAILED}
    if starter.in_charge_mail == person.mail[:320]:
        lasting.add(Problem.MAIL_REFUSED)
    return starter.problem if starter.problem in lasting else Problem.NONE


# What was seen of a person, and the field that holds what the directory says now.
SEEN_IN = {"name": "display_name", "account_name": "account_name", "employee_id": "employee_id"}


def send_link(*, starter: Starter, by: Any | None, together: bool = False) -> None:
    """Send the manager of today the link, the first time or again. Raises CannotInvite, GraphError, Changed.

    It leaves at once when somebody asks for it; `together` with many others it goes in one mail a manager.
    """
    if not starter.account_id:
        raise CannotInvite(starter.problem or Problem.ACCOUNT_MISSING)
    try:
        facts = graph.client().issue_facts(starter.account_id, scarce=False, above=starter.stand_in_for)
    except graph.NotFound:
        facts = None
    told = refresh(starter, by=by, known=facts)
    if starter.problem in BLOCKING or facts is None:
        raise CannotInvite(starter.problem)
    _guards_hold(starter, facts, by=by)
    with audit.change():
        if starter.state == StarterState.RECORDED:
            move_starter(
                starter,
                StarterState.INVITED,
                event="starter.invited",
                by=by,
                changes={
                    "invited_at": clock.now(),
                    "problem": NO_MAIL if not starter.in_charge_mail else Problem.NONE,
                    "refused_for": [],
                },
                personal={"manager": starter.in_charge_id, "to": starter.in_charge_mail},
            )
            _invite(starter, None if together else by)
            _tell_hr_what_blocks(starter)
            jobs.ask(f"look:{starter.pk}", priority=Job.Priority.LOOK)
        elif starter.state == StarterState.INVITED:
            if not told:
                send_to_who_may_confirm(starter, by=by, together=together)
        else:
            raise Changed("the link is no longer needed")


def _guards_hold(starter: Starter, facts: graph.Facts, *, by: Any | None) -> None:
    """Ask every guard that can be asked before the day. What time will not put right keeps the link back."""
    rules = policy.for_starter(starter)
    question = guards.Question(starter, facts, None, None, rules, clock.now(), place=guards.Place.SENT)
    refusing = guards.blocking(guards.refusals(question))
    codes = [guard.code for guard in refusing]
    if not refusing:
        if starter.refused_for or starter.problem == Problem.REFUSED:
            starter.problem, starter.refused_for = Problem.NONE, []
            Starter.objects.filter(pk=starter.pk).update(problem=Problem.NONE, refused_for=[])
        return
    with audit.change():
        known = Starter.objects.filter(pk=starter.pk, problem=Problem.REFUSED, refused_for=codes)
        if not known.exists():  # the worker asks again and again: it is told once
            Starter.objects.filter(pk=starter.pk).update(problem=Problem.REFUSED, refused_for=codes)
            audit.record(
                "starter.refused", by=by, starter=starter, facts={"codes": codes, "policy": rules.key}
            )
            notifications.refused(starter, refusing)
    starter.problem, starter.refused_for = Problem.REFUSED, codes
    raise CannotInvite(Problem.REFUSED)


def forewarn(starter: Starter) -> None:
    """Ask the guards of somebody who was recorded and not invited yet, so that HR knows long before the day."""
    try:
        facts = graph.client().issue_facts(starter.account_id, scarce=False, above=starter.stand_in_for)
    except graph.GraphError:
        return  # asked again with the next look, and before the link is sent
    with suppress(CannotInvite):
        _guards_hold(starter, facts, by=None)


def send_to_who_may_confirm(starter: Starter, *, by: Any | None, together: bool = False) -> None:
    """The link once more, or for somebody new; inside the transaction of what causes it."""
    _record_link(starter, by)
    _invite(starter, None if together else by)


def _record_link(starter: Starter, by: Any | None) -> None:
    audit.record(
        "starter.link_sent",
        by=by,
        starter=starter,
        personal={"manager": starter.in_charge_id, "to": starter.in_charge_mail},
    )


@audit.change()
def hurry_link(*, starter: Starter, by: Any) -> bool:
    """Let a link that the portal has written, and that waits for others, leave at once. False: it was sent already."""
    if not notifications.hurry_invitation(starter):
        return False
    _record_link(starter, by)
    return True


def _invite(starter: Starter, by: Any | None) -> None:
    """When somebody presses it leaves at once: the one that waits already, where there is one."""
    if by is not None and notifications.hurry_invitation(starter):
        return
    is_the_day = moments.of(starter, policy.for_starter(starter)).opens <= clock.now()
    haste = Haste.NOW if by is not None else Haste.SOON if is_the_day else Haste.IN_TURN
    notifications.invitation(starter, number=_next_number(starter), haste=haste)


def _next_number(starter: Starter) -> int:
    """Who was invited once, and is recorded again, gets a mail of their own the second time."""
    return starter.mails.filter(kind="invitation").count() + 1


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
    return (
        starter.state == StarterState.INVITED
        and policy.attempts_left(starter, policy.for_starter(starter)) <= 0
    )


def withdraw_starter(*, starter: Starter, by: Any, reason: str) -> bool:
    """Stop the onboarding. A live pass is taken back first: False says that this is under way.

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
    with audit.change():
        notifications.drop_unsent(starter)
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
