"""The reconciler stays within the quota of Microsoft Graph, and yields to people who wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from onboarding.jobs import JobPostponed
from onboarding.lifecycle import IssueState
from onboarding.models import GraphBudget, Job, PassIssue, Starter, Turn
from onboarding.passes import graph_quota
from onboarding.passes.cancellation import cancel_pass
from onboarding.passes.errors import Queued
from tests.conftest import live_passes
from tests.passes.reconciler.reconciling import MINUTES, SECONDS, Reason, count_calls, reconcile_once
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db


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
