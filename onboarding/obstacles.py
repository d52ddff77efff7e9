"""The problem of a starter: one answer for every page, email and check.

`find_obstacle` returns it for facts that were read a moment ago. `store_answer` stores it with the starter if it
changed: one audit event and one email to HR for each change. `stored_answer` is the answer of the last check, for lists
and for pages that do not read the directory themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model

from onboarding import audit, clock, confirmer, guards, jobs, policy
from onboarding.graph import Account, Facts, Manager
from onboarding.guards import Guard, Place, Question
from onboarding.lifecycle import StarterState
from onboarding.mail import notifications
from onboarding.models import AuditEvent, EffectivePolicy, Job, Starter

Problem = Starter.Problem
# With one of these problems, the link cannot be sent or no pass can be created.
BLOCKING = frozenset(
    {
        Problem.ACCOUNT_GONE,
        Problem.ACCOUNT_CHANGED,
        Problem.NO_MANAGER,
        Problem.MANAGER_CHANGED,
        Problem.MANAGER_RECORDED,
        Problem.NO_STAND_IN,
        Problem.STOPPED,
    }
)
# A problem that may resolve itself, like a disabled account, counts from this long before the window.
COUNTS_BEFORE = timedelta(days=1)
# Daily limits are checked at the click. Once a limit has refused, each check evaluates it again.
DAILY_LIMITS = frozenset({"manager_has_room", "site_has_room"})


@dataclass(frozen=True)
class Answer:
    """A problem, and for a refusal the codes of the guards. Empty if there is no problem.

    `refusing` are the guards that refuse at this place by the facts of this moment, whatever the problem.
    """

    problem: str = ""
    codes: tuple[str, ...] = ()
    refusing: tuple[Guard, ...] = field(default=(), compare=False)

    @property
    def known_guards(self) -> tuple[Guard, ...]:
        """Return the guards of the codes that this release knows."""
        return tuple(guards.BY_CODE[code] for code in self.codes if code in guards.BY_CODE)

    @property
    def shown_codes(self) -> tuple[str, ...]:
        """Return the codes that may be shown. Answers with the same codes look the same to HR and managers."""
        return tuple(reason.code for reason in guards.reasons_for_codes(self.codes, reference=None))


NOTHING = Answer()
CLEARED_FIELDS: dict[str, Any] = {
    "problem": Problem.NONE,
    "refused_for": [],
    "answer_event": None,
    "hr_notified_at": None,
}


@dataclass(frozen=True)
class Read:
    """The starter's account and managers from Entra; with `facts`, everything that guards need."""

    account: Account
    manager: Manager | None
    above: Manager | None
    facts: Facts | None = None

    @classmethod
    def from_facts(cls, facts: Facts) -> Read:
        return cls(facts.account, facts.manager, facts.above, facts)


def stored_answer(starter: Starter) -> Answer:
    """Return the answer of the last check."""
    codes = tuple(starter.refused_for) if starter.problem == Problem.REFUSED else ()
    return Answer(starter.problem, codes)


def stored_reasons(starter: Starter) -> tuple[guards.Reason, ...]:
    """Return the stored refusal as texts for HR and managers, empty if no guard refused."""
    return guards.reasons_for_codes(stored_answer(starter).codes, reference=starter.answer_event)


def stops_a_pass(starter: Starter) -> bool:
    """Whether the stored answer blocks a pass. A failed email does not."""
    return starter.problem in {*BLOCKING, Problem.REFUSED}


def asks_guards(starter: Starter) -> bool:
    """Whether a check evaluates the guards: before a pass, and while no pass may be alive."""
    waits = starter.state in {StarterState.RECORDED, StarterState.INVITED}
    return waits and bool(starter.account_id) and starter.open_issue() is None


# --- The answer, over facts of this moment ------------------------------------------------------------------------


def find_obstacle(starter: Starter, read: Read, *, person: Any = None, now: datetime | None = None) -> Answer:
    """Return the problem by the directory's data. `person` is the confirmer, if they are on the page.

    Without `read.facts`, no guard is evaluated and a stored refusal stays. An account that IT handles comes before all
    other problems, so that the answer is the same for every kind of such account.
    """
    rules, moment = policy.for_starter(starter), now or clock.now()
    problem = _find_problem(starter, read, rules)
    if read.facts is None or not asks_guards(starter):
        lasting = stored_answer(starter)
        return Answer(problem) if problem in BLOCKING or lasting.problem != Problem.REFUSED else lasting
    refusing = guards.find_refusals(_build_question(starter, read, rules, person, moment))
    counted = _refusals_that_count(starter, rules, refusing, moment)
    codes = (*(guard.code for guard in counted), *_known_from_the_click(starter, read, rules, person, moment))
    if codes and (problem not in BLOCKING or not guards.FOR_IT.isdisjoint(codes)):
        return Answer(Problem.REFUSED, codes, refusing)
    return Answer(problem, refusing=refusing)


