"""A starter whose time is over without a result lapses, HR sees it, and the API says so."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import audit, models, policy
from onboarding.models import AuditEvent, Mail, PassIssue, Starter
from onboarding.tickets import representation
from onboarding.worker import lapsing, retention
from tests.conftest import BY_KEY

pytestmark = pytest.mark.django_db
WINDOW = timedelta(days=5)
LAPSES = WINDOW + lapsing.LAPSES_AFTER + timedelta(minutes=1)


def run_after(time_machine, ago):
    time_machine.move_to(timezone.now() + ago)
    return retention.run_retention("")


def test_a_starter_lapses_a_month_after_the_window(invite, time_machine):
    starter = invite("noor")
    run_after(time_machine, LAPSES - timedelta(hours=1))
    assert Starter.objects.get().state == "invited"

    run_after(time_machine, timedelta(hours=1))

    ended = Starter.objects.get()
    assert (ended.state, ended.problem, ended.is_unfinished) == ("lapsed", "", False)
    assert (
        timezone.now() - ended.ended_at < timedelta(minutes=1) and ended.display_name == BY_KEY["noor"].name
    )
    event = AuditEvent.objects.get(event="starter.lapsed")
    assert (event.starter, event.facts) == (starter.public_id, {"state": "lapsed", "was": "invited"})
    assert not Mail.objects.filter(sent_at=None, dropped_at=None).exists()
    assert representation.next_actor(ended, []) == "nobody"
    assert list(audit.verify_chain()) == [] and list(audit.compare_rows()) == []


def test_hr_and_the_manager_see_that_a_starter_lapsed(invite, browser_of, time_machine):
    starter = invite("noor")
    run_after(time_machine, LAPSES)
    hr, manager = browser_of("hanna"), browser_of("maria")

    page = hr.get(f"/hr/{starter.public_id}/").content.decode()

    assert "Not completed" in page and "If this person is still going to start, add them again." in page
    assert f"/hr/{starter.public_id}/withdraw/" not in page
    listed = hr.get("/hr/?state=lapsed").content.decode()
    assert BY_KEY["noor"].name in listed and "Not completed" in listed
    day = hr.get(f"/hr/day/{starter.start_date}/").content.decode()
    assert "not completed" in day
    assert "The time to create a pass for this starter is over" in (
        manager.get(f"/starters/{starter.public_id}/").content.decode()
    )
    assert "Not completed" in manager.get("/starters/").content.decode()


def test_a_starter_whose_pass_may_exist_does_not_lapse(held, time_machine):
    held("noor")

    run_after(time_machine, LAPSES)
    assert Starter.objects.get().state == "issued"
    PassIssue.objects.update(state="closed")
    run_after(time_machine, timedelta(minutes=1))

    assert Starter.objects.get().state == "lapsed"


def test_a_department_with_a_longer_window_lapses_later(record, adopt, time_machine):
    starter = record("noor")
    adopt(
        models.PolicyVersion(
            department=policy.normalise_department(starter.department),
            overrides=["closes_days_after"],
            closes_days_after=20,
            reason="x",
        )
    )

    run_after(time_machine, LAPSES)
    assert Starter.objects.get().state == "recorded"
    run_after(time_machine, timedelta(days=15))

    assert Starter.objects.get().state == "lapsed"


def test_the_time_counts_from_the_end_of_the_window(record, time_machine):
    """A7: start and end are 200 days back when retention runs for the first time."""
    record("noor")

    run_after(time_machine, timedelta(days=200))

    starter = Starter.objects.get()
    assert (starter.state, starter.display_name) == ("lapsed", "") and starter.erased_at is not None
    assert list(audit.verify_chain()) == [] and list(audit.compare_rows()) == []


def test_a_backlog_is_worked_off_soon(record, time_machine, monkeypatch):
    for key in ("noor", "liam"):
        record(key)
    monkeypatch.setattr(lapsing, "MOST_AT_ONCE", 1)
    monkeypatch.setattr(retention, "MOST_AT_ONCE", 1)

    again_at = run_after(time_machine, LAPSES)

    assert Starter.objects.filter(state="lapsed").count() == 1
    assert again_at - timezone.now() <= retention.AGAIN_SOON
