"""The quota of Microsoft Graph: five calls in ten seconds for all processes, people before the worker, in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from random import Random
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connections
from django.urls import reverse
from django.utils import timezone

from onboarding import graph, policy
from onboarding.models import AuditEvent, GraphBudget, PassIssue, Starter, Turn
from onboarding.passes import claim, graph_quota, handover
from onboarding.passes.confirmation import Shown
from onboarding.passes.errors import Queued, RefusedByGuards
from onboarding.passes.graph_quota import back_off, mark_answered
from onboarding.passes.handover import HOLD_SECONDS, MOST_AHEAD_OF_HELD
from portal.models import User
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db

SECONDS, MINUTES = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture(autouse=True)
def traveller() -> Iterator[Any]:
    with time_machine.travel(datetime.now(UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def one_person_may_queue_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maria plays all managers here. `test_queue_limit.py` tests the limit of one person."""
    monkeypatch.setattr(graph_quota, "MOST_POSITIONS_PER_PERSON", 1000)


@pytest.fixture
def maria(person: Callable[[str], User]) -> User:
    return person("maria")


@pytest.fixture
def new_starter(person: Callable[[str], User]) -> Callable[[], Starter]:
    """Creates one more starter. Only the row matters here."""
    hanna = person("hanna")

    def create() -> Starter:
        today = timezone.now()
        return Starter.objects.create(
            account_name=f"starter{Starter.objects.count()}@contoso.example",
            state="invited",
            start_date=today.date(),
            start_time=today.time(),
            time_zone="UTC",
            recorded_by=hanna,
        )

    return create


def acquire(starter: Starter, person: User) -> graph_quota.Wait | None:
    """What a click does, when Microsoft answers at once."""
    wait = graph_quota.acquire_or_queue(starter, person)
    if wait is None:
        mark_answered(2)
    return wait


def acquire_for_worker(*, yields: bool = True) -> float:
    seconds = graph_quota.acquire_for_worker(yields=yields)
    if seconds == 0.0:
        mark_answered()
    return seconds


def used_calls() -> int:
    row = GraphBudget.objects.get()
    return len(row.recent) + len(row.on_their_way)


# --- Five in ten seconds ----------------------------------------------------------------------------------------


def test_the_sixth_call_in_ten_seconds_waits(traveller):
    taken = [acquire_for_worker(yields=False) for _ in range(7)]

    assert taken[:5] == [0.0] * 5
    assert min(taken[5:]) > 0

    traveller.shift(9.9)
    assert acquire_for_worker(yields=False) > 0
    traveller.shift(0.2)
    assert acquire_for_worker(yields=False) == 0.0


def test_the_window_slides(traveller):
    moments = []
    for _ in range(600):
        if acquire_for_worker(yields=False) == 0.0:
            moments.append(timezone.now().timestamp())
        traveller.shift(0.1)

    windows = [sum(at <= other < at + 9.95 for other in moments) for at in moments]
    assert max(windows) == 5
    assert len(moments) >= 29


@pytest.mark.django_db(transaction=True)
def test_all_processes_share_five_calls(transactional_db):
    together = Barrier(8)

    def process() -> int:
        together.wait()
        try:
            return sum(acquire_for_worker(yields=False) == 0.0 for _ in range(3))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        taken = [future.result() for future in [threads.submit(process) for _ in range(8)]]

    assert sum(taken) == 5
    assert used_calls() == 5


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_get_distinct_queue_positions(transactional_db, new_starter, maria):
    starters, together = [new_starter() for _ in range(8)], Barrier(8)

    def click(starter: Starter) -> Any:
        together.wait()
        try:
            return acquire(starter, maria)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(click, starters))

    assert sum(wait is None for wait in waits) == 2
    assert sorted(wait.ahead for wait in waits if wait) == list(range(6))
    assert used_calls() == 4


def test_a_larger_quota_serves_more_people(settings, new_starter, maria):
    settings.GRAPH_BUDGET_CALLS = 20

    waits = [acquire(new_starter(), maria) for _ in range(11)]

    assert waits[:10] == [None] * 10
    assert waits[10] is not None


