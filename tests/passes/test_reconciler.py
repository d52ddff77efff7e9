"""The reconciler: every state of an issue, and every response of Graph to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings as django_settings
from django.utils import timezone

from onboarding import graph, jobs
from onboarding.errors import ConcurrentUpdate
from onboarding.graph.client import Graph
from onboarding.jobs import JobPostponed
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import AuditEvent, GraphBudget, Job, Mail, PassIssue, Starter, Turn
from onboarding.passes import graph_quota, handover
from onboarding.passes.cancellation import cancel_pass
from onboarding.passes.claim import claim_issue
from onboarding.passes.confirmation import Shown
from onboarding.passes.errors import PassNotCreated, Queued
from onboarding.passes.handover import check_ready
from onboarding.passes.receipt import confirm_receipt
from onboarding.passes.reconciler import reconcile
from onboarding.starters import withdrawal
from portal.sandbox.people import CAST
from portal.sandbox.records import passkey_method
from tests.conftest import live_passes
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db

SECONDS, MINUTES = timedelta(seconds=1), timedelta(minutes=1)
PASSES, METHODS = "temporaryAccessPassMethods", "authentication/methods"
NOOR = next(person for person in CAST if person.key == "noor")
Reason = PassIssue.Reason


@pytest.fixture(autouse=True)
def traveller() -> Iterator[Any]:
    with time_machine.travel(datetime.now(UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def no_quota(settings: Any) -> None:
    """Lifts the quota. Tests below and in test_graph_quota.py test it."""
    settings.GRAPH_BUDGET_CALLS = 1000


@pytest.fixture
def unknown(
    fault: Any, invite: Callable[..., Starter], confirmation: Callable[..., Any]
) -> Callable[..., PassIssue]:
    """An issue whose response was lost. With `made`, there is a pass that nobody saw."""

    def lost(*, made: bool = True, **entry: Any) -> PassIssue:
        fault(method="POST", drop="after" if made else "before", **entry)
        outcome = outcome_of(confirmation(invite("noor")))
        assert isinstance(outcome, PassNotCreated)
        assert outcome.issue.state == IssueState.UNKNOWN
        return outcome.issue

    return lost


def reconcile_once(issue: PassIssue) -> datetime | None:
    """The worker reconciles the issue once; the test reloads it."""
    again = reconcile(str(issue.pk))
    issue.refresh_from_db()
    return again


def count_calls(tenant: Any, method: str | None = None) -> int:
    """How many calls about passes and methods were sent so far."""
    calls = [call for call in tenant.tenant.requests if PASSES in call["path"] or METHODS in call["path"]]
    return sum(method in (None, call["method"]) for call in calls)


def starter_of(issue: PassIssue) -> Starter:
    return Starter.objects.get(pk=issue.starter_id)


def create_elsewhere(tenant: Any, *, lifetime: int = 60, once: bool = True, ago: float = 0) -> Any:
    """The help desk creates a pass, which replaces an existing one."""
    account, now = (
        tenant.tenant.accounts["noor"],
        tenant.tenant.clock.now() - ago - 1e-3,
    )  # not at the time of ours
    if present := tenant.tenant.pass_of(account):
        present.ended = "replaced"
    return tenant.tenant.add_pass(account, now, now, lifetime, once, "help desk's")


def mails_about(issue: PassIssue, kind: str) -> list[str]:
    return sorted(Mail.objects.filter(starter=issue.starter, kind=kind).values_list("to", flat=True))


# --- Issuing ----------------------------------------------------------------------------------------------------


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


# --- Unknown ------------------------------------------------------------------------------------------------------


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


# --- Shown --------------------------------------------------------------------------------------------------------


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


# --- Held ---------------------------------------------------------------------------------------------------------


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


# --- Revoking -----------------------------------------------------------------------------------------------------


@pytest.fixture
def revoking(held: Callable[..., PassIssue]) -> PassIssue:
    issue = held()
    cancel_pass(issue, reason=Reason.LOST, by=issue.actor)
    return issue


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


# --- Ended --------------------------------------------------------------------------------------------------------


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


# --- Throttled, and out of quota -----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["unknown", "held", "revoking"])
def test_a_throttled_job_makes_everybody_wait(tenant, fault, request, confirmation, invite, person, state):
    found = request.getfixturevalue(state)
    issue = found() if callable(found) else found
    tenant.tenant.faults.add({"path": "authentication/", "status": 429, "headers": {"Retry-After": "40"}})

    with pytest.raises(JobPostponed) as later:
        reconcile_once(issue)

    assert later.value.delay == 40 * SECONDS
    assert GraphBudget.objects.get().paused_until == timezone.now() + 40 * SECONDS
    assert graph_quota.acquire_for_worker(yields=False) >= 40
    liam = invite("liam")
    outcome = outcome_of(confirmation(liam))
    assert isinstance(outcome, Queued)
    assert outcome.wait.until == timezone.now() + 40 * SECONDS


@pytest.mark.parametrize("state", ["unknown", "held", "revoking"])
def test_a_job_without_quota_is_postponed(tenant, settings, request, run_jobs, traveller, state):
    found = request.getfixturevalue(state)
    issue = found() if callable(found) else found
    settings.GRAPH_BUDGET_CALLS = 5
    GraphBudget.objects.update(recent=[timezone.now().timestamp()] * 5)
    before = count_calls(tenant)

    run_jobs()
    job = Job.objects.get(key=f"issue:{issue.pk}")

    assert count_calls(tenant) == before
    assert (job.done_at, job.attempts) == (None, 0)
    assert timezone.now() < job.due_at <= timezone.now() + 10 * SECONDS


def test_the_worker_never_exceeds_the_quota(tenant, settings, time_passes_with_five_calls):
    moments = time_passes_with_five_calls

    windows = [sum(at <= other < at + 10 for other in moments) for at in moments]
    assert len(moments) > 10
    assert max(windows) <= 5


@pytest.fixture
def time_passes_with_five_calls(
    tenant: Any, settings: Any, held: Callable[..., PassIssue], run_jobs: Callable[[], int], traveller: Any
) -> list[float]:
    """The times of all calls while the worker follows five starters' passes for two minutes."""
    settings.GRAPH_SIGN_IN_CALLS = 1000
    issues = [held(key) for key in ("noor", "liam", "sofia", "yusuf", "emma")]
    cancel_pass(issues[0], reason=Reason.LOST)
    settings.GRAPH_BUDGET_CALLS = 5
    GraphBudget.objects.update(recent=[])
    moments: list[float] = []
    for _ in range(120):
        before = count_calls(tenant)
        run_jobs()
        moments += [timezone.now().timestamp()] * (count_calls(tenant) - before)
        traveller.shift(1 * SECONDS)
    return moments


