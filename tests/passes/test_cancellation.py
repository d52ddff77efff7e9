"""The cancellation of a pass that was not seen, or lost. Only the manager who saw it can cancel it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import AuditEvent, PassIssue, Starter
from onboarding.passes.cancellation import cancel_pass
from tests.conftest import creations, live_passes
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db

Reason = PassIssue.Reason


def address(name: str, issue: PassIssue) -> str:
    return reverse(f"managers:{name}", args=[issue.starter.public_id, issue.pk])


def page_of(issue: PassIssue) -> str:
    return reverse("managers:starter", args=[issue.starter.public_id])


def words(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def reload(issue: PassIssue) -> PassIssue:
    return PassIssue.objects.get(pk=issue.pk)


# --- Not seen, and lost -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "reason"), [("not-seen", Reason.NOT_SEEN), ("lost", Reason.LOST)])
@pytest.mark.parametrize("acknowledged", [False, True])
def test_a_cancelled_pass_is_deleted_and_another_can_be_created(
    tenant, settings, shown, browser_of, run_jobs, name, reason, acknowledged
):
    settings.GRAPH_BUDGET_CALLS = 6  # two passes, a deletion and the check after it, within ten seconds
    issue, maria = shown("noor").issue, browser_of("maria")
    if acknowledged:
        maria.post(address("receipt", issue))

    answer = maria.post(address(name, issue), follow=True)

    assert answer.redirect_chain == [(page_of(issue), 302)]
    assert "The pass is being cancelled" in words(answer)
    assert (reload(issue).state, reload(issue).reason) == (IssueState.REVOKING, reason)

    run_jobs()
    assert live_passes(tenant) == []
    assert reload(issue).state == IssueState.REVOKED
    opened = maria.get(page_of(issue))
    assert opened.context["page_state"].code == "ready"
    assert f"no longer works: {reason.label}." in words(opened)
    created = maria.post(page_of(issue), {**opened.context["form"].initial, "identity_check": "in_person"})
    assert "data-pass" in words(created)
    assert len(creations(tenant)) == 2


def test_the_page_offers_to_cancel_before_and_after_the_receipt(shown, browser_of):
    issue, maria = shown("noor").issue, browser_of("maria")

    before = maria.get(page_of(issue))
    maria.post(address("receipt", issue))
    after = maria.get(page_of(issue))

    assert address("not-seen", issue) in words(before)
    assert address("lost", issue) not in words(before)
    assert address("lost", issue) in words(after)
    assert address("not-seen", issue) not in words(after)


def test_repeated_clicks_cancel_once(tenant, shown, browser_of):
    issue, maria = shown("noor").issue, browser_of("maria")

    answers = [maria.post(address("not-seen", issue), follow=True) for _ in range(3)]
    maria.post(address("lost", issue))

    assert [answer.status_code for answer in answers] == [200] * 3
    assert AuditEvent.objects.filter(event="issue.revoking").count() == 1
    assert reload(issue).reason == Reason.NOT_SEEN


def test_a_cancellation_is_audited_with_actor_and_reason(shown, browser_of, person):
    issue, maria = shown("noor").issue, person("maria")

    browser_of("maria").post(address("not-seen", issue))

    event = AuditEvent.objects.get(event="issue.revoking")
    assert event.facts["reason"] == "not_seen"
    assert event.detail.values["by"] == f"{maria.tid}/{maria.oid}"


def test_a_receipt_after_the_cancellation_makes_the_page_wipe_itself(shown, browser_of):
    issue, maria = shown("noor").issue, browser_of("maria")
    maria.post(address("not-seen", issue))

    assert maria.post(address("receipt", issue)).status_code == 410
    assert reload(issue).state == IssueState.REVOKING


def test_a_repeated_receipt_gets_an_empty_response(shown, browser_of):
    issue, maria = shown("noor").issue, browser_of("maria")

    answers = [maria.post(address("receipt", issue)) for _ in range(2)]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    assert reload(issue).state == IssueState.HELD


def test_a_used_pass_can_still_be_cancelled(tenant, held, browser_of, run_jobs):
    issue = held("noor")
    live_passes(tenant)[0].used = tenant.tenant.clock.now()
    run_jobs()
    assert reload(issue).used_at is not None

    browser_of("maria").post(address("lost", issue))
    run_jobs()

    assert reload(issue).state == IssueState.REVOKED
    assert Starter.objects.get(pk=issue.starter_id).state == StarterState.INVITED


@pytest.mark.parametrize("name", ["not-seen", "lost", "receipt"])
def test_an_ended_issue_stays_unchanged(held, browser_of, run_jobs, name):
    issue = held("noor")
    cancel_pass(issue, reason=Reason.LOST)
    run_jobs()

    answer = browser_of("maria").post(address(name, issue))

    assert answer.status_code == (410 if name == "receipt" else 302)
    assert reload(issue).state == IssueState.REVOKED


@pytest.mark.parametrize("name", ["not-seen", "lost"])
def test_an_unknown_pass_cannot_be_cancelled_and_resolves_itself(
    tenant, invite, confirmation, browser_of, run_jobs, name
):
    tenant.tenant.faults.add({"path": "temporaryAccessPassMethods", "method": "POST", "drop": "after"})
    issue = outcome_of(confirmation(invite("noor"))).issue

    browser_of("maria").post(address(name, issue))
    assert reload(issue).state == IssueState.UNKNOWN

    run_jobs()
    assert (reload(issue).state, live_passes(tenant)) == (IssueState.REVOKED, [])


# --- Who can cancel it --------------------------------------------------------------

NAMES = ("receipt", "not-seen", "lost")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("who", ["tom", "hanna", "ada", "audrey", "outsider", "noor"])
def test_nobody_else_can_act_on_the_pass(tenant, shown, browser_of, who, name):
    issue = shown("noor").issue

    answer = browser_of(who).post(address(name, issue))

    assert answer.status_code == 404
    assert reload(issue).state == IssueState.SHOWN
    assert len(live_passes(tenant)) == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_new_manager_sees_the_state_and_cannot_act(tenant, held, browser_of, name):
    issue = held("noor")
    tenant.tenant.accounts["noor"].manager = "tom"
    tom = browser_of("tom")

    seen, answer = tom.get(page_of(issue)), tom.post(address(name, issue))

    assert seen.context["page_state"].code == "held"
    assert "Cancel this pass" not in words(seen)
    assert answer.status_code == 404
    assert reload(issue).state == IssueState.HELD


def test_a_former_manager_can_still_cancel_their_pass(tenant, held, browser_of, run_jobs):
    issue = held("noor")
    tenant.tenant.accounts["noor"].manager = "tom"

    browser_of("maria").post(address("lost", issue))
    run_jobs()

    assert (reload(issue).state, live_passes(tenant)) == (IssueState.REVOKED, [])


def test_a_receipt_needs_no_answer_from_the_directory(tenant, shown, browser_of):
    issue = shown("noor").issue
    tenant.tenant.faults.add({"path": "/v1.0/", "drop": "before", "times": None})

    assert browser_of("maria").post(address("receipt", issue)).status_code == 204
    assert reload(issue).state == IssueState.HELD


@pytest.mark.parametrize("name", NAMES)
def test_an_issue_is_found_only_under_its_starter(shown, invite, browser_of, name):
    issue, other = shown("noor").issue, invite("liam")

    answer = browser_of("maria").post(reverse(f"managers:{name}", args=[other.public_id, issue.pk]))

    assert answer.status_code == 404
    assert reload(issue).state == IssueState.SHOWN


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["get", "head", "put", "delete"])
def test_only_a_post_cancels_a_pass(shown, browser_of, name, method):
    issue = shown("noor").issue

    answer = getattr(browser_of("maria"), method)(address(name, issue))

    assert answer.status_code == 405
    assert reload(issue).state == IssueState.SHOWN


@pytest.mark.parametrize("name", NAMES)
def test_another_site_cannot_cancel_a_pass(shown, browser_of, name):
    issue, maria = shown("noor").issue, browser_of("maria")
    maria.handler.enforce_csrf_checks = True

    answers = [
        maria.post(address(name, issue)),
        maria.post(address(name, issue), headers={"Sec-Fetch-Site": "cross-site"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert reload(issue).state == IssueState.SHOWN


@pytest.mark.parametrize("name", NAMES)
def test_nobody_can_act_without_signing_in(shown, name):
    issue = shown("noor").issue

    assert Client().post(address(name, issue)).status_code == 401
    assert reload(issue).state == IssueState.SHOWN


def test_an_old_sign_in_is_enough_to_cancel_a_pass(
    held: Callable[..., PassIssue], browser_of: Callable[..., Client]
):
    issue = held("noor")

    browser_of("maria", ago=timedelta(hours=2)).post(address("lost", issue))

    assert reload(issue).state == IssueState.REVOKING