# --- What costs how much ----------------------------------------------------------------------------------------


def test_a_large_quota_makes_nobody_wait_after_the_window(settings, new_starter, maria, traveller):
    settings.GRAPH_BUDGET_CALLS = 1000
    for _ in range(20):
        assert acquire(new_starter(), maria) is None

    traveller.shift(10.005 * SECONDS)

    assert [acquire(new_starter(), maria) for _ in range(20)] == [None] * 20


def test_a_pass_costs_two_calls_and_a_refusal_one(tenant, invite, confirmation, browser_of):
    starter, refused = invite("noor"), invite("disabled")
    page = reverse("managers:starter", args=[starter.public_id])
    for _ in range(5):
        browser_of("maria").get(page)
    assert used_calls() == 0

    outcome_of(confirmation(refused))
    assert used_calls() == 1
    outcome_of(confirmation(starter))
    assert used_calls() == 3


def test_unused_calls_are_returned(new_starter, maria):
    acquire(new_starter(), maria)
    with graph_quota.IssueCalls() as calls:
        calls.acquire_or_queue(new_starter(), maria, take_sign_in_call=lambda: False)
        calls.made += 1
        third = new_starter()
        assert acquire(third, maria) is not None

    assert used_calls() == 3
    assert acquire(third, maria) is None


@pytest.mark.parametrize(
    ("step", "costs"),
    [("issue_facts", 1), ("claim_issue", 1), ("move_starter", 1), ("create_pass", 2), ("record_pass", 2)],
)
@pytest.mark.parametrize(
    "error", [OperationalError("database is locked"), RuntimeError("a fault"), SystemExit]
)
def test_a_failed_issue_leaves_no_call_in_flight(
    tenant, invite, confirmation, monkeypatch, step, costs, error
):
    def fails(*_: Any, **__: Any) -> None:
        raise error

    click = confirmation(invite("noor"))
    modules = {"issue_facts": graph.client(), "move_starter": claim}
    monkeypatch.setattr(modules.get(step, handover), step, fails)

    with suppress(OperationalError, RuntimeError, SystemExit):
        assert not isinstance(outcome_of(click), Shown)

    assert GraphBudget.objects.get().on_their_way == []
    assert used_calls() == costs


# --- In order ---------------------------------------------------------------------------------------------------


@pytest.fixture
def full(new_starter: Callable[[], Starter], maria: User) -> None:
    """Two managers were served a moment ago, so the quota is used up."""
    assert acquire(new_starter(), maria) is None
    assert acquire(new_starter(), maria) is None


def test_people_are_served_in_order_of_arrival(full, new_starter, maria, traveller):
    first, second, third = new_starter(), new_starter(), new_starter()
    waits = [acquire(starter, maria) for starter in (first, second, third)]
    assert [wait.ahead for wait in waits] == [0, 1, 2]
    assert waits[0].until == waits[1].until < waits[2].until  # two are served together

    traveller.shift(11 * SECONDS)

    assert acquire(third, maria) is not None
    assert acquire(new_starter(), maria) is not None
    assert acquire(first, maria) is None
    assert acquire(second, maria) is None
    assert acquire(third, maria) is not None


def test_reloads_and_early_clicks_keep_the_queue_position(full, new_starter, maria, traveller):
    starter = new_starter()
    place = acquire(starter, maria)
    acquire(new_starter(), maria)

    traveller.shift(3 * SECONDS)
    seen = [graph_quota.queue_position(starter, maria) for _ in range(3)]
    clicked = acquire(starter, maria)

    assert {*seen, clicked} == {place}
    assert Turn.objects.filter(starter=starter).count() == 1


def test_a_queue_position_opens_when_quota_is_free(full, new_starter, maria, traveller):
    starter = new_starter()
    wait = acquire(starter, maria)

    traveller.move_to(wait.until - timedelta(milliseconds=1050))
    assert not wait.is_over(timezone.now())
    assert acquire(starter, maria) == wait
    traveller.move_to(wait.until - timedelta(milliseconds=950))
    assert wait.is_over(timezone.now())
    assert acquire(starter, maria) == wait
    traveller.move_to(wait.until + timedelta(milliseconds=50))

    assert acquire(starter, maria) is None
    assert graph_quota.queue_position(starter, maria) is None


