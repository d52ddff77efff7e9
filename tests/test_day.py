"""HR opens the page of a day: who starts, who waits for whom, what needs a hand and what puts it right."""

from __future__ import annotations

import html
import re
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from onboarding import handover, policy, services
from onboarding.hr import calendar, hands
from onboarding.models import AuditEvent, PassIssue, Starter
from tests.conftest import BY_KEY

pytestmark = pytest.mark.django_db


def page_of(response):
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def words_of(part):
    return " ".join(re.sub(r"<[^>]+>", " ", part).split())


def table_under(page, title):
    """Each row's words under one heading, by the name in it."""
    part = page.split(f">{title}</h2>")[1].split("</section>")[0]
    body = re.search(r"<tbody>(.*?)</tbody>", part, re.S)
    rows = re.findall(r"<tr>(.*?)</tr>", body[1] if body else "", re.S)
    return {re.search(r"<bdi>(.*?)</bdi>", row)[1]: words_of(row) for row in rows}


@pytest.fixture
def today(browser_of):
    """Look at today as HR does."""
    hanna = browser_of("hanna")
    return lambda: page_of(hanna.get("/hr/day/"))


@pytest.fixture
def many(person):
    def made(count, day, **differently):
        return Starter.objects.bulk_create(
            Starter(
                account_name=f"person{n:03}.{day}@contoso.example",
                account_id=f"70000000-0000-{day:%m%d}-8000-{n:012}",
                display_name=f"Person {n:03}",
                start_date=day,
                start_time=time(9),
                starts_at=datetime(day.year, day.month, day.day, 9, tzinfo=UTC),
                time_zone="UTC",
                recorded_by=person("hanna"),
                **differently,
            )
            for n in range(count)
        )

    return made


# --- Who starts, and who waits for whom -------------------------------------------------------------------------


def test_it_says_who_starts_when_and_for_whom_each_waits(today, record, invite, held, person, tenant):
    record("noor")
    invite("liam")
    held("sofia")
    services.withdraw_starter(starter=record("yusuf"), by=person("hanna"), reason="x")
    Starter.objects.filter(pk=record("emma").pk).update(state="registered")

    page = today()

    rows = table_under(page, "Who starts")
    waits = {
        name: re.search(r"(The portal|Maria Lindqvist|The starter|Nobody|HR)", words)[1]
        for name, words in rows.items()
    }
    assert waits == {
        "Noor de Vries": "The portal",
        "Liam O'Brien": "Maria Lindqvist",
        "Sofia Rossi": "The starter",
        "Yusuf Demir": "Nobody",
        "Emma Nowak": "Nobody",
    }
    assert "5 start: 1 wait for their manager, 1 have to sign in themselves, 1 go on by themselves" in page
    assert "The manager can create the pass now" in rows["Liam O'Brien"]
    assert "Nothing: all of it goes on by itself." in page


def test_a_day_shows_only_those_of_that_day_as_hr_said_it(browser_of, record, person):
    starter = record("noor", starts_in=timedelta(days=7))
    Starter.objects.update(time_zone="Pacific/Auckland")  # the day there, whatever day it is here
    starter.refresh_from_db()
    hanna = browser_of("hanna")

    there = page_of(hanna.get(f"/hr/day/{starter.start_date}/"))
    before = page_of(hanna.get(f"/hr/day/{starter.start_date - timedelta(days=1)}/"))

    assert "Noor de Vries" in there and "Pacific/Auckland" in there
    assert "Noor de Vries" not in before and "Nobody starts on this day" in before


def test_today_leads_to_those_left_over_from_before(today, many):
    many(2, timezone.localdate() - timedelta(days=2), state="invited")
    many(1, timezone.localdate() - timedelta(days=3), state="registered")

    assert 'href="/hr/?day=before">2 from the days before</a> are not finished' in today()


def test_days_lead_to_the_day_before_and_after(browser_of):
    page = page_of(browser_of("hanna").get("/hr/day/2026-03-01/"))

    assert "Sunday 1 March 2026" in page
    assert 'rel="prev" href="/hr/day/2026-02-28/"' in page and 'rel="next" href="/hr/day/2026-03-02/"' in page


