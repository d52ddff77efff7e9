"""Deliveries keep their order for each starter, and are retried for three days."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
import time_machine
from django.utils import timezone

from onboarding.hooks import delivery
from onboarding.hooks.delivery import PAUSES
from onboarding.models import AuditEvent, Hook, HookDelivery
from tests.hooks.conftest import SERVICENOW, happen, next_moment, send_due, statuses

pytestmark = pytest.mark.django_db
EVENTS = ("starter.recorded", "starter.accepted", "starter.invited", "starter.issued")
SENT = ["starter.recorded", "starter.accepted", "starter.invited", "starter.pass_created"]


def send_until_the_end(traveller: time_machine.Coordinates, most: int = 400) -> None:
    for _ in range(most):
        send_due()
        if (moment := next_moment()) is None:
            return
        traveller.move_to(max(moment, timezone.now()) + timedelta(milliseconds=1))
    raise AssertionError("the deliveries do not end")


def tickets_of(receiver) -> list[str]:
    return [each.event["data"]["ticket"] for each in receiver.received]


def test_events_of_a_starter_arrive_in_order(hook, ticketed, receiver):
    happen(ticketed(), *EVENTS)

    send_due()

    assert receiver.types == SENT
    assert statuses() == ["delivered"] * 4


def test_the_next_event_waits_for_the_one_before(hook, ticketed, receiver):
    receiver.answers = [500, 500]
    with time_machine.travel(timezone.now()) as traveller:
        happen(ticketed(), *EVENTS)
        send_due()
        assert receiver.types == ["starter.recorded"]

        send_until_the_end(traveller)

    assert receiver.types == ["starter.recorded", "starter.recorded", *SENT]
    assert len({each.id for each in receiver.received[:3]}) == 1


def test_another_starter_does_not_wait(hook, ticketed, receiver):
    receiver.answers = [500]
    happen(ticketed("A1"), "starter.recorded", "starter.accepted")
    happen(ticketed("B2"), "starter.recorded", "starter.accepted")

    send_due()

    assert tickets_of(receiver) == ["A1", "B2", "B2"]


def test_another_webhook_does_not_wait(subscribe, ticketed, receiver):
    subscribe(url="http://127.0.0.1:9/")
    subscribe()
    happen(ticketed(), *EVENTS)

    send_due()

    assert receiver.types == SENT


def test_pauses_grow_until_it_is_given_up(hook, ticketed, receiver):
    receiver.answers = [503] * 100
    times = []
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        begun = timezone.now()
        happen(ticketed(), "starter.recorded")
        while next_moment() is not None:
            traveller.move_to(max(next_moment(), timezone.now()))
            send_due()
            times.append((timezone.now() - begun).total_seconds())

    pauses = [round(later - earlier) for earlier, later in pairwise(times)]
    assert pauses[:-1] == list(PAUSES[: len(pauses) - 1])
    assert len(pauses) >= 8
    assert times[-1] == timedelta(days=3).total_seconds()
    row = HookDelivery.objects.get()
    assert (row.status, row.tries, row.http_status) == ("given_up", len(times), 503)
    event = AuditEvent.objects.get(event="hook.given_up")
    assert (event.facts["hook"], event.facts["first"], event.facts["count"]) == (
        hook.public_id,
        row.message_id,
        1,
    )


def test_after_giving_up_the_next_event_is_sent(hook, ticketed, receiver):
    receiver.answers = [503]
    with time_machine.travel(timezone.now()) as traveller:
        starter = ticketed()
        happen(starter, "starter.recorded")
        send_due()
        traveller.shift(timedelta(hours=1))
        happen(starter, "starter.accepted")
        traveller.shift(timedelta(hours=71))
        receiver.answers = [503]
        send_until_the_end(traveller)

    assert statuses() == ["given_up", "delivered"]
    assert receiver.types[-1] == "starter.accepted"


def test_all_that_is_overdue_is_given_up_together(hook, ticketed, receiver):
    receiver.answers = [503] * 100
    with time_machine.travel(timezone.now()) as traveller:
        for number in range(8):
            happen(ticketed(f"T{number}"), "starter.recorded")
        send_due()
        traveller.shift(timedelta(days=4))
        send_until_the_end(traveller)

    assert statuses() == ["given_up"] * 8
    assert sum(event.facts["count"] for event in AuditEvent.objects.filter(event="hook.given_up")) == 8


def test_a_failing_receiver_is_tried_less_and_less(hook, ticketed, receiver):
    receiver.answers = [503] * 1000
    with time_machine.travel(timezone.now()) as traveller:
        for number in range(40):
            happen(ticketed(f"T{number}"), "starter.recorded")
        began = timezone.now()
        while timezone.now() < began + timedelta(hours=1):
            send_due()
            traveller.move_to(next_moment() + timedelta(milliseconds=1))

    assert len(receiver.received) < 25  # and not 40 times three
    assert next_moment() <= Hook.objects.get().paused_until + timedelta(seconds=1)


def test_one_success_ends_the_rest(hook, ticketed, receiver):
    receiver.answers = [503, 503]
    with time_machine.travel(timezone.now()) as traveller:
        for number in range(4):
            happen(ticketed(f"T{number}"), "starter.recorded")
        send_until_the_end(traveller)

    assert statuses() == ["delivered"] * 4
    assert (Hook.objects.get().failures, Hook.objects.get().paused_until) == (0, None)


def test_gone_ends_the_webhook(hook, ticketed, receiver):
    receiver.answers = [410]
    happen(ticketed("A"), *EVENTS)
    send_due()
    happen(ticketed("B"), *EVENTS)
    send_due(timedelta(days=1))

    assert len(receiver.received) == 1
    assert statuses() == ["cancelled"] * 4
    ended = Hook.objects.get()
    assert (ended.ended_by, ended.sealed_url, ended.sealed_secret) == ("receiver", "", "")
    assert AuditEvent.objects.get(event="hook.removed").facts["reason"] == "receiver"


def test_a_policy_that_drops_the_host_stops_sending(hook, ticketed, receiver, policy_says):
    happen(ticketed(), "starter.recorded")
    policy_says(hook_hosts="")
    send_due()
    assert HookDelivery.objects.get().error == "host_not_allowed"

    policy_says(hook_hosts="127.0.0.1")
    send_due(timedelta(seconds=6))

    assert receiver.types == ["starter.recorded"]


def test_a_policy_that_drops_the_application_stops_sending(hook, ticketed, receiver, policy_says):
    happen(ticketed(), "starter.recorded")
    policy_says(api_applications=f"{SERVICENOW} topdesk")

    send_due()

    assert HookDelivery.objects.get().error == "application_not_allowed"
    assert not receiver.received


def test_other_jobs_get_their_turn(hook, ticketed, receiver, monkeypatch):
    monkeypatch.setattr(delivery, "BATCH_SECONDS", -1.0)
    happen(ticketed(), "starter.recorded")

    assert delivery.send_deliveries(str(hook.pk)) <= timezone.now()
    assert not receiver.received