def test_a_due_queue_position_survives_a_faster_worker(full, new_starter, maria, traveller):
    starter = new_starter()
    wait = acquire(starter, maria)
    traveller.move_to(wait.until + 50 * SECONDS)
    for _ in range(4):
        acquire_for_worker(yields=False)

    again = acquire(starter, maria)

    assert (again.ahead, again.until) == (0, timezone.now() + 10 * SECONDS)
    traveller.shift(40 * SECONDS)
    assert graph_quota.queue_position(starter, maria) == again
    assert acquire(starter, maria) is None


def test_an_absent_manager_blocks_the_queue_for_one_minute(full, new_starter, maria, traveller):
    gone = [new_starter() for _ in range(3)]
    for starter in gone:
        acquire(starter, maria)
    patient = new_starter()
    acquire(patient, maria)

    traveller.shift(30 * SECONDS)
    assert acquire(patient, maria) is not None
    traveller.shift(60 * SECONDS)

    assert acquire(patient, maria) is None
    assert not Turn.objects.filter(starter__in=gone).exists()


@pytest.mark.parametrize("state", ["recorded", "issued", "registered", "withdrawn"])
def test_starters_who_need_no_pass_leave_the_queue(full, new_starter, maria, traveller, state):
    ghost, second = new_starter(), new_starter()
    assert acquire(ghost, maria).ahead == 0
    assert acquire(second, maria).ahead == 1

    Starter.objects.filter(pk=ghost.pk).update(state=state)

    assert graph_quota.queue_position(ghost, maria) is None
    assert graph_quota.queue_position(second, maria).ahead == 0


def test_a_starter_served_in_another_tab_leaves_the_queue(full, new_starter, maria):
    served, second, now = new_starter(), new_starter(), timezone.now()
    assert acquire(served, maria).ahead == 0
    assert acquire(second, maria).ahead == 1

    PassIssue.objects.create(
        starter=served, number=1, actor=maria, identity_check="in_person", policy=policy.for_site(),
        state="issuing", lifetime_minutes=60, intended_at=now, lease_until=now + MINUTES,
    )  # fmt: skip

    assert graph_quota.queue_position(served, maria) is None
    assert graph_quota.queue_position(second, maria).ahead == 0


def test_a_lapsed_queue_position_goes_to_the_end(full, new_starter, maria, traveller):
    starter = new_starter()
    wait = acquire(starter, maria)
    traveller.move_to(wait.until + 61 * SECONDS)
    for _ in range(2):
        acquire(new_starter(), maria)
    other = new_starter()
    acquire(other, maria)

    again = acquire(starter, maria)

    assert graph_quota.queue_position(other, maria).ahead == 0
    assert again.ahead == 1


def test_two_managers_of_one_starter_queue_separately(full, new_starter, maria, person):
    starter = new_starter()

    acquire(starter, maria)
    acquire(starter, person("tom"))

    assert Turn.objects.filter(starter=starter).count() == 2


def test_a_long_queue_is_served_in_order(new_starter, maria, traveller):
    queue, served = [new_starter() for _ in range(12)], []
    for _ in range(240):
        for starter in queue:
            if starter not in served:
                place = graph_quota.queue_position(starter, maria)
                if (place is None or place.until <= timezone.now()) and acquire(starter, maria) is None:
                    served.append(starter)
        traveller.shift(0.5)

    assert served == queue


def test_an_estimate_is_at_least_one_second(full, new_starter, maria, traveller):
    wait = acquire(new_starter(), maria)

    assert wait.seconds_left(timezone.now()) == 9  # the button appears one second early
    assert wait.seconds_left(wait.until) == 1
    assert wait.seconds_left(wait.until + 1 * MINUTES) == 1


# --- People before the worker -------------------------------------------------------------------------------------------