@pytest.mark.parametrize(
    "day", ["2026-02-31", "2026-13-01", "0000-00-00", "0001-01-01", "9999-12-31", "today"]
)
def test_a_day_that_there_is_not_is_not_found(browser_of, day):
    assert browser_of("hanna").get(f"/hr/day/{day}/").status_code == 404


# --- What needs a hand, and what puts it right ----------------------------------------------------------------------


@pytest.mark.parametrize("problem", [problem for problem in Starter.Problem.values if problem])
def test_every_problem_has_a_reason_a_remedy_and_a_place(today, record, problem):
    starter = record("noor")
    Starter.objects.update(problem=problem)

    row = table_under(today(), "Needs a hand")["Noor de Vries"]

    hand = hands.FIXES[problem]
    assert str(hand.why) in row and str(hand.fix) in row and str(hand.label) in row
    place = "" if hand.place == "starter" else f"{hand.place}/"
    assert f'href="/hr/{starter.public_id}/{place}">{hand.label}' in today()


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("passkey", "IT must remove it first"),
        ("disabled", "Ask IT to enable it"),
        ("foreign", "A live pass made by another tool"),
    ],
)
def test_a_refusal_is_told_with_what_the_guard_says_about_it(
    today, invite, confirmation, tenant, key, remedy
):
    key = key if key in BY_KEY else next(one.key for one in BY_KEY.values() if one.has_pass)
    handover.confirm(confirmation(invite(key)))

    row = table_under(today(), "Needs a hand")[BY_KEY[key].name]

    assert "The portal refused to make a pass." in row and remedy in row


def test_an_account_that_changed_is_told(today, invite):
    starter = invite("noor")
    Starter.objects.filter(pk=starter.pk).update(problem="refused", refused_for=["same_account"])

    row = table_under(today(), "Needs a hand")["Noor de Vries"]

    assert "another account than the one recorded" in row and "own sign-in method" not in row


def test_a_pass_that_no_screen_acknowledged_is_told_until_another_is_made(
    today, shown, confirmation, hurry, settings
):
    settings.GRAPH_BUDGET_CALLS = 1000
    starter = shown("noor").issue.starter
    fresh = table_under(today(), "Needs a hand")
    PassIssue.objects.update(receipt_until=timezone.now() - timedelta(seconds=1))
    unseen = table_under(today(), "Needs a hand")
    handover.take_back(PassIssue.objects.get(), reason="no_receipt")
    hurry()
    taken_back = table_under(today(), "Needs a hand")
    again = handover.confirm(confirmation(starter))
    handover.receipt(again.issue, by=again.issue.actor)

    assert not fresh  # for two minutes the page may still say it
    assert "no screen said that it had arrived" in unseen["Noor de Vries"]
    assert "the manager can make another" in taken_back["Noor de Vries"]
    assert not table_under(today(), "Needs a hand")


def test_a_pass_that_hr_took_back_needs_no_hand(today, held, hurry):
    handover.take_back(held("noor"), reason="taken_back")
    hurry()

    assert not table_under(today(), "Needs a hand")


def test_passes_used_up_and_a_time_that_is_over_are_told(browser_of, today, invite, many):
    starter = invite("noor")
    for number in (1, 2, 3):
        PassIssue.objects.create(
            starter=starter, account_id=f"x{number}", number=number, state="closed", counted=True,
            actor=starter.recorded_by, policy_id=policy.in_force().number, lifetime_minutes=60, lease_until=timezone.now(),
        )  # fmt: skip
    long_ago = timezone.localdate() - timedelta(days=9)
    many(1, long_ago, state="invited")

    late = page_of(browser_of("hanna").get(f"/hr/day/{long_ago}/"))

    assert "All passes are used up." in table_under(today(), "Needs a hand")["Noor de Vries"]
    assert "The time for a pass has passed." in table_under(late, "Needs a hand")["Person 000"]


def test_the_finished_need_no_hand(today, record):
    record("noor")
    Starter.objects.update(problem="no_manager", state="registered")

    assert not table_under(today(), "Needs a hand")


# --- The weeks to come ------------------------------------------------------------------------------------------------


