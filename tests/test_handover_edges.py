"""The hand-over at its edges: to the second when it may begin and end, and exactly what each step writes down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.db import DatabaseError, IntegrityError
from django.utils import timezone

from onboarding import audit, budget, clock, guards, handover, jobs, policy
from onboarding.graph.client import Graph
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import AuditEvent, GraphBudget, Job, Mail, PassIssue, PolicyVersion, Starter
from onboarding.moves import move_issue
from tests.conftest import creations, live_passes

pytestmark = pytest.mark.django_db

PASSES = "temporaryAccessPassMethods"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
Reason = PassIssue.Reason


@pytest.fixture(autouse=True)
def moment() -> Iterator[Any]:
    """Time stands still, so that a moment can be named to the second; a test moves it."""
    with time_machine.travel(datetime.now(UTC).replace(microsecond=0), tick=False) as traveller:
        yield traveller


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What Graph answered to each POST that it took."""
    answers, create = [], Graph.create_pass

    def kept(self: Graph, *args: Any, **kwargs: Any) -> Any:
        answers.append(create(self, *args, **kwargs))
        return answers[-1]

    monkeypatch.setattr(Graph, "create_pass", kept)
    return answers


@pytest.fixture
def claimed(invite: Any, confirmation: Any) -> Callable[..., PassIssue]:
    """The intent is written, and nothing has been sent yet."""

    def done(key: str = "noor") -> PassIssue:
        said = confirmation(invite(key))
        return handover.claim(said, *handover.ready(said, budget.Calls()))

    return done


def spent() -> int:
    """How many of Graph's scarce calls are counted as made."""
    return len(GraphBudget.objects.get().recent)


def told(event: str) -> AuditEvent:
    return AuditEvent.objects.select_related("detail").get(event=event)


def job_of(issue: PassIssue, priority: Job.Priority = Job.Priority.PASS) -> Job:
    return Job.objects.get(key=f"issue:{issue.pk}", done_at=None, priority=priority)


def as_it_is(issue: PassIssue) -> PassIssue:
    return PassIssue.objects.get(pk=issue.pk)


def stopped(step: Callable[..., Any], *args: Any) -> Any:
    """The outcome with which this step ends the confirmation."""
    with pytest.raises(handover._Stop) as stop:
        step(*args)
    return stop.value.outcome


def unwritable(monkeypatch: pytest.MonkeyPatch, event: str, error: type[Exception]) -> None:
    """From now on the database does not take this event."""
    write = audit.record

    def refuses(name: str, **kwargs: Any) -> Any:
        if name == event:
            raise error("disk I/O error")
        return write(name, **kwargs)

    monkeypatch.setattr(audit, "record", refuses)


# --- What the steps hand to each other ----------------------------------------------------------------------------

CARRIED = {
    "the confirmation": (
        handover.Confirmation(*[SimpleNamespace()] * 2, None, "known", 1, 1),  # type: ignore[arg-type]
        "starter",
    ),
    "shown": (handover.Shown(PassIssue(), "k7+Rv&m", timezone.now()), "code"),  # type: ignore[arg-type]
    "refused": (handover.Refused(()), "guards"),
    "waiting": (handover.Waiting(budget.Wait(timezone.now(), 0)), "wait"),
    "not now": (handover.NotNow("busy"), "code"),
    "overtaken": (handover.Overtaken(), "code"),
    "failed": (handover.Failed(PassIssue()), "issue"),
}


@pytest.mark.parametrize(("value", "field"), CARRIED.values(), ids=CARRIED)
def test_nothing_is_exchanged_on_the_way(value, field):
    with pytest.raises((FrozenInstanceError, TypeError)):
        setattr(value, field, None)


def test_what_carries_the_pass_prints_nothing_of_it_and_has_no_dictionary_to_look_into():
    shown, _ = CARRIED["shown"]

    assert "k7+Rv&m" not in repr(shown)
    assert not hasattr(shown, "__dict__")


def test_signing_in_again_helps_only_where_nothing_else_is_missing():
    stale, disabled = guards.BY_CODE["sign_in_is_fresh"], guards.BY_CODE["enabled"]

    assert handover.Refused(()).step_up is False
    assert handover.Refused((stale,)).step_up is True
    assert handover.Refused((disabled,)).step_up is False
    assert handover.Refused((disabled, stale)).step_up is False


