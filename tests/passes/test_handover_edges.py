"""The edges of the hand-over: when it can begin and end, to the second, and what each step records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, IntegrityError
from django.utils import timezone

from onboarding import audit, clock, graph, guards, jobs, policy
from onboarding.errors import OnboardingError
from onboarding.graph.client import Graph
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import AuditEvent, GraphBudget, Job, Mail, PassIssue, PolicyVersion, Starter
from onboarding.passes import graph_quota, handover
from onboarding.passes.cancellation import cancel_pass
from onboarding.passes.claim import claim_issue
from onboarding.passes.confirmation import Confirmation, Shown
from onboarding.passes.creation import LIST_CHECK_AFTER, create_pass, settle_without_pass
from onboarding.passes.errors import (
    PageOutdated,
    PassNotCreated,
    PassNotIssued,
    Queued,
    RefusedByGuards,
    TryAgainLater,
)
from onboarding.passes.handover import check_ready
from onboarding.passes.receipt import confirm_receipt
from onboarding.passes.reconciler import reconcile
from onboarding.passes.recording import record_pass
from onboarding.transitions import move_issue
from tests.conftest import creations, live_passes
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db

PASSES = "temporaryAccessPassMethods"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
Reason = PassIssue.Reason


@pytest.fixture(autouse=True)
def moment() -> Iterator[Any]:
    """Stops the clock, so that a test can set a time to the second."""
    with time_machine.travel(datetime.now(UTC).replace(microsecond=0), tick=False) as traveller:
        yield traveller


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collects Graph's response to each POST that creates a pass."""
    answers, create = [], Graph.create_pass

    def create_and_keep(self: Graph, *args: Any, **kwargs: Any) -> Any:
        answers.append(create(self, *args, **kwargs))
        return answers[-1]

    monkeypatch.setattr(Graph, "create_pass", create_and_keep)
    return answers


@pytest.fixture
def claimed(invite: Any, confirmation: Any) -> Callable[..., PassIssue]:
    """Writes the intent. Nothing has been sent yet."""

    def claim(key: str = "noor") -> PassIssue:
        click = confirmation(invite(key))
        return claim_issue(click, *check_ready(click, graph_quota.IssueCalls()))

    return claim


def used_calls() -> int:
    """How many calls of the quota are used."""
    return len(GraphBudget.objects.get().recent)


def get_event(event: str) -> AuditEvent:
    return AuditEvent.objects.select_related("detail").get(event=event)


def job_of(issue: PassIssue, priority: Job.Priority = Job.Priority.PASS) -> Job:
    return Job.objects.get(key=f"issue:{issue.pk}", done_at=None, priority=priority)


def reload(issue: PassIssue) -> PassIssue:
    return PassIssue.objects.get(pk=issue.pk)


def error_of(step: Callable[..., Any], *args: Any) -> Any:
    """The error with which this step ends the confirmation."""
    with pytest.raises(PassNotIssued) as stop:
        step(*args)
    return stop.value


def fail_event(monkeypatch: pytest.MonkeyPatch, event: str, error: type[Exception]) -> None:
    """From now on the database refuses this event."""
    write = audit.record

    def refuses(name: str, **kwargs: Any) -> Any:
        if name == event:
            raise error("disk I/O error")
        return write(name, **kwargs)

    monkeypatch.setattr(audit, "record", refuses)


# --- Values between the steps ----------------------------------------------------------------------------

