"""HR's list of all starters: states, filters, search, sorting and pages."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from onboarding.hr import filters
from onboarding.hr.filters import DAYS
from onboarding.hr.lists.reading import read_page
from onboarding.models import Starter
from onboarding.starters import withdrawal
from tests.benchmark.many import statements
from tests.conftest import BY_KEY

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def page_of(response):
    assert response.status_code == 200
    return response.content.decode()


def rows_of(page):
    """The text of each row, cell by cell."""
    body = re.search(r"<tbody>(.*?)</tbody>", page, re.S)
    rows = re.findall(r"<tr>(.*?)</tr>", body[1], re.S) if body else []
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", row)).split()) for row in rows]


def names_of(page):
    return re.findall(r'<th scope="row">\s*<a href="[^"]+"><bdi>(.*?)</bdi>', page, re.S)


def chips_of(page):
    """Each filter's label with its count, and which filter is active."""
    chips = "".join(re.findall(r'<ul class="chips small">(.*?)</ul>', page, re.S))
    found = re.findall(
        r'<a href="[^"]*"( aria-current="true")?>([^<]*?)\s*<span class="count">(\d+)', chips, re.S
    )
    return {word: int(count) for _, word, count in found}, [word for current, word, _ in found if current]


@pytest.fixture
def many(person):
    """Add this many starters, without reading the directory."""

    def made(count, **differently):
        now = timezone.now()
        starters = [
            Starter(
                account_name=f"person{n:03}@contoso.example",
                account_id=f"70000000-0000-4000-8000-{n:012}",
                display_name=f"Person {n:03}",
                start_date=now.date(),
                start_time=now.time(),
                starts_at=now + timedelta(minutes=n),
                time_zone="UTC",
                recorded_by=person("hanna"),
                **differently,
            )
            for n in range(1, count + 1)
        ]
        return Starter.objects.bulk_create(starters)

    return made


# --- States in words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("recorded", "Added"),
        ("invited", "Manager invited"),
        ("issued", "Pass handed over"),
        ("registered", "Can sign in"),
        ("withdrawn", "Withdrawn"),
    ],
)
def test_every_state_has_a_label(browser_of, record, state, word):
    Starter.objects.filter(pk=record("noor").pk).update(state=state)

    page = page_of(browser_of("hanna").get(f"/hr/?state={state}"))

    assert len(rows_of(page)) == 1 and word in rows_of(page)[0]
    assert chips_of(page)[1] == [word, "Any day"]


def test_row_shows_name_state_start_and_manager(browser_of, record):
    starter = record("noor")

    row = rows_of(page_of(browser_of("hanna").get("/hr/")))[0]

    for words in ("Noor de Vries", "noor. devries@ contoso. example", "Service design", "Maria Lindqvist"):
        assert words in row
    assert f"{starter.start_local:%H:%M}" in row and f"{starter.start_local:%b %Y}" in row


def test_row_shows_the_problem_of_the_onboarding(browser_of, record, run_jobs):
    record("ben")
    run_jobs()

    row = rows_of(page_of(browser_of("hanna").get("/hr/")))[0]

    assert "No manager is set in Entra" in row


def test_a_problem_of_a_finished_onboarding_is_no_problem(browser_of, record, person):
    starter = record("noor")
    withdrawal.withdraw_starter(starter=starter, by=person("hanna"), reason="x")
    Starter.objects.update(problem="no_manager")

    hanna = browser_of("hanna")
    row = rows_of(page_of(hanna.get("/hr/?state=withdrawn")))[0]

    assert "No manager is set in Entra" not in row
    assert not rows_of(page_of(hanna.get("/hr/?state=problem")))
    assert chips_of(page_of(hanna.get("/hr/")))[0]["Needs attention"] == 0


# --- Filters ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def mixed(many):
    """Ten starters: four recorded (one with a problem), three invited, one of each other state."""
    starters = many(10)
    states = ["recorded"] * 4 + ["invited"] * 3 + ["issued", "registered", "withdrawn"]
    for starter, state in zip(starters, states, strict=True):
        Starter.objects.filter(pk=starter.pk).update(state=state)
    Starter.objects.filter(pk=starters[0].pk).update(problem="no_manager")