# --- When it may begin --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("from_start", "opens"),
    [
        (-120 * MINUTE - SECOND, False),
        (-120 * MINUTE, True),
        (timedelta(days=5), True),
        (timedelta(days=5) + SECOND, False),
    ],
    ids=["a second too early", "as it opens", "as it closes", "a second too late"],
)
def test_the_window_is_open_from_its_first_second_to_its_last(
    invite, confirmation, moment, from_start, opens
):
    starter = invite("noor")
    moment.move_to(starter.starts_at + from_start)
    jobs.beat("a worker")

    outcome = handover.confirm(confirmation(starter))

    assert isinstance(outcome, handover.Shown if opens else handover.Overtaken)


@pytest.mark.parametrize(("counted", "goes_on"), [(2, True), (3, False), (4, False)])
def test_the_last_attempt_can_be_made_and_none_after_it(
    invite, confirmation, person, moment, counted, goes_on
):
    starter = invite("noor")
    for number in range(counted):
        PassIssue.objects.create(
            starter=starter, account_id=starter.account_id, number=number + 1, state=IssueState.VOID, counted=True,
            actor=person("maria"), policy=policy.in_force(), lifetime_minutes=60, lease_until=timezone.now(),
        )  # fmt: skip

    outcome = handover.confirm(confirmation(starter))

    assert isinstance(outcome, handover.Shown if goes_on else handover.Overtaken)


@pytest.mark.parametrize("state", [StarterState.RECORDED, StarterState.ISSUED, StarterState.REGISTERED])
def test_only_who_was_invited_and_has_no_pass_gets_one(tenant, invite, confirmation, state):
    starter = invite("noor")
    Starter.objects.update(state=state)

    assert handover.confirm(confirmation(starter)) == handover.Overtaken()
    assert (creations(tenant), spent()) == ([], 0)


def test_while_a_pass_is_in_doubt_no_other_is_made(tenant, claimed, confirmation):
    issue = claimed()
    Starter.objects.update(state=StarterState.INVITED)
    before = spent()

    assert handover.confirm(confirmation(issue.starter)) == handover.Overtaken()
    assert (creations(tenant), spent()) == ([], before)


@pytest.mark.parametrize("changed", [{"starter_version": 99}, {"policy_key": 99}])
def test_who_saw_another_state_of_things_is_overtaken_before_anything_is_spent(
    tenant, invite, confirmation, changed
):
    assert handover.confirm(confirmation(invite("noor"), **changed)) == handover.Overtaken()
    assert (creations(tenant), spent()) == ([], 0)


def test_what_was_never_read_is_waited_for_before_the_first_pass_and_refused_after_it(invite, confirmation):
    starter = invite("noor")
    Starter.objects.update(sign_in_looked_at=None)
    assert handover.confirm(confirmation(starter)) == handover.NotNow("not_read_yet")

    Starter.objects.update(first_pass_at=timezone.now())
    outcome = handover.confirm(confirmation(starter))

    assert isinstance(outcome, handover.Refused)
    assert [guard.code for guard in outcome.guards] == ["never_signed_in"]


def test_an_old_sign_in_costs_nothing_and_troubles_nobody(tenant, invite, confirmation, person):
    starter = invite("noor")
    asked = len(tenant.tenant.requests)

    outcome = handover.confirm(confirmation(starter, signed_in_at=timezone.now() - timedelta(hours=1)))

    assert isinstance(outcome, handover.Refused)
    assert outcome.step_up
    assert (len(tenant.tenant.requests), spent()) == (asked, 0)
    assert Starter.objects.get().problem == ""
    assert not Mail.objects.filter(kind="refused").exists()
    event, maria = told("issue.refused"), person("maria")
    assert event.starter == starter.public_id
    assert event.facts == {"codes": ["sign_in_is_fresh"], "policy": policy.in_force().number}
    assert event.detail.values["by"] == f"{maria.tid}/{maria.oid}"


# --- Refused ------------------------------------------------------------------------------------------------------


