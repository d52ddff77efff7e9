"""The counts beside HR's filters are exact, and a search reads the table of starters only a few times."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from onboarding.hr import counts, filters
from onboarding.hr.filters import StarterFilters, day_range
from onboarding.hr.lists import reading
from onboarding.hr.lists.reading import read_page
from onboarding.lifecycle import UNFINISHED
from onboarding.models import Starter, folded_words, starter_search

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)  # a Wednesday
TODAY = NOW.date()
CLOSES_AFTER = timedelta(days=5)
NAMES = ["Anna Jansen", "Anna O’Brien", "Ännchen Jansen", "Bo Meijer", "Bo Anna", "Hanna Brien"]
SEARCHES = [
    "",
    "anna",
    "anna jansen",
    "o'brien",
    "j",
    "annchen",
    "contoso anna",
    "bo.meijer7",
    "zzyzx",
    "anna %",
]
FILTERS = [
    {"state": state, "day": day, "department": department, "manager": manager}
    for state, day, department, manager in product(
        ("", "problem", "all", "registered"), ("", "before", "week"), ("", "Finance"), ("", "m-1")
    )
] + [{"on": f"{TODAY}"}, {"on": f"{TODAY}", "department": "Finance", "state": "invited"}]


@pytest.fixture(autouse=True)
def crowd(person, policy_says, time_machine):
    """120 starters with few names, days, departments and managers: the same in every run."""
    time_machine.move_to(NOW, tick=False)
    policy_says(closes_days_after=CLOSES_AFTER.days)
    draw = Random(14)
    Starter.objects.bulk_create(_starter(number, draw, person("hanna")) for number in range(120))


def _starter(number: int, draw: Random, recorder: object) -> Starter:
    name, day = (
        draw.choice(NAMES),
        TODAY + timedelta(days=draw.choice([-40, -6, -2, -1, 0, 0, 1, 4, 5, 9, 30])),
    )
    manager, has_stand_in = draw.choice([("m-1", "Maria"), ("m-2", "Anna"), ("", "")]), draw.random() < 0.2
    return Starter(
        account_name=f"{name.replace(' ', '.').lower()}{number}@contoso.example",
        account_id=f"70000000-0000-4000-8000-{number:012}",
        display_name=name,
        department=draw.choice(["Finance", "Legal", "Annapolis", ""]),
        state=draw.choice(Starter.State.values),
        problem=draw.choice(["", "", "no_manager"]),
        manager_id=manager[0],
        manager_name=manager[1],
        stand_in_id="m-1" if has_stand_in else "",
        stand_in_name="Maria" if has_stand_in else "",
        start_date=day,
        start_time=time(9),
        starts_at=datetime.combine(day, time(9), tzinfo=UTC),
        time_zone="UTC",
        erased_at=None if draw.random() < 0.95 else NOW,
        recorded_by=recorder,
    )


# --- The same in plain Python ------------------------------------------------------------------------------------------


def matches(starter: Starter, typed: str) -> bool:
    words = starter_search.words_of_starter(starter)
    return all(
        any(all(any(word.startswith(part) for word in words) for part in way) for way in ways)
        for ways in folded_words.search_alternatives(typed)
    )


def is_in_need(starter: Starter) -> bool:
    return starter.state in UNFINISHED and bool(starter.problem or starter.starts_at < NOW - CLOSES_AFTER)


def fits(starter: Starter, filters: StarterFilters, name: str) -> bool:
    match name:
        case "state":
            state = filters.shown_state
            special = {"": starter.state in UNFINISHED, "all": True, "problem": is_in_need(starter)}
            return special.get(state, starter.state == state)
        case "day":
            on = date.fromisoformat(filters.since) if filters.since else None
            span = (on, on) if on else day_range(filters.day, TODAY)
            return span is None or span[0] <= starter.start_date <= span[1]
        case "department":
            return filters.department in {"", starter.department}
    return filters.manager in {"", starter.confirmer_id}


def matching_by_hand(typed: str) -> list[Starter]:
    starters = Starter.objects.filter(erased_at=None).order_by("starts_at", "id")
    return [starter for starter in starters if matches(starter, typed)]


def assert_counts_are_right(filters: StarterFilters, matching: list[Starter]) -> None:
    def found_by_hand(but: str = "") -> list[Starter]:
        names = {"state", "day", "department", "manager"} - {but}
        return [starter for starter in matching if all(fits(starter, filters, name) for name in names)]

    found = found_by_hand()
    assert filters.counts.count_all() == len(found)
    assert sorted(row.pk for row in read_page(filters).starters) == sorted(row.pk for row in found)

    of_states = found_by_hand(but="state")
    by_state = Counter(starter.state for starter in of_states)
    for state in filters.state_choices():
        special = {
            "": sum(by_state[state_code] for state_code in UNFINISHED),
            "all": len(of_states),
            "problem": sum(is_in_need(starter) for starter in of_states),
        }
        assert state["count"] == str(special.get(state["code"], by_state[state["code"]])), state

    of_days = found_by_hand(but="day")
    spans = [None, *(day_range(code, TODAY) for code in ("before", "today", "week", "next"))]
    assert [day["count"] for day in filters.day_choices()] == [
        str(sum(span is None or span[0] <= starter.start_date <= span[1] for starter in of_days))
        for span in spans
    ]

    departments = Counter(
        starter.department for starter in found_by_hand(but="department") if starter.department
    )
    managers = Counter(
        starter.confirmer_id for starter in found_by_hand(but="manager") if starter.confirmer_id
    )
    chosen = {filters.department: 0, filters.manager: 0} if filters.department or filters.manager else {}
    assert counts_of(filters.department_choices(), chosen) == dict(departments)
    assert counts_of(filters.manager_choices(()).choices, chosen) == dict(managers)


def counts_of(choices: list[tuple[str, str]], chosen: dict[str, int]) -> dict[str, int]:
    """The count of each choice. A selected choice stays even if its count is zero."""
    found = {code: int(words.rpartition("(")[2].rstrip(")")) for code, words in choices}
    return {code: count for code, count in found.items() if count or code not in chosen}


@pytest.mark.parametrize("typed", SEARCHES)
def test_list_and_counts_are_what_plain_filtering_finds(typed):
    matching = matching_by_hand(typed)

    for chosen in FILTERS:
        assert_counts_are_right(StarterFilters.from_query({"q": typed, "show": "200", **chosen}), matching)


@pytest.mark.parametrize("typed", ["anna", "anna jansen", "contoso anna", "j"])
def test_broad_search_without_counts_still_lists_each_starter(typed, monkeypatch):
    monkeypatch.setattr(filters, "MAX_FOUND", 3)
    monkeypatch.setattr(reading, "LOOKED_AT", (5, 10))
    matching = matching_by_hand(typed)

    for chosen in FILTERS:
        found = StarterFilters.from_query({"q": typed, **chosen})
        names = ("state", "day", "department", "manager")
        by_hand = [row.pk for row in matching if all(fits(row, found, name) for name in names)]
        assert found.counts.count_all() is None
        assert sorted(row.pk for row in read_to_the_end(found)) == sorted(by_hand)


def read_to_the_end(found: StarterFilters) -> list[Starter]:
    """Go from page to page, and back again."""
    page = read_page(found)
    pages = [page]
    while page.next:
        page = read_page(replace(found, after=page.next))
        pages.append(page)
    forwards = [row for page in pages for row in page.starters]
    while page.previous:
        page = read_page(replace(found, before=page.previous))
        assert set(page.starters) <= set(forwards)
    return forwards


def test_a_count_is_exact_up_to_a_limit(monkeypatch):
    monkeypatch.setattr(counts, "MOST", 10)

    found = StarterFilters.from_query({"state": "all"})

    assert found.counts.count_all() == 11
    assert [choice["count"] for choice in found.state_choices() if choice["code"] == "all"] == ["10+"]
    assert {code for code, word in found.department_choices() if code == word} == {
        "Finance",
        "Legal",
        "Annapolis",
    }


# --- Managers, where nobody counts -------------------------------------------------------------------------------------


def test_few_managers_are_all_named_if_nobody_counts(monkeypatch):
    monkeypatch.setattr(counts, "MOST", 10)

    found = StarterFilters.from_query({"state": "all"}).manager_choices(())

    assert found == filters.ManagerChoices([("m-2", "Anna"), ("m-1", "Maria")], is_cut=False)


@pytest.mark.parametrize("query", [{"state": "all"}, {"q": "contoso"}])
def test_of_many_managers_those_of_the_page_are_named(monkeypatch, query):
    """Beyond a limit, and in a search that nobody counts."""
    monkeypatch.setattr(counts, "MOST", 10)
    monkeypatch.setattr(filters, "MAX_FOUND", 3)
    monkeypatch.setattr(filters, "MAX_CHOICES", 1)
    looked_up = StarterFilters.from_query(query)
    page = read_page(looked_up)

    found = looked_up.manager_choices(page.starters[:1])

    first = page.starters[0]
    assert found.choices == ([(first.confirmer_id, first.confirmer_name)] if first.confirmer_id else [])
    assert found.is_cut
    assert {row.confirmer_id for row in page.starters} >= {"m-1", "m-2"}


def test_a_manager_without_starters_here_keeps_their_name():
    Starter.objects.update(manager_id="", stand_in_id="")
    Starter.objects.filter(display_name="Bo Anna").update(manager_id="m-9", manager_name="Nina")

    found = StarterFilters.from_query({"q": "jansen", "manager": "m-9"})

    assert found.manager_choices(()).choices == [("m-9", "Nina (0)")]


def test_page_says_how_to_find_other_managers(browser_of, monkeypatch):
    hanna, words = browser_of("hanna"), b"For other managers, search for their name"
    assert words not in hanna.get("/hr/", {"state": "all"}).content

    monkeypatch.setattr(counts, "MOST", 10)
    monkeypatch.setattr(filters, "MAX_CHOICES", 1)

    assert words in hanna.get("/hr/", {"state": "all"}).content


def test_naming_managers_costs_the_same_for_more_starters(monkeypatch, person):
    monkeypatch.setattr(counts, "MOST", 10)
    found = StarterFilters.from_query({"state": "all"})
    found.counts.count_all()

    with CaptureQueriesContext(connection) as asked:
        found.manager_choices(())

    reads = [query["sql"] for query in asked if "RECURSIVE" in query["sql"]]
    assert len(asked) == len(reads) == 2  # managers and stand-ins, each from an index
    with connection.cursor() as cursor:
        for query in reads if connection.vendor == "sqlite" else ():
            cursor.execute(f"EXPLAIN QUERY PLAN {query}")
            plan = [row[3] for row in cursor.fetchall() if "onboarding_starter" in row[3]]
            assert plan and all("USING" in step and "INDEX starter_by_" in step for step in plan), plan


# --- What it costs -------------------------------------------------------------------------------------------------------


def count_reads(browser, typed: str) -> Counter[str]:
    """How often the page of a search reads the tables of starters and of search words."""
    with CaptureQueriesContext(connection) as asked:
        page = browser.get("/hr/", {"q": typed, "department": "Finance"})
    assert page.status_code == 200
    return Counter(
        "starters" if ' FROM "onboarding_starter" ' in sql else "words"
        for query in asked
        if '"onboarding_starter' in (sql := query["sql"])
    )


def test_search_with_all_counts_reads_starters_three_times(browser_of):
    """For the rows, for the managers, and for all other counts."""
    hanna = browser_of("hanna")
    hanna.get("/hr/")

    assert count_reads(hanna, "anna")["starters"] == 3
    assert count_reads(hanna, "anna jansen")["starters"] == 3


def test_a_search_with_few_results_looks_words_up_once(browser_of):
    hanna = browser_of("hanna")
    hanna.get("/hr/")

    assert count_reads(hanna, "anna")["words"] == 1
    assert count_reads(hanna, "anna jansen")["words"] == 2  # starters with one word; of those, with the other


def test_search_looks_up_the_rarest_word_first(monkeypatch):
    monkeypatch.setattr(starter_search, "MAX_IDS", 30)
    account = Starter.objects.filter(erased_at=None, display_name="Bo Meijer").latest("pk")

    with CaptureQueriesContext(connection) as asked:
        ids = starter_search.find_few_ids(f"contoso {account.account_name}", "default")

    assert ids == [account.pk]
    narrowed = [query["sql"] for query in asked if f"IN ({account.pk})" in query["sql"]]
    assert len(narrowed) >= 2, (
        "the words that all have are looked for only among those that the rare one left"
    )


def test_query_count_of_a_search_does_not_depend_on_results(browser_of, person):
    hanna = browser_of("hanna")
    hanna.get("/hr/")
    with CaptureQueriesContext(connection) as few:
        hanna.get("/hr/?q=anna")
    draw = Random(15)
    Starter.objects.bulk_create(_starter(number, draw, person("hanna")) for number in range(120, 420))

    with CaptureQueriesContext(connection) as many:
        hanna.get("/hr/?q=anna")

    assert len(many) == len(few)