def test_every_filter_shows_its_count(browser_of, mixed):
    counts, current = chips_of(page_of(browser_of("hanna").get("/hr/")))

    states = {word: count for word, count in counts.items() if word not in dict(DAYS).values()}
    assert states == {
        "In progress": 8,
        "Needs attention": 1,
        "All": 10,
        "Added": 4,
        "Manager invited": 3,
        "Pass handed over": 1,
        "Can sign in": 1,
        "Withdrawn": 1,
        "Not completed": 0,
    }
    assert current == ["In progress", "Any day"]


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ("", 8),
        ("problem", 1),
        ("all", 10),
        ("recorded", 4),
        ("invited", 3),
        ("issued", 1),
        ("registered", 1),
        ("withdrawn", 1),
    ],
)
def test_filter_finds_as_many_as_its_count(browser_of, mixed, chosen, found):
    page = page_of(browser_of("hanna").get("/hr/", {"state": chosen}))

    assert len(rows_of(page)) == found


def test_a_filter_that_does_not_exist_shows_the_unfinished(browser_of, mixed):
    page = page_of(browser_of("hanna").get("/hr/?state=deleted'--"))

    assert len(rows_of(page)) == 8 and chips_of(page)[1] == ["In progress", "Any day"]


def test_counts_follow_the_search(browser_of, mixed):
    counts, _ = chips_of(page_of(browser_of("hanna").get("/hr/?q=person+010")))

    assert counts["In progress"] == 0 and counts["Withdrawn"] == 1 and counts["Added"] == 0


# --- Search -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", ["noor", "VRIES", "devries@contoso", "service design maria", "lindqvist noor"]
)
def test_search_finds_any_part_of_names_and_department(browser_of, record, many, query):
    record("noor")
    many(3, department="Finance", manager_name="Somebody Else")

    page = page_of(browser_of("hanna").get("/hr/", {"q": query}))

    assert names_of(page) == ["Noor de Vries"]
    assert f'value="{query}"' in page


def test_every_word_must_be_found(browser_of, record):
    record("noor")

    page = page_of(browser_of("hanna").get("/hr/?q=noor+finance"))

    assert not names_of(page) and "No starters found for" in page


@pytest.mark.parametrize("query", ["%", "_", "' OR 1=1 --", "\\", '"><script>alert(1)</script>'])
def test_a_search_is_only_ever_words(browser_of, record, query):
    record("noor")

    page = page_of(browser_of("hanna").get("/hr/", {"q": query}))

    assert not names_of(page)
    assert "<script>alert" not in page and f'value="{html.escape(query)}"' in page


def test_filters_keep_the_search_and_the_search_keeps_the_filter(browser_of, mixed):
    page = page_of(browser_of("hanna").get("/hr/?q=person&state=invited"))

    assert len(rows_of(page)) == 3
    assert 'href="/hr/?q=person&amp;state=recorded"' in page
    assert '<input type="hidden" name="state" value="invited">' in page


def test_search_keeps_the_chosen_state_and_offers_unfinished(browser_of, mixed):
    page = page_of(browser_of("hanna").get("/hr/?q=person"))
    unfinished = page_of(browser_of("hanna").get("/hr/?q=person&state=unfinished"))

    assert len(rows_of(page)) == 10 and chips_of(page)[1] == ["All", "Any day"]
    assert 'href="/hr/?q=person&amp;state=unfinished"' in page
    assert len(rows_of(unfinished)) == 8 and chips_of(unfinished)[1] == ["In progress", "Any day"]


# --- Days, departments, managers --------------------------------------------------------------------------------------------