CARRIED = {
    "the confirmation": (
        Confirmation(*[SimpleNamespace()] * 2, None, "known", 1, 1),  # type: ignore[arg-type]
        "starter",
    ),
    "shown": (Shown(PassIssue(), "k7+Rv&m", timezone.now()), "code"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("value", "field"), CARRIED.values(), ids=CARRIED)
def test_values_between_steps_cannot_be_changed(value, field):
    with pytest.raises((FrozenInstanceError, TypeError)):
        setattr(value, field, None)


WITHOUT_A_PASS = (
    RefusedByGuards(()),
    Queued(graph_quota.Wait(timezone.now(), 0)),
    TryAgainLater("busy"),
    PageOutdated(),
    PassNotCreated(PassIssue()),
)


@pytest.mark.parametrize("error", WITHOUT_A_PASS, ids=lambda error: type(error).__name__)
def test_every_reason_for_no_pass_has_a_message(error):
    assert isinstance(error, PassNotIssued) and isinstance(error, OnboardingError)
    assert str(error.message) == "No pass was created"


def test_no_error_of_a_hand_over_contains_the_pass(claimed, tenant, monkeypatch):
    issue = claimed()
    answer = create_pass(issue)
    code = answer.code.reveal()
    fail_event(monkeypatch, "issue.shown", DatabaseError)

    error = error_of(record_pass, issue, answer)

    assert code not in repr((vars(error), vars(error.issue), error.args, str(error)))
    with pytest.raises(ValueError, match="wiped"):
        answer.code.reveal()


def test_the_repr_of_a_shown_pass_hides_the_code():
    shown, _ = CARRIED["shown"]

    assert "k7+Rv&m" not in repr(shown)
    assert not hasattr(shown, "__dict__")


def test_a_new_sign_in_is_enough_only_without_other_refusals():
    stale, disabled = guards.BY_CODE["sign_in_is_fresh"], guards.BY_CODE["enabled"]

    assert RefusedByGuards(()).needs_only_sign_in is False
    assert RefusedByGuards((stale,)).needs_only_sign_in is True
    assert RefusedByGuards((disabled,)).needs_only_sign_in is False
    assert RefusedByGuards((disabled, stale)).needs_only_sign_in is False


# --- When it can begin --------------------------------------------------------------------------------------------


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
def test_the_window_opens_and_closes_to_the_second(invite, confirmation, moment, from_start, opens):
    starter = invite("noor")
    moment.move_to(starter.starts_at + from_start)
    jobs.record_heartbeat("a worker")

    outcome = outcome_of(confirmation(starter))

    assert isinstance(outcome, Shown if opens else PageOutdated)


@pytest.mark.parametrize(("counted", "goes_on"), [(2, True), (3, False), (4, False)])
def test_no_attempt_is_possible_after_the_last(invite, confirmation, person, moment, counted, goes_on):
    starter = invite("noor")
    for number in range(counted):
        PassIssue.objects.create(
            starter=starter, account_id=starter.account_id, number=number + 1, state=IssueState.VOID, counted=True,
            actor=person("maria"), policy=policy.for_site(), lifetime_minutes=60, lease_until=timezone.now(),
        )  # fmt: skip

    outcome = outcome_of(confirmation(starter))

    assert isinstance(outcome, Shown if goes_on else PageOutdated)


@pytest.mark.parametrize("state", [StarterState.RECORDED, StarterState.ISSUED, StarterState.REGISTERED])
def test_only_an_invited_starter_without_a_pass_gets_one(tenant, invite, confirmation, state):
    starter = invite("noor")
    Starter.objects.update(state=state)

    assert isinstance(outcome_of(confirmation(starter)), PageOutdated)
    assert (creations(tenant), used_calls()) == ([], 0)


def test_an_unclear_pass_blocks_another(tenant, claimed, confirmation):
    issue = claimed()
    Starter.objects.update(state=StarterState.INVITED)
    before = used_calls()

    assert isinstance(outcome_of(confirmation(issue.starter)), PageOutdated)
    assert (creations(tenant), used_calls()) == ([], before)


@pytest.mark.parametrize("changed", [{"starter_version": 99}, {"policy_key": 99}])
def test_an_outdated_page_uses_no_quota(tenant, invite, confirmation, changed):
    assert isinstance(outcome_of(confirmation(invite("noor"), **changed)), PageOutdated)
    assert (creations(tenant), used_calls()) == ([], 0)


def test_unread_sign_ins_delay_the_first_pass_and_refuse_later(invite, confirmation):
    starter = invite("noor")
    Starter.objects.update(sign_in_looked_at=None)
    assert outcome_of(confirmation(starter)).code == "not_read_yet"

    Starter.objects.update(first_pass_at=timezone.now())
    outcome = outcome_of(confirmation(starter))

    assert isinstance(outcome, RefusedByGuards)
    assert [guard.code for guard in outcome.guards] == ["never_signed_in"]


def test_a_stale_sign_in_makes_no_call_and_no_mail(tenant, invite, confirmation, person):
    starter = invite("noor")
    asked = len(tenant.tenant.requests)

    outcome = outcome_of(confirmation(starter, signed_in_at=timezone.now() - timedelta(hours=1)))

    assert isinstance(outcome, RefusedByGuards)
    assert outcome.needs_only_sign_in
    assert (len(tenant.tenant.requests), used_calls()) == (asked, 0)
    assert Starter.objects.get().problem == ""
    assert not Mail.objects.filter(kind="refused").exists()
    event, maria = get_event("issue.refused"), person("maria")
    assert event.starter == starter.public_id
    assert event.facts == {"codes": ["sign_in_is_fresh"], "policy": policy.for_site().number}
    assert event.detail.values["by"] == f"{maria.tid}/{maria.oid}"


# --- Refused ------------------------------------------------------------------------------------------------------


def test_a_refusal_is_audited_and_shown_for_that_starter_only(tenant, invite, confirmation, person):
    starter, other = invite("disabled"), invite("noor")

    outcome = outcome_of(confirmation(starter))

    assert isinstance(outcome, RefusedByGuards)
    refused = Starter.objects.get(pk=starter.pk)
    assert (refused.problem, refused.refused_for) == (Starter.Problem.REFUSED, ["enabled"])
    assert Starter.objects.get(pk=other.pk).problem == ""
    event = get_event("issue.refused")
    assert event.starter == starter.public_id
    assert event.facts == {"codes": ["enabled"], "policy": policy.for_site().number}
    assert event.detail.values["by_name"] == "Maria Lindqvist"
    assert Mail.objects.filter(kind="refused", starter=starter).exists()
    assert used_calls() == 1  # the read; the call of the POST was returned


def test_a_starter_changed_during_the_checks_is_not_refused(invite, confirmation, monkeypatch):
    starter, other, read = invite("disabled"), invite("noor"), Graph.issue_facts

    def change_and_read(self: Graph, *args: Any, **kwargs: Any) -> Any:
        Starter.objects.filter(pk=starter.pk).update(version=other.version + 7)
        return read(self, *args, **kwargs)

    click = confirmation(starter)
    Starter.objects.filter(pk=other.pk).update(version=click.starter.version)
    monkeypatch.setattr(Graph, "issue_facts", change_and_read)

    assert isinstance(outcome_of(click), PageOutdated)
    assert not AuditEvent.objects.filter(event="issue.refused").exists()


@pytest.mark.parametrize(("status", "code"), [(404, "account_gone"), (403, "not_checkable")])
def test_a_failed_check_is_audited_with_details_for_support(fault, invite, confirmation, status, code):
    starter, other = invite("noor"), invite("liam")
    fault(path=f"/users/{starter.account_id}$", status=status)

    assert outcome_of(confirmation(starter)).code == code

    event = get_event("issue.refused")
    assert event.facts["codes"] == [code]
    assert set(event.facts) == {"codes", "graph", "graph_request_id"}
    assert event.facts["graph"]
    assert event.starter == starter.public_id
    assert event.detail.values["by_name"] == "Maria Lindqvist"
    assert (
        Starter.objects.get(pk=starter.pk).problem == ""
    )  # one 404 does not prove that the account was deleted
    assert Starter.objects.get(pk=other.pk).problem == ""
    assert used_calls() == 1


def test_a_throttled_check_makes_everybody_wait(fault, invite, confirmation):
    starter = invite("noor")
    fault(path="authentication/methods", status=429, headers={"Retry-After": "120"})

    outcome = outcome_of(confirmation(starter))

    assert outcome.wait == graph_quota.Wait(timezone.now() + timedelta(seconds=120), 0)
    assert GraphBudget.objects.get().paused_until == timezone.now() + timedelta(seconds=120)
    assert not AuditEvent.objects.filter(event="issue.refused").exists()
    assert used_calls() == 1


# --- The intent ---------------------------------------------------------------------------------------------------


def test_the_intent_records_actor_parameters_and_lease(claimed, person, settings):
    policy.add_version(PolicyVersion(lifetime_minutes=45, reason="Shorter"), by=person("ada"))

    issue = reload(claimed())

    assert (issue.state, issue.number, issue.actor) == (IssueState.ISSUING, 1, person("maria"))
    assert (issue.identity_check, issue.policy, issue.lifetime_minutes) == (
        "in_person",
        policy.for_site(),
        45,
    )
    assert (issue.account_id, issue.seen_before) == (issue.starter.account_id, [])
    assert (
        issue.lease_until == issue.intended_at + settings.PASS_LEASE == timezone.now() + settings.PASS_LEASE
    )
    assert job_of(issue).due_at == issue.lease_until
    event, maria = get_event("issue.intent"), person("maria")
    assert (event.starter, event.issue) == (issue.starter.public_id, str(issue.pk))
    assert event.detail.values["by"] == f"{maria.tid}/{maria.oid}"
    assert event.facts == {
        "state": "invited",
        "number": 1,
        "identity_check": "in_person",
        "policy": policy.for_site().number,
        "lifetime_minutes": 45,
        "single_use": True,
    }


def test_the_intent_records_disabled_guards_and_the_department_policy(
    invite, confirmation, person, policy_says
):
    policy_says(hire_date="off")
    starter = invite("noor")
    own = PolicyVersion(
        department=policy.normalise_department(starter.department),
        overrides=["attempts"],
        attempts=2,
        reason="Less",
    )
    policy.add_version(own, by=person("ada"))
    click = confirmation(starter, policy_key=policy.for_starter(starter).version_key)

    issue = reload(claim_issue(click, *check_ready(click, graph_quota.IssueCalls())))

    assert issue.override_id == own.number
    facts = get_event("issue.intent").facts
    assert (facts["department_policy"], facts["not_checked"]) == (own.number, ["hire_date_agrees"])


def test_the_intent_uses_the_shared_clock(claimed, settings, monkeypatch):
    ahead = timezone.now() + 3 * SECOND
    monkeypatch.setattr(clock, "now", lambda: ahead)

    issue = claimed()

    assert (issue.intended_at, issue.lease_until) == (ahead, ahead + settings.PASS_LEASE)


def test_issues_are_numbered_and_record_existing_passes(tenant, held, confirmation, run_jobs, moment):
    first = held("noor")
    cancel_pass(first, reason=Reason.LOST)
    run_jobs()
    moment.shift(11 * SECOND)  # until the quota is free again
    PassIssue.objects.update(method_id="dead")
    click = confirmation(first.starter)
    version, facts = check_ready(click, graph_quota.IssueCalls())
    dead = SimpleNamespace(method_id="dead")

    second = claim_issue(click, version, replace(facts, passes=(dead,)))

    assert (first.number, second.number) == (1, 2)
    assert reload(second).seen_before == ["dead"]


def change_meanwhile(cause: str, click: Confirmation, monkeypatch: pytest.MonkeyPatch, person: Any) -> None:
    match cause:
        case "another version":
            Starter.objects.filter(pk=click.starter.pk).update(version=99)
        case "another policy":
            policy.add_version(PolicyVersion(reason="Newer"), by=person("ada"))
        case "another issue":
            monkeypatch.setattr(PassIssue, "save", raise_always(IntegrityError))


def raise_always(error: type[Exception]) -> Callable[..., None]:
    def fails(*args: Any, **kwargs: Any) -> None:
        raise error("a fault")

    return fails


@pytest.mark.parametrize("cause", ["another version", "another policy", "another issue"])
def test_an_outdated_intent_leaves_only_the_used_call(
    tenant, invite, confirmation, person, monkeypatch, cause
):
    click = confirmation(invite("noor"))
    with graph_quota.IssueCalls() as calls:
        version, facts = check_ready(click, calls)
        change_meanwhile(cause, click, monkeypatch, person)

        assert isinstance(error_of(claim_issue, click, version, facts), PageOutdated)

    assert (used_calls(), PassIssue.objects.count()) == (1, 0)
    assert not AuditEvent.objects.filter(event="issue.intent").exists()


# --- The POST -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reading", "enough"), [(15, 23), (60, 30)], ids=["by the timeouts", "by half a lease"]
)
@pytest.mark.parametrize("late", [False, True])
def test_nothing_is_sent_too_close_to_the_leases_end(
    tenant, settings, claimed, moment, reading, enough, late
):
    settings.GRAPH_READ_TIMEOUT = reading
    issue = claimed()
    moment.move_to(issue.lease_until - enough * SECOND + (SECOND if late else timedelta(0)))

    if late:
        assert error_of(create_pass, issue).issue == issue
        assert (reload(issue).state, reload(issue).reason) == (IssueState.REJECTED, Reason.UNREACHABLE)
    else:
        create_pass(issue)

    assert len(creations(tenant)) == (0 if late else 1)


