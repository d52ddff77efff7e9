"""A pass that appears after its issue has ended is found and deleted."""

from __future__ import annotations

import pytest
from django.utils import timezone

from onboarding import graph, jobs
from onboarding.lifecycle import IssueState
from onboarding.models import AuditEvent, PassIssue
from onboarding.passes import handover
from onboarding.passes.confirmation import Shown
from onboarding.passes.errors import PassNotCreated
from onboarding.starters import withdrawal
from tests.conftest import live_passes
from tests.passes.reconciler.reconciling import MINUTES, SECONDS, reconcile_once, starter_of
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db


def test_reconciling_an_ended_issue_again_does_nothing(tenant, revoking):
    assert reconcile_once(revoking) is None

    assert reconcile_once(revoking) is None
    assert not AuditEvent.objects.filter(event="issue.orphan_deleted").exists()


def test_a_pass_created_after_its_issue_was_voided_is_deleted(tenant, fault, unknown, traveller):
    issue = unknown(made=False)
    reconcile_once(issue)
    traveller.shift(3 * MINUTES)
    reconcile_once(issue)
    assert issue.state == IssueState.VOID
    late = graph.client().create_pass(issue.account_id, lifetime_minutes=60, request_id=issue.pk)
    PassIssue.objects.filter(pk=issue.pk).update(method_id=late.method_id)
    fault(method="DELETE", status=404)

    again = reconcile_once(issue)
    assert again == timezone.now() + 5 * SECONDS
    reconcile_once(issue)

    assert live_passes(tenant) == []


def test_the_sweep_deletes_a_pass_created_after_voiding(tenant, unknown, traveller):
    issue = unknown(made=False)
    reconcile_once(issue)
    traveller.shift(3 * MINUTES)
    reconcile_once(issue)
    assert issue.state == IssueState.VOID
    graph.client().create_pass(issue.account_id, lifetime_minutes=60, request_id=issue.pk)
    assert len(live_passes(tenant)) == 1

    traveller.shift(2 * MINUTES)
    reconcile_once(issue)

    assert live_passes(tenant) == []
    assert AuditEvent.objects.filter(event="issue.orphan_deleted", issue=str(issue.pk)).exists()


def test_the_sweep_ends_when_no_such_pass_can_exist(unknown, traveller):
    issue = unknown(made=False)
    reconcile_once(issue)
    traveller.shift(3 * MINUTES)
    reconcile_once(issue)

    checks = 0
    while reconcile_once(issue) is not None and checks < 50:
        traveller.shift(10 * MINUTES)
        checks += 1

    assert checks == 13  # the lifetime of an hour, and an hour more


def test_the_next_click_deletes_a_very_late_pass(
    tenant, fault, invite, confirmation, worker_alive, run_jobs, traveller
):
    starter, asked_at = invite("noor"), tenant.tenant.clock.now()
    fault(method="POST", status=400)
    assert isinstance(outcome_of(confirmation(starter)), PassNotCreated)
    for _ in range(30):
        traveller.shift(MINUTES)
        run_jobs()
    tenant.tenant.add_pass(tenant.tenant.accounts["noor"], asked_at, asked_at, 60, True, "late")
    jobs.record_heartbeat("a worker")

    assert outcome_of(confirmation(starter)).code == "clearing"
    run_jobs()

    assert live_passes(tenant) == []
    assert isinstance(handover.confirm(confirmation(starter)), Shown)


def test_the_sweep_ends_after_the_starters_erasure(unknown, traveller):
    issue = unknown(made=False)
    reconcile_once(issue)
    traveller.shift(3 * MINUTES)
    reconcile_once(issue)
    PassIssue.objects.update(account_id="")

    assert reconcile_once(issue) is None


def test_the_sweep_leaves_the_next_attempts_pass(tenant, unknown, confirmation, traveller, worker_alive):
    issue = unknown(made=False)
    reconcile_once(issue)
    traveller.shift(3 * MINUTES)
    reconcile_once(issue)
    jobs.record_heartbeat("a worker")
    assert isinstance(handover.confirm(confirmation(starter_of(issue))), Shown)

    traveller.shift(2 * MINUTES)
    reconcile_once(issue)

    assert len(live_passes(tenant)) == 1


def test_the_sweep_leaves_the_pass_of_another_record(
    tenant, unknown, confirmation, invite, person, traveller
):
    issue = unknown(made=False)
    reconcile_once(issue)
    traveller.shift(3 * MINUTES)
    reconcile_once(issue)
    withdrawal.withdraw_starter(starter=starter_of(issue), by=person("hanna"), reason="Recorded twice")
    again = invite("noor")
    jobs.record_heartbeat("a worker")
    assert isinstance(handover.confirm(confirmation(again)), Shown)
    PassIssue.objects.filter(starter=again).update(state=IssueState.ISSUING, method_id="")

    traveller.shift(2 * MINUTES)
    reconcile_once(issue)

    assert len(live_passes(tenant)) == 1