def test_a_refusal_is_written_down_and_shows_in_the_list_at_that_starter_alone(
    tenant, invite, confirmation, person
):
    starter, other = invite("disabled"), invite("noor")

    outcome = handover.confirm(confirmation(starter))

    assert isinstance(outcome, handover.Refused)
    refused = Starter.objects.get(pk=starter.pk)
    assert (refused.problem, refused.refused_for) == (Starter.Problem.REFUSED, ["enabled"])
    assert Starter.objects.get(pk=other.pk).problem == ""
    event = told("issue.refused")
    assert event.starter == starter.public_id
    assert event.facts == {"codes": ["enabled"], "policy": policy.in_force().number}
    assert event.detail.values["by_name"] == "Maria Lindqvist"
    assert Mail.objects.filter(kind="refused", starter=starter).exists()
    assert spent() == 1  # the read; the call of the POST was given back


def test_who_changed_under_the_checks_is_overtaken_and_not_refused(invite, confirmation, monkeypatch):
    starter, other, read = invite("disabled"), invite("noor"), Graph.issue_facts

    def changed_meanwhile(self: Graph, *args: Any, **kwargs: Any) -> Any:
        Starter.objects.filter(pk=starter.pk).update(version=other.version + 7)
        return read(self, *args, **kwargs)

    said = confirmation(starter)
    Starter.objects.filter(pk=other.pk).update(version=said.starter.version)
    monkeypatch.setattr(Graph, "issue_facts", changed_meanwhile)

    assert handover.confirm(said) == handover.Overtaken()
    assert not AuditEvent.objects.filter(event="issue.refused").exists()


@pytest.mark.parametrize(
    ("status", "code", "problem"), [(404, "account_gone", "account_gone"), (403, "not_checkable", "")]
)
def test_what_cannot_be_checked_is_written_down_with_what_support_needs(
    fault, invite, confirmation, status, code, problem
):
    starter, other = invite("noor"), invite("liam")
    fault(path=f"/users/{starter.account_id}$", status=status)

    assert handover.confirm(confirmation(starter)) == handover.NotNow(code)

    event = told("issue.refused")
    assert event.facts["codes"] == [code]
    assert set(event.facts) == {"codes", "graph", "graph_request_id"}
    assert event.facts["graph"]
    assert event.starter == starter.public_id
    assert event.detail.values["by_name"] == "Maria Lindqvist"
    assert Starter.objects.get(pk=starter.pk).problem == problem
    assert Starter.objects.get(pk=other.pk).problem == ""
    assert spent() == 1


def test_a_throttled_check_makes_everybody_wait_as_long_as_microsoft_says(fault, invite, confirmation):
    starter = invite("noor")
    fault(path="authentication/methods", status=429, headers={"Retry-After": "120"})

    outcome = handover.confirm(confirmation(starter))

    assert outcome == handover.Waiting(budget.Wait(timezone.now() + timedelta(seconds=120), 0))
    assert GraphBudget.objects.get().paused_until == timezone.now() + timedelta(seconds=120)
    assert not AuditEvent.objects.filter(event="issue.refused").exists()
    assert spent() == 1


# --- The intent ---------------------------------------------------------------------------------------------------


def test_the_intent_says_who_asks_for_what_and_until_when(claimed, person, settings):
    policy.add_version(PolicyVersion(lifetime_minutes=45, reason="Shorter"), by=person("ada"))

    issue = as_it_is(claimed())

    assert (issue.state, issue.number, issue.actor) == (IssueState.ISSUING, 1, person("maria"))
    assert (issue.identity_check, issue.policy, issue.lifetime_minutes) == (
        "in_person",
        policy.in_force(),
        45,
    )
    assert (issue.account_id, issue.seen_before) == (issue.starter.account_id, [])
    assert (
        issue.lease_until == issue.intended_at + settings.PASS_LEASE == timezone.now() + settings.PASS_LEASE
    )
    assert job_of(issue).due_at == issue.lease_until
    event, maria = told("issue.intent"), person("maria")
    assert (event.starter, event.issue) == (issue.starter.public_id, str(issue.pk))
    assert event.detail.values["by"] == f"{maria.tid}/{maria.oid}"
    assert event.facts == {
        "state": "invited",
        "number": 1,
        "identity_check": "in_person",
        "policy": policy.in_force().number,
        "lifetime_minutes": 45,
        "single_use": True,
    }


