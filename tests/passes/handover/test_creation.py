"""The POST: when it is sent, and what is recorded if it brings no pass."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import timezone

from onboarding import graph, jobs
from onboarding.graph.client import Graph
from onboarding.lifecycle import IssueState
from onboarding.models import GraphBudget, Mail, PassIssue
from onboarding.passes import graph_quota
from onboarding.passes.creation import LIST_CHECK_AFTER, create_pass
from onboarding.passes.errors import PassNotCreated
from onboarding.passes.reconciler import reconcile
from tests.conftest import creations
from tests.passes.handover.steps import (
    PASSES,
    SECOND,
    Reason,
    error_of,
    fail_event,
    get_event,
    job_of,
    raise_always,
    reload,
)
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db


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
        "The portal has no permission to create a pass for this account. IT must check the portal’s permissions."
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


@pytest.mark.django_db(transaction=True)
def test_no_refusal_is_committed_without_its_job(fault, claimed, monkeypatch):
    issue = claimed()
    fault(path=PASSES, method="POST", status=403)
    monkeypatch.setattr(jobs, "enqueue_job", raise_always(DatabaseError))

    error_of(create_pass, issue)

    assert reload(issue).state == IssueState.ISSUING  # the worker resolves it after the lease
