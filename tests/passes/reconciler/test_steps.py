"""The next step of an issue that is being created or was shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from onboarding import jobs
from onboarding.errors import ConcurrentUpdate
from onboarding.graph.client import Graph
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import AuditEvent, PassIssue, Starter
from onboarding.passes import graph_quota
from onboarding.passes.cancellation import cancel_pass
from onboarding.passes.claim import claim_issue
from onboarding.passes.handover import check_ready
from onboarding.passes.receipt import confirm_receipt
from tests.conftest import live_passes
from tests.passes.reconciler.reconciling import SECONDS, Reason, count_calls, reconcile_once, starter_of

pytestmark = pytest.mark.django_db


# --- Issuing --------------------------------------------------------------------------------------------------------


@pytest.fixture
def issuing(invite: Callable[..., Starter], confirmation: Callable[..., Any]) -> PassIssue:
    click = confirmation(invite("noor"))
    version, facts = check_ready(click, graph_quota.IssueCalls())
    return claim_issue(click, version, facts)


def test_nothing_is_done_while_the_lease_runs(tenant, issuing):
    before = count_calls(tenant)

    again = reconcile_once(issuing)

    assert again == issuing.lease_until
    assert issuing.state == IssueState.ISSUING
    assert count_calls(tenant) == before


def test_the_outcome_is_unknown_after_the_lease(tenant, issuing, traveller):
    traveller.shift(61 * SECONDS)

    again = reconcile_once(issuing)

    assert again == timezone.now()
    assert (issuing.state, issuing.reason, issuing.counted) == (IssueState.UNKNOWN, Reason.CRASHED, True)


# --- Shown ----------------------------------------------------------------------------------------------------------


def test_the_receipt_is_awaited_until_the_deadline(tenant, shown, traveller):
    issue = shown().issue
    traveller.shift(119 * SECONDS)

    again = reconcile_once(issue)

    assert again > issue.receipt_until
    assert issue.state == IssueState.SHOWN


def test_a_pass_without_a_receipt_is_cancelled_and_deleted(tenant, shown, traveller):
    issue = shown().issue
    traveller.shift(121 * SECONDS)

    reconcile_once(issue)
    assert (issue.state, issue.reason) == (IssueState.REVOKING, Reason.NO_RECEIPT)
    reconcile_once(issue)

    assert (issue.state, live_passes(tenant)) == (IssueState.REVOKED, [])
    assert starter_of(issue).state == StarterState.INVITED


def test_a_pass_with_a_receipt_stays(tenant, shown, traveller):
    issue = shown().issue
    assert confirm_receipt(issue, by=issue.actor)
    traveller.shift(121 * SECONDS)

    reconcile_once(issue)

    assert (issue.state, len(live_passes(tenant))) == (IssueState.HELD, 1)


def test_a_receipt_counts_until_the_deadline(shown, traveller):
    issue = shown().issue
    traveller.move_to(issue.receipt_until + 1 * SECONDS)
    assert confirm_receipt(issue, by=issue.actor) is False
    assert PassIssue.objects.get(pk=issue.pk).state == IssueState.SHOWN

    traveller.move_to(issue.receipt_until)

    assert confirm_receipt(PassIssue.objects.get(pk=issue.pk), by=issue.actor) is True
    assert confirm_receipt(PassIssue.objects.get(pk=issue.pk), by=issue.actor) is True
    assert AuditEvent.objects.filter(event="issue.held").count() == 1


def test_a_receipt_before_the_cancellation_wins(shown, traveller, monkeypatch):
    issue = shown().issue
    stale = PassIssue.objects.get(pk=issue.pk)
    assert confirm_receipt(issue, by=issue.actor)

    with pytest.raises(ConcurrentUpdate):
        cancel_pass(stale, reason=Reason.NO_RECEIPT)

    assert PassIssue.objects.get(pk=issue.pk).state == IssueState.HELD


# --- Requested while it runs ----------------------------------------------------------------------------------------


def test_a_job_requested_while_it_runs_follows_at_once(tenant, held, run_jobs, monkeypatch, traveller):
    issue = held()
    read = Graph.read_methods

    def cancel_and_read(self: Graph, *args: Any) -> Any:
        traveller.shift(1 * SECONDS)
        cancel_pass(PassIssue.objects.get(pk=issue.pk), reason=Reason.LOST, by=issue.actor)
        return read(self, *args)

    monkeypatch.setattr(Graph, "read_methods", cancel_and_read)
    job = jobs.claim_job(timezone.now())
    while job is not None and job.key != f"issue:{issue.pk}":
        jobs.run_job(job)
        job = jobs.claim_job(timezone.now())
    jobs.run_job(job)

    run_jobs()

    assert (PassIssue.objects.get(pk=issue.pk).state, live_passes(tenant)) == (IssueState.REVOKED, [])