def test_the_intent_says_which_guard_was_switched_off_and_whose_policy_it_was(
    invite, confirmation, person, policy_says
):
    policy_says(hire_date="off")
    starter = invite("noor")
    own = PolicyVersion(
        department=policy.normal(starter.department), overrides=["attempts"], attempts=2, reason="Less"
    )
    policy.add_version(own, by=person("ada"))
    said = confirmation(starter, policy_key=policy.for_starter(starter).key)

    issue = as_it_is(handover.claim(said, *handover.ready(said, budget.Calls())))

    assert issue.override_id == own.number
    facts = told("issue.intent").facts
    assert (facts["department_policy"], facts["not_checked"]) == (own.number, ["hire_date_agrees"])


def test_all_times_of_the_intent_come_from_the_one_clock_that_replicas_share(claimed, settings, monkeypatch):
    ahead = timezone.now() + 3 * SECOND
    monkeypatch.setattr(clock, "now", lambda: ahead)

    issue = claimed()

    assert (issue.intended_at, issue.lease_until) == (ahead, ahead + settings.PASS_LEASE)


def test_issues_of_a_starter_are_numbered_one_by_one_and_know_which_passes_were_there_before(
    tenant, held, confirmation, hurry
):
    first = held("noor")
    handover.take_back(first, reason=Reason.LOST)
    hurry()
    PassIssue.objects.update(method_id="dead")
    said = confirmation(first.starter)
    version, facts = handover.ready(said, budget.Calls())
    dead = SimpleNamespace(method_id="dead")

    second = handover.claim(said, version, replace(facts, passes=(dead,)))

    assert (first.number, second.number) == (1, 2)
    assert as_it_is(second).seen_before == ["dead"]


def overtaken_by(
    cause: str, said: handover.Confirmation, monkeypatch: pytest.MonkeyPatch, person: Any
) -> None:
    match cause:
        case "another version":
            Starter.objects.filter(pk=said.starter.pk).update(version=99)
        case "another policy":
            policy.add_version(PolicyVersion(reason="Newer"), by=person("ada"))
        case "another issue":
            monkeypatch.setattr(PassIssue, "save", raising(IntegrityError))


def raising(error: type[Exception]) -> Callable[..., None]:
    def fails(*args: Any, **kwargs: Any) -> None:
        raise error("not today")

    return fails


@pytest.mark.parametrize("cause", ["another version", "another policy", "another issue"])
def test_who_is_overtaken_at_the_intent_leaves_nothing_but_the_read(
    tenant, invite, confirmation, person, monkeypatch, cause
):
    said = confirmation(invite("noor"))
    with budget.Calls() as calls:
        version, facts = handover.ready(said, calls)
        overtaken_by(cause, said, monkeypatch, person)

        assert stopped(handover.claim, said, version, facts) == handover.Overtaken()

    assert (spent(), PassIssue.objects.count()) == (1, 0)
    assert not AuditEvent.objects.filter(event="issue.intent").exists()


# --- The POST -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reading", "enough"), [(15, 23), (60, 30)], ids=["by the timeouts", "by half a lease"]
)
@pytest.mark.parametrize("late", [False, True])
def test_it_is_sent_only_while_the_answer_can_still_be_recorded(
    tenant, settings, claimed, moment, reading, enough, late
):
    settings.GRAPH_READ_TIMEOUT = reading
    issue = claimed()
    moment.move_to(issue.lease_until - enough * SECOND + (SECOND if late else timedelta(0)))

    if late:
        assert stopped(handover.create, issue) == handover.Failed(issue)
        assert (as_it_is(issue).state, as_it_is(issue).reason) == (IssueState.REJECTED, Reason.UNREACHABLE)
    else:
        handover.create(issue)

    assert len(creations(tenant)) == (0 if late else 1)