def queue_people(issue: PassIssue, count: int) -> None:
    for number in range(count):
        starter = Starter.objects.get(pk=issue.starter_id)
        starter.pk, starter.public_id, starter.account_id = None, f"waiting-{number}", ""
        starter.account_name, starter.state = f"waiting{number}@contoso.example", "invited"
        starter.save(force_insert=True)
        Turn.objects.create(
            starter=starter,
            person=issue.actor,
            asked_at=timezone.now(),
            opens_at=timezone.now(),
            lapses_at=timezone.now() + 1 * MINUTES,
        )


@pytest.mark.parametrize("waiting", [1, 5])
def test_following_passes_yields_to_waiting_people(tenant, settings, held, waiting):
    issue = held()
    settings.GRAPH_BUDGET_CALLS = 5
    GraphBudget.objects.update(recent=[timezone.now().timestamp()])
    queue_people(issue, waiting)
    before = count_calls(tenant)

    with pytest.raises(JobPostponed):
        reconcile_once(issue)

    assert count_calls(tenant) == before


@pytest.mark.parametrize("state", ["unknown", "revoking"])
@pytest.mark.parametrize("waiting", [1, 5])
def test_a_long_queue_does_not_delay_deleting_unseen_passes(tenant, settings, request, waiting, state):
    found = request.getfixturevalue(state)
    issue = found() if callable(found) else found
    settings.GRAPH_BUDGET_CALLS = 5
    GraphBudget.objects.update(recent=[timezone.now().timestamp()])
    queue_people(issue, waiting)

    reconcile_once(issue)

    assert (issue.state, live_passes(tenant)) == (IssueState.REVOKED, [])


def test_reading_the_list_leaves_quota_for_the_deletion(tenant, settings, unknown, run_jobs, traveller):
    unknown()
    settings.GRAPH_BUDGET_CALLS = 5
    # One call every two seconds, the worker's pause. One more call always fits, two never do.
    now = timezone.now().timestamp()
    GraphBudget.objects.update(recent=[now - 8, now - 6, now - 4, now - 2], on_their_way=[])
    Job.objects.update(due_at=timezone.now())

    for _ in range(120):
        run_jobs()
        traveller.shift(1 * SECONDS)

    assert live_passes(tenant) == []


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