WITHOUT_RESULT: dict[str, tuple[dict[str, Any], str, str, dict[str, Any]]] = {
    # the POST's fault, the issue's state and reason, and what the audit event records in addition to the ids
    "refused": ({"status": 403}, IssueState.UNKNOWN, Reason.REFUSED, {"refusal": "forbidden"}),
    "not known yet": ({"status": 404}, IssueState.UNKNOWN, Reason.NOT_KNOWN_YET, {"refusal": "other"}),
    "lost": ({"drop": "after"}, IssueState.UNKNOWN, Reason.NO_ANSWER, {}),
    "strange": ({"mutate": {"isUsable": False}}, IssueState.UNKNOWN, Reason.STRANGE_ANSWER, {}),
}


@pytest.mark.parametrize(("entry", "state", "reason", "more"), WITHOUT_RESULT.values(), ids=WITHOUT_RESULT)
def test_a_post_without_a_pass_records_its_reason(tenant, fault, claimed, entry, state, reason, more):
    issue = claimed()
    fault(path=PASSES, method="POST", **entry)

    outcome = error_of(create_pass, issue)

    kept = reload(issue)
    assert (kept.state, kept.reason) == (state, reason)
    assert kept.ended_at == (timezone.now() if state == IssueState.REJECTED else None)
    assert kept.method_id == (tenant.tenant.passes[-1].id if reason == Reason.STRANGE_ANSWER else "")
    facts = get_event(f"issue.{state}").facts
    assert kept.graph_request_id == facts["graph_request_id"]
    assert facts == {
        "state": state, "number": 1, "reason": reason, "graph": facts["graph"],
        "graph_request_id": facts["graph_request_id"], **more,
    }  # fmt: skip
    is_refused = reason in {Reason.REFUSED, Reason.NOT_KNOWN_YET}
    assert (kept.counted, kept.is_denied_by_microsoft) == (not is_refused, is_refused)
    assert job_of(issue).due_at == timezone.now() + (LIST_CHECK_AFTER if is_refused else timedelta(0))
    mails = Mail.objects.filter(kind="refused").count()
    assert mails == (1 if reason == Reason.STRANGE_ANSWER else 0)
    assert isinstance(outcome, PassNotCreated)


