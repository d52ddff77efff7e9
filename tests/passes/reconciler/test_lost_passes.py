"""An issue whose outcome is unknown: its pass is found and deleted, or two empty lists prove that there is none."""

from __future__ import annotations

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from onboarding import graph
from onboarding.jobs import JobPostponed
from onboarding.lifecycle import IssueState, StarterState
from tests.conftest import live_passes
from tests.passes.reconciler.reconciling import (
    MINUTES,
    SECONDS,
    Reason,
    create_elsewhere,
    mails_about,
    reconcile_once,
    starter_of,
)
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db


def test_a_lost_pass_is_recognised_by_shape_and_deleted(tenant, unknown):
    issue = unknown()

    assert reconcile_once(issue) is None

    assert issue.state == IssueState.REVOKED
    assert live_passes(tenant) == []
    assert starter_of(issue).state == StarterState.INVITED
    assert mails_about(issue, "taken_back") == ["maria.lindqvist@contoso.example"]


def test_a_pass_with_an_unusable_response_is_recognised_by_id(tenant, fault, invite, confirmation):
    fault(method="POST", mutate={"isUsable": False})
    issue = outcome_of(confirmation(invite("noor"))).issue
    tenant.tenant.pass_of(tenant.tenant.accounts["noor"]).lifetime = 480

    assert reconcile_once(issue) is None

    assert (issue.state, issue.reason) == (IssueState.REVOKED, Reason.STRANGE_ANSWER)
    assert live_passes(tenant) == []


@pytest.mark.parametrize("shape", [{"lifetime": 59}, {"lifetime": 480}, {"once": False}])
def test_a_pass_of_another_shape_is_never_deleted(tenant, unknown, traveller, shape):
    issue = unknown(made=False)
    foreign = create_elsewhere(tenant, **shape)

    reconcile_once(issue)
    traveller.shift(3 * MINUTES)
    reconcile_once(issue)

    assert issue.state == IssueState.VOID
    assert live_passes(tenant) == [foreign]


def test_an_earlier_pass_is_never_deleted(tenant, invite, confirmation, fault, traveller):
    starter = invite("noor")
    used_up = create_elsewhere(tenant)
    used_up.used = tenant.tenant.clock.now()
    fault(method="POST", drop="before")
    issue = outcome_of(confirmation(starter)).issue

    reconcile_once(issue)
    traveller.shift(3 * MINUTES)
    reconcile_once(issue)

    assert issue.state == IssueState.VOID
    assert used_up.ended is None


def test_a_pass_created_long_after_the_lease_is_kept(tenant, unknown, traveller):
    issue = unknown(made=False)
    reconcile_once(issue)
    traveller.shift(20 * MINUTES)
    foreign = create_elsewhere(tenant)

    reconcile_once(issue)

    assert issue.state == IssueState.VOID
    assert live_passes(tenant) == [foreign]


def test_one_empty_list_proves_nothing(tenant, unknown):
    issue = unknown(made=False)

    again = reconcile_once(issue)

    assert issue.state == IssueState.UNKNOWN
    assert again == issue.lease_until + django_settings.PASS_QUARANTINE


def test_two_empty_lists_within_the_quarantine_prove_nothing(unknown, traveller):
    issue = unknown(made=False)
    reconcile_once(issue)
    traveller.shift(119 * SECONDS)

    again = reconcile_once(issue)

    assert issue.state == IssueState.UNKNOWN
    assert again == issue.lease_until + django_settings.PASS_QUARANTINE


def test_a_second_empty_list_after_the_quarantine_proves_absence(unknown, traveller):
    issue = unknown(made=False)
    reconcile_once(issue)
    traveller.shift(121 * SECONDS)

    again = reconcile_once(issue)

    assert again == timezone.now() + 2 * MINUTES
    assert (issue.state, issue.reason) == (IssueState.VOID, Reason.NO_ANSWER)
    assert starter_of(issue).state == StarterState.INVITED
    assert mails_about(issue, "taken_back") == ["maria.lindqvist@contoso.example"]


def test_a_late_worker_still_reads_the_list_twice(unknown, traveller):
    issue = unknown(made=False)
    traveller.shift(60 * MINUTES)

    again = reconcile_once(issue)

    assert issue.state == IssueState.UNKNOWN
    assert again == timezone.now() + django_settings.PASS_QUARANTINE / 2


def test_a_lost_pass_listed_late_is_found_on_second_check(tenant, unknown, traveller):
    issue = unknown(hide_for=100)
    reconcile_once(issue)
    assert issue.first_empty_at is not None
    traveller.shift(121 * SECONDS)

    reconcile_once(issue)

    assert issue.state == IssueState.REVOKED
    assert live_passes(tenant) == []


def test_a_404_for_a_listed_pass_proves_nothing(tenant, fault, unknown):
    issue = unknown()
    fault(method="DELETE", status=404)

    with pytest.raises(JobPostponed):
        reconcile_once(issue)
    issue.refresh_from_db()
    assert (issue.state, len(live_passes(tenant))) == (IssueState.UNKNOWN, 1)

    reconcile_once(issue)
    assert (issue.state, live_passes(tenant)) == (IssueState.REVOKED, [])


def test_a_deleted_account_has_no_passes_left(tenant, unknown, traveller):
    issue = unknown()
    tenant.tenant.accounts["noor"].exists = False

    with pytest.raises(JobPostponed):  # replicas may not know a new account yet, so a 404 is no proof
        reconcile_once(issue)
    traveller.shift(10 * MINUTES)
    reconcile_once(issue)
    traveller.shift(30 * SECONDS)
    reconcile_once(issue)

    assert issue.state == IssueState.VOID


@pytest.mark.parametrize(
    "entry", [{"status": 403}, {"drop": "before"}, {"status": 200, "body": {"value": None}}]
)
def test_a_failing_list_resolves_nothing(fault, unknown, entry):
    issue = unknown()
    fault(method="GET", times=None, **entry)

    with pytest.raises(graph.GraphError):
        reconcile_once(issue)

    issue.refresh_from_db()
    assert (issue.state, issue.first_empty_at) == (IssueState.UNKNOWN, None)


def test_security_is_notified_once_after_ten_unclear_minutes(fault, unknown, traveller):
    issue = unknown()
    fault(method="GET", status=403, times=None)
    for _ in range(3):
        traveller.shift(6 * MINUTES)
        with pytest.raises(graph.Refused):
            reconcile_once(issue)

    assert mails_about(issue, "problem") == [django_settings.SECURITY_ADDRESS]
