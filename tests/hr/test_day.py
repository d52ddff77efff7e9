"""HR opens the page of a day: its starters, whose turn it is to act, and what needs attention."""

from __future__ import annotations

import html
import re
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from onboarding import policy
from onboarding.hr import attention, calendar
from onboarding.models import AuditEvent, PassIssue, Starter
from onboarding.passes.cancellation import cancel_pass
from onboarding.passes.receipt import confirm_receipt
from onboarding.starters import withdrawal
from tests.conftest import BY_KEY
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db


def page_of(response):
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def words_of(part):
    return " ".join(re.sub(r"<[^>]+>", " ", part).split())


def table_under(page, title):
    """Each row's words under one heading, by the name in it."""
    part = page.split(f">{title}</h2>")[1].split("</section>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", "".join(re.findall(r"<tbody>(.*?)</tbody>", part, re.S)), re.S)
    return {re.search(r"<bdi>(.*?)</bdi>", row)[1]: words_of(row) for row in rows}


@pytest.fixture
def today(browser_of):
    """HR's page of today."""
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


# --- Starters on this day, and who must act next -----------------------------------------------------------------


def test_day_lists_each_starter_and_who_must_act_next(today, record, invite, held, person, tenant):
    record("noor")
    invite("liam")
    held("sofia")
    withdrawal.withdraw_starter(starter=record("yusuf"), by=person("hanna"), reason="x")
    Starter.objects.filter(pk=record("emma").pk).update(state="registered")

    page = today()

    rows = table_under(page, "Starters on this day")
    waits = {
        name: re.search(r"(The portal|Maria Lindqvist|The starter|No one|HR)", words)[1]
        for name, words in rows.items()
    }
    assert waits == {
        "Noor de Vries": "The portal",
        "Liam O'Brien": "Maria Lindqvist",
        "Sofia Rossi": "The starter",
        "Yusuf Demir": "No one",
        "Emma Nowak": "No one",
    }
    waits = "5 starters on this day: 1 waiting for the manager, 1 waiting for the starter to sign in, 1 waiting for the portal"
    assert waits in page
    assert "The manager or stand-in can create the pass now" in rows["Liam O'Brien"]
    assert "No starter needs attention." in page


def test_day_shows_only_starters_of_the_date_hr_entered(browser_of, record, person):
    starter = record("noor", starts_in=timedelta(days=7))
    Starter.objects.update(time_zone="Pacific/Auckland")  # the page uses the date there, not here
    starter.refresh_from_db()
    hanna = browser_of("hanna")

    there = page_of(hanna.get(f"/hr/day/{starter.start_date}/"))
    before = page_of(hanna.get(f"/hr/day/{starter.start_date - timedelta(days=1)}/"))

    assert "Noor de Vries" in there and "Pacific/Auckland" in there
    assert "Noor de Vries" not in before and "No starters on this day" in before


def test_today_leads_to_those_left_over_from_before(today, many):
    many(2, timezone.localdate() - timedelta(days=2), state="invited")
    many(1, timezone.localdate() - timedelta(days=3), state="registered")

    assert 'href="/hr/?day=before">2 starters whose start date has passed</a> is not finished' in today()


def test_everything_about_the_day_follows_without_a_reload(today, record):
    record("noor")
    live = re.findall(r'<\w+[^>]*\bid="([^"]+)"[^>]*\bdata-live\b', today())

    assert live == ["summary", "attention", "calendar", "starters"]


def test_days_lead_to_the_day_before_and_after(browser_of):
    page = page_of(browser_of("hanna").get("/hr/day/2026-03-01/"))

    assert "Sunday 1 March 2026" in page
    assert 'rel="prev" href="/hr/day/2026-02-28/"' in page and 'rel="next" href="/hr/day/2026-03-02/"' in page


@pytest.mark.parametrize(
    "day", ["2026-02-31", "2026-13-01", "0000-00-00", "0001-01-01", "9999-12-31", "today"]
)
def test_a_day_that_there_is_not_is_not_found(browser_of, day):
    assert browser_of("hanna").get(f"/hr/day/{day}/").status_code == 404


# --- What needs attention, and how to fix it --------------------------------------------------------------------------


@pytest.mark.parametrize("problem", [problem for problem in Starter.Problem.values if problem])
def test_every_problem_has_a_reason_a_remedy_and_a_place(today, record, problem):
    starter = record("noor")
    Starter.objects.update(problem=problem)

    row = table_under(today(), "Needs attention")["Noor de Vries"]

    action = attention.FIXES[problem]
    assert str(action.why) in row and str(action.fix) in row and str(action.label) in row
    place = "" if action.page == "starter" else f"{action.page}/"
    assert f'href="/hr/{starter.public_id}/{place}">{action.label}' in today()


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("passkey", "ask IT to remove it"),
        ("disabled", "Ask IT to enable it"),
        ("foreign", "a valid pass that was created outside the portal"),
    ],
)
def test_refusal_shows_the_text_of_the_guard(today, invite, confirmation, tenant, key, remedy):
    key = key if key in BY_KEY else next(person.key for person in BY_KEY.values() if person.has_pass)
    outcome_of(confirmation(invite(key)))

    row = table_under(today(), "Needs attention")[BY_KEY[key].name]

    assert "The portal cannot create a pass for this account." in row and remedy in row