@pytest.fixture
def spread(many, time_machine):
    """On a Wednesday: starters of Monday, today, Sunday, next Monday and the Monday after."""
    time_machine.move_to(datetime(2026, 11, 25, 8, tzinfo=UTC), tick=False)
    starters = many(5, manager_id="m-1", manager_name="Maria Lindqvist", department="Finance")
    days = (23, 25, 29, 30, 7)
    for starter, day in zip(starters, days, strict=True):
        month = 12 if day == 7 else 11
        Starter.objects.filter(pk=starter.pk).update(
            start_date=date(2026, month, day), starts_at=datetime(2026, month, day, 9, tzinfo=UTC)
        )
    Starter.objects.filter(pk=starters[1].pk).update(
        department="Legal", manager_id="m-2", manager_name="Tom Becker"
    )


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"day": "before"}, [1]),
        ({"day": "today"}, [2]),
        ({"day": "week"}, [1, 2, 3]),
        ({"day": "next"}, [4]),
        ({"on": "2026-12-07"}, [5]),
        ({"on": "2026-12-07", "day": "today"}, [5]),
        ({"on": "2026-13-07", "day": "yesterday"}, [1, 2, 3, 4, 5]),
        ({"department": "Legal"}, [2]),
        ({"manager": "m-1"}, [1, 3, 4, 5]),
        ({"manager": "m-1", "day": "week"}, [1, 3]),
        ({"manager": "m-3"}, []),
    ],
)
def test_list_can_be_filtered_by_day_department_and_manager(browser_of, spread, chosen, found):
    page = page_of(browser_of("hanna").get("/hr/", chosen))

    assert sorted(names_of(page)) == [f"Person {n:03}" for n in found]


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"since": "2026-11-25", "until": "2026-11-30"}, [2, 3, 4]),
        ({"since": "2026-11-30"}, [4, 5]),
        ({"until": "2026-11-25", "day": "next"}, [1, 2]),
        ({"source": "servicenow"}, [3]),
        ({"source": "hr"}, [1, 2, 4, 5]),
        ({"mine": "1"}, [1, 2, 3, 5]),
    ],
)
def test_list_can_be_filtered_by_range_source_and_recorder(browser_of, spread, person, chosen, found):
    Starter.objects.filter(display_name="Person 003").update(source="servicenow")
    Starter.objects.filter(display_name="Person 004").update(recorded_by=person("henry"))

    page = page_of(browser_of("hanna").get("/hr/", chosen))

    assert sorted(names_of(page)) == [f"Person {n:03}" for n in found]
    assert '<option value="servicenow"' in page


def test_every_choice_shows_how_many_it_finds(browser_of, spread):
    page = page_of(browser_of("hanna").get("/hr/?manager=m-1&day=week"))

    counts, current = chips_of(page)
    assert counts["In progress"] == 2
    days = {word: counts[word] for word in ("Any day", "Before today", "Today", "This week", "Next week")}
    assert days == {"Any day": 4, "Before today": 1, "Today": 0, "This week": 2, "Next week": 1}
    assert current == ["In progress", "This week"]
    assert '<option value="m-1" selected>Maria Lindqvist (2)</option>' in page
    assert '<option value="m-2">Tom Becker (1)</option>' in page
    assert '<option value="Finance">Finance (2)</option>' in page and "Legal" not in page


def test_choices_keep_each_other(browser_of, spread):
    page = page_of(
        browser_of("hanna").get("/hr/?q=person&state=recorded&day=week&department=Finance&sort=name")
    )

    kept = "q=person&amp;state=recorded&amp;day=next&amp;department=Finance&amp;sort=name"
    assert f'href="/hr/?{kept}"' in page
    assert '<input type="hidden" name="day" value="week">' in page


# --- Order ------------------------------------------------------------------------------------------------------------------


def test_starters_needing_attention_come_first_then_by_start_date(browser_of, many):
    starters = many(4)
    Starter.objects.filter(pk=starters[3].pk).update(problem="no_manager")
    Starter.objects.filter(pk=starters[2].pk).update(starts_at=timezone.now() - timedelta(days=6))

    page = page_of(browser_of("hanna").get("/hr/"))

    assert names_of(page) == [f"Person {n:03}" for n in (3, 4, 1, 2)]
    assert "It is too late to create a pass" in rows_of(page)[0]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("start", [1, 2, 3]),
        ("-start", [3, 2, 1]),
        ("name", [2, 1, 3]),
        ("-name", [3, 1, 2]),
        ("manager", [3, 2, 1]),
        ("-manager", [1, 2, 3]),
        ("state", [2, 3, 1]),
        ("-state", [1, 3, 2]),
        ("recorded_by__name", [1, 2, 3]),
    ],
)
def test_the_list_is_sorted_as_it_is_asked(browser_of, many, sort, order):
    starters = many(3)
    given = [("B", "Z", "issued"), ("A", "Y", "recorded"), ("C", "X", "invited")]
    for starter, (name, manager, state) in zip(starters, given, strict=True):
        Starter.objects.filter(pk=starter.pk).update(display_name=name, manager_name=manager, state=state)

    page = page_of(browser_of("hanna").get("/hr/", {"sort": sort}))

    assert names_of(page) == [given[n - 1][0] for n in order]


def test_column_head_shows_the_order_and_reverses_it(browser_of, many):
    many(60)

    page = page_of(browser_of("hanna").get("/hr/?sort=name"))

    assert page.count("aria-sort") == 1
    assert '<th scope="col" aria-sort="ascending"><a href="/hr/?sort=-name">Name</a>' in page
    assert '<th scope="col"><a href="/hr/?sort=start">Starts</a>' in page
    assert re.search(r'rel="next"\s+href="/hr/\?sort=name&amp;after=', page)