def test_the_drawing_and_the_table_say_the_same(browser_of, many, time_machine):
    time_machine.move_to(datetime(2026, 11, 25, 9, tzinfo=UTC), tick=False)
    many(3, date(2026, 11, 25))
    many(1, date(2026, 12, 1), problem="no_manager")
    many(2, date(2026, 12, 2), state="withdrawn")
    many(1, date(2027, 3, 1))

    page = page_of(browser_of("hanna").get("/hr/day/"))

    drawn = dict(re.findall(r'<a href="/hr/day/([\d-]+)/" tabindex="-1">\s*<title>(.*?)</title>', page))
    assert len(drawn) == 42 and min(drawn) == "2026-11-23" and max(drawn) == "2027-01-03"
    told = {day: words for day, words in drawn.items() if "nobody" not in words}
    assert told == {
        "2026-11-25": "Wednesday 25 November: 3 start",
        "2026-12-01": "Tuesday 1 December: 1 starts, 1 need a hand",
    }
    table = page.split("The same as a table")[1]
    rows = [
        words_of(row)
        for row in re.findall(r"<tr>(.*?)</tr>", table.split("<tbody>")[1].split("</tbody>")[0], re.S)
    ]
    assert rows == ["Wednesday 25 November (today) 3 –", "Tuesday 1 December 1 1"]
    assert 'aria-hidden="true"' in page.split('class="weeks"')[1][:120]


def test_the_fuller_a_day_the_fuller_its_square(many):
    for number, day in ((1, 1), (4, 2), (8, 3)):
        many(number, date(2026, 12, day))

    days = {
        one.day.day: one for one in calendar.weeks(date(2026, 12, 1), date(2026, 12, 1))["days"] if one.count
    }

    assert {day: one.level for day, one in days.items()} == {1: 1, 2: 2, 3: 4}


def test_a_day_far_away_is_drawn_among_its_own_weeks():
    drawn = calendar.weeks(date(2027, 8, 18), date(2026, 11, 25))

    assert drawn["first"] == date(2027, 8, 16) and sum(one.is_shown for one in drawn["days"]) == 1


def test_no_style_is_written_into_the_page(browser_of, many):
    many(3, timezone.localdate())

    assert "style=" not in page_of(browser_of("hanna").get("/hr/day/"))


# --- What it costs, and who may ---------------------------------------------------------------------------------------


def test_a_full_day_asks_the_database_no_more_often_than_an_empty_one(browser_of, many):
    hanna, day = browser_of("hanna"), timezone.localdate()
    many(2, day, state="invited", problem="refused")
    hanna.get("/hr/day/")
    with CaptureQueriesContext(connection) as few:
        hanna.get("/hr/day/")
    Starter.objects.all().delete()
    many(150, day, state="invited", problem="refused")

    with CaptureQueriesContext(connection) as lots:
        hanna.get("/hr/day/")

    assert len(lots) == len(few) <= 14, len(lots)


def test_a_day_with_more_than_fit_leads_to_the_list(browser_of, many, monkeypatch):
    from onboarding.hr.views import day

    monkeypatch.setattr(day, "MOST", 5)
    many(7, timezone.localdate())

    page = page_of(browser_of("hanna").get("/hr/day/"))

    assert "7 start:" in page and "Here are the first 5." in page
    assert f'href="/hr/?state=all&on={timezone.localdate()}"' in page


def test_looking_asks_nobody_and_changes_nothing(browser_of, invite, tenant):
    invite("noor")
    before = list(Starter.objects.values()), AuditEvent.objects.count()
    tenant.tenant.requests.clear()

    page_of(browser_of("hanna").get("/hr/day/"))

    assert (list(Starter.objects.values()), AuditEvent.objects.count()) == before
    assert not tenant.tenant.requests


@pytest.mark.parametrize("path", ["/hr/day/", "/hr/day/2026-12-01/"])
@pytest.mark.parametrize("key", ["maria", "outsider", "ada", "audrey"])
def test_the_day_is_for_hr_alone(browser_of, record, key, path):
    record("noor")

    response = browser_of(key).get(path)

    assert response.status_code == 403 and BY_KEY["noor"].name not in response.content.decode()


def test_a_name_is_only_ever_text(browser_of, many):
    many(1, timezone.localdate(), manager_name="<img src=x>", problem="no_manager")
    Starter.objects.update(display_name="<script>alert(1)</script>")

    page = browser_of("hanna").get("/hr/day/").content.decode()

    assert "<script>alert" not in page and "<img src=x" not in page
