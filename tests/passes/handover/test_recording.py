"""A created pass is recorded before it is shown. A pass that cannot be recorded is not shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import timezone

from onboarding import jobs, policy
from onboarding.graph.client import Graph
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import AuditEvent, Job, PassIssue, PolicyVersion, Starter
from onboarding.passes import handover
from onboarding.passes.cancellation import cancel_pass
from onboarding.passes.confirmation import Shown
from onboarding.passes.creation import create_pass, settle_without_pass
from onboarding.passes.errors import PassNotCreated
from onboarding.passes.recording import record_pass
from onboarding.transitions import move_issue
from tests.conftest import live_passes
from tests.passes.handover.steps import (
    MINUTE,
    PASSES,
    Reason,
    error_of,
    fail_event,
    get_event,
    job_of,
    raise_always,
    reload,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collects Graph's response to each POST that creates a pass."""
    answers, create = [], Graph.create_pass

    def create_and_keep(self: Graph, *args: Any, **kwargs: Any) -> Any:
        answers.append(create(self, *args, **kwargs))
        return answers[-1]

    monkeypatch.setattr(Graph, "create_pass", create_and_keep)
    return answers


# --- The record -----------------------------------------------------------------------------------------------------


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


# --- Created and not shown ------------------------------------------------------------------------------------------


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