def test_two_hundred_fit_on_a_page_where_they_are_wanted(browser_of, many):
    many(60)

    page = page_of(browser_of("hanna").get("/hr/?show=200"))

    assert len(rows_of(page)) == 60 and 'rel="next"' not in page
    assert 'href="/hr/">50 per page' in page


# --- Page after page ------------------------------------------------------------------------------------------------------


def url_of(page, direction):
    found = re.search(rf'rel="{direction}"\s+href="([^"]+)"', page)
    return html.unescape(found[1]) if found else None


def read_pages(browser, url, direction="next"):
    """Each page from this one on."""
    pages = [page_of(browser.get(url))]
    while url := url_of(pages[-1], direction):
        pages.append(page_of(browser.get(url)))
    return pages


def test_long_list_has_pages_ordered_by_start_date(browser_of, many):
    many(120)
    hanna = browser_of("hanna")

    pages = read_pages(hanna, "/hr/")
    backwards = read_pages(hanna, url_of(pages[-1], "prev"), "prev")

    assert [len(names_of(page)) for page in pages] == [50, 50, 20]
    assert [name for page in pages for name in names_of(page)] == [f"Person {n:03}" for n in range(1, 121)]
    assert [names_of(page) for page in backwards] == [names_of(pages[1]), names_of(pages[0])]
    assert "120 starters" in pages[0] and url_of(pages[0], "prev") is None


ORDERS = [("", sort) for sort, _ in filters.SORTS] + [("problem", ""), ("all", "state"), ("problem", "-name")]


@pytest.mark.parametrize(("state", "sort"), ORDERS)
def test_pages_of_any_order_have_each_starter_once(many, monkeypatch, state, sort):
    """Most need attention, and several share a name, a manager and a moment."""
    starters = many(30, manager_name="Maria")
    for number, starter in enumerate(starters):
        starter.problem = "no_manager" if number % 3 else ""
        starter.state = ("recorded", "invited", "registered")[number % 3]
        starter.display_name = f"Name {number % 4}"
        starter.starts_at = timezone.now() - timedelta(days=number % 5 * 2)
    Starter.objects.bulk_update(starters, ["problem", "state", "display_name", "starts_at"])
    chosen = filters.StarterFilters(state=state, sort=sort)
    whole = [row.pk for row in read_page(chosen).starters]
    monkeypatch.setattr(filters, "PAGE_SIZE", 7)

    pages = [read_page(chosen)]
    while pages[-1].next:
        pages.append(read_page(replace(chosen, after=pages[-1].next)))
    backwards = [pages[-1]]
    while backwards[-1].previous:
        backwards.append(read_page(replace(chosen, before=backwards[-1].previous)))

    assert len(whole) > 7 and [row.pk for page in pages for row in page.starters] == whole
    assert [page.starters for page in backwards[::-1]] == [page.starters for page in pages]


def test_an_earlier_starter_moves_no_other_to_another_page(browser_of, many):
    many(60)
    hanna = browser_of("hanna")
    second = url_of(page_of(hanna.get("/hr/")), "next")
    Starter.objects.filter(display_name="Person 060").update(starts_at=timezone.now() - timedelta(hours=1))

    assert names_of(page_of(hanna.get(second))) == [f"Person {n:03}" for n in range(51, 60)]


def test_more_than_can_be_sorted_are_listed_by_start_date(browser_of, many, monkeypatch):
    monkeypatch.setattr(filters, "MAX_SORTED", 2)
    many(3)
    Starter.objects.filter(display_name="Person 003").update(display_name="A")

    page = page_of(browser_of("hanna").get("/hr/?sort=name"))

    assert names_of(page) == ["Person 001", "Person 002", "A"]
    assert "there are too many starters to sort them by name or manager" in page and "aria-sort" not in page


def test_pages_keep_search_and_filter(browser_of, many):
    many(60, state="invited")

    page = page_of(browser_of("hanna").get("/hr/?q=person&state=invited"))

    assert url_of(page, "next").startswith("/hr/?q=person&state=invited&after=")


@pytest.mark.parametrize(
    "cursor", ["99", "W10", "WzAsMV0", "WzksMSwieCJd", "WzAsMSwiMjAyNi0xMS0yNSJd", "!", "A" * 3000]
)
def test_a_place_that_does_not_exist_is_the_first_page(browser_of, many, cursor):
    many(60)

    for side in ("after", "before"):
        page = page_of(browser_of("hanna").get("/hr/", {side: cursor}))
        assert names_of(page)[0] == "Person 001"


