"""A refused or failed check is recorded, and the manager reads why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from onboarding import policy
from onboarding.graph.client import Graph
from onboarding.models import AuditEvent, GraphBudget, Mail, Starter
from onboarding.passes import graph_quota
from onboarding.passes.errors import PageOutdated, RefusedByGuards
from tests.passes.handover.steps import get_event, used_calls
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db


def test_a_refusal_is_audited_and_shown_for_that_starter_only(tenant, invite, confirmation, person):
    starter, other = invite("disabled"), invite("noor")

    outcome = outcome_of(confirmation(starter))

    assert isinstance(outcome, RefusedByGuards)
    refused = Starter.objects.get(pk=starter.pk)
    assert (refused.problem, refused.refused_for) == (Starter.Problem.REFUSED, ["enabled"])
    assert Starter.objects.get(pk=other.pk).problem == ""
    event = get_event("issue.refused")
    assert event.starter == starter.public_id
    assert event.facts == {"codes": ["enabled"], "policy": policy.for_site().number}
    assert event.detail.values["by_name"] == "Maria Lindqvist"
    assert Mail.objects.filter(kind="refused", starter=starter).exists()
    assert used_calls() == 1  # the read; the call of the POST was returned


def test_a_starter_changed_during_the_checks_is_not_refused(invite, confirmation, monkeypatch):
    starter, other, read = invite("disabled"), invite("noor"), Graph.issue_facts

    def change_and_read(self: Graph, *args: Any, **kwargs: Any) -> Any:
        Starter.objects.filter(pk=starter.pk).update(version=other.version + 7)
        return read(self, *args, **kwargs)

    click = confirmation(starter)
    Starter.objects.filter(pk=other.pk).update(version=click.starter.version)
    monkeypatch.setattr(Graph, "issue_facts", change_and_read)

    assert isinstance(outcome_of(click), PageOutdated)
    assert not AuditEvent.objects.filter(event="issue.refused").exists()


@pytest.mark.parametrize(("status", "code"), [(404, "account_gone"), (403, "not_checkable")])
def test_a_failed_check_is_audited_with_details_for_support(fault, invite, confirmation, status, code):
    starter, other = invite("noor"), invite("liam")
    fault(path=f"/users/{starter.account_id}$", status=status)

    assert outcome_of(confirmation(starter)).code == code

    event = get_event("issue.refused")
    assert event.facts["codes"] == [code]
    assert set(event.facts) == {"codes", "graph", "graph_request_id"}
    assert event.facts["graph"]
    assert event.starter == starter.public_id
    assert event.detail.values["by_name"] == "Maria Lindqvist"
    assert (
        Starter.objects.get(pk=starter.pk).problem == ""
    )  # one 404 does not prove that the account was deleted
    assert Starter.objects.get(pk=other.pk).problem == ""
    assert used_calls() == 1


def test_a_throttled_check_makes_everybody_wait(fault, invite, confirmation):
    starter = invite("noor")
    fault(path="authentication/methods", status=429, headers={"Retry-After": "120"})

    outcome = outcome_of(confirmation(starter))

    assert outcome.wait == graph_quota.Wait(timezone.now() + timedelta(seconds=120), 0)
    assert GraphBudget.objects.get().paused_until == timezone.now() + timedelta(seconds=120)
    assert not AuditEvent.objects.filter(event="issue.refused").exists()
    assert used_calls() == 1