def test_a_throttled_post_makes_everybody_wait(fault, invite, confirmation):
    click = confirmation(invite("noor"))
    fault(path=PASSES, method="POST", status=429, headers={"Retry-After": "30"})

    outcome = outcome_of(click)

    in_half_a_minute = timezone.now() + 30 * SECOND
    issue = click.starter.issues.get()
    assert outcome.wait == graph_quota.Wait(in_half_a_minute, 0)
    assert GraphBudget.objects.get().paused_until == in_half_a_minute
    assert (issue.state, issue.reason, issue.counted) == (IssueState.UNKNOWN, Reason.THROTTLED, False)
    assert job_of(issue).due_at == in_half_a_minute + SECOND


def test_hr_gets_microsofts_reason_after_the_list_confirms_it(fault, claimed, moment):
    issue = claimed()
    fault(path=PASSES, method="POST", status=403)
    error_of(create_pass, issue)
    assert not Mail.objects.filter(kind="refused").exists()
    moment.shift(3 * SECOND)

    reconcile(str(issue.pk))

    assert reload(issue).state == IssueState.REJECTED
    assert (
        "The portal has no permission to create a pass for this account."
        in Mail.objects.get(kind="refused").text
    )


def test_a_long_request_id_of_a_refusal_is_truncated(claimed, monkeypatch):
    issue = claimed()

    def refuses(*args: Any, **kwargs: Any) -> None:
        raise graph.Refused("no", status=403, request_id="r" * 80)

    monkeypatch.setattr(Graph, "create_pass", refuses)

    error_of(create_pass, issue)

    assert reload(issue).graph_request_id == "r" * 64