def test_the_worker_leaves_quota_for_a_new_request(new_starter, maria):
    taken = [acquire_for_worker() for _ in range(5)]

    assert taken.count(0.0) == 3
    assert acquire(new_starter(), maria) is None


def test_the_worker_leaves_quota_for_everybody_in_the_queue(full, new_starter, maria, traveller):
    first, second = new_starter(), new_starter()
    acquire(first, maria)
    acquire(second, maria)
    traveller.shift(11 * SECONDS)

    assert acquire_for_worker() > 0
    assert acquire(first, maria) is None
    assert acquire_for_worker() > 0
    assert acquire(second, maria) is None


def test_deletions_use_free_quota_while_people_wait(full, new_starter, maria, traveller):
    for _ in range(3):
        acquire(new_starter(), maria)
    traveller.shift(11 * SECONDS)

    assert acquire_for_worker() > 0
    assert acquire_for_worker(yields=False) == 0.0


# --- Microsoft asks to wait ---------------------------------------------------------------------------------------------------


def test_everybody_obeys_retry_after(new_starter, maria, traveller):
    starter = new_starter()

    back_off(30)

    wait = acquire(starter, maria)
    assert wait.until == timezone.now() + 30 * SECONDS
    assert acquire_for_worker() >= 30
    assert acquire_for_worker(yields=False) >= 30
    traveller.shift(29.9)
    assert acquire(starter, maria) is not None
    traveller.shift(0.2)
    assert acquire(starter, maria) is None
    assert acquire_for_worker() == 0.0


def test_a_later_response_never_shortens_the_pause(new_starter, maria):
    back_off(30)
    back_off(5)
    assert GraphBudget.objects.get().paused_until == timezone.now() + 30 * SECONDS

    back_off(60)

    assert GraphBudget.objects.get().paused_until == timezone.now() + 60 * SECONDS


def test_the_worker_asks_again_within_ten_minutes():
    back_off(3600)

    assert acquire_for_worker() == 600


def test_a_throttled_check_queues_the_manager_and_creates_nothing(tenant, invite, confirmation, traveller):
    starter = invite("noor")
    tenant.tenant.faults.add(
        {"path": "authentication/methods", "status": 429, "headers": {"Retry-After": "20"}}
    )

    outcome = outcome_of(confirmation(starter))

    assert isinstance(outcome, Queued)
    assert outcome.wait.until == timezone.now() + 20 * SECONDS
    assert not starter.issues.exists()
    asked = len(tenant.tenant.requests)
    assert isinstance(outcome_of(confirmation(starter)), Queued)
    assert [call["path"] for call in list(tenant.tenant.requests)[asked:] if "/v1.0" in call["path"]] == []
    traveller.shift(21 * SECONDS)
    assert isinstance(handover.confirm(confirmation(starter)), Shown)


# --- A clock that is set back ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("back", [30 * SECONDS, 90 * MINUTES, timedelta(days=1)])
def test_a_clock_set_back_blocks_nobody_for_long(full, new_starter, maria, traveller, back):
    waiting = [new_starter() for _ in range(4)]
    for starter in waiting:
        acquire(starter, maria)
    traveller.shift(-back)

    assert graph_quota.queue_position(waiting[-1], maria) is None
    assert acquire(waiting[-1], maria) is None
    assert acquire_for_worker() == 0.0


def test_a_pause_from_a_fast_clock_ends_within_the_hour(new_starter, maria, traveller):
    back_off(30)
    traveller.shift(-timedelta(days=1))

    assert acquire(new_starter(), maria) is None
    back_off(10)
    assert GraphBudget.objects.get().paused_until == timezone.now() + 10 * SECONDS


# --- On the page -------------------------------------------------------------------------------------------------


