"""Graph's small budget: five calls in ten seconds for everybody together, people first, in their order."""

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
def one_stands_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maria plays all managers here. How many places one person may hold: `test_queue_limit.py`."""
    monkeypatch.setattr(graph_quota, "MOST_POSITIONS_PER_PERSON", 1000)


@pytest.fixture
def maria(person: Callable[[str], User]) -> User:
    return person("maria")


@pytest.fixture
def somebody(person: Callable[[str], User]) -> Callable[[], Starter]:
    """One more starter, of whom only the row matters here."""
    hanna = person("hanna")

    def another() -> Starter:
        today = timezone.now()
        return Starter.objects.create(
            account_name=f"starter{Starter.objects.count()}@contoso.example",
            state="invited",
            start_date=today.date(),
            start_time=today.time(),
            time_zone="UTC",
            recorded_by=hanna,
        )

    return another


def take_turn(starter: Starter, person: User) -> graph_quota.Wait | None:
    """As a press does it, and Microsoft answers at once."""
    wait = graph_quota.acquire_or_queue(starter, person)
    if wait is None:
        mark_answered(2)
    return wait


def take_for_work(*, yields: bool = True) -> float:
    seconds = graph_quota.acquire_for_worker(yields=yields)
    if seconds == 0.0:
        mark_answered()
    return seconds


def spent() -> int:
    row = GraphBudget.objects.get()
    return len(row.recent) + len(row.on_their_way)


# --- Five in ten seconds ----------------------------------------------------------------------------------------


def test_the_sixth_call_in_ten_seconds_waits(traveller):
    taken = [take_for_work(yields=False) for _ in range(7)]

    assert taken[:5] == [0.0] * 5
    assert min(taken[5:]) > 0

    traveller.shift(9.9)
    assert take_for_work(yields=False) > 0
    traveller.shift(0.2)
    assert take_for_work(yields=False) == 0.0


def test_the_window_slides(traveller):
    moments = []
    for _ in range(600):
        if take_for_work(yields=False) == 0.0:
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
            return sum(take_for_work(yields=False) == 0.0 for _ in range(3))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        taken = [future.result() for future in [threads.submit(process) for _ in range(8)]]

    assert sum(taken) == 5
    assert spent() == 5


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_get_distinct_queue_positions(transactional_db, somebody, maria):
    starters, together = [somebody() for _ in range(8)], Barrier(8)

    def press(starter: Starter) -> Any:
        together.wait()
        try:
            return take_turn(starter, maria)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(press, starters))

    assert sum(wait is None for wait in waits) == 2
    assert sorted(wait.ahead for wait in waits if wait) == list(range(6))
    assert spent() == 4


def test_a_larger_quota_serves_more_people(settings, somebody, maria):
    settings.GRAPH_BUDGET_CALLS = 20

    waits = [take_turn(somebody(), maria) for _ in range(11)]

    assert waits[:10] == [None] * 10
    assert waits[10] is not None


# --- What costs how much ----------------------------------------------------------------------------------------


def test_a_large_quota_makes_nobody_wait_after_the_window(settings, somebody, maria, traveller):
    settings.GRAPH_BUDGET_CALLS = 1000
    for _ in range(20):
        assert take_turn(somebody(), maria) is None

    traveller.shift(10.005 * SECONDS)

    assert [take_turn(somebody(), maria) for _ in range(20)] == [None] * 20


def test_a_pass_costs_two_calls_and_a_refusal_one(tenant, invite, confirmation, browser_of):
    starter, refused = invite("noor"), invite("disabled")
    page = reverse("managers:starter", args=[starter.public_id])
    for _ in range(5):
        browser_of("maria").get(page)
    assert spent() == 0

    outcome_of(confirmation(refused))
    assert spent() == 1
    outcome_of(confirmation(starter))
    assert spent() == 3


def test_unused_calls_are_returned(somebody, maria):
    take_turn(somebody(), maria)
    with graph_quota.IssueCalls() as calls:
        calls.take(somebody(), maria)
        calls.made += 1
        third = somebody()
        assert take_turn(third, maria) is not None

    assert spent() == 3
    assert take_turn(third, maria) is None


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

    said = confirmation(invite("noor"))
    places = {"issue_facts": graph.client(), "move_starter": claim}
    monkeypatch.setattr(places.get(step, handover), step, fails)

    with suppress(OperationalError, RuntimeError, SystemExit):
        assert not isinstance(outcome_of(said), Shown)

    assert GraphBudget.objects.get().on_their_way == []
    assert spent() == costs


# --- In order ---------------------------------------------------------------------------------------------------


@pytest.fixture
def full(somebody: Callable[[], Starter], maria: User) -> None:
    """Two were served a moment ago."""
    assert take_turn(somebody(), maria) is None
    assert take_turn(somebody(), maria) is None


def test_people_are_served_in_order_of_arrival(full, somebody, maria, traveller):
    first, second, third = somebody(), somebody(), somebody()
    waits = [take_turn(one, maria) for one in (first, second, third)]
    assert [wait.ahead for wait in waits] == [0, 1, 2]
    assert waits[0].until == waits[1].until < waits[2].until  # two have their turn together

    traveller.shift(11 * SECONDS)

    assert take_turn(third, maria) is not None
    assert take_turn(somebody(), maria) is not None
    assert take_turn(first, maria) is None
    assert take_turn(second, maria) is None
    assert take_turn(third, maria) is not None


def test_reloads_and_early_clicks_keep_the_queue_position(full, somebody, maria, traveller):
    starter = somebody()
    place = take_turn(starter, maria)
    take_turn(somebody(), maria)

    traveller.shift(3 * SECONDS)
    seen = [graph_quota.queue_position(starter, maria) for _ in range(3)]
    pressed = take_turn(starter, maria)

    assert {*seen, pressed} == {place}
    assert Turn.objects.filter(starter=starter).count() == 1


def test_a_queue_position_opens_when_quota_is_free(full, somebody, maria, traveller):
    starter = somebody()
    wait = take_turn(starter, maria)

    traveller.move_to(wait.until - timedelta(milliseconds=1050))
    assert not wait.is_over(timezone.now())
    assert take_turn(starter, maria) == wait
    traveller.move_to(wait.until - timedelta(milliseconds=950))
    assert wait.is_over(timezone.now())
    assert take_turn(starter, maria) == wait
    traveller.move_to(wait.until + timedelta(milliseconds=50))

    assert take_turn(starter, maria) is None
    assert graph_quota.queue_position(starter, maria) is None


def test_a_due_queue_position_survives_a_faster_worker(full, somebody, maria, traveller):
    starter = somebody()
    wait = take_turn(starter, maria)
    traveller.move_to(wait.until + 50 * SECONDS)
    for _ in range(4):
        take_for_work(yields=False)

    again = take_turn(starter, maria)

    assert (again.ahead, again.until) == (0, timezone.now() + 10 * SECONDS)
    traveller.shift(40 * SECONDS)
    assert graph_quota.queue_position(starter, maria) == again
    assert take_turn(starter, maria) is None


def test_an_absent_manager_blocks_the_queue_for_one_minute(full, somebody, maria, traveller):
    gone = [somebody() for _ in range(3)]
    for one in gone:
        take_turn(one, maria)
    patient = somebody()
    take_turn(patient, maria)

    traveller.shift(30 * SECONDS)
    assert take_turn(patient, maria) is not None
    traveller.shift(60 * SECONDS)

    assert take_turn(patient, maria) is None
    assert not Turn.objects.filter(starter__in=gone).exists()


@pytest.mark.parametrize("state", ["recorded", "issued", "registered", "withdrawn"])
def test_starters_who_need_no_pass_leave_the_queue(full, somebody, maria, traveller, state):
    ghost, second = somebody(), somebody()
    assert take_turn(ghost, maria).ahead == 0
    assert take_turn(second, maria).ahead == 1

    Starter.objects.filter(pk=ghost.pk).update(state=state)

    assert graph_quota.queue_position(ghost, maria) is None
    assert graph_quota.queue_position(second, maria).ahead == 0


def test_a_starter_served_in_another_tab_leaves_the_queue(full, somebody, maria):
    served, second, now = somebody(), somebody(), timezone.now()
    assert take_turn(served, maria).ahead == 0
    assert take_turn(second, maria).ahead == 1

    PassIssue.objects.create(
        starter=served, number=1, actor=maria, identity_check="in_person", policy=policy.for_site(),
        state="issuing", lifetime_minutes=60, intended_at=now, lease_until=now + MINUTES,
    )  # fmt: skip

    assert graph_quota.queue_position(served, maria) is None
    assert graph_quota.queue_position(second, maria).ahead == 0


def test_a_lapsed_queue_position_goes_to_the_end(full, somebody, maria, traveller):
    starter = somebody()
    wait = take_turn(starter, maria)
    traveller.move_to(wait.until + 61 * SECONDS)
    for _ in range(2):
        take_turn(somebody(), maria)
    other = somebody()
    take_turn(other, maria)

    again = take_turn(starter, maria)

    assert graph_quota.queue_position(other, maria).ahead == 0
    assert again.ahead == 1


def test_two_managers_of_one_starter_queue_separately(full, somebody, maria, person):
    starter = somebody()

    take_turn(starter, maria)
    take_turn(starter, person("tom"))

    assert Turn.objects.filter(starter=starter).count() == 2


def test_a_long_queue_is_served_in_order(somebody, maria, traveller):
    queue, served = [somebody() for _ in range(12)], []
    for _ in range(240):
        for starter in queue:
            if starter not in served:
                place = graph_quota.queue_position(starter, maria)
                if (place is None or place.until <= timezone.now()) and take_turn(starter, maria) is None:
                    served.append(starter)
        traveller.shift(0.5)

    assert served == queue


def test_an_estimate_is_at_least_one_second(full, somebody, maria, traveller):
    wait = take_turn(somebody(), maria)

    assert wait.seconds(timezone.now()) == 9  # the button is there a second before there is room
    assert wait.seconds(wait.until) == 1
    assert wait.seconds(wait.until + 1 * MINUTES) == 1


# --- People before work -------------------------------------------------------------------------------------------


def test_the_worker_leaves_quota_for_a_new_request(somebody, maria):
    taken = [take_for_work() for _ in range(5)]

    assert taken.count(0.0) == 3
    assert take_turn(somebody(), maria) is None


def test_the_worker_leaves_quota_for_everybody_in_the_queue(full, somebody, maria, traveller):
    first, second = somebody(), somebody()
    take_turn(first, maria)
    take_turn(second, maria)
    traveller.shift(11 * SECONDS)

    assert take_for_work() > 0
    assert take_turn(first, maria) is None
    assert take_for_work() > 0
    assert take_turn(second, maria) is None


def test_deletions_use_free_quota_while_people_wait(full, somebody, maria, traveller):
    for _ in range(3):
        take_turn(somebody(), maria)
    traveller.shift(11 * SECONDS)

    assert take_for_work() > 0
    assert take_for_work(yields=False) == 0.0


# --- Told to wait ---------------------------------------------------------------------------------------------------


def test_everybody_obeys_retry_after(somebody, maria, traveller):
    starter = somebody()

    back_off(30)

    wait = take_turn(starter, maria)
    assert wait.until == timezone.now() + 30 * SECONDS
    assert take_for_work() >= 30
    assert take_for_work(yields=False) >= 30
    traveller.shift(29.9)
    assert take_turn(starter, maria) is not None
    traveller.shift(0.2)
    assert take_turn(starter, maria) is None
    assert take_for_work() == 0.0


def test_a_later_response_never_shortens_the_pause(somebody, maria):
    back_off(30)
    back_off(5)
    assert GraphBudget.objects.get().paused_until == timezone.now() + 30 * SECONDS

    back_off(60)

    assert GraphBudget.objects.get().paused_until == timezone.now() + 60 * SECONDS


def test_the_worker_asks_again_within_ten_minutes():
    back_off(3600)

    assert take_for_work() == 600


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
    assert [one["path"] for one in list(tenant.tenant.requests)[asked:] if "/v1.0" in one["path"]] == []
    traveller.shift(21 * SECONDS)
    assert isinstance(handover.confirm(confirmation(starter)), Shown)


# --- A clock that is set back ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("back", [30 * SECONDS, 90 * MINUTES, timedelta(days=1)])
def test_a_clock_set_back_blocks_nobody_for_long(full, somebody, maria, traveller, back):
    waiting = [somebody() for _ in range(4)]
    for one in waiting:
        take_turn(one, maria)
    traveller.shift(-back)

    assert graph_quota.queue_position(waiting[-1], maria) is None
    assert take_turn(waiting[-1], maria) is None
    assert take_for_work() == 0.0


def test_a_pause_from_a_fast_clock_ends_within_the_hour(somebody, maria, traveller):
    back_off(30)
    traveller.shift(-timedelta(days=1))

    assert take_turn(somebody(), maria) is None
    back_off(10)
    assert GraphBudget.objects.get().paused_until == timezone.now() + 10 * SECONDS


# --- Through the door -------------------------------------------------------------------------------------------------


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
    told = browser.head(answer.context["refresh_url"]).headers
    assert told["Page-State"] == answer.headers["Page-State"]
    assert (told["Poll-Seconds"], told["Queue-Seconds"], told["Queue-Position"]) == ("7", "7", "1")
    traveller.shift(9 * SECONDS)
    ready = browser.get(answer.context["refresh_url"])

    assert ready.context["page_state"].code == "ready"
    assert ready.context["form"]["identity_check"].value() == "by_video"
    assert "data-pass" in browser.post(page, form).content.decode()


# --- A whole line -----------------------------------------------------------------------------------------------------

Way = Callable[[], tuple[float, float]]


class Rush:
    """All press together, and again when their page says so; the press is held as the hand-over holds it. Each of the
    two calls of a pass is on its way for a while, and Microsoft counts it at some moment of that.
    """

    def __init__(self, people: list[Starter], maria: User, traveller: Any, chance: Random, way: Way) -> None:
        self.people, self.maria, self.traveller, self.chance, self.way = people, maria, traveller, chance, way
        self.presses, self.served = Counter[int](), list[int]()
        self.arrivals: list[float] = []

    def runs(self, late: Callable[[], float]) -> timedelta:
        """How long it took until the last one had their pass."""
        began = timezone.now()
        events: list[tuple[datetime, int, str]] = []
        for number in range(len(self.people)):
            heappush(events, (began, number, "presses"))
        while events:
            moment, number, what = heappop(events)
            self.traveller.move_to(max(moment, timezone.now()))
            now = timezone.now()
            if what == "presses":
                self.presses[number] += 1
            if what in {"presses", "is held"}:
                wait = graph_quota.acquire_or_queue(self.people[number], self.maria)
                if wait is None:
                    self.served.append(number)
                    heappush(events, (self.leaves(now), number, "is read"))
                elif wait.ahead <= MOST_AHEAD_OF_HELD and wait.until - now <= HOLD_SECONDS * SECONDS:
                    heappush(events, (max(wait.until, now + SECONDS / 20), number, "is held"))
                else:
                    looks = now + (wait.seconds(now) + late()) * SECONDS
                    heappush(events, (looks, number, "presses"))
            elif what == "is read":
                heappush(events, (self.leaves(now), number, "is made"))
            else:
                mark_answered(2)
        return timezone.now() - began

    def leaves(self, now: datetime) -> datetime:
        """One call: when its answer comes; Microsoft counts it somewhere on the way."""
        least, most = self.way()
        lasts = self.chance.uniform(least, most)
        self.arrivals.append(now.timestamp() + self.chance.uniform(0, lasts))
        return now + lasts * SECONDS

    def most_in(self, seconds: float) -> int:
        moments = sorted(self.arrivals)
        return max(sum(at <= other < at + seconds for other in moments) for at in moments)


@pytest.mark.parametrize("calls", [5, 4])
@pytest.mark.parametrize("seed", range(3))
def test_sixty_concurrent_requests_are_served_in_order_at_full_rate(
    settings, somebody, maria, traveller, calls, seed
):
    settings.GRAPH_BUDGET_CALLS = calls
    chance = Random(seed)
    rush = Rush([somebody() for _ in range(60)], maria, traveller, chance, way=lambda: (0.1, 0.4))

    took = rush.runs(late=lambda: chance.uniform(0.05, 0.6))

    assert took <= 1.1 * (59 // 2) * 10 * SECONDS
    assert all(
        place <= number + 1 for number, place in enumerate(rush.served)
    )  # two have their turn together
    assert max(rush.presses.values()) <= 5
    assert rush.most_in(10) <= calls


@pytest.mark.parametrize("seed", range(5))
def test_a_queue_never_sends_six_calls_in_ten_seconds(somebody, maria, traveller, seed):
    """However slow the way, and however late somebody presses."""
    chance = Random(seed)
    rush = Rush(
        [somebody() for _ in range(40)],
        maria,
        traveller,
        chance,
        way=lambda: chance.choice([(0.01, 0.1), (0.1, 3), (3, 12)]),
    )

    rush.runs(late=lambda: chance.choice([0, 0.2, 0.5, 1, 6]))

    assert sorted(rush.served) == list(range(40))
    assert len(rush.arrivals) == 80
    assert rush.most_in(10) <= 5


# --- A call whose answer nobody tells of ------------------------------------------------------------------------------


def test_a_call_counts_until_ten_seconds_after_its_response(somebody, maria, traveller):
    assert graph_quota.acquire_or_queue(somebody(), maria) is None
    assert graph_quota.acquire_or_queue(somebody(), maria) is None
    traveller.shift(12 * SECONDS)
    assert graph_quota.acquire_or_queue(somebody(), maria).until == timezone.now() + 10 * SECONDS
    mark_answered(4)

    traveller.shift(9.9 * SECONDS)
    assert spent() == 4
    assert take_for_work(yields=False) == 0.0
    assert take_for_work(yields=False) > 0
    traveller.shift(0.2 * SECONDS)
    assert take_for_work(yields=False) == 0.0


def test_calls_of_a_killed_process_expire(somebody, maria, traveller):
    """Others who go on telling of theirs do not keep the lost ones alive."""
    assert graph_quota.acquire_or_queue(somebody(), maria) is None  # and its process is killed
    lost_at = timezone.now()
    while timezone.now() < lost_at + graph_quota.IN_FLIGHT_TIMEOUT + 9 * SECONDS:
        traveller.shift(1 * SECONDS)
        take_for_work(yields=False)
        free = 5 - len(graph_quota._recent_calls(graph_quota._row_with_limits(), timezone.now()))
        assert free <= 3
    traveller.shift(2 * SECONDS)
    taken = [take_for_work(yields=False) for _ in range(5)]
    traveller.shift(11 * SECONDS)

    assert [take_for_work(yields=False) for _ in range(5)] == [0.0] * 5
    assert 0.0 in taken
    assert GraphBudget.objects.get().on_their_way == []


def test_an_unrecorded_response_stops_no_pass_and_no_refusal(
    tenant, invite, confirmation, monkeypatch, caplog
):
    def cannot(calls: int, *, made: int) -> None:
        raise OperationalError("database is locked")

    starter, disabled = invite("noor"), invite("disabled")
    monkeypatch.setattr(graph_quota, "_settle_calls", cannot)

    assert isinstance(handover.confirm(confirmation(starter)), Shown)
    assert "answered calls could not be booked" in caplog.text
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
    assert spent() == costs


# --- Held, not sent back ----------------------------------------------------------------------------------------------


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
    tenant, full, invite, confirmation, traveller, monkeypatch, somebody, maria
):
    monkeypatch.setattr(handover.time, "sleep", lambda _: pytest.fail("held"))
    starter = invite("noor")

    assert isinstance(outcome_of(confirmation(starter)), Queued)
    traveller.shift(7.9 * SECONDS)
    assert isinstance(outcome_of(confirmation(starter)), Queued)
    assert take_turn(somebody(), maria) is not None
    far = invite("liam")
    outcome = outcome_of(confirmation(far))
    assert outcome.wait == graph_quota.Wait(timezone.now() + 12.1 * SECONDS, 2)


def test_only_the_first_two_in_the_queue_are_held(
    tenant, full, invite, confirmation, traveller, monkeypatch, somebody, maria
):
    """However soon their turn is: Microsoft may have asked everybody to wait for a second only."""
    slept: list[float] = []

    def sleeps(seconds: float) -> None:
        slept.append(seconds)
        traveller.shift(seconds + 0.001)

    monkeypatch.setattr(handover.time, "sleep", sleeps)
    first = somebody()
    assert take_turn(first, maria) is not None
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
    def crowded() -> Iterator[None]:
        raise graph.Overloaded("too many")
        yield

    starter = invite("noor")
    monkeypatch.setattr(graph.client(), "hold_slot", crowded)

    assert outcome_of(confirmation(starter)).code == "crowded"
    assert spent() == 0


# --- Who must sign in anew does so while they wait ----------------------------------------------------------------------


def test_the_page_asks_for_a_sign_in_before_the_turn(
    tenant, full, invite, browser_of, traveller, somebody, maria
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
