"""A worker is killed around a delivery: nothing is lost, nothing is out of order, and doubles have the same webhook-id."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import timedelta
from itertools import cycle
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from onboarding import jobs
from onboarding.hooks import delivery
from onboarding.hooks.events import type_of
from onboarding.models import HookDelivery
from tests.hooks.conftest import happen, next_moment, send_due, statuses
from tests.support.plan import size_of

pytestmark = pytest.mark.django_db
KILLS = int(os.environ.get("HOOK_KILLS", size_of(50, 15)))
EVENTS = (
    "starter.recorded",
    "starter.accepted",
    "starter.invited",
    "starter.issued",
    "issue.used",
    "starter.registered",
)


class Killed(BaseException):
    """What `except Exception` does not catch, as a kill."""


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Kill the worker once at this moment."""

    def once(owner: Any, name: str, *, after: bool) -> None:
        real = getattr(owner, name)

        def deadly(*args: Any, **kwargs: Any) -> Any:
            monkeypatch.setattr(owner, name, real)
            if after:
                real(*args, **kwargs)
            raise Killed

        monkeypatch.setattr(owner, name, deadly)

    moments = {
        "before sending": lambda: once(delivery, "_try", after=False),
        "between sending and storing": lambda: once(delivery, "_try", after=True),
        "after storing": lambda: once(delivery, "_store_outcome", after=True),
        "before the job is finished": lambda: once(jobs, "_finish_job", after=False),
    }
    return lambda moment: moments[moment]()


MOMENTS = {
    "before sending": 0,
    "between sending and storing": 1,
    "after storing": 0,
    "before the job is finished": 0,
}


def send_until_the_end(traveller: time_machine.Coordinates) -> None:
    while (moment := next_moment()) is not None:
        traveller.move_to(max(moment, timezone.now()) + timedelta(milliseconds=1))
        send_due()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_worker_loses_nothing(hook, ticketed, receiver, kill, moment):
    with time_machine.travel(timezone.now()) as traveller:
        happen(ticketed(), *EVENTS[:2])
        kill(moment)
        with pytest.raises(Killed):
            send_due()
        send_due()
        before = len(receiver.received)  # the killed worker's claim still counts

        send_until_the_end(traveller)

    assert statuses() == ["delivered"] * 2
    ids = [each.id for each in receiver.received]
    assert len(ids) - len(set(ids)) == MOMENTS[moment]
    assert before <= 2
    assert list(dict.fromkeys(receiver.types)) == ["starter.recorded", "starter.accepted"]


def test_kills_lose_and_reorder_nothing(hook, ticketed, receiver, kill, record_property):
    chance = random.Random(16)
    receiver.answers = [chance.choice([204, 204, 204, 500]) for _ in range(200)]
    moments = cycle(MOMENTS)
    with time_machine.travel(timezone.now()) as traveller:
        for number in range(KILLS):
            happen(ticketed(f"T{number}"), *EVENTS)
            kill(next(moments))
            with pytest.raises(Killed):
                send_until_the_end(traveller)
        send_until_the_end(traveller)

    assert set(statuses()) == {"delivered"}
    sent = HookDelivery.objects.count()
    assert sent == KILLS * len(EVENTS)
    by_id = {each.id: each.body for each in receiver.received}
    assert len(by_id) == sent
    assert all(by_id[each.id] == each.body for each in receiver.received)
    orders: dict[str, list[str]] = {}
    for each in receiver.received:
        kinds = orders.setdefault(each.event["data"]["ticket"], [])
        if each.event["type"] not in kinds[-1:]:
            kinds.append(each.event["type"])
    assert len(orders) == KILLS
    assert {tuple(kinds) for kinds in orders.values()} == {tuple(type_of(event) for event in EVENTS)}
    assert len(receiver.received) - sent >= KILLS // len(
        MOMENTS
    )  # each kill between sending and storing, at least
    record_property("sent", sent)
    record_property("doubled", len(receiver.received) - sent)
