"""The progress on HR's page of a starter: what was done, what comes next, and what to do if it does not."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from django.utils.formats import date_format

from onboarding.hr import attention
from onboarding.models import PassIssue, Starter
from onboarding.passes.receipt import confirm_receipt
from onboarding.starters import rescheduling, withdrawal
from onboarding.starters.rescheduling import Schedule
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db


def page_of(browser, starter):
    response = browser.get(f"/hr/{starter.public_id}/")
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def words_of(part):
    return " ".join(re.sub(r"<[^>]+>", " ", part).split())


def story_of(page):
    """Each step: its stage and its words."""
    part = page.split('class="story"')[1].split("</ol>")[0]
    steps = re.findall(r'<li data-stage="(\w+)"( aria-current="step")?>(.*?)</li>', part, re.S)
    return [(stage, words_of(words)) for stage, _, words in steps]


def next_of(page):
    return words_of(page.split("What happens next</h2>")[1].split("</div>")[0])


@pytest.fixture
def at_nine(time_machine):
    time_machine.move_to(
        datetime.fromisoformat("2026-11-25T08:00:00+00:00"), tick=False
    )  # 09:00 in Amsterdam


def test_new_starter_shows_who_added_it_and_planned_dates(at_nine, browser_of, record):
    page = page_of(browser_of("hanna"), record("noor", starts_in=timedelta(days=7)))

    assert story_of(page) == [
        ("done", "Added Wednesday 25 November, 09:00, by Hanna Reuter"),
        (
            "now",
            "Manager invited (not yet) Sunday 29 November, 09:00, or earlier if you send the link yourself",
        ),
        ("later", "Pass handed over (not yet) Wednesday 2 December, 07:00 to Monday 7 December, 09:00"),
        ("later", "Can sign in (not yet) when the starter has registered a sign-in method"),
    ]
    assert "The manager will get the link on Sunday 29 November, 09:00." in next_of(page)
    assert "If the manager does not get the email, send the link from this page" in next_of(page)


def test_each_step_appears_once_it_is_done(at_nine, browser_of, invite, confirmation, run_jobs):
    starter = invite("noor")
    run_jobs()
    issue = outcome_of(confirmation(starter)).issue
    confirm_receipt(issue, by=issue.actor)
    page = page_of(browser_of("hanna"), issue.starter)

    assert [stage for stage, _ in story_of(page)] == ["done", "done", "done", "now"]
    assert story_of(page)[1][1] == "Manager invited Wednesday 25 November, 09:00"
    assert story_of(page)[2][1] == "Pass handed over Wednesday 25 November, 09:00"
    assert "by 10:00, the pass expires. This page then shows the next step" in next_of(page)


def test_at_the_end_all_of_it_is_done(browser_of, held):
    starter = held("noor").starter
    PassIssue.objects.update(state="closed")
    Starter.objects.update(state="registered", ended_at=timezone.now())

    page = page_of(browser_of("hanna"), starter)

    assert [stage for stage, _ in story_of(page)] == ["done"] * 4
    assert "the service desk can help" in next_of(page)


def test_of_a_withdrawn_one_it_says_how_far_it_came(browser_of, record, invite, person):
    for starter, titles in (
        (record("noor"), ["Added"]),
        (invite("liam"), ["Added", "Manager invited"]),
    ):
        withdrawal.withdraw_starter(starter=starter, by=person("hanna"), reason="x")

        page = page_of(browser_of("hanna"), starter)

        assert [words.split(" ", 1)[0] for _, words in story_of(page)] == [
            *[title.split(" ", 1)[0] for title in titles],
            "Withdrawn",
        ]
        assert story_of(page)[-1][0] == "stopped"
        assert "you can restore the starter until" in next_of(page)


def test_withdrawn_starter_with_a_closed_window_must_be_added_again(browser_of, record, person):
    starter = record("noor")
    withdrawal.withdraw_starter(starter=starter, by=person("hanna"), reason="x")
    Starter.objects.update(starts_at=timezone.now() - timedelta(days=6))

    assert "add them again" in next_of(page_of(browser_of("hanna"), starter))


@pytest.mark.parametrize(
    ("starts_in", "if_not"),
    [
        (timedelta(days=9), "If the start date is wrong, change it."),
        (timedelta(0), "If this person will not start, withdraw the starter."),
    ],
)
def test_advice_after_the_link_depends_on_the_day(browser_of, invite, starts_in, if_not):
    assert if_not in next_of(page_of(browser_of("hanna"), invite("noor", starts_in=starts_in)))


def test_unclear_outcome_needs_no_action(browser_of, invite, confirmation, tenant):
    starter = invite("noor")
    tenant.tenant.faults.add([{"method": "POST", "path": "temporaryAccessPassMethods", "drop": "before"}])
    outcome_of(confirmation(starter))

    assert "You do not need to do anything" in next_of(page_of(browser_of("hanna"), starter))


@pytest.mark.parametrize("problem", [problem for problem in Starter.Problem.values if problem])
def test_problem_is_shown_with_its_fix(browser_of, record, problem):
    starter = record("noor")
    Starter.objects.update(problem=problem)

    page = page_of(browser_of("hanna"), starter)

    action = attention.FIXES[problem]
    assert f"<h2>{action.why}</h2>" in page and str(action.fix) in page
    assert "If the manager does not get the email" not in page
    assert action.page == "starter" or f'href="/hr/{starter.public_id}/{action.page}/">{action.label}' in page


def test_history_shows_the_new_start_date(browser_of, record, person):
    starter = record("noor")
    schedule = Schedule(starter.start_date + timedelta(days=3), starter.start_time, "Asia/Tokyo")
    rescheduling.reschedule_starter(starter=starter, schedule=schedule, note="", by=person("hanna"))

    history = page_of(browser_of("hanna"), starter).split("<h2>History</h2>")[1]

    start = date_format(datetime.combine(schedule.start_date, schedule.start_time), "STAMP")
    assert f"Start: {start} (Asia/Tokyo)" in history