NO: dict[str, tuple[dict[str, Any], str, str, dict[str, Any]]] = {
    # what happens to the POST: its fault, where the issue ends, why, and what the trail keeps besides the ids
    "refused": ({"status": 403}, IssueState.REJECTED, Reason.REFUSED, {"refusal": "forbidden"}),
    "throttled": (
        {"status": 429, "headers": {"Retry-After": "30"}},
        IssueState.REJECTED,
        Reason.THROTTLED,
        {},
    ),
    "lost": ({"drop": "after"}, IssueState.UNKNOWN, Reason.NO_ANSWER, {}),
    "strange": ({"mutate": {"isUsable": False}}, IssueState.UNKNOWN, Reason.STRANGE_ANSWER, {}),
}


@pytest.mark.parametrize(("entry", "state", "reason", "more"), NO.values(), ids=NO)
def test_a_post_without_a_pass_is_written_down_as_what_it_was(
    tenant, fault, claimed, entry, state, reason, more
):
    issue = claimed()
    fault(path=PASSES, method="POST", **entry)

    outcome = stopped(handover.create, issue)

    kept = as_it_is(issue)
    assert (kept.state, kept.reason) == (state, reason)
    assert kept.ended_at == (timezone.now() if state == IssueState.REJECTED else None)
    assert kept.method_id == (tenant.tenant.passes[-1].id if reason == Reason.STRANGE_ANSWER else "")
    facts = told(f"issue.{state}").facts
    assert kept.graph_request_id == facts["graph_request_id"]
    assert facts == {
        "state": state, "number": 1, "reason": reason, "graph": facts["graph"],
        "graph_request_id": facts["graph_request_id"], **more,
    }  # fmt: skip
    assert job_of(issue).due_at == timezone.now()
    mails = Mail.objects.filter(kind="refused").count()
    assert mails == (1 if reason in {Reason.REFUSED, Reason.STRANGE_ANSWER} else 0)
    assert isinstance(outcome, handover.Waiting if reason == Reason.THROTTLED else handover.Failed)


def test_a_throttled_post_keeps_everybody_away_as_long_as_microsoft_says(fault, claimed):
    issue = claimed()
    fault(path=PASSES, method="POST", status=429, headers={"Retry-After": "30"})

    stopped(handover.create, issue)

    assert GraphBudget.objects.get().paused_until == timezone.now() + 30 * SECOND


def test_hr_reads_why_microsoft_refused(fault, claimed):
    fault(path=PASSES, method="POST", status=403)

    stopped(handover.create, claimed())

    assert (
        "The portal lacks the right to make a pass for this account." in Mail.objects.get(kind="refused").text
    )


def test_what_microsoft_calls_a_request_is_kept_as_far_as_there_is_room(claimed, monkeypatch):
    issue = claimed()

    def refuses(*args: Any, **kwargs: Any) -> None:
        raise handover.graph.Refused("no", status=403, request_id="r" * 80)

    monkeypatch.setattr(Graph, "create_pass", refuses)

    stopped(handover.create, issue)

    assert as_it_is(issue).graph_request_id == "r" * 64


def test_whatever_ends_the_thread_during_the_post_leaves_it_in_doubt(claimed, monkeypatch):
    issue = claimed()

    class Ended(BaseException):
        pass

    def ends(*args: Any, **kwargs: Any) -> None:
        raise Ended

    monkeypatch.setattr(Graph, "create_pass", ends)

    with pytest.raises(Ended):
        handover.create(issue)

    kept = as_it_is(issue)
    assert (kept.state, kept.reason, kept.ended_at) == (IssueState.UNKNOWN, Reason.CRASHED, None)
    assert told("issue.unknown").facts == {"state": "unknown", "number": 1, "reason": "crashed"}


@pytest.mark.parametrize("cause", ["the database fails", "a worker was faster"])
def test_an_outcome_that_cannot_be_written_is_left_to_the_worker(fault, claimed, monkeypatch, cause):
    issue = claimed()
    fault(path=PASSES, method="POST", status=403)
    if cause == "the database fails":
        unwritable(monkeypatch, "issue.rejected", DatabaseError)
    else:
        PassIssue.objects.update(state=IssueState.UNKNOWN)

    outcome = stopped(handover.create, issue)

    assert outcome == handover.Failed(issue)
    assert as_it_is(issue).state == (
        IssueState.ISSUING if cause == "the database fails" else IssueState.UNKNOWN
    )
    assert job_of(issue).due_at == issue.lease_until


