"""One person has at most three queue positions, and a request that is certain to be refused gets none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import timezone

from onboarding import graph, policy
from onboarding.models import AuditEvent, GraphBudget, Starter, Turn
from onboarding.passes import graph_quota
from onboarding.passes.errors import Queued, RefusedByGuards
from portal.models import User
from tests.conftest import creations
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def full(invite: Callable[..., Starter]) -> None:
    """Nobody is served for a while: the whole quota is in flight."""
    graph_quota.acquire_for_worker(5, yields=False)


@pytest.fixture
def others(person: Callable[[str], User]) -> Callable[[int], list[Starter]]:
    """Creates starters. Only their rows matter here."""

    def create(count: int) -> list[Starter]:
        now = timezone.now()
        return [
            Starter.objects.create(
                account_name=f"other{number}@contoso.example", state="invited", start_date=now.date(),
                start_time=now.time(), time_zone="UTC", recorded_by=person("hanna"),
            )
            for number in range(count)
        ]  # fmt: skip

    return create


def test_one_person_gets_at_most_three_queue_positions(full, others, person):
    maria, starters = person("maria"), others(4)

    positions = [graph_quota.acquire_or_queue(starter, maria) for starter in starters[:3]]

    with pytest.raises(graph_quota.QueueLimitReached):
        graph_quota.acquire_or_queue(starters[3], maria)
    assert [wait.ahead for wait in positions if wait] == [0, 1, 2]
    assert Turn.objects.filter(person=maria).count() == 3


def test_another_person_can_still_join_the_queue(full, others, person):
    starters = others(4)
    for starter in starters[:3]:
        graph_quota.acquire_or_queue(starter, person("maria"))

    position = graph_quota.acquire_or_queue(starters[3], person("tom"))

    assert position is not None and position.ahead == 3


def test_an_existing_queue_position_is_not_counted_again(full, others, person):
    maria, starters = person("maria"), others(3)
    first, *_ = [graph_quota.acquire_or_queue(starter, maria) for starter in starters]

    assert graph_quota.acquire_or_queue(starters[0], maria) == first


def test_a_withdrawn_starter_frees_a_queue_position(full, others, person):
    maria, starters = person("maria"), others(4)
    for starter in starters[:3]:
        graph_quota.acquire_or_queue(starter, maria)
    Starter.objects.filter(pk=starters[0].pk).update(state="withdrawn")

    position = graph_quota.acquire_or_queue(starters[3], maria)

    assert position is not None and position.ahead == 2


def test_a_fourth_request_creates_nothing_and_is_not_queued(
    full, tenant, invite, others, person, confirmation
):
    starter = invite("noor")
    for other in others(3):
        graph_quota.acquire_or_queue(other, person("maria"))

    outcome = outcome_of(confirmation(starter))

    assert outcome.code == "queue_limit"
    assert graph_quota.queue_position(starter, person("maria")) is None
    assert creations(tenant) == []


@pytest.mark.parametrize("key", ["disabled", "guest"])
def test_a_previously_refused_starter_is_refused_without_queuing(
    full, tenant, invite, person, confirmation, key
):
    starter = invite(key)
    Starter.objects.filter(pk=starter.pk).update(problem="refused", refused_for=["enabled"])
    before = GraphBudget.objects.get()

    outcome = outcome_of(confirmation(starter))

    assert isinstance(outcome, RefusedByGuards)
    assert not Turn.objects.exists()
    assert GraphBudget.objects.get().on_their_way == before.on_their_way  # no quota was used
    assert AuditEvent.objects.filter(event="issue.refused").count() == 1


def test_a_corrected_starter_joins_the_queue(full, invite, confirmation):
    starter = invite("noor")
    Starter.objects.filter(pk=starter.pk).update(problem="refused", refused_for=["enabled"])

    assert isinstance(outcome_of(confirmation(starter)), Queued)


def test_a_reached_daily_limit_is_refused_without_queuing(full, invite, confirmation, policy_says):
    starter = invite("noor")
    policy_says(site_daily=0)

    outcome = outcome_of(confirmation(starter, policy_key=policy.for_starter(starter).version_key))

    assert isinstance(outcome, RefusedByGuards)
    assert "site_has_room" in [guard.code for guard in outcome.guards]
    assert not Turn.objects.exists()


def test_a_silent_directory_neither_queues_nor_creates_anything(
    full, tenant, invite, confirmation, monkeypatch
):
    starter = invite("noor")
    Starter.objects.filter(pk=starter.pk).update(problem="refused", refused_for=["enabled"])

    def fails(*_: object, **__: object) -> None:
        raise graph.Unavailable("no answer")

    monkeypatch.setattr(graph.client(), "issue_facts", fails)

    assert outcome_of(confirmation(starter)).code == "not_checkable"
    assert not Turn.objects.exists()


def test_an_acceptable_starter_queues_without_a_graph_call(full, tenant, invite, confirmation):
    starter = invite("noor")
    asked = len(tenant.tenant.requests)

    assert isinstance(outcome_of(confirmation(starter)), Queued)

    assert len(tenant.tenant.requests) == asked
