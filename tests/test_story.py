"""A starter's page reads as a story: what was done by whom, what comes next and when, and what to do if it does not."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from onboarding import handover, services
from onboarding.hr import hands
from onboarding.models import PassIssue, Starter

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


def test_at_first_it_says_who_recorded_it_and_when_the_rest_will_be(at_nine, browser_of, record):
    page = page_of(browser_of("hanna"), record("noor", starts_in=timedelta(days=7)))

    assert story_of(page) == [
        ("done", "Recorded Wednesday 25 November, 09:00, by Hanna Reuter"),
        ("now", "Manager invited (not yet) Sunday 29 November, 09:00, or when you send the link"),
        ("later", "Pass handed over (not yet) Wednesday 2 December, 07:00 to Monday 7 December, 09:00"),
        ("later", "Can sign in (not yet) when they have set up their own way of signing in"),
    ]
    assert "The manager gets the link on Sunday 29 November, 09:00." in next_of(page)
    assert "If the manager says that no mail came, send the link yourself" in next_of(page)


def test_each_step_is_told_once_it_is_done(at_nine, browser_of, held, tenant):
    page = page_of(browser_of("hanna"), held("noor").starter)

    assert [stage for stage, _ in story_of(page)] == ["done", "done", "done", "now"]
    assert story_of(page)[1][1] == "Manager invited Wednesday 25 November, 09:00"
    assert story_of(page)[2][1] == "Pass handed over Wednesday 25 November, 09:00"
    assert "the pass stops working at 10:00, and the manager can make another" in next_of(page)


def test_at_the_end_all_of_it_is_done(browser_of, held):
    starter = held("noor").starter
    PassIssue.objects.update(state="closed")
    Starter.objects.update(state="registered", ended_at=timezone.now())

    page = page_of(browser_of("hanna"), starter)

    assert [stage for stage, _ in story_of(page)] == ["done"] * 4
    assert "the service desk helps them" in next_of(page)


def test_of_a_withdrawn_one_it_says_how_far_it_came(browser_of, record, invite, person):
    for starter, titles in (
        (record("noor"), ["Recorded"]),
        (invite("liam"), ["Recorded", "Manager invited"]),
    ):
        services.withdraw_starter(starter=starter, by=person("hanna"), reason="x")

        page = page_of(browser_of("hanna"), starter)

        assert [words.split(" ", 1)[0] for _, words in story_of(page)] == [
            *[title.split(" ", 1)[0] for title in titles],
            "Withdrawn",
        ]
        assert story_of(page)[-1][0] == "stopped"
        assert "If that was a mistake, bring it back: until" in next_of(page)


def test_a_withdrawn_one_whose_time_is_over_is_to_be_recorded_anew(browser_of, record, person):
    starter = record("noor")
    services.withdraw_starter(starter=starter, by=person("hanna"), reason="x")
    Starter.objects.update(starts_at=timezone.now() - timedelta(days=6))

    assert "record them anew" in next_of(page_of(browser_of("hanna"), starter))


@pytest.mark.parametrize(
    ("starts_in", "if_not"),
    [(timedelta(days=9), "If the day is wrong, change it."), (timedelta(0), "If the starter does not come")],
)
def test_while_the_manager_has_the_link_it_depends_on_the_day(browser_of, invite, starts_in, if_not):
    assert if_not in next_of(page_of(browser_of("hanna"), invite("noor", starts_in=starts_in)))


def test_while_nobody_knows_what_became_of_a_pass_nobody_has_to_press(
    browser_of, invite, confirmation, tenant
):
    starter = invite("noor")
    tenant.tenant.faults.add([{"method": "POST", "path": "temporaryAccessPassMethods", "drop": "before"}])
    handover.confirm(confirmation(starter))

    assert "Nobody needs to press anything" in next_of(page_of(browser_of("hanna"), starter))


@pytest.mark.parametrize("problem", [problem for problem in Starter.Problem.values if problem])
def test_what_is_in_the_way_is_told_with_what_puts_it_right(browser_of, record, problem):
    starter = record("noor")
    Starter.objects.update(problem=problem)

    page = page_of(browser_of("hanna"), starter)

    hand = hands.FIXES[problem]
    assert f"<h2>{hand.why}</h2>" in page and str(hand.fix) in page
    assert "If the manager says that no mail came" not in page
    assert hand.place == "starter" or f'href="/hr/{starter.public_id}/{hand.place}/">{hand.label}' in page


def test_a_first_day_that_was_moved_is_told_with_the_day(browser_of, record, person):
    starter = record("noor")
    when = {"start_date": starter.start_date + timedelta(days=3), "start_time": starter.start_time}
    services.reschedule(starter=starter, time_zone="Asia/Tokyo", note="", by=person("hanna"), **when)

    history = page_of(browser_of("hanna"), starter).split("<h2>History</h2>")[1]

    assert f"the first day is {when['start_date']} {starter.start_time:%H:%M} (Asia/Tokyo)" in history