def test_a_thread_ended_during_the_post_leaves_it_unknown(claimed, monkeypatch):
    issue = claimed()

    class Ended(BaseException):
        pass

    def end(*args: Any, **kwargs: Any) -> None:
        raise Ended

    monkeypatch.setattr(Graph, "create_pass", end)

    with pytest.raises(Ended):
        create_pass(issue)

    kept = reload(issue)
    assert (kept.state, kept.reason, kept.ended_at) == (IssueState.UNKNOWN, Reason.CRASHED, None)
    assert get_event("issue.unknown").facts == {"state": "unknown", "number": 1, "reason": "crashed"}


@pytest.mark.parametrize("cause", ["the database fails", "a worker was faster"])
def test_the_worker_resolves_an_outcome_that_was_not_saved(fault, claimed, monkeypatch, cause):
    issue = claimed()
    fault(path=PASSES, method="POST", status=403)
    if cause == "the database fails":
        fail_event(monkeypatch, "issue.unknown", DatabaseError)
    else:
        PassIssue.objects.update(state=IssueState.UNKNOWN)

    outcome = error_of(create_pass, issue)

    assert isinstance(outcome, PassNotCreated) and outcome.issue == issue
    assert reload(issue).state == (
        IssueState.ISSUING if cause == "the database fails" else IssueState.UNKNOWN
    )
    assert job_of(issue).due_at == issue.lease_until


