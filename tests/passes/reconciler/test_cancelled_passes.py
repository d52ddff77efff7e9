"""A cancelled pass is deleted until the list confirms that it is gone."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from onboarding import graph
from onboarding.graph.client import Graph
from onboarding.jobs import JobPostponed
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import Job
from onboarding.starters import withdrawal
from tests.conftest import live_passes
from tests.passes.reconciler.reconciling import (
    MINUTES,
    SECONDS,
    Reason,
    count_calls,
    mails_about,
    reconcile_once,
    starter_of,
)

pytestmark = pytest.mark.django_db


def test_a_cancelled_pass_is_deleted_and_reopens_the_starter(tenant, revoking):
    assert reconcile_once(revoking) is None

    assert (revoking.state, revoking.reason) == (IssueState.REVOKED, Reason.LOST)
    assert live_passes(tenant) == []
    assert starter_of(revoking).state == StarterState.INVITED


def test_an_early_404_is_checked_against_the_list(tenant, fault, revoking):
    fault(method="DELETE", status=404)

    with pytest.raises(JobPostponed):
        reconcile_once(revoking)
    revoking.refresh_from_db()
    assert (revoking.state, len(live_passes(tenant))) == (IssueState.REVOKING, 1)

    assert reconcile_once(revoking) is None
    assert (revoking.state, live_passes(tenant)) == (IssueState.REVOKED, [])


def test_absence_counts_half_a_minute_after_the_hand_over(tenant, revoking, traveller):
    live_passes(tenant)[0].ended = "deleted"

    with pytest.raises(JobPostponed):
        reconcile_once(revoking)
    traveller.shift(31 * SECONDS)

    assert reconcile_once(revoking) is None
    assert revoking.state == IssueState.REVOKED


def test_a_later_404_counts_if_the_list_agrees(tenant, revoking, traveller):
    live_passes(tenant)[0].ended = "deleted"
    traveller.shift(3 * MINUTES)
    before = count_calls(tenant)

    assert reconcile_once(revoking) is None

    assert revoking.state == IssueState.REVOKED
    assert count_calls(tenant) == before + 2


def test_a_pass_with_a_wrong_404_is_still_deleted(tenant, revoking, traveller):
    tenant.tenant.faults.add({"method": "DELETE", "status": 404})
    traveller.shift(3 * MINUTES)

    with pytest.raises(JobPostponed):
        reconcile_once(revoking)
    reconcile_once(revoking)

    assert (revoking.state, live_passes(tenant)) == (IssueState.REVOKED, [])


@pytest.mark.parametrize("entry", [{"status": 403}, {"drop": "before", "times": None}])
def test_a_failed_deletion_leaves_the_issue_unchanged(fault, revoking, entry):
    fault(method="DELETE", **entry)

    with pytest.raises(graph.GraphError):
        reconcile_once(revoking)

    revoking.refresh_from_db()
    assert revoking.state == IssueState.REVOKING


def test_a_deletion_is_retried_at_least_every_half_minute(fault, revoking, run_jobs, traveller):
    fault(method="DELETE", status=403, times=None)
    job = Job.objects.filter(key=f"issue:{revoking.pk}")
    for _ in range(120):
        traveller.move_to(max(job.get().due_at, timezone.now()))
        run_jobs()

    assert job.get().due_at - timezone.now() <= 37 * SECONDS
    assert job.get().failed_at is None


def test_security_is_notified_once_after_ten_failing_minutes(fault, revoking, traveller):
    fault(method="DELETE", status=403, times=None)
    mails = []
    for _ in range(4):
        with pytest.raises(graph.Refused):
            reconcile_once(revoking)
        mails.append(len(mails_about(revoking, "problem")))
        traveller.shift(6 * MINUTES)

    assert mails == [0, 0, 1, 1]
    assert mails_about(revoking, "problem") == [django_settings.SECURITY_ADDRESS]


def test_a_withdrawal_waits_for_the_deletion(tenant, held, person):
    issue = held()
    withdrawal.withdraw_starter(starter=starter_of(issue), by=person("hanna"), reason="Does not come")
    assert starter_of(issue).state == StarterState.ISSUED

    reconcile_once(issue)

    assert starter_of(issue).state == StarterState.WITHDRAWN
    assert mails_about(issue, "taken_back") == []


def test_a_withdrawal_during_the_deletion_is_not_lost(tenant, revoking, person, monkeypatch):
    delete = Graph.delete_pass

    def delete_and_withdraw(self: Graph, *args: Any) -> bool:
        gone = delete(self, *args)
        withdrawal.withdraw_starter(starter=starter_of(revoking), by=person("hanna"), reason="Stopped")
        return gone

    monkeypatch.setattr(Graph, "delete_pass", delete_and_withdraw)

    reconcile_once(revoking)

    assert revoking.reason == Reason.WITHDRAWN
    assert starter_of(revoking).state == StarterState.WITHDRAWN


def test_a_used_pass_without_a_receipt_completes_the_onboarding(tenant, shown, traveller):
    issue = shown("noor").issue
    tenant.tenant.accounts["noor"].methods.append(
        {"@odata.type": "#microsoft.graph.fido2AuthenticationMethod", "id": "f"}
    )
    traveller.shift(3 * MINUTES)

    reconcile_once(issue)
    reconcile_once(issue)

    assert (issue.state, starter_of(issue).state) == (IssueState.REVOKED, StarterState.REGISTERED)
    assert live_passes(tenant) == []
