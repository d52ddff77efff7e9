"""One of many concurrent requests gets the pass: four server processes of two replicas use one database."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from threading import Barrier
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest

from tests.faults.replicas import ZONE, Answer, Person, Portal, Starter, portal

ROUNDS = int(os.environ.get("RACE_ROUNDS", "1"))
AT_ONCE = 20
LOSERS = (
    "The pass is being created",
    "The pass was shown",
    "The pass was handed over",
)
T = TypeVar("T")


@pytest.fixture(scope="module")
def replicas() -> Iterator[Portal]:
    """Two replicas. A pass can wait for its receipt until the race is over."""
    with portal(replicas=2, PASS_RECEIPT_SECONDS="60", PASS_LEASE_SECONDS="30") as running:
        yield running


@pytest.fixture(scope="module")
def marias(replicas: Portal) -> list[Person]:
    """One manager in many browsers, half of them at each replica."""
    return browsers_of(replicas, "maria")


def browsers_of(replicas: Portal, key: str, count: int = AT_ONCE) -> list[Person]:
    return [replicas.person(key, replicas.urls[number % len(replicas.urls)]) for number in range(count)]


def run_together(actions: Sequence[Callable[[], T]]) -> list[T]:
    """Runs all actions as close together as this machine can."""
    start = Barrier(len(actions))

    def act(action: Callable[[], T]) -> T:
        start.wait()
        return action()

    with ThreadPoolExecutor(len(actions)) as threads:
        return list(threads.map(act, actions))


def clicks(replicas: Portal, people: Sequence[Person], starter: Starter) -> list[Callable[[], Answer]]:
    """Returns one click for each person. The page is open, and each browser sends its own token."""
    for person in people:
        person.stay_fresh(starter.page)
    seen = replicas.form(people[0], starter)
    forms = [(person, seen | {"csrfmiddlewaretoken": person.token}) for person in people]
    return [partial(replicas.send, person, starter, form) for person, form in forms]


def winner_of(answers: list[Answer]) -> Answer:
    shown = [answer for answer in answers if answer.code]
    assert len(shown) == 1, Counter(answer.status for answer in answers)
    assert shown[0].status == 200
    return shown[0]


def test_one_of_many_concurrent_confirmations_creates_a_pass(replicas: Portal, marias: list[Person]) -> None:
    statuses: Counter[int] = Counter()
    for starter in replicas.starters(ROUNDS):
        before = len(replicas.creations())

        answers = run_together(clicks(replicas, marias, starter))

        winner = winner_of(answers)
        assert len(replicas.creations()) == before + 1
        losers = [answer for answer in answers if answer is not winner]
        assert [answer.words for answer in losers if answer.status != 409] == []
        assert all(any(words in answer.page for words in LOSERS) for answer in losers)
        statuses.update(answer.status for answer in answers)
        acknowledged = marias[answers.index(winner)]
        assert replicas.acknowledge(acknowledged, winner) == 204
    assert statuses == {200: ROUNDS, 409: ROUNDS * (AT_ONCE - 1)}
    replicas.assert_sound()


def test_one_of_many_concurrent_records_is_kept(replicas: Portal) -> None:
    """Two people in HR, each with several tabs, save the same account at the same moment."""
    people = [*browsers_of(replicas, "hanna", 3), *browsers_of(replicas, "henry", 3)]
    for number in range(ROUNDS):
        account = replicas.tenant.tenant.add_starter(f"twice{number}", f"Twice Recorded{number}")
        forms = [filled_form(visitor, account.id) for visitor in people]

        pages = run_together(
            [
                lambda v=visitor, f=form: v.post("/hr/new/", f)
                for visitor, form in zip(people, forms, strict=True)
            ]
        )

        assert {page.status_code for page in pages} <= {200, 409}
        assert sum("was added" in page.text for page in pages) == 1
        kept = "SELECT count(*) FROM onboarding_starter WHERE account_id = %s"
        assert replicas.database.one(kept, account.id) == 1
    replicas.assert_sound()


def filled_form(visitor: Person, account: str) -> dict[str, str]:
    """The filled form before the last click."""
    now = datetime.now(ZoneInfo(ZONE))
    visitor.get("/hr/new/")
    when = {"start_date": f"{now:%Y-%m-%d}", "start_time": f"{now:%H:%M}", "time_zone": ZONE}
    visitor.send(visitor.form_with("account", "start_date"), account=account, **when, step="look")
    return {**visitor.form_with("account", "start_date").fields, "step": "save"}


def test_only_the_current_of_two_managers_gets_the_pass(replicas: Portal, marias: list[Person]) -> None:
    """The manager changes in Entra while both have the page open, and both click at once."""
    toms = browsers_of(replicas, "tom", AT_ONCE // 2)
    for starter in replicas.starters(ROUNDS):
        before = len(replicas.creations())
        former = clicks(replicas, marias[: AT_ONCE // 2], starter)
        replicas.tenant.tenant.accounts[starter.key].manager = "tom"
        present = clicks(replicas, toms, starter)

        answers = run_together([*former, *present])

        winner = winner_of(answers)
        assert winner in answers[len(former) :]
        assert len(replicas.creations()) == before + 1
        assert {answer.status for answer in answers[: len(former)]} <= {403, 404, 409}
        assert {answer.status for answer in answers[len(former) :]} == {200, 409}
        replicas.acknowledge(toms[answers.index(winner) - len(former)], winner)
    replicas.assert_sound()


def test_a_manager_change_during_the_race_creates_no_second_pass(
    replicas: Portal, marias: list[Person]
) -> None:
    toms = browsers_of(replicas, "tom", AT_ONCE // 2)
    for starter in replicas.starters(max(1, ROUNDS // 4)):
        account = replicas.tenant.tenant.accounts[starter.key]
        before = len(replicas.creations())
        former = clicks(replicas, marias[: AT_ONCE // 2], starter)
        account.manager = "tom"
        present = clicks(replicas, toms, starter)
        account.manager = "maria"

        answers = run_together([*former, *present, partial(setattr, account, "manager", "tom")])[:-1]

        assert sum(bool(answer.code) for answer in answers) <= 1
        assert len(replicas.creations()) <= before + 1
        assert max(answer.status for answer in answers) < 500
        assert min(answer.status for answer in answers) > 0
        for visitor, answer in zip([*marias[: AT_ONCE // 2], *toms], answers, strict=True):
            if answer.code:
                replicas.acknowledge(visitor, answer)
    replicas.assert_sound()
