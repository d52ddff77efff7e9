"""The heart: a manager confirms, one pass is made, recorded, and shown once; or none is left alive.

The order of the steps is the guarantee. No transaction is open across a call to Graph. The intent is committed
before the one POST, the outcome is committed before a byte of the pass leaves this process, and a pass that no
screen acknowledged is deleted. Whatever is left unclear belongs to the reconciler.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NoReturn

from django.conf import settings
from django.db import DatabaseError, IntegrityError
from django.db.models import Q
from django.views.decorators.debug import sensitive_variables

from onboarding import audit, budget, caps, clock, graph, guards, jobs, notifications, policy, step_up
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import AuditEvent, PassIssue, PolicyVersion, Starter
from onboarding.models.work import Job
from onboarding.moves import Changed, move_issue, move_starter
from onboarding.step_up import Proof

log = logging.getLogger(__name__)
Reason = PassIssue.Reason

# For so many seconds a press is held until there is room, and no more people at once than this one and those beside.
PATIENCE = 2.0
HELD_BESIDE = 1


@dataclass(frozen=True)
class Confirmation:
    """What the manager saw and said, as their form brings it."""

    starter: Starter
    person: Any
    signed_in_at: datetime | None
    identity_check: str
    starter_version: int
    policy_key: int
    replacing: frozenset[str] = frozenset()  # passes of other tools, which the manager was shown
    proof: Proof | None = None  # of a sign-in for this starter alone, where policy asks for one


@dataclass(frozen=True, slots=True)
class Shown:
    """The pass, on its way to the one answer that may carry it. It hides the code from every printout."""

    issue: PassIssue
    code: graph.PassCode = field(repr=False)
    valid_until: datetime


@dataclass(frozen=True)
class ForeignPass:
    """A live pass that the portal did not make: what a manager needs to know to decide about it."""

    method_id: str
    made_at: datetime
    ends_at: datetime
    once: bool

    @classmethod
    def of(cls, live: graph.LivePass) -> ForeignPass:
        return cls(live.method_id, live.created_at, live.ends_at, live.usable_once is True)


@dataclass(frozen=True)
class Refused:
    """Guards said no. `step_up` when signing in again is all that is missing."""

    guards: tuple[guards.Guard, ...]
    foreign: tuple[ForeignPass, ...] = ()  # of other tools, when they are all that is in the way

    @property
    def step_up(self) -> bool:
        codes = {guard.code for guard in self.guards}
        return bool(codes) and codes <= guards.MENDED_BY_SIGNING_IN


@dataclass(frozen=True)
class Waiting:
    """Graph's budget has no room yet; the place in the queue is kept."""

    wait: budget.Wait


@dataclass(frozen=True)
class NotNow:
    """Nothing was made, for a reason that passes by itself. `code` names the sentence."""

    code: str


@dataclass(frozen=True)
class Overtaken:
    """Somebody or something was faster: the page that fits the present state is shown instead."""


@dataclass(frozen=True)
class Failed:
    """The POST was made and gave no pass to show; the issue tells why."""

    issue: PassIssue


Outcome = Shown | Refused | Waiting | NotNow | Overtaken | Failed


class Frozen(Changed):
    """An admin stopped all issuing while this pass was being made."""