# --- The record ---------------------------------------------------------------------------------------------------


def test_the_record_says_what_was_shown_to_whom_and_until_when(tenant, claimed, made, settings):
    issue = claimed()
    Starter.objects.update(problem=Starter.Problem.REFUSED)
    now = timezone.now()

    shown = handover.record(issue, handover.create(issue))

    kept, (answer,) = as_it_is(issue), made
    assert (shown.issue, shown.code, shown.valid_until) == (issue, answer.code, answer.ends_at)
    assert (kept.state, kept.counted, kept.method_id) == (IssueState.SHOWN, True, answer.method_id)
    assert (kept.graph_request_id, kept.valid_until) == (answer.request_id, answer.ends_at)
    assert (kept.shown_at, kept.receipt_until) == (now, now + settings.PASS_RECEIPT)
    assert job_of(issue).due_at == issue.lease_until  # which comes before the receipt's deadline
    event = told("issue.shown")
    assert event.facts == {
        "state": "shown", "number": 1, "method_id": answer.method_id, "valid_until": answer.ends_at.isoformat(),
    }  # fmt: skip
    assert event.detail.values["by_name"] == "Maria Lindqvist"
    starter = Starter.objects.get()
    assert (starter.state, starter.problem, starter.first_pass_at) == (StarterState.ISSUED, "", now)
    assert told("starter.issued").issue == str(issue.pk)


def test_a_receipt_is_waited_for_even_if_the_first_look_has_been_taken(claimed, settings):
    issue = claimed()
    Job.objects.update(done_at=timezone.now())

    handover.record(issue, handover.create(issue))

    assert job_of(issue).due_at == timezone.now() + settings.PASS_RECEIPT


def test_when_the_first_pass_was_made_is_never_written_over(shown, confirmation, hurry, moment):
    first = shown("noor").issue
    at = Starter.objects.get().first_pass_at
    handover.take_back(first, reason=Reason.NOT_SEEN)
    hurry()
    moment.shift(MINUTE)
    jobs.beat("a worker")

    assert isinstance(handover.confirm(confirmation(first.starter)), handover.Shown)

    assert Starter.objects.get().first_pass_at == at


def test_a_lease_that_ends_in_this_second_holds_no_more(tenant, claimed, moment):
    issue = claimed()
    answer = handover.create(issue)
    moment.move_to(issue.lease_until)

    outcome = stopped(handover.record, issue, answer)

    assert isinstance(outcome, handover.Failed)
    assert (as_it_is(issue).state, as_it_is(issue).reason) == (IssueState.UNKNOWN, Reason.CHANGED)
    assert live_passes(tenant) == []


def test_what_microsoft_calls_the_creation_is_kept_as_far_as_there_is_room(claimed):
    issue = claimed()

    handover.record(issue, replace(handover.create(issue), request_id="r" * 80))

    assert as_it_is(issue).graph_request_id == "r" * 64


# --- Made and not shown -------------------------------------------------------------------------------------------


def frozen(person: Any, monkeypatch: Any) -> None:
    policy.add_version(PolicyVersion(frozen=True, reason="An attack"), by=person("ada"))


def rescheduled(person: Any, monkeypatch: Any) -> None:
    Starter.objects.update(version=99)


def full(person: Any, monkeypatch: Any) -> None:
    unwritable(monkeypatch, "issue.shown", DatabaseError)


def broken(person: Any, monkeypatch: Any) -> None:
    unwritable(monkeypatch, "starter.issued", ZeroDivisionError)


UNRECORDED = {
    "frozen": (frozen, Reason.FROZEN),
    "the starter changed": (rescheduled, Reason.CHANGED),
    "the database fails": (full, Reason.NOT_RECORDED),
    "a mistake of ours": (broken, Reason.NOT_RECORDED),
}