def test_the_waiting_page_keeps_the_choice_and_offers_the_button(tenant, full, invite, browser_of, traveller):
    starter, browser = invite("noor"), browser_of("maria")
    page = reverse("managers:starter", args=[starter.public_id])
    version = Starter.objects.get(pk=starter.pk).version
    form = {"identity_check": "by_video", "version": version, "policy": policy.for_site().number}

    answer = browser.post(page, form)
    assert (answer.status_code, answer.context["page_state"].code) == (200, "waiting")
    assert "You are next." in answer.content.decode()
    refreshed = browser.get(answer.context["refresh_url"])
    assert refreshed.context["page_state"].code == "waiting"
    traveller.shift(2 * SECONDS)
    headers = browser.head(answer.context["refresh_url"]).headers
    assert headers["Page-State"] == answer.headers["Page-State"]
    assert (headers["Poll-Seconds"], headers["Queue-Seconds"], headers["Queue-Position"]) == ("7", "7", "1")
    traveller.shift(9 * SECONDS)
    ready = browser.get(answer.context["refresh_url"])

    assert ready.context["page_state"].code == "ready"
    assert ready.context["form"]["identity_check"].value() == "by_video"
    assert "data-pass" in browser.post(page, form).content.decode()


# --- A whole queue -----------------------------------------------------------------------------------------------------

Duration = Callable[[], tuple[float, float]]


class Rush:
    """Simulates managers who click at once, and again when their page shows the button. A click is held as the hand-over
    holds it. Each of the two calls of a pass is in flight for a while, and Microsoft counts it at some moment of that.
    """

    def __init__(
        self, people: list[Starter], maria: User, traveller: Any, chance: Random, duration: Duration
    ) -> None:
        self.people, self.maria, self.traveller, self.chance, self.duration = (
            people,
            maria,
            traveller,
            chance,
            duration,
        )
        self.clicks, self.served = Counter[int](), list[int]()
        self.arrivals: list[float] = []

    def run(self, late: Callable[[], float]) -> timedelta:
        """Returns how long it took until the last manager had the pass."""
        began = timezone.now()
        events: list[tuple[datetime, int, str]] = []
        for number in range(len(self.people)):
            heappush(events, (began, number, "clicks"))
        while events:
            moment, number, what = heappop(events)
            self.traveller.move_to(max(moment, timezone.now()))
            now = timezone.now()
            if what == "clicks":
                self.clicks[number] += 1
            if what in {"clicks", "held"}:
                wait = graph_quota.acquire_or_queue(self.people[number], self.maria)
                if wait is None:
                    self.served.append(number)
                    heappush(events, (self.send(now), number, "checked"))
                elif wait.ahead <= MOST_AHEAD_OF_HELD and wait.until - now <= HOLD_SECONDS * SECONDS:
                    heappush(events, (max(wait.until, now + SECONDS / 20), number, "held"))
                else:
                    again = now + (wait.seconds_left(now) + late()) * SECONDS
                    heappush(events, (again, number, "clicks"))
            elif what == "checked":
                heappush(events, (self.send(now), number, "created"))
            else:
                mark_answered(2)
        return timezone.now() - began

    def send(self, now: datetime) -> datetime:
        """Sends one call and returns when its response arrives. Microsoft counts the call at some moment before."""
        least, most = self.duration()
        lasts = self.chance.uniform(least, most)
        self.arrivals.append(now.timestamp() + self.chance.uniform(0, lasts))
        return now + lasts * SECONDS

    def most_calls_in(self, seconds: float) -> int:
        moments = sorted(self.arrivals)
        return max(sum(at <= other < at + seconds for other in moments) for at in moments)


