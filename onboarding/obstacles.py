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
    }
)
# A problem that may resolve itself, like a disabled account, counts from this time before the window.
COUNTS_BEFORE = timedelta(days=1)
# Daily limits are checked at the click. Once a limit has refused, each check asks it again.
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
        return tuple(guards.BY_CODE[code] for code in self.codes if code in guards.BY_CODE)

    @property
    def shown_codes(self) -> tuple[str, ...]:
        """The codes that may be shown: two answers with the same ones are one to HR and to managers."""
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
    """The answer of the last check."""
    codes = tuple(starter.refused_for) if starter.problem == Problem.REFUSED else ()
    return Answer(starter.problem, codes)


def stored_reasons(starter: Starter) -> tuple[guards.Reason, ...]:
    """The kept refusal in words for HR and managers; empty where no guard refused."""
    return guards.reasons_for_codes(stored_answer(starter).codes, reference=starter.answer_event)


def stops_a_pass(starter: Starter) -> bool:
    """Whether the kept answer keeps the manager from creating a pass; mail that fails does not."""
    return starter.problem in {*BLOCKING, Problem.REFUSED}


def asks_guards(starter: Starter) -> bool:
    """Whether a check asks the guards: before a pass, and while none may be alive."""
    waits = starter.state in {StarterState.RECORDED, StarterState.INVITED}
    return waits and bool(starter.account_id) and starter.open_issue() is None


# --- The answer, over facts of this moment ------------------------------------------------------------------------


def find_obstacle(starter: Starter, read: Read, *, person: Any = None, now: datetime | None = None) -> Answer:
    """What is in the way by what the directory says. `person` is who would confirm, where they are there.

    Without `read.facts` the guards have no say, and a refusal that is kept stays. An account that IT handles is
    named before all else: so the answer is the same for each kind of it.
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
    """As the manager's page asks it once the link has left; before, as the sending of the link does."""
    assert read.facts is not None  # noqa: S101 (asked only with facts)
    if starter.state == StarterState.RECORDED:
        return Question(starter, read.facts, None, None, rules, now, place=Place.SENT)
    who = person or _known_confirmer(starter, read)
    question = Question(starter, read.facts, who, None, rules, now, place=Place.OPENED)
    return question if who is not None else _without_person(question)


def _without_person(question: Question) -> Question:
    """The confirmer has never signed in here: what is about their person is asked when they do."""
    return Question(
        question.starter, question.facts, None, None, question.policy, question.now, place=Place.SENT
    )


def _known_confirmer(starter: Starter, read: Read) -> Any:
    """Who may confirm by the directory, with their roles as of their last sign-in; None where they never signed in."""
    who = confirmer.find_confirmer(starter, read.manager, read.above)
    if who is None:
        return None
    return get_user_model().objects.filter(tid=settings.TENANT_ID, oid=who.object_id).first()


def _refusals_that_count(
    starter: Starter, rules: EffectivePolicy, refusing: tuple[Guard, ...], now: datetime
) -> tuple[Guard, ...]:
    """Before the link, and until a day before the window, what may still come right by itself is in nobody's way."""
    opens, _ = starter.pass_window(rules.opens_before, rules.closes_after)
    if starter.state == StarterState.INVITED and now >= opens - COUNTS_BEFORE:
        return refusing
    return guards.lasting_refusals(refusing)


def _known_from_the_click(
    starter: Starter, read: Read, rules: EffectivePolicy, person: Any, now: datetime
) -> tuple[str, ...]:
    """What refused at the click and needs a scarce read stays until the next click; a limit of the day is asked again."""
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
    """What the account and its manager say by themselves, before any guard is asked."""
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


# --- Keeping it -----------------------------------------------------------------------------------------------------


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
    """A manager without a mailbox matters once the link should have reached them; failing mail is on HR's list."""
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
    """Guards refused a click, as `event` says: HR is notified, and security where a guard is alarming."""
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
    """A page has found another answer than the one that is kept: the worker checks, keeps it and notifies HR."""
    jobs.enqueue_job(f"look:{starter.pk}", priority=Job.Priority.LOOK)