def _build_question(
    starter: Starter, read: Read, rules: EffectivePolicy, person: Any, now: datetime
) -> Question:
    """Ask what the manager's page asks after the link was sent; before that, ask what sending the link asks."""
    assert read.facts is not None  # noqa: S101 (asked only with facts)
    if starter.state == StarterState.RECORDED:
        return Question(starter, read.facts, None, None, rules, now, place=Place.SENT)
    who = person or _known_confirmer(starter, read)
    question = Question(starter, read.facts, who, None, rules, now, place=Place.OPENED)
    return question if who is not None else _without_person(question)


def _without_person(question: Question) -> Question:
    """Leave the confirmer out, who never signed in here. Guards about them are evaluated when they do."""
    return Question(
        question.starter, question.facts, None, None, question.policy, question.now, place=Place.SENT
    )


def _known_confirmer(starter: Starter, read: Read) -> Any:
    """Return the confirmer by the directory, with the roles of their last sign-in. None if they never signed in."""
    who = confirmer.find_confirmer(starter, read.manager, read.above)
    if who is None:
        return None
    return get_user_model().objects.filter(tid=settings.TENANT_ID, oid=who.object_id).first()


def _refusals_that_count(
    starter: Starter, rules: EffectivePolicy, refusing: tuple[Guard, ...], now: datetime
) -> tuple[Guard, ...]:
    """Leave out refusals that may resolve themselves, until the link was sent and the window opens within a day."""
    opens, _ = starter.pass_window(rules.opens_before, rules.closes_after)
    if starter.state == StarterState.INVITED and now >= opens - COUNTS_BEFORE:
        return refusing
    return guards.lasting_refusals(refusing)


def _known_from_the_click(
    starter: Starter, read: Read, rules: EffectivePolicy, person: Any, now: datetime
) -> tuple[str, ...]:
    """Return the codes of the last click that still hold. A scarce guard stays; a daily limit is evaluated again."""
    found = []
    for guard in stored_answer(starter).known_guards:
        if guard.scarce:
            found.append(guard.code)
        elif guard.code in DAILY_LIMITS and read.facts is not None:
            who = person or _known_confirmer(starter, read)
            question = Question(starter, read.facts, who, None, rules, now)
            if guards.evaluate_guard(guard, question) is not guards.Verdict.HOLDS:
                found.append(guard.code)
    return tuple(found)


def _find_problem(starter: Starter, read: Read, rules: EffectivePolicy) -> str:
    """Return the problem of the account and its manager, without any guard."""
    if starter.stopped_at is not None:
        return Problem.STOPPED
    seen, now = starter.seen, guards.identity_snapshot(read.account, read.manager)
    if rules.same_person and any(
        seen.get(name, value) != value for name, value in now.items() if seen and name != "manager_id"
    ):
        return Problem.ACCOUNT_CHANGED
    if read.manager is None:
        return Problem.NO_MANAGER
    if rules.same_manager and seen.get("manager_id", "") != read.manager.object_id:
        return Problem.MANAGER_CHANGED
    person = confirmer.find_confirmer(starter, read.manager, read.above)
    if person is None:
        return Problem.NO_STAND_IN
    if not person.mail:
        return Problem.NO_MAILBOX
    if person.object_id in starter.shaped_by:
        return Problem.MANAGER_RECORDED
    lasting = {Problem.MAIL_FAILED, Problem.NOT_REGISTERED}
    if starter.confirmer_mail == person.mail[:320]:
        lasting.add(Problem.MAIL_REFUSED)
    return starter.problem if starter.problem in lasting else Problem.NONE


# --- Storing it -----------------------------------------------------------------------------------------------------