class _Stop(Exception):
    """Ends a confirmation early with the outcome it carries."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(type(outcome).__name__)
        self.outcome = outcome


@sensitive_variables()
def confirm(confirmation: Confirmation) -> Outcome:
    """Make one pass for one starter and hand it to the caller to show; or say why there is none."""
    try:
        # One turn is held from the first question to the last: nobody is turned away in between. The calls are booked
        # at its end: a process that stands still while it books holds up everybody who presses.
        with graph.client().turn(), budget.Calls() as calls:
            version, facts = ready(confirmation, calls)
            issue = claim(confirmation, version, facts)
            make_way(issue, confirmation, calls)
            calls.made += 1
            return record(issue, create(issue))
    except graph.Crowded as error:
        log.warning("no pass was made: %s", error)
        return NotNow("crowded")
    except _Stop as stop:
        return stop.outcome


# --- 0. Ready -----------------------------------------------------------------------------------------------


def ready(confirmation: Confirmation, calls: budget.Calls) -> tuple[PolicyVersion, graph.Facts]:
    """Everything that can be found out before anything is written. No transaction is open here."""
    starter = confirmation.starter
    version = policy.for_starter(starter)
    _nothing_in_the_way(confirmation, version)
    _signed_in_for_this(confirmation, version)
    if not jobs.a_worker_lives():
        log.error("no worker is alive: issuing is refused, since an unseen pass would stay")
        raise _Stop(NotNow("no_worker"))
    try:
        graph.client().prepare()
    except graph.GraphError as error:
        log.error("no pass can be made: %s", error)
        raise _Stop(NotNow("unreachable")) from None
    _wait_for_turn(confirmation, calls)
    calls.made += 1
    try:
        facts = graph.client().issue_facts(starter.account_id, above=starter.stand_in_for)
    except graph.GraphError as error:
        raise _Stop(_facts_missing(confirmation, error, calls)) from None
    _guards_hold(confirmation, version, facts)
    return version, facts


def _wait_for_turn(confirmation: Confirmation, calls: budget.Calls) -> None:
    """Take the calls of this issue. Whose turn comes within a moment is held here, not sent back to wait for it."""
    gives_up = time.monotonic() + PATIENCE
    while wait := calls.take(confirmation.starter, confirmation.person, more=len(confirmation.replacing)):
        left = (wait.until - clock.now()).total_seconds()
        if wait.ahead > HELD_BESIDE or time.monotonic() + left > gives_up:
            raise _Stop(Waiting(wait))
        time.sleep(max(left, 0.05))


def _nothing_in_the_way(confirmation: Confirmation, version: PolicyVersion) -> None:
    starter = confirmation.starter
    if version.frozen:
        raise _Stop(NotNow("frozen"))
    if (starter.version, version.key) != (confirmation.starter_version, confirmation.policy_key):
        raise _Stop(Overtaken())
    if starter.state != StarterState.INVITED or starter.open_issue() is not None:
        raise _Stop(Overtaken())
    if confirmation.identity_check not in version.identity_checks:
        raise _Stop(Overtaken())
    if starter.sign_in_looked_at is None and starter.first_pass_at is None:
        raise _Stop(NotNow("not_read_yet"))
    opens, closes = starter.window(version.before, version.after)
    if not opens <= clock.now() <= closes or policy.attempts_left(starter, version) <= 0:
        raise _Stop(Overtaken())


def _signed_in_for_this(confirmation: Confirmation, version: PolicyVersion) -> None:
    """What a new sign-in would mend is asked before anything scarce is spent; with the guards it is asked again."""
    now, said = clock.now(), confirmation
    held = {
        "sign_in_is_fresh": guards.is_fresh(said.signed_in_at, version, now),
        "step_up_is_for_this": step_up.holds(
            said.proof, starter=said.starter, person=said.person, rules=version, now=now
        ),
    }
    refusing = tuple(guards.BY_CODE[code] for code, holds in held.items() if not holds)
    if refusing:
        _refuse(confirmation, version, refusing)


def _facts_missing(confirmation: Confirmation, error: graph.GraphError, calls: budget.Calls) -> Outcome:
    """What cannot be checked counts as refused; nothing was made."""
    if isinstance(error, graph.Throttled):
        calls.book()
        budget.pause(error.retry_after)
        return Waiting(budget.take_place(confirmation.starter, confirmation.person))
    code = "account_gone" if isinstance(error, graph.NotFound) else "not_checkable"
    log.warning("no pass was made, since what decides about it could not be read: %s", error)
    facts = {"codes": [code], "graph": error.code, "graph_request_id": error.request_id}
    with audit.change():
        audit.record("issue.refused", by=confirmation.person, starter=confirmation.starter, facts=facts)
        if code == "account_gone":
            Starter.objects.filter(pk=confirmation.starter.pk).update(problem=Starter.Problem.ACCOUNT_GONE)
    return NotNow(code)


def _question(confirmation: Confirmation, version: PolicyVersion, facts: graph.Facts) -> guards.Question:
    return guards.Question(
        confirmation.starter,
        facts,
        confirmation.person,
        confirmation.signed_in_at,
        version,
        clock.now(),
        replacing=confirmation.replacing,
        proof=confirmation.proof,
    )


def _guards_hold(confirmation: Confirmation, version: PolicyVersion, facts: graph.Facts) -> None:
    question = _question(confirmation, version, facts)
    refusing = guards.refusals(question)
    if refusing:
        same = Starter.objects.filter(pk=confirmation.starter.pk, version=confirmation.starter.version)
        if not same.exists():
            raise _Stop(Overtaken())  # a pass that looks foreign is the one of who was faster: no alarm
        _refuse(confirmation, version, refusing, tuple(map(ForeignPass.of, guards.foreign_passes(question))))


def _refuse(
    confirmation: Confirmation,
    version: PolicyVersion,
    refusing: tuple[guards.Guard, ...],
    foreign: tuple[ForeignPass, ...] = (),
) -> NoReturn:
    codes = [guard.code for guard in refusing]
    with audit.change():
        audit.record(
            "issue.refused",
            by=confirmation.person,
            starter=confirmation.starter,
            facts={"codes": codes, "policy": version.key},
        )
        if not guards.MENDED_BY_SIGNING_IN.issuperset(codes):
            Starter.objects.filter(pk=confirmation.starter.pk).update(
                problem=Starter.Problem.REFUSED, refused_for=codes
            )
            notifications.refused(confirmation.starter, refusing)
    raise _Stop(Refused(refusing, foreign if codes == ["no_foreign_pass"] else ()))


# --- 1. Claim -----------------------------------------------------------------------------------------------


def claim(confirmation: Confirmation, version: PolicyVersion, facts: graph.Facts) -> PassIssue:
    """Commit the intent in one short transaction: this starter, this version, nobody else meanwhile."""
    starter = confirmation.starter
    try:
        with audit.change():
            now = clock.now()
            _within_the_day(confirmation, version)
            issue = PassIssue(
                starter=starter,
                account_id=starter.account_id,
                number=starter.issues.count() + 1,
                actor=confirmation.person,
                identity_check=confirmation.identity_check,
                policy=version,
                override=version.own,
                lifetime_minutes=policy.lifetime(version),
                intended_at=now,
                lease_until=now + settings.PASS_LEASE,
                seen_before=[seen.method_id for seen in facts.passes or ()],
            )
            move_starter(
                starter,
                None,
                event="issue.intent",
                by=confirmation.person,
                issue=issue,
                facts=_intent(issue, confirmation, version, facts),
            )
            step_up.use(
                confirmation.proof, starter=starter, person=confirmation.person, rules=version, now=now
            )
            issue.save(force_insert=True)
            if policy.for_starter(starter).key != version.key:
                raise Changed("the policy has changed")
            jobs.ask(f"issue:{issue.pk}", priority=Job.Priority.PASS, due_at=issue.lease_until)
    except (Changed, IntegrityError):
        raise _Stop(Overtaken()) from None
    except step_up.Used:
        _refuse(confirmation, version, (guards.BY_CODE["step_up_is_for_this"],))
    except DatabaseError:
        log.exception("the intent could not be written; nothing was sent")
        raise _Stop(NotNow("busy")) from None
    return issue


def _within_the_day(confirmation: Confirmation, version: PolicyVersion) -> None:
    """Once more where it counts: whoever claims holds the end of the audit trail, so nobody counts beside them."""
    if not (caps.manager_has_room(confirmation.person, version) and caps.site_has_room(version)):
        raise Changed("as many passes as a day may bring")


def _intent(
    issue: PassIssue, confirmation: Confirmation, version: PolicyVersion, facts: graph.Facts
) -> dict[str, Any]:
    unchecked = guards.not_checked(_question(confirmation, version, facts))
    return {
        **({"not_checked": unchecked} if unchecked else {}),
        **({"department_policy": issue.override_id} if issue.override_id else {}),
        **({"stand_in": True} if confirmation.starter.is_routed else {}),
        "number": issue.number,
        "identity_check": issue.identity_check,
        "policy": issue.policy_id,
        "lifetime_minutes": issue.lifetime_minutes,
        "single_use": True,
        **({"step_up": issue.policy.step_up_context} if issue.policy.step_up_context else {}),
    }


def make_way(issue: PassIssue, confirmation: Confirmation, calls: budget.Calls) -> None:
    """Delete the passes of other tools that the manager has chosen to replace; if that fails, nothing is made."""
    chosen = sorted(confirmation.replacing.intersection(issue.seen_before))
    for method_id in chosen:
        calls.made += 1
        try:
            graph.client().delete_pass(issue.account_id, method_id)
        except graph.Throttled as error:
            _settle(issue, IssueState.REJECTED, Reason.THROTTLED, error)
            calls.book()
            budget.pause(error.retry_after)
            raise _Stop(Waiting(budget.take_place(issue.starter, issue.actor))) from None
        except graph.GraphError as error:
            _settle(issue, IssueState.REJECTED, Reason.NOT_REPLACED, error)
            raise _Stop(Failed(issue)) from None
        with audit.change():
            audit.record(
                "issue.replaced_foreign",
                by=issue.actor,
                starter=issue.starter,
                issue=issue,
                facts={"method_id": method_id},
            )


def may_be_there(foreign: ForeignPass, starter: Starter) -> bool:
    """Whether a pass of another tool, which the manager was shown, may be alive still: it has time left, and no
    press for this starter has deleted it."""
    deleted = AuditEvent.objects.filter(
        starter=starter.public_id, event="issue.replaced_foreign", facts__method_id=foreign.method_id
    )
    return clock.now() < foreign.ends_at and not deleted.exists()


# --- 2 and 3. Create, and check the answer ----------------------------------------------------------------------


@sensitive_variables()
def create(issue: PassIssue) -> graph.CreatedPass:
    """One POST, never repeated. `graph` checks the answer: what it returns is a usable single-use pass."""
    margin = timedelta(seconds=settings.GRAPH_CONNECT_TIMEOUT + settings.GRAPH_READ_TIMEOUT + 5)
    if clock.now() + min(margin, settings.PASS_LEASE / 2) > issue.lease_until:
        _settle(issue, IssueState.REJECTED, Reason.UNREACHABLE)  # paused for too long; nothing was sent
        raise _Stop(Failed(issue))
    try:
        return graph.client().create_pass(
            issue.account_id, lifetime_minutes=issue.lifetime_minutes, request_id=issue.pk
        )
    except graph.OutcomeUnknown as error:
        reason = Reason.STRANGE_ANSWER if error.answered else Reason.NO_ANSWER
        _settle(issue, IssueState.UNKNOWN, reason, error, method_id=error.method_id or "")
    except graph.Throttled as error:
        _settle(issue, IssueState.REJECTED, Reason.THROTTLED, error)
        budget.pause(error.retry_after)
        raise _Stop(Waiting(budget.take_place(issue.starter, issue.actor))) from None
    except graph.Unavailable as error:
        _settle(issue, IssueState.REJECTED, Reason.UNREACHABLE, error)
    except graph.Refused as error:
        _settle(issue, IssueState.REJECTED, Reason.REFUSED, error)
    except BaseException:  # whatever else ends this thread: the POST may have been made
        _settle(issue, IssueState.UNKNOWN, Reason.CRASHED)
        raise
    raise _Stop(Failed(issue))


def _settle(
    issue: PassIssue, to: IssueState, reason: str, error: graph.GraphError | None = None, method_id: str = ""
) -> None:
    """Write down an outcome without a pass. If that fails, the lease runs out and the reconciler does it."""
    facts = {"graph": error.code, "graph_request_id": error.request_id} if error else {}
    if isinstance(error, graph.Refused):
        facts["refusal"] = error.reason
    try:
        with audit.change():
            changes: dict[str, Any] = {
                "reason": reason,
                "graph_request_id": facts.get("graph_request_id", "")[:64],
                "method_id": method_id,
            }
            if to == IssueState.REJECTED:
                changes["ended_at"] = clock.now()
            move_issue(issue, to, event=f"issue.{to}", changes=changes, facts=facts)
            jobs.ask(f"issue:{issue.pk}", priority=Job.Priority.PASS)
            if reason in {Reason.REFUSED, Reason.STRANGE_ANSWER}:
                notifications.microsoft_refused(issue, facts.get("refusal", ""))
    except Changed:  # the lease had run out
        log.warning("the reconciler settled the outcome first", extra={"issue": str(issue.pk)})
    except DatabaseError:
        log.exception("outcome left to the reconciler", extra={"issue": str(issue.pk)})


# --- 4. Record ------------------------------------------------------------------------------------------------


@sensitive_variables()
def record(issue: PassIssue, made: graph.CreatedPass) -> Shown:
    """Commit that a pass is about to be shown. Only after this may a byte of it leave the process."""
    try:
        with audit.change():
            if policy.in_force().frozen:
                raise Frozen("issuing was frozen meanwhile")
            now = clock.now()
            move_issue(
                issue,
                IssueState.SHOWN,
                event="issue.shown",
                by=issue.actor,
                provided=Q(lease_until__gt=now),
                changes={
                    "method_id": made.method_id,
                    "graph_request_id": made.request_id[:64],
                    "valid_until": made.ends_at,
                    "shown_at": now,
                    "receipt_until": now + settings.PASS_RECEIPT,
                },
                facts={"method_id": made.method_id, "valid_until": made.ends_at.isoformat()},
            )
            changes: dict[str, Any] = {"problem": Starter.Problem.NONE}
            if issue.starter.first_pass_at is None:
                changes["first_pass_at"] = now
            move_starter(
                issue.starter, StarterState.ISSUED, event="starter.issued", issue=issue, changes=changes
            )
            jobs.ask(f"issue:{issue.pk}", priority=Job.Priority.PASS, due_at=issue.receipt_until)
    except Exception as error:  # whatever it was, nobody will see this pass
        log.exception(
            "the pass was made but not recorded: it is deleted, not shown", extra={"issue": str(issue.pk)}
        )
        made.code.wipe()
        raise _Stop(_unrecorded(issue, made.method_id, _why(error))) from None
    return Shown(issue, made.code, made.ends_at)


def _why(error: Exception) -> str:
    if isinstance(error, Frozen):
        return Reason.FROZEN
    return Reason.CHANGED if isinstance(error, Changed) else Reason.NOT_RECORDED


def _unrecorded(issue: PassIssue, method_id: str, reason: str) -> Failed:
    """Delete at once what nobody will see; the reconciler owns the rest, whether or not this works."""
    try:
        deleted = graph.client().delete_pass(issue.account_id, method_id)
    except graph.GraphError:
        deleted = False
    try:
        issue.refresh_from_db()
    except DatabaseError:
        issue.state = IssueState.UNKNOWN
        issue.reason = reason
        return Failed(issue)
    if issue.state == IssueState.ISSUING:
        _settle(issue, IssueState.UNKNOWN, reason, method_id=method_id)
    elif not deleted:
        _leave_to_worker(issue, method_id)
    log.warning("unrecorded pass", extra={"issue": str(issue.pk), "deleted": deleted})
    return Failed(issue)


def _leave_to_worker(issue: PassIssue, method_id: str) -> None:
    """This process was paused so long that its issue was settled without it, and then made a pass after all."""
    try:
        with audit.change():
            PassIssue.objects.filter(pk=issue.pk, method_id="").update(method_id=method_id)
            audit.record(
                "issue.made_late", starter=issue.starter, issue=issue, facts={"method_id": method_id}
            )
            jobs.ask(f"issue:{issue.pk}", priority=Job.Priority.PASS)
    except DatabaseError:
        log.exception("a late pass is left on the account", extra={"issue": str(issue.pk)})


# --- 6. Receipt, and taking back --------------------------------------------------------------------------------


@audit.change()
def receipt(issue: PassIssue, *, by: Any) -> bool:
    """The page says that the pass is on a screen. False: too late, the page must wipe itself."""
    if issue.state == IssueState.HELD:
        return True
    if issue.state != IssueState.SHOWN:
        return False
    now = clock.now()
    try:
        move_issue(
            issue,
            IssueState.HELD,
            event="issue.held",
            by=by,
            provided=Q(receipt_until__gte=now),
            changes={"held_at": now},
        )
    except Changed:
        issue.refresh_from_db()
        return issue.state == IssueState.HELD
    jobs.ask(f"issue:{issue.pk}", priority=Job.Priority.WATCH)
    return True


@audit.change()
def take_back(issue: PassIssue, *, reason: str, by: Any | None = None) -> None:
    """Stop a pass: from here on the worker deletes it until it is gone. Raises Changed, NotPermitted."""
    move_issue(
        issue,
        IssueState.REVOKING,
        event="issue.revoking",
        by=by,
        changes={"reason": reason, "revoking_at": clock.now()},
    )
    jobs.ask(f"issue:{issue.pk}", priority=Job.Priority.PASS)
