"""The progress that an open pass page polls."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from onboarding.lifecycle import IssueState
from onboarding.managers.pass_progress import OPEN, describe_progress
from onboarding.models import PassIssue, Starter
from onboarding.passes.receipt import confirm_receipt
from tests.faults.canary import found_in

pytestmark = pytest.mark.django_db

Reason = PassIssue.Reason


def poll_progress(browser, issue):
    return browser.get(f"/starters/{issue.starter.public_id}/{issue.pk}/progress/")


def update_issue(issue: PassIssue, **fields) -> PassIssue:
    """The issue with other facts, as the worker would have stored them."""
    PassIssue.objects.filter(pk=issue.pk).update(**fields)
    return PassIssue.objects.select_related("starter").get(pk=issue.pk)


def test_usable_pass_is_open_without_text(shown, browser_of):
    outcome = shown("noor")
    code, maria = outcome.code.reveal(), browser_of("maria")
    before = poll_progress(maria, outcome.issue).json()
    confirm_receipt(outcome.issue, by=outcome.issue.actor)
    answer = poll_progress(maria, outcome.issue)

    assert (
        before
        == answer.json()
        == {"code": "open", "title": "", "lines": [], "tone": "wait", "is_final": False}
    )
    assert not found_in(answer.content.decode(), code)
    assert answer["Cache-Control"] == "no-store"


def test_only_the_person_shown_the_pass_gets_progress(held, browser_of):
    issue = held("noor")

    assert {
        poll_progress(browser_of(key), issue).status_code for key in ("tom", "hanna", "ada", "audrey")
    } == {404}


def test_asking_reads_a_few_rows_and_asks_no_directory(held, browser_of, tenant):
    issue, maria = held("noor"), browser_of("maria")
    poll_progress(maria, issue)
    asked = len(tenant.tenant.requests)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        poll_progress(maria, issue)

    assert len(tenant.tenant.requests) == asked
    assert len(queries) <= 6, [query["sql"] for query in queries]
    assert not [query for query in queries if not query["sql"].startswith("SELECT")]


def test_used_pass_names_the_starter_and_is_not_final(held):
    seen = describe_progress(update_issue(held("noor"), used_at=timezone.now()), timezone.now())

    assert seen.title == "The pass was used. Noor de Vries must now set up a sign-in method"
    assert "If Noor de Vries did not use the pass, tell IT at once." in seen.lines
    assert not seen.is_final


def test_expired_pass_can_still_turn_out_used(held):
    issue = held("noor")

    seen = describe_progress(issue, issue.valid_until + timedelta(seconds=1))

    assert (seen.code, seen.is_final) == ("expired", False)


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        (Reason.NO_RECEIPT, "We could not confirm that the pass reached you."),
        (Reason.NOT_SEEN, "You did not see the pass."),
        (Reason.LOST, "You cancelled the pass."),
        (Reason.TAKEN_BACK, "HR cancelled the pass."),
        (Reason.WITHDRAWN, "HR or another system withdrew this starter."),
    ],
)
def test_cancelled_pass_shows_why_and_is_gone_only_after_deletion(held, reason, says):
    issue = held("noor")

    under_way = describe_progress(update_issue(issue, state="revoking", reason=reason), timezone.now())
    gone = describe_progress(update_issue(issue, state="revoked", reason=reason), timezone.now())

    assert says in under_way.lines and says in gone.lines
    assert under_way.title == "The pass is being cancelled" and not under_way.is_final
    assert not [line for line in under_way.lines if "no longer on the account" in line]
    assert gone.title == "The pass was cancelled" and gone.is_final
    assert [line for line in gone.lines if "no longer on the account" in line]


def test_pass_of_a_registered_starter_is_done_in_any_state(held):
    issue = held("noor")
    Starter.objects.filter(pk=issue.starter_id).update(state="registered")

    for state, reason in (("closed", "registered"), ("revoked", "no_receipt")):
        assert (
            describe_progress(update_issue(issue, state=state, reason=reason), timezone.now()).title
            == "You are done"
        )


@pytest.mark.parametrize("state", sorted(set(IssueState) - {IssueState.SHOWN, IssueState.HELD}))
def test_whatever_else_is_stored_the_page_stops_showing_the_pass(held, state):
    issue = held("noor")

    for reason in Reason.values:
        seen = describe_progress(update_issue(issue, state=state, reason=reason), timezone.now())
        assert seen != OPEN, reason
        assert seen.title and json.dumps(seen.lines), reason