@audit.transaction()
def store_answer(starter: Starter, answer: Answer, *, by: Any | None = None) -> None:
    """Store an answer. If it differs from the last one, record an event and send HR one email."""
    rows = Starter.objects.filter(pk=starter.pk, state=starter.state)
    stored = rows.only("problem", "refused_for", "answer_event", "hr_notified_at").first()
    if stored is None:
        return  # the state changed meanwhile: the next check uses the new state
    if stored_answer(stored) == answer:
        _copy_answer(starter, stored)
        return
    before, stored.problem, stored.refused_for = stored_answer(stored), answer.problem, list(answer.codes)
    if (before.problem, before.shown_codes) != (answer.problem, answer.shown_codes):
        stored.hr_notified_at = None  # HR has not read this answer yet
    stored.answer_event = None
    if answer != NOTHING:
        _notify_hr(starter, stored, by=by)
    elif before.problem in {*BLOCKING, Problem.REFUSED}:
        facts = {"problem": before.problem, "codes": list(before.codes)}
        stored.answer_event = audit.record("starter.cleared", by=by, starter=starter, facts=facts).seq
    stored.save_check_result()
    _copy_answer(starter, stored)


def _notify_hr(starter: Starter, stored: Starter, *, by: Any | None) -> None:
    """Record the problem, email HR, and email security where a guard is alarming."""
    answer = stored_answer(stored)
    if not _is_for_hr(starter, answer):
        return
    alarming, again = _alarming_guards(starter, answer), stored.hr_notified_at is not None
    facts: dict[str, Any] = {
        "notified": notifications.list_recipients(starter, hr=not again, security=bool(alarming))
    }
    if answer.problem == Problem.REFUSED:
        facts |= {"codes": list(answer.codes), "policy": policy.for_starter(starter).version_key}
        event = audit.record("starter.refused", by=by, starter=starter, facts=facts)
        notifications.alarm_security_before_click(starter, alarming, number=event.seq)
        written = stored.hr_notified_at or notifications.write_early_refusal(
            starter, answer.known_guards, number=event.seq
        )
    else:
        facts |= {"problem": answer.problem}
        event = audit.record("starter.blocked", by=by, starter=starter, facts=facts)
        written = notifications.write_problem(starter, answer.problem, number=event.seq)
    stored.answer_event, stored.hr_notified_at = event.seq, written


def _is_for_hr(starter: Starter, answer: Answer) -> bool:
    """Whether HR gets an email. A missing mailbox matters once the link is due. HR's list shows failed emails."""
    if answer.problem == Problem.NO_MAILBOX:
        return starter.state == StarterState.INVITED
    return answer.problem in {*BLOCKING, Problem.REFUSED, Problem.ACCOUNT_MISSING, Problem.ACCOUNT_FOUND}


def _alarming_guards(starter: Starter, answer: Answer) -> tuple[Guard, ...]:
    alarming = tuple(guard for guard in answer.known_guards if guard.alarming)
    if starter.state == StarterState.RECORDED:
        return tuple(guard for guard in alarming if guard.code in guards.ALARMING_WHEN_ADDED)
    return alarming


@audit.transaction()
def notify_hr(starter: Starter) -> None:
    """Email HR about the stored answer, unless HR already got an email about it."""
    stored = Starter.objects.filter(pk=starter.pk, state=starter.state).first()
    if stored is None or stored.hr_notified_at is not None or stored_answer(stored) == NOTHING:
        return
    _notify_hr(starter, stored, by=None)
    stored.save_check_result()
    _copy_answer(starter, stored)


@audit.transaction()
def store_refusal(starter: Starter, refusing: tuple[Guard, ...], event: AuditEvent) -> None:
    """Store the refusal of a click, recorded as `event`. Notify HR, and security if a guard is alarming."""
    stored = Starter.objects.get(pk=starter.pk)
    stored.problem, stored.refused_for = Problem.REFUSED, [guard.code for guard in refusing]
    stored.answer_event = event.seq
    stored.hr_notified_at = notifications.write_refusal(starter, refusing, reference=event.seq)
    stored.save_check_result()
    _copy_answer(starter, stored)


def _copy_answer(starter: Starter, stored: Starter) -> None:
    for name in Starter.CHECK_RESULT_FIELDS:
        setattr(starter, name, getattr(stored, name))


def ask_for_check(starter: Starter) -> None:
    """Let the worker check: a page found another answer than the stored one. The check stores it and notifies HR."""
    jobs.enqueue_job(f"look:{starter.pk}", priority=Job.Priority.LOOK)