@pytest.mark.parametrize(("cause", "reason"), UNRECORDED.values(), ids=UNRECORDED)
@pytest.mark.parametrize("deleted", [True, False])
def test_a_pass_that_is_not_recorded_is_forgotten_and_its_id_kept_until_it_is_surely_gone(
    tenant, fault, claimed, person, monkeypatch, cause, reason, deleted
):
    issue = claimed()
    answer = handover.create(issue)
    cause(person, monkeypatch)
    if not deleted:
        fault(path=PASSES, method="DELETE", status=403)

    outcome = stopped(handover.record, issue, answer)

    with pytest.raises(ValueError, match="wiped"):
        answer.code.reveal()
    kept = as_it_is(issue)
    assert (kept.state, kept.reason, kept.method_id) == (IssueState.UNKNOWN, reason, answer.method_id)
    assert (outcome.issue.state, outcome.issue.reason) == (IssueState.UNKNOWN, reason)
    assert bool(live_passes(tenant)) is not deleted
    assert told("issue.unknown").facts == {"state": "unknown", "number": 1, "reason": reason}
    assert job_of(issue).due_at == timezone.now()
    assert not AuditEvent.objects.filter(event="issue.made_late").exists()


def test_when_even_reading_fails_the_manager_is_told_that_it_is_not_known(tenant, claimed, monkeypatch):
    issue = claimed()
    answer = handover.create(issue)
    unwritable(monkeypatch, "issue.shown", DatabaseError)
    monkeypatch.setattr(PassIssue, "refresh_from_db", raising(DatabaseError))

    outcome = stopped(handover.record, issue, answer)

    assert (outcome.issue.state, outcome.issue.reason) == (IssueState.UNKNOWN, Reason.NOT_RECORDED)
    assert live_passes(tenant) == []


@pytest.fixture
def made_late(tenant: Any, claimed: Any, moment: Any) -> Callable[..., tuple[PassIssue, Any]]:
    """The issue was given up while the request slept; then it made a pass after all."""

    def done(**meanwhile: Any) -> tuple[PassIssue, Any]:
        issue, other = claimed(), claimed("liam")
        answer = handover.create(issue)
        handover._settle(other, IssueState.UNKNOWN, Reason.NO_ANSWER)
        given_up = as_it_is(issue)
        move_issue(given_up, IssueState.UNKNOWN, event="issue.unknown")
        move_issue(given_up, IssueState.VOID, event="issue.void", changes=meanwhile)
        Job.objects.update(done_at=timezone.now())
        moment.shift(2 * MINUTE)
        return issue, answer

    return done


def test_a_pass_made_too_late_that_could_be_deleted_leaves_no_work(tenant, made_late):
    issue, answer = made_late()

    outcome = stopped(handover.record, issue, answer)

    assert outcome.issue.state == IssueState.VOID
    assert live_passes(tenant) == []
    assert as_it_is(issue).method_id == ""
    assert not AuditEvent.objects.filter(event="issue.made_late").exists()
    assert not Job.objects.filter(done_at=None, key=f"issue:{issue.pk}").exists()


@pytest.mark.parametrize("answered", [{"status": 403}, {"drop": "before"}, {"status": 404}])
def test_a_pass_made_too_late_that_could_not_be_deleted_is_left_to_the_worker_by_its_id(
    tenant, fault, made_late, answered
):
    issue, answer = made_late()
    fault(path=PASSES, method="DELETE", **answered)

    outcome = stopped(handover.record, issue, answer)

    assert outcome.issue.state == IssueState.VOID
    assert as_it_is(issue).method_id == answer.method_id
    assert not PassIssue.objects.exclude(pk=issue.pk).exclude(method_id="").exists()
    event = told("issue.made_late")
    assert (event.starter, event.issue) == (issue.starter.public_id, str(issue.pk))
    assert event.facts == {"method_id": answer.method_id}
    assert job_of(issue).due_at == timezone.now()


def test_an_id_that_is_known_already_is_not_written_over(fault, made_late):
    issue, answer = made_late(method_id="the-first")
    fault(path=PASSES, method="DELETE", status=403)

    stopped(handover.record, issue, answer)

    assert as_it_is(issue).method_id == "the-first"
    assert told("issue.made_late").facts == {"method_id": answer.method_id}


