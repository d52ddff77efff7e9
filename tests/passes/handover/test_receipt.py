"""The receipt and the cancellation are recorded with their job."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from onboarding import jobs
from onboarding.lifecycle import IssueState
from onboarding.models import Job, PassIssue
from onboarding.passes.cancellation import cancel_pass
from onboarding.passes.receipt import confirm_receipt
from tests.passes.handover.steps import SECOND, Reason, get_event, job_of, raise_always, reload

pytestmark = pytest.mark.django_db


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
