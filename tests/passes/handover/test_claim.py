"""The claim records the intent before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from onboarding import clock, policy
from onboarding.lifecycle import IssueState
from onboarding.models import AuditEvent, PassIssue, PolicyVersion, Starter
from onboarding.passes import graph_quota
from onboarding.passes.cancellation import cancel_pass
from onboarding.passes.claim import claim_issue
from onboarding.passes.confirmation import Confirmation
from onboarding.passes.errors import PageOutdated
from onboarding.passes.handover import check_ready
from tests.passes.handover.steps import (
    SECOND,
    Reason,
    error_of,
    get_event,
    job_of,
    raise_always,
    reload,
    used_calls,
)

pytestmark = pytest.mark.django_db


def test_the_intent_records_actor_parameters_and_lease(claimed, person, settings):
    policy.add_version(PolicyVersion(lifetime_minutes=45, reason="Shorter"), by=person("ada"))

    issue = reload(claimed())

    assert (issue.state, issue.number, issue.actor) == (IssueState.ISSUING, 1, person("maria"))
    assert (issue.identity_check, issue.policy, issue.lifetime_minutes) == (
        "in_person",
        policy.for_site(),
        45,
    )
    assert (issue.account_id, issue.seen_before) == (issue.starter.account_id, [])
    assert (
        issue.lease_until == issue.intended_at + settings.PASS_LEASE == timezone.now() + settings.PASS_LEASE
    )
    assert job_of(issue).due_at == issue.lease_until
    event, maria = get_event("issue.intent"), person("maria")
    assert (event.starter, event.issue) == (issue.starter.public_id, str(issue.pk))
    assert event.detail.values["by"] == f"{maria.tid}/{maria.oid}"
    assert event.facts == {
        "state": "invited",
        "number": 1,
        "identity_check": "in_person",
        "policy": policy.for_site().number,
        "lifetime_minutes": 45,
        "single_use": True,
    }


def test_the_intent_records_disabled_guards_and_the_department_policy(
    invite, confirmation, adopt, policy_says
):
    policy_says(hire_date="off")
    starter = invite("noor")
    own = PolicyVersion(
        department=policy.normalise_department(starter.department),
        overrides=["attempts"],
        attempts=2,
        reason="Less",
    )
    adopt(own)
    click = confirmation(starter, policy_key=policy.for_starter(starter).version_key)

    issue = reload(claim_issue(click, *check_ready(click, graph_quota.IssueCalls())))

    assert issue.override_id == own.number
    facts = get_event("issue.intent").facts
    assert (facts["department_policy"], facts["not_checked"]) == (own.number, ["hire_date_agrees"])


def test_the_intent_uses_the_shared_clock(claimed, settings, monkeypatch):
    ahead = timezone.now() + 3 * SECOND
    monkeypatch.setattr(clock, "now", lambda: ahead)

    issue = claimed()

    assert (issue.intended_at, issue.lease_until) == (ahead, ahead + settings.PASS_LEASE)


def test_issues_are_numbered_and_record_existing_passes(tenant, held, confirmation, run_jobs, moment):
    first = held("noor")
    cancel_pass(first, reason=Reason.LOST)
    run_jobs()
    moment.shift(11 * SECOND)  # until the quota is free again
    PassIssue.objects.update(method_id="dead")
    click = confirmation(first.starter)
    version, facts = check_ready(click, graph_quota.IssueCalls())
    dead = SimpleNamespace(method_id="dead")

    second = claim_issue(click, version, replace(facts, passes=(dead,)))

    assert (first.number, second.number) == (1, 2)
    assert reload(second).seen_before == ["dead"]


@pytest.mark.parametrize(
    "limits", [{"manager_daily": 1, "attempts": 1}, {"site_daily": 1, "manager_daily": 2}], ids=str
)
def test_a_claim_counts_the_passes_made_meanwhile(tenant, invite, confirmation, policy_says, limits):
    policy_says(**limits)
    click, other = confirmation(invite("noor")), confirmation(invite("liam"))
    ready = check_ready(click, graph_quota.IssueCalls())
    claim_issue(other, *check_ready(other, graph_quota.IssueCalls()))

    with pytest.raises(PageOutdated):
        claim_issue(click, *ready)

    assert PassIssue.objects.count() == 1


def change_meanwhile(cause: str, click: Confirmation, monkeypatch: pytest.MonkeyPatch, person: Any) -> None:
    match cause:
        case "another version":
            Starter.objects.filter(pk=click.starter.pk).update(version=99)
        case "another policy":
            policy.add_version(PolicyVersion(reason="Newer"), by=person("ada"))
        case "another issue":
            monkeypatch.setattr(PassIssue, "save", raise_always(IntegrityError))


@pytest.mark.parametrize("cause", ["another version", "another policy", "another issue"])
def test_outdated_click_gives_back_unused_calls(tenant, invite, confirmation, person, monkeypatch, cause):
    click = confirmation(invite("noor"))
    with graph_quota.IssueCalls() as calls:
        version, facts = check_ready(click, calls)
        change_meanwhile(cause, click, monkeypatch, person)

        assert isinstance(error_of(claim_issue, click, version, facts), PageOutdated)

    assert (used_calls(), PassIssue.objects.count()) == (1, 0)
    assert not AuditEvent.objects.filter(event="issue.intent").exists()