def test_changed_account_needs_attention(today, invite):
    starter = invite("noor")
    Starter.objects.filter(pk=starter.pk).update(problem="refused", refused_for=["same_account"])

    row = table_under(today(), "Needs attention")["Noor de Vries"]

    assert "a different account from the one that HR added" in row and "own sign-in method" not in row


def test_unconfirmed_pass_needs_attention_until_there_is_another(
    today, shown, confirmation, run_jobs, settings
):
    settings.GRAPH_BUDGET_CALLS = 1000
    starter = shown("noor").issue.starter
    fresh = table_under(today(), "Needs attention")
    PassIssue.objects.update(receipt_until=timezone.now() - timedelta(seconds=1))
    unseen = table_under(today(), "Needs attention")
    cancel_pass(PassIssue.objects.get(), reason="no_receipt")
    being_deleted = table_under(today(), "Needs attention")
    run_jobs()
    gone = table_under(today(), "Needs attention")
    again = outcome_of(confirmation(starter))
    confirm_receipt(again.issue, by=again.issue.actor)

    assert not fresh  # the page may still show it for two minutes
    for words in (unseen["Noor de Vries"], being_deleted["Noor de Vries"]):
        assert "did not confirm that the pass arrived." in words
        assert "Until then, the pass may still work." in words and "was deleted" not in words
    assert "The pass was deleted. The manager or stand-in can create another one" in gone["Noor de Vries"]
    assert not table_under(today(), "Needs attention")


def test_pass_cancelled_by_hr_needs_no_attention(today, held, run_jobs):
    cancel_pass(held("noor"), reason="taken_back")
    run_jobs()

    assert not table_under(today(), "Needs attention")


def test_used_up_passes_and_a_closed_window_need_attention(browser_of, today, invite, many):
    starter = invite("noor")
    for number in (1, 2, 3):
        PassIssue.objects.create(
            starter=starter, account_id=f"x{number}", number=number, state="closed", counted=True,
            actor=starter.recorded_by, policy_id=policy.for_site().number, lifetime_minutes=60, lease_until=timezone.now(),
        )  # fmt: skip
    long_ago = timezone.localdate() - timedelta(days=9)
    many(1, long_ago, state="invited")

    late = page_of(browser_of("hanna").get(f"/hr/day/{long_ago}/"))

    assert (
        "The maximum number of passes for this starter has been reached."
        in table_under(today(), "Needs attention")["Noor de Vries"]
    )
    assert (
        "It is too late to create a pass for this starter."
        in table_under(late, "Needs attention")["Person 000"]
    )


def test_finished_starters_need_no_attention(today, record):
    record("noor")
    Starter.objects.update(problem="no_manager", state="registered")

    assert not table_under(today(), "Needs attention")


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
    told = {day: words for day, words in drawn.items() if "no starters" not in words}
    assert told == {
        "2026-11-25": "Wednesday 25 November: 3 starters",
        "2026-12-01": "Tuesday 1 December: 1 starter, need attention: 1",
    }
    table = page.split("Show as a table")[1]
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
        day.day.day: day
        for day in calendar.build_calendar(date(2026, 12, 1), date(2026, 12, 1), Q(pk__in=[]))["days"]
        if day.count
    }

    assert {number: day.level for number, day in days.items()} == {1: 1, 2: 2, 3: 4}


def test_a_day_far_away_is_drawn_among_its_own_weeks():
    drawn = calendar.build_calendar(date(2027, 8, 18), date(2026, 11, 25), Q(pk__in=[]))

    assert drawn["first"] == date(2027, 8, 16) and sum(day.is_shown for day in drawn["days"]) == 1


def test_no_style_is_written_into_the_page(browser_of, many):
    many(3, timezone.localdate())

    assert "style=" not in page_of(browser_of("hanna").get("/hr/day/"))


# --- What it costs, and who may ---------------------------------------------------------------------------------------


def test_full_day_costs_as_many_queries_as_an_empty_one(browser_of, many):
    hanna, day = browser_of("hanna"), timezone.localdate()
    many(2, day, state="invited", problem="refused")
    hanna.get("/hr/day/")
    with CaptureQueriesContext(connection) as few:
        hanna.get("/hr/day/")
    Starter.objects.all().delete()
    many(150, day, state="invited", problem="refused")

    with CaptureQueriesContext(connection) as lots:
        hanna.get("/hr/day/")

    assert len(lots) <= len(few) <= 16, len(lots)


def test_a_day_with_more_than_fit_leads_to_the_list(browser_of, many, monkeypatch):
    from onboarding.hr.views import day

    monkeypatch.setattr(day, "MAX_ROWS", 5)
    many(7, timezone.localdate())

    page = page_of(browser_of("hanna").get("/hr/day/"))

    assert "7 starters on this day:" in page and "This page shows the first 5 starters." in page
    day = timezone.localdate()
    assert f'href="/hr/?state=all&since={day}&until={day}"' in page


def test_reading_makes_no_call_and_changes_nothing(browser_of, invite, tenant):
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