@pytest.mark.parametrize("calls", [5, 4])
@pytest.mark.parametrize("seed", range(3))
def test_sixty_concurrent_requests_are_served_in_order_at_full_rate(
    settings, new_starter, maria, traveller, calls, seed
):
    settings.GRAPH_BUDGET_CALLS = calls
    chance = Random(seed)
    rush = Rush([new_starter() for _ in range(60)], maria, traveller, chance, duration=lambda: (0.1, 0.4))

    took = rush.run(late=lambda: chance.uniform(0.05, 0.6))

    assert took <= 1.1 * (59 // 2) * 10 * SECONDS
    assert all(place <= number + 1 for number, place in enumerate(rush.served))  # two are served together
    assert max(rush.clicks.values()) <= 5
    assert rush.most_calls_in(10) <= calls


@pytest.mark.parametrize("seed", range(5))
def test_a_queue_never_sends_six_calls_in_ten_seconds(new_starter, maria, traveller, seed):
    """The network may be slow, and managers may click late."""
    chance = Random(seed)
    rush = Rush(
        [new_starter() for _ in range(40)],
        maria,
        traveller,
        chance,
        duration=lambda: chance.choice([(0.01, 0.1), (0.1, 3), (3, 12)]),
    )

    rush.run(late=lambda: chance.choice([0, 0.2, 0.5, 1, 6]))

    assert sorted(rush.served) == list(range(40))
    assert len(rush.arrivals) == 80
    assert rush.most_calls_in(10) <= 5


# --- A call without a recorded response ------------------------------------------------------------------------------


def test_a_call_counts_until_ten_seconds_after_its_response(new_starter, maria, traveller):
    assert graph_quota.acquire_or_queue(new_starter(), maria) is None
    assert graph_quota.acquire_or_queue(new_starter(), maria) is None
    traveller.shift(12 * SECONDS)
    assert graph_quota.acquire_or_queue(new_starter(), maria).until == timezone.now() + 10 * SECONDS
    mark_answered(4)

    traveller.shift(9.9 * SECONDS)
    assert used_calls() == 4
    assert acquire_for_worker(yields=False) == 0.0
    assert acquire_for_worker(yields=False) > 0
    traveller.shift(0.2 * SECONDS)
    assert acquire_for_worker(yields=False) == 0.0


def test_calls_of_a_killed_process_expire(new_starter, maria, traveller):
    """Calls of other processes do not keep the lost ones alive."""
    assert graph_quota.acquire_or_queue(new_starter(), maria) is None  # and its process is killed
    lost_at = timezone.now()
    while timezone.now() < lost_at + graph_quota.IN_FLIGHT_TIMEOUT + 9 * SECONDS:
        traveller.shift(1 * SECONDS)
        acquire_for_worker(yields=False)
        free = 5 - len(graph_quota._recent_calls(graph_quota._row_with_limits(), timezone.now()))
        assert free <= 3
    traveller.shift(2 * SECONDS)
    taken = [acquire_for_worker(yields=False) for _ in range(5)]
    traveller.shift(11 * SECONDS)

    assert [acquire_for_worker(yields=False) for _ in range(5)] == [0.0] * 5
    assert 0.0 in taken
    assert GraphBudget.objects.get().on_their_way == []


def test_an_unrecorded_response_stops_no_pass_and_no_refusal(
    tenant, invite, confirmation, monkeypatch, caplog
):
    def fails(calls: int, *, made: int) -> None:
        raise OperationalError("database is locked")

    starter, disabled = invite("noor"), invite("disabled")
    monkeypatch.setattr(graph_quota, "_settle_calls", fails)

    assert isinstance(handover.confirm(confirmation(starter)), Shown)
    assert "answered calls could not be recorded" in caplog.text
    assert len(GraphBudget.objects.get().on_their_way) == 2
    assert isinstance(outcome_of(confirmation(disabled)), RefusedByGuards)
    assert AuditEvent.objects.get(event="issue.refused").facts["codes"] == ["enabled"]


@pytest.mark.parametrize(
    ("path", "fault", "costs"),
    [
        ("authentication/methods", {"status": 429, "headers": {"Retry-After": "30"}}, 1),
        ("authentication/methods", {"status": 403}, 1),
        ("authentication/methods", {"status": 500}, 1),
        ("temporaryAccessPassMethods", {"status": 429, "headers": {"Retry-After": "30"}}, 2),
        ("temporaryAccessPassMethods", {"status": 403}, 2),
        ("temporaryAccessPassMethods", {"status": 500}, 2),
        ("temporaryAccessPassMethods", {"caller": "cut", "moment": "done"}, 2),
    ],
)
def test_no_call_stays_in_flight_after_any_response(tenant, invite, confirmation, path, fault, costs):
    starter = invite("noor")
    tenant.tenant.faults.add({"path": path, "times": 9, **fault})

    assert not isinstance(outcome_of(confirmation(starter)), Shown)

    assert GraphBudget.objects.get().on_their_way == []
    assert used_calls() == costs


# --- An early click is held ----------------------------------------------------------------------------------------------


def test_a_slightly_early_click_is_held_and_served(
    tenant, full, invite, confirmation, traveller, monkeypatch
):
    starter = invite("noor")
    assert isinstance(outcome_of(confirmation(starter)), Queued)
    traveller.shift(9.2 * SECONDS)
    slept: list[float] = []

    def sleeps(seconds: float) -> None:
        slept.append(seconds)
        traveller.shift(seconds + 0.001)

    monkeypatch.setattr(handover.time, "sleep", sleeps)

    assert isinstance(handover.confirm(confirmation(starter)), Shown)
    assert slept == [pytest.approx(0.8)]


def test_clicks_too_early_or_far_behind_are_not_held(
    tenant, full, invite, confirmation, traveller, monkeypatch, new_starter, maria
):
    monkeypatch.setattr(handover.time, "sleep", lambda _: pytest.fail("held"))
    starter = invite("noor")

    assert isinstance(outcome_of(confirmation(starter)), Queued)
    traveller.shift(7.9 * SECONDS)
    assert isinstance(outcome_of(confirmation(starter)), Queued)
    assert acquire(new_starter(), maria) is not None
    far = invite("liam")
    outcome = outcome_of(confirmation(far))
    assert outcome.wait == graph_quota.Wait(timezone.now() + 12.1 * SECONDS, 2)


def test_only_the_first_two_in_the_queue_are_held(
    tenant, full, invite, confirmation, traveller, monkeypatch, new_starter, maria
):
    """This holds even if Microsoft asked everybody to wait for one second only."""
    slept: list[float] = []

    def sleeps(seconds: float) -> None:
        slept.append(seconds)
        traveller.shift(seconds + 0.001)

    monkeypatch.setattr(handover.time, "sleep", sleeps)
    first = new_starter()
    assert acquire(first, maria) is not None
    beside, third = invite("noor"), invite("liam")
    assert isinstance(outcome_of(confirmation(beside)), Queued)
    traveller.shift(20 * SECONDS)
    back_off(1)

    monkeypatch.setattr(
        graph_quota, "_opens_at", lambda row, calls, ahead, now: graph_quota._paused_until(row, now)
    )

    assert isinstance(outcome_of(confirmation(third)), Queued)
    assert slept == []
    assert isinstance(handover.confirm(confirmation(beside)), Shown)
    assert slept == [pytest.approx(1)]


def test_an_overloaded_portal_asks_the_manager_to_try_again(tenant, invite, confirmation, monkeypatch):
    @contextmanager
    def overloaded() -> Iterator[None]:
        raise graph.Overloaded("too many")
        yield

    starter = invite("noor")
    monkeypatch.setattr(graph.client(), "hold_slot", overloaded)

    assert outcome_of(confirmation(starter)).code == "crowded"
    assert used_calls() == 0


# --- A new sign-in during the wait ----------------------------------------------------------------------


def test_the_page_asks_for_a_sign_in_before_the_turn(
    tenant, full, invite, browser_of, traveller, new_starter, maria
):
    starter, browser = invite("noor"), browser_of("maria")
    page = reverse("managers:starter", args=[starter.public_id])
    version = Starter.objects.get(pk=starter.pk).version
    form = {"identity_check": "by_video", "version": version, "policy": policy.for_site().number}
    freshness = policy.for_site().sign_in_max_age
    back_off((freshness + 2 * MINUTES).total_seconds())

    assert browser.post(page, form).context["page_state"].code == "waiting"
    traveller.shift(freshness + 50 * SECONDS)
    assert browser.get(page).context["page_state"].code == "waiting"
    traveller.shift(15 * SECONDS)
    asked = browser.get(page)

    assert asked.context["page_state"].code == "sign_in"
    assert "You keep your place in the queue" in asked.content.decode()
    assert graph_quota.queue_position(starter, maria).ahead == 0