def test_a_pass_made_too_late_is_not_shown_even_if_that_cannot_be_written_down(fault, made_late, monkeypatch):
    issue, answer = made_late()
    fault(path=PASSES, method="DELETE", status=403)
    unwritable(monkeypatch, "issue.made_late", DatabaseError)

    assert isinstance(stopped(handover.record, issue, answer), handover.Failed)


# --- The receipt, and taking back ---------------------------------------------------------------------------------


def test_a_receipt_is_written_down_and_the_worker_begins_to_watch(shown, person, moment):
    issue = shown("noor").issue
    moment.shift(5 * SECOND)

    assert handover.receipt(issue, by=person("maria")) is True

    kept = as_it_is(issue)
    assert (kept.state, kept.held_at) == (IssueState.HELD, timezone.now())
    assert told("issue.held").detail.values["by_name"] == "Maria Lindqvist"
    assert job_of(issue, Job.Priority.WATCH).due_at == timezone.now()


def test_a_pass_that_is_out_while_the_portal_is_upgraded_is_looked_after_as_all_others(held, shown):
    migration = import_module("onboarding.migrations.0014_watches")
    theirs, unseen = held("noor"), shown("liam").issue
    Job.objects.update(priority=Job.Priority.PASS)

    migration.passes_that_are_out(apps, None)

    assert job_of(theirs, Job.Priority.WATCH) and job_of(unseen, Job.Priority.PASS)


@pytest.mark.parametrize(
    ("late", "in_time"), [(timedelta(0), True), (SECOND, False)], ids=["the last second", "the next"]
)
def test_a_receipt_counts_in_the_last_second_and_not_in_the_next(shown, moment, late, in_time):
    issue = shown("noor").issue
    moment.move_to(issue.receipt_until + late)

    assert handover.receipt(issue, by=issue.actor) is in_time
    assert as_it_is(issue).state == (IssueState.HELD if in_time else IssueState.SHOWN)


@pytest.mark.parametrize(("meanwhile", "answer"), [(IssueState.HELD, True), (IssueState.REVOKING, False)])
def test_a_receipt_that_was_overtaken_answers_by_what_is_so_now(shown, meanwhile, answer):
    issue = shown("noor").issue
    PassIssue.objects.update(state=meanwhile)

    assert handover.receipt(issue, by=issue.actor) is answer
    assert handover.receipt(as_it_is(issue), by=issue.actor) is answer
    assert as_it_is(issue).state == meanwhile


def test_taking_back_says_why_and_by_whom_and_the_worker_begins_at_once(held, person, moment):
    issue = held("noor")
    Job.objects.update(done_at=timezone.now())
    moment.shift(5 * SECOND)

    handover.take_back(issue, reason=Reason.LOST, by=person("maria"))

    kept = as_it_is(issue)
    assert (kept.state, kept.reason, kept.revoking_at) == (IssueState.REVOKING, "lost", timezone.now())
    assert told("issue.revoking").facts == {"state": "revoking", "number": 1, "reason": "lost"}
    assert told("issue.revoking").detail.values["by_name"] == "Maria Lindqvist"
    assert job_of(issue).due_at == timezone.now()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["receipt", "take back"])
def test_with_real_commits_nothing_is_promised_that_no_worker_will_do(shown, monkeypatch, act):
    issue = shown("noor").issue
    monkeypatch.setattr(jobs, "ask", raising(DatabaseError))

    with pytest.raises(DatabaseError):
        if act == "receipt":
            handover.receipt(issue, by=issue.actor)
        else:
            handover.take_back(issue, reason=Reason.LOST)

    assert as_it_is(issue).state == IssueState.SHOWN


@pytest.mark.django_db(transaction=True)
def test_with_real_commits_a_refusal_is_not_settled_without_the_worker_being_told(
    fault, claimed, monkeypatch
):
    issue = claimed()
    fault(path=PASSES, method="POST", status=403)
    monkeypatch.setattr(jobs, "ask", raising(DatabaseError))

    stopped(handover.create, issue)

    assert as_it_is(issue).state == IssueState.ISSUING  # the lease runs out, and then it is looked into