# --- The record ---------------------------------------------------------------------------------------------------


def test_the_record_contains_manager_pass_and_expiry(tenant, claimed, made, settings):
    issue = claimed()
    Starter.objects.update(problem=Starter.Problem.REFUSED)
    now = timezone.now()

    shown = record_pass(issue, create_pass(issue))

    kept, (answer,) = reload(issue), made
    assert (shown.issue, shown.code, shown.valid_until) == (issue, answer.code, answer.ends_at)
    assert (kept.state, kept.counted, kept.method_id) == (IssueState.SHOWN, True, answer.method_id)
    assert (kept.graph_request_id, kept.valid_until) == (answer.request_id, answer.ends_at)
    assert (kept.shown_at, kept.receipt_until) == (now, now + settings.PASS_RECEIPT)
    assert job_of(issue).due_at == issue.lease_until  # before the receipt's deadline
    event = get_event("issue.shown")
    assert event.facts == {
        "state": "shown", "number": 1, "method_id": answer.method_id, "valid_until": answer.ends_at.isoformat(),
    }  # fmt: skip
    assert event.detail.values["by_name"] == "Maria Lindqvist"
    starter = Starter.objects.get()
    assert (starter.state, starter.problem, starter.first_pass_at) == (StarterState.ISSUED, "", now)
    assert get_event("starter.issued").issue == str(issue.pk)


def test_the_receipt_deadline_is_queued_after_a_finished_job(claimed, settings):
    issue = claimed()
    Job.objects.update(done_at=timezone.now())

    record_pass(issue, create_pass(issue))

    assert job_of(issue).due_at == timezone.now() + settings.PASS_RECEIPT


def test_the_time_of_the_first_pass_never_changes(shown, confirmation, run_jobs, moment):
    first = shown("noor").issue
    at = Starter.objects.get().first_pass_at
    cancel_pass(first, reason=Reason.NOT_SEEN)
    run_jobs()
    moment.shift(MINUTE)
    jobs.record_heartbeat("a worker")

    assert isinstance(handover.confirm(confirmation(first.starter)), Shown)

    assert Starter.objects.get().first_pass_at == at


def test_a_lease_that_ends_now_is_over(tenant, claimed, moment):
    issue = claimed()
    answer = create_pass(issue)
    moment.move_to(issue.lease_until)

    outcome = error_of(record_pass, issue, answer)

    assert isinstance(outcome, PassNotCreated)
    assert (reload(issue).state, reload(issue).reason) == (IssueState.UNKNOWN, Reason.CHANGED)
    assert live_passes(tenant) == []


