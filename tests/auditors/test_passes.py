"""Passes by month, and a starter's whole story."""

from __future__ import annotations

import pytest
from django.utils import timezone

from onboarding.models import PassIssue
from tests.auditors.conftest import text_of

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def month_page(client, month):
    return text_of(client.post("/audit/passes/", {"month": month}, follow=True))


def test_a_month_lists_each_pass_with_its_people(audrey, held):
    issue = held("noor")

    page = text_of(audrey.get("/audit/passes/"))

    for words in ("Noor", "Maria Lindqvist", "In person", "Handed over", "All passes 1", "Attempt 1"):
        assert words in page
    assert f"/policyversion/{issue.policy_id}/change/" in audrey.get("/audit/passes/").content.decode()


def test_a_month_has_only_its_passes(audrey, held):
    issue = held("noor")
    PassIssue.objects.filter(pk=issue.pk).update(intended_at="2026-05-31T21:59:59Z")

    assert "All passes 1" in month_page(audrey, "2026-05")
    assert "No passes in this month" in month_page(audrey, "2026-06")


@pytest.mark.parametrize("month", ["2026-13", "05", "'", "9999-12", ""])
def test_an_impossible_month_leads_to_this_month(audrey, month):
    answer = audrey.post("/audit/passes/", {"month": month}, follow=True)

    assert answer.context["month"] == timezone.localdate().replace(day=1)


CHANGES = {
    "According to the audit log, the identity check was different.": {"identity_check": "known"},
    "According to the audit log, a different person confirmed.": {"actor": "tom"},
    "According to the audit log, this pass is for a different starter.": {"starter": "emma"},
}


@pytest.mark.parametrize("words", CHANGES)
def test_a_pass_that_differs_from_the_log_says_so(audrey, held, person, emma, words):
    issue = held("noor")
    values = {"actor": person("tom"), "starter": emma}
    (name,) = CHANGES[words]
    PassIssue.objects.filter(pk=issue.pk).update(**{name: values.get(name, "known")})

    assert words in text_of(audrey.get("/audit/passes/"))


def test_an_unchanged_pass_reports_nothing(audrey, held):
    held("noor")

    assert "The audit log" not in text_of(audrey.get("/audit/passes/"))


def test_the_months_begin_with_the_first_pass(audrey, held, time_machine):
    PassIssue.objects.filter(pk=held("noor").pk).update(intended_at="2026-09-15T10:00:00Z")
    time_machine.move_to("2026-11-15T10:00:00Z")

    months = audrey.get("/audit/passes/").context["months"]

    assert [f"{month:%Y-%m}" for month in months] == ["2026-11", "2026-10", "2026-09"]


def test_a_story_has_all_events_in_order_and_each_pass(audrey, held):
    issue = held("noor")

    answer = audrey.post(f"/audit/starters/{issue.starter.public_id}/", follow=True)

    events = [row.event for row in answer.context["rows"]]
    assert events == [
        "starter.recorded", "starter.invited", "issue.intent", "issue.shown", "starter.issued", "issue.held",
    ]  # fmt: skip
    assert "Maria Lindqvist" in text_of(answer) and "Identity check: In person" in text_of(answer)
    assert [attempt.issue.number for attempt in answer.context["attempts"]] == [1]


def test_a_long_story_has_pages(audrey, held, monkeypatch):
    monkeypatch.setattr("onboarding.auditors.views.STORY_SIZE", 4)
    issue = held("noor")

    first = audrey.post(f"/audit/starters/{issue.starter.public_id}/", follow=True)
    second = audrey.get(f"/audit/starters/{issue.starter.public_id}/{first.context['more_url']}")

    assert [len(page.context["rows"]) for page in (first, second)] == [4, 2]
    assert second.context["more_url"] == ""


def test_an_unknown_starter_has_no_story(audrey):
    assert audrey.get(f"/audit/starters/{'A' * 22}/").status_code == 404
