"""A pass that was handed over: used, registered, expired, replaced or gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from onboarding.jobs import JobPostponed
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import AuditEvent, Starter
from onboarding.passes.receipt import confirm_receipt
from portal.sandbox.records import passkey_method
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


@pytest.mark.parametrize(("after", "pause"), [(0, 10), (170, 10), (200, 30), (880, 30), (1000, 60)])
def test_a_held_pass_is_checked_less_often_over_time(held, traveller, after, pause):
    issue = held()
    traveller.shift(after * SECONDS)

    again = reconcile_once(issue)

    assert again == timezone.now() + pause * SECONDS
    assert issue.state == IssueState.HELD


def test_the_last_check_is_right_after_expiry(held, traveller):
    issue = held()
    traveller.move_to(issue.valid_until - 20 * SECONDS)

    assert reconcile_once(issue) == issue.valid_until + 5 * SECONDS


def test_use_is_recorded_once_with_its_time(tenant, held, traveller):
    issue = held()
    live_passes(tenant)[0].used = tenant.tenant.clock.now()

    reconcile_once(issue)
    traveller.shift(30 * SECONDS)
    reconcile_once(issue)

    assert (issue.state, issue.used_at) == (IssueState.HELD, timezone.now() - 30 * SECONDS)
    assert AuditEvent.objects.filter(event="issue.used").count() == 1


def test_use_without_a_registration_reopens_the_starter(tenant, held, traveller):
    issue = held()
    mine = live_passes(tenant)[0]
    mine.used = tenant.tenant.clock.now()
    reconcile_once(issue)
    traveller.shift(11 * MINUTES)
    reconcile_once(issue)
    assert issue.state == IssueState.HELD
    traveller.shift(90 * SECONDS)

    assert reconcile_once(issue) is None

    assert (issue.state, issue.reason) == (IssueState.CLOSED, Reason.USED)
    assert mine.ended == "deleted"
    assert starter_of(issue).state == StarterState.INVITED


@pytest.fixture
def register_passkey(tenant: Any) -> Callable[[], None]:
    def register() -> None:
        account = tenant.tenant.accounts["noor"]
        account.methods.append(passkey_method("Mine", tenant.tenant.clock.now()))

    return register


def test_a_registered_method_closes_the_issue_and_deletes_the_pass(tenant, held, register_passkey):
    issue = held()
    mine = live_passes(tenant)[0]
    register_passkey()

    assert reconcile_once(issue) is None

    assert (issue.state, issue.reason) == (IssueState.CLOSED, Reason.REGISTERED)
    assert mine.ended == "deleted"
    assert starter_of(issue).state == StarterState.REGISTERED
    assert mails_about(issue, "registered") == [
        django_settings.HR_ADDRESS,
        "maria.lindqvist@contoso.example",
    ]


def test_a_pass_not_listed_yet_is_still_deleted(tenant, fault, held, register_passkey):
    fault(method="POST", hide_for=90)
    issue = held()
    mine = live_passes(tenant)[0]
    register_passkey()

    assert reconcile_once(issue) is None

    assert (issue.reason, mine.ended) == (Reason.REGISTERED, "deleted")


def test_a_pass_not_deleted_yet_keeps_the_issue_open(tenant, fault, held, register_passkey):
    issue = held()
    register_passkey()
    fault(method="DELETE", status=404)

    with pytest.raises(JobPostponed):
        reconcile_once(issue)
    issue.refresh_from_db()
    assert issue.state == IssueState.HELD

    reconcile_once(issue)
    assert (issue.state, live_passes(tenant)) == (IssueState.CLOSED, [])


def test_an_expired_pass_reopens_the_starter(tenant, held, traveller):
    issue = held()
    traveller.move_to(issue.valid_until + 5 * SECONDS)

    assert reconcile_once(issue) is None

    assert (issue.state, issue.reason) == (IssueState.CLOSED, Reason.EXPIRED)
    assert starter_of(issue).state == StarterState.INVITED
    assert mails_about(issue, "taken_back") == ["maria.lindqvist@contoso.example"]


def test_a_replacement_by_another_tool_closes_the_issue(tenant, held):
    issue = held()
    foreign = create_elsewhere(tenant)

    assert reconcile_once(issue) is None

    assert (issue.state, issue.reason) == (IssueState.CLOSED, Reason.REPLACED)
    assert live_passes(tenant) == [foreign]
    assert starter_of(issue).state == StarterState.INVITED


def test_a_removed_pass_closes_the_issue_after_two_minutes(tenant, held, traveller):
    issue = held()
    live_passes(tenant)[0].ended = "deleted"

    reconcile_once(issue)
    assert issue.state == IssueState.HELD
    traveller.shift(121 * SECONDS)
    assert reconcile_once(issue) is None

    assert (issue.state, issue.reason) == (IssueState.CLOSED, Reason.GONE)


def test_an_unlisted_used_pass_leaves_ten_minutes_to_register(tenant, held, traveller):
    issue, mine = held("noor"), live_passes(tenant)[0]
    mine.used = tenant.tenant.clock.now()
    reconcile_once(issue)
    traveller.shift(3 * MINUTES)
    mine.ended = "deleted"

    assert reconcile_once(issue) is not None
    assert (issue.state, starter_of(issue).state) == (IssueState.HELD, StarterState.ISSUED)

    traveller.shift(10 * MINUTES)
    reconcile_once(issue)
    assert (issue.state, issue.reason) == (IssueState.CLOSED, Reason.USED)
    assert starter_of(issue).problem == Starter.Problem.NOT_REGISTERED


def test_a_pass_not_listed_yet_is_not_gone(tenant, fault, held, traveller):
    fault(method="POST", hide_for=60)
    issue = held()

    reconcile_once(issue)
    traveller.shift(30 * SECONDS)
    reconcile_once(issue)

    assert issue.state == IssueState.HELD


def test_a_stale_list_does_not_close_the_issue(tenant, invite, confirmation):
    starter = invite("noor")
    before = create_elsewhere(tenant, ago=7200)
    issue = outcome_of(confirmation(starter)).issue
    assert issue.seen_before == [before.id]
    assert confirm_receipt(issue, by=issue.actor)
    mine = live_passes(tenant)[0]
    mine.ended, before.ended = "replaced", None  # the list of a replica that lags behind

    reconcile_once(issue)
    assert issue.state == IssueState.HELD

    mine.ended, before.ended = None, "replaced"
    reconcile_once(issue)
    assert issue.state == IssueState.HELD


def test_a_deleted_account_closes_a_held_pass(tenant, held, traveller):
    issue = held()
    tenant.tenant.accounts["noor"].exists = False
    with pytest.raises(JobPostponed):
        reconcile_once(issue)
    traveller.shift(10 * MINUTES)

    assert reconcile_once(issue) is None

    assert (issue.state, issue.reason) == (IssueState.CLOSED, Reason.GONE)


def test_a_disabled_pass_policy_does_not_close_the_issue(tenant, held):
    issue = held()
    tenant.tenant.policy["state"] = "disabled"

    reconcile_once(issue)

    assert issue.state == IssueState.HELD