def test_a_long_request_id_of_a_creation_is_truncated(claimed):
    issue = claimed()

    record_pass(issue, replace(create_pass(issue), request_id="r" * 80))

    assert reload(issue).graph_request_id == "r" * 64


# --- Created and not shown -------------------------------------------------------------------------------------------


def frozen(person: Any, monkeypatch: Any) -> None:
    policy.add_version(PolicyVersion(frozen=True, reason="An attack"), by=person("ada"))


def rescheduled(person: Any, monkeypatch: Any) -> None:
    Starter.objects.update(version=99)


def full(person: Any, monkeypatch: Any) -> None:
    fail_event(monkeypatch, "issue.shown", DatabaseError)


def broken(person: Any, monkeypatch: Any) -> None:
    fail_event(monkeypatch, "starter.issued", ZeroDivisionError)


UNRECORDED = {
    "frozen": (frozen, Reason.FROZEN),
    "the starter changed": (rescheduled, Reason.CHANGED),
    "the database fails": (full, Reason.NOT_RECORDED),
    "a bug": (broken, Reason.NOT_RECORDED),
}


@pytest.mark.parametrize(("cause", "reason"), UNRECORDED.values(), ids=UNRECORDED)
@pytest.mark.parametrize("deleted", [True, False])
def test_an_unrecorded_pass_is_wiped_and_its_id_kept(
    tenant, fault, claimed, person, monkeypatch, cause, reason, deleted
):
    issue = claimed()
    answer = create_pass(issue)
    cause(person, monkeypatch)
    if not deleted:
        fault(path=PASSES, method="DELETE", status=403)

    outcome = error_of(record_pass, issue, answer)

    with pytest.raises(ValueError, match="wiped"):
        answer.code.reveal()
    kept = reload(issue)
    assert (kept.state, kept.reason, kept.method_id) == (IssueState.UNKNOWN, reason, answer.method_id)
    assert (outcome.issue.state, outcome.issue.reason) == (IssueState.UNKNOWN, reason)
    assert bool(live_passes(tenant)) is not deleted
    assert get_event("issue.unknown").facts == {"state": "unknown", "number": 1, "reason": reason}
    assert job_of(issue).due_at == timezone.now()
    assert not AuditEvent.objects.filter(event="issue.made_late").exists()


def test_an_unreadable_outcome_is_shown_as_unknown(tenant, claimed, monkeypatch):
    issue = claimed()
    answer = create_pass(issue)
    fail_event(monkeypatch, "issue.shown", DatabaseError)
    monkeypatch.setattr(PassIssue, "refresh_from_db", raise_always(DatabaseError))

    outcome = error_of(record_pass, issue, answer)

    assert (outcome.issue.state, outcome.issue.reason) == (IssueState.UNKNOWN, Reason.NOT_RECORDED)
    assert live_passes(tenant) == []


@pytest.fixture
def created_late(tenant: Any, claimed: Any, moment: Any) -> Callable[..., tuple[PassIssue, Any]]:
    """The worker voided the issue while the request slept. Then the request created a pass."""

    def create(**meanwhile: Any) -> tuple[PassIssue, Any]:
        issue, other = claimed(), claimed("liam")
        answer = create_pass(issue)
        settle_without_pass(other, IssueState.UNKNOWN, Reason.NO_ANSWER)
        voided = reload(issue)
        move_issue(voided, IssueState.UNKNOWN, event="issue.unknown")
        move_issue(voided, IssueState.VOID, event="issue.void", changes=meanwhile)
        Job.objects.update(done_at=timezone.now())
        moment.shift(2 * MINUTE)
        return issue, answer

    return create


@pytest.mark.parametrize("answered", [{"status": 403}, {"drop": "before"}, {"status": 404}, {"status": 204}])
def test_the_worker_deletes_a_late_pass_by_its_id(tenant, fault, created_late, answered):
    issue, answer = created_late()
    fault(path=PASSES, method="DELETE", **answered)

    outcome = error_of(record_pass, issue, answer)

    assert outcome.issue.state == IssueState.VOID
    assert reload(issue).method_id == answer.method_id
    assert not PassIssue.objects.exclude(pk=issue.pk).exclude(method_id="").exists()
    event = get_event("issue.made_late")
    assert (event.starter, event.issue) == (issue.starter.public_id, str(issue.pk))
    assert event.facts == {"method_id": answer.method_id}
    assert job_of(issue).due_at == timezone.now()