@pytest.mark.parametrize("path", ["/hr/", "/hr/?show=200&q=person&day=week&sort=manager&department=x"])
def test_long_list_costs_as_many_queries_as_a_short_one(browser_of, many, path):
    hanna = browser_of("hanna")
    hanna.get("/hr/")  # the first request creates a session
    many(2)
    with CaptureQueriesContext(connection) as few:
        hanna.get(path)
    Starter.objects.all().delete()
    many(220, problem="no_manager")

    with CaptureQueriesContext(connection) as lots:
        hanna.get(path)

    assert len(lots) <= len(few) <= 17, len(lots)  # a full page needs no look at the other parts of its order


# --- What the list never does -----------------------------------------------------------------------------------------------


def test_a_name_is_only_ever_text(browser_of, many):
    many(1, department="<img src=x onerror=alert(1)>", manager_name="O'Brien & <b>Sons</b>")
    Starter.objects.update(display_name="<script>alert(1)</script>")

    page = page_of(browser_of("hanna").get("/hr/"))

    assert "<script>alert" not in page and "<img src=x" not in page and "<b>Sons" not in page
    assert "<script>alert(1)</script>" in rows_of(page)[0]
    assert "O'Brien & <b>Sons</b>" in rows_of(page)[0]


def test_empty_list_explains_what_to_do(browser_of):
    page = page_of(browser_of("hanna").get("/hr/"))

    assert "No starters yet" in page and 'href="/hr/new/"' in page


def test_erased_starter_is_not_listed(browser_of, many):
    many(1, state="withdrawn", erased_at=timezone.now())

    page = page_of(browser_of("hanna").get("/hr/?state=withdrawn"))

    assert not rows_of(page) and chips_of(page)[0]["Withdrawn"] == 0


def test_reading_the_list_makes_no_call_and_changes_nothing(browser_of, record, tenant):
    record("noor")
    before = Starter.objects.values().get()
    tenant.tenant.requests.clear()

    page_of(browser_of("hanna").get("/hr/"))

    assert not tenant.tenant.requests
    assert Starter.objects.values().get() == before


@pytest.mark.parametrize("key", ["maria", "outsider", "ada", "audrey"])
def test_the_list_is_for_hr_alone(browser_of, record, key):
    record("noor")

    response = browser_of(key).get("/hr/")

    assert response.status_code == 403
    assert BY_KEY["noor"].name not in response.content.decode()


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_the_list_can_only_be_read(browser_of, method):
    response = getattr(browser_of("hanna"), method)("/hr/")

    assert response.status_code == 405


def test_a_search_finds_the_finished_too(browser_of, record):
    starter = record("noor")
    Starter.objects.filter(pk=starter.pk).update(state="withdrawn")

    page = page_of(browser_of("hanna").get("/hr/", {"q": "noor"}))

    assert len(rows_of(page)) == 1


def test_list_of_only_finished_starters_explains_why_it_is_empty(browser_of, record):
    starter = record("noor")
    Starter.objects.filter(pk=starter.pk).update(state="withdrawn")

    page = browser_of("hanna").get("/hr/").content.decode()

    assert "No onboarding in progress" in page
    assert "No starters yet" not in page


def test_starter_with_a_closed_window_needs_attention(browser_of, record):
    starter = record("noor")
    Starter.objects.filter(pk=starter.pk).update(starts_at=timezone.now() - timedelta(days=6))

    page = page_of(browser_of("hanna").get("/hr/", {"state": "problem"}))

    assert len(rows_of(page)) == 1


def test_head_request_for_the_list_costs_no_query(browser_of, record):
    record("noor")

    assert browser_of("hanna").head("/hr/").status_code == 200
    assert browser_of("maria").head("/hr/").status_code == 403


def test_the_thousands_that_are_measured_are_starters_like_any_other(browser_of, person):
    """`make bench` inserts its starters with SQL. They must have every value that a real starter has."""
    with connection.cursor() as cursor:
        for statement in statements(
            0, 120, person("hanna").pk, on_postgresql=connection.vendor == "postgresql"
        ):
            cursor.execute(statement)

    written = Starter.objects.get(public_id="benchbench000000000097")
    written.full_clean(exclude=["shaped_by"])
    assert Starter.objects.count() == 120
    assert "benchbench000000000097" in page_of(browser_of("hanna").get("/hr/?state=problem"))