def test_a_known_pass_id_is_not_overwritten(fault, created_late):
    issue, answer = created_late(method_id="the-first")
    fault(path=PASSES, method="DELETE", status=403)

    error_of(record_pass, issue, answer)

    assert reload(issue).method_id == "the-first"
    assert get_event("issue.made_late").facts == {"method_id": answer.method_id}


def test_a_late_pass_is_not_shown_if_auditing_fails(fault, created_late, monkeypatch):
    issue, answer = created_late()
    fault(path=PASSES, method="DELETE", status=403)
    fail_event(monkeypatch, "issue.made_late", DatabaseError)

    assert isinstance(error_of(record_pass, issue, answer), PassNotCreated)


# --- The receipt, and the cancellation ---------------------------------------------------------------------------------


def test_a_receipt_is_recorded_and_queues_the_next_check(shown, person, moment):
    issue = shown("noor").issue
    moment.shift(5 * SECOND)

    assert confirm_receipt(issue, by=person("maria")) is True

    kept = reload(issue)
    assert (kept.state, kept.held_at) == (IssueState.HELD, timezone.now())
    assert get_event("issue.held").detail.values["by_name"] == "Maria Lindqvist"
    assert job_of(issue, Job.Priority.WATCH).due_at == timezone.now()


@pytest.mark.parametrize(
    ("late", "in_time"), [(timedelta(0), True), (SECOND, False)], ids=["the last second", "the next"]
)
def test_a_receipt_counts_until_the_last_second(shown, moment, late, in_time):
    issue = shown("noor").issue
    moment.move_to(issue.receipt_until + late)

    assert confirm_receipt(issue, by=issue.actor) is in_time
    assert reload(issue).state == (IssueState.HELD if in_time else IssueState.SHOWN)


@pytest.mark.parametrize(("meanwhile", "answer"), [(IssueState.HELD, True), (IssueState.REVOKING, False)])
def test_an_overtaken_receipt_reflects_the_current_state(shown, meanwhile, answer):
    issue = shown("noor").issue
    PassIssue.objects.update(state=meanwhile)

    assert confirm_receipt(issue, by=issue.actor) is answer
    assert confirm_receipt(reload(issue), by=issue.actor) is answer
    assert reload(issue).state == meanwhile


def test_a_cancellation_records_actor_and_reason_and_queues_deletion(held, person, moment):
    issue = held("noor")
    Job.objects.update(done_at=timezone.now())
    moment.shift(5 * SECOND)

    cancel_pass(issue, reason=Reason.LOST, by=person("maria"))

    kept = reload(issue)
    assert (kept.state, kept.reason, kept.revoking_at) == (IssueState.REVOKING, "lost", timezone.now())
    assert get_event("issue.revoking").facts == {"state": "revoking", "number": 1, "reason": "lost"}
    assert get_event("issue.revoking").detail.values["by_name"] == "Maria Lindqvist"
    assert job_of(issue).due_at == timezone.now()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["receipt", "cancel"])
def test_no_state_is_committed_without_its_job(shown, monkeypatch, act):
    issue = shown("noor").issue
    monkeypatch.setattr(jobs, "enqueue_job", raise_always(DatabaseError))

    with pytest.raises(DatabaseError):
        if act == "receipt":
            confirm_receipt(issue, by=issue.actor)
        else:
            cancel_pass(issue, reason=Reason.LOST)

    assert reload(issue).state == IssueState.SHOWN


@pytest.mark.django_db(transaction=True)
def test_no_refusal_is_committed_without_its_job(fault, claimed, monkeypatch):
    issue = claimed()
    fault(path=PASSES, method="POST", status=403)
    monkeypatch.setattr(jobs, "enqueue_job", raise_always(DatabaseError))

    error_of(create_pass, issue)

    assert reload(issue).state == IssueState.ISSUING  # the worker resolves it after the lease
