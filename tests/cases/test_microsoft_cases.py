"""Microsoft's odd answers about passes: what the manager's browser, the tenant and the audit log show afterwards."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.urls import reverse
from django.utils import timezone

from onboarding import audit
from onboarding.lifecycle import IssueState
from onboarding.models import AuditEvent, GraphBudget, Mail, PassIssue, Starter
from onboarding.passes.errors import PassNotCreated
from onboarding.passes.reconciler import lost_passes
from portal.demo.visitor import Visitor
from tests.conftest import creations, live_passes
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db

SECONDS, MINUTES = timedelta(seconds=1), timedelta(minutes=1)


class Killed(BaseException):
    """The worker's process ends here."""


def page_of(starter: Starter) -> str:
    return reverse("managers:starter", args=[starter.public_id])


def text_of(response: Any) -> str:
    """A page's words, without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def click(browser: Any, starter: Starter) -> Any:
    """Open the page and click its button, with what the form shows."""
    page = browser.get(page_of(starter))
    assert "form" in page.context, text_of(page)
    return browser.post(page_of(starter), {**page.context["form"].initial, "identity_check": "in_person"})


def has_pass(response: Any) -> bool:
    return b"data-pass" in response.content


def issue_of(starter: Starter, number: int = 1) -> PassIssue:
    return PassIssue.objects.get(starter=starter, number=number)


def trail(issue: PassIssue) -> list[str]:
    return list(
        AuditEvent.objects.filter(issue=str(issue.pk)).order_by("seq").values_list("event", flat=True)
    )


def mails_to_security() -> list[str]:
    return list(Mail.objects.filter(to=django_settings.SECURITY_ADDRESS).values_list("text", flat=True))


def assert_settled(tenant: Any) -> None:
    """No unseen pass works, security got no alarm, no request was repeated, and the audit chain verifies."""
    assert live_passes(tenant) == []
    assert mails_to_security() == []
    assert len(creations(tenant)) == 1
    assert list(audit.verify_chain()) == []


@pytest.fixture
def acknowledged(browser_of: Any) -> Callable[[Starter, Any], PassIssue]:
    """The manager's page reports that the pass is on the screen."""

    def receipt(starter: Starter, browser: Any) -> PassIssue:
        issue = starter.issues.latest("number")
        assert (
            browser.post(reverse("managers:receipt", args=[starter.public_id, issue.pk])).status_code == 204
        )
        return starter.issues.get(pk=issue.pk)

    return receipt


# --- The answer to the creation -----------------------------------------------------------------------------------


def test_f11_a_404_for_a_new_account_notifies_nobody(tenant, fault, invite, browser_of, time_passes):
    starter, maria = invite("noor"), browser_of("maria")
    before = Mail.objects.count()
    fault(method="POST", status=404)

    answer = text_of(click(maria, starter))
    time_passes(10 * SECONDS)

    assert "Microsoft does not know this account yet. Try again in a minute." in answer
    assert "HR" not in answer.partition("There is no pass to show")[2].partition("This page updates")[0]
    assert Mail.objects.count() == before
    assert issue_of(starter).state == IssueState.REJECTED
    assert has_pass(click(maria, starter))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429])
def test_f14_a_pass_created_despite_a_refusal_is_deleted(
    tenant, fault, invite, browser_of, time_passes, status
):
    starter, maria = invite("noor"), browser_of("maria")
    fault(method="POST", status=status, applied=True)

    assert not has_pass(click(maria, starter))
    assert len(live_passes(tenant)) == 1
    while_it_is_checked = maria.get(page_of(starter))
    time_passes(20 * SECONDS)

    assert "form" not in while_it_is_checked.context, "a second pass could be asked for before the look"
    assert_settled(tenant)
    assert trail(issue_of(starter)) == ["issue.intent", "issue.unknown", "issue.found", "issue.revoked"]
    assert has_pass(click(maria, starter))
    assert len(live_passes(tenant)) == 1


def test_f11_a_refusal_claims_that_hr_was_notified_only_afterwards(fault, invite, browser_of, time_passes):
    starter, maria = invite("noor"), browser_of("maria")
    fault(method="POST", status=403)

    at_once = text_of(click(maria, starter))
    time_passes(10 * SECONDS)
    later = text_of(maria.get(page_of(starter)))

    assert "Microsoft refused to create a pass for this account." in at_once
    assert "HR has been notified" not in at_once
    assert "HR has been notified." in later
    assert Mail.objects.filter(kind="refused", to=django_settings.HR_ADDRESS).exists()


@pytest.mark.parametrize(
    "mutate",
    [
        {"startDateTime": "2030-01-01T00:00:00.0000000Z"},
        {"startDateTime": "2020-01-01T00:00:00.0000000Z"},
        {"startDateTime": "2020-01-01T00:00:00Z", "createdDateTime": "2020-01-01T00:00:00Z"},
        {"createdDateTime": "2020-01-01T00:00:00.0000000Z"},
        {"id": "7e57ab1e-0000-4000-8000-000000000000"},
    ],
    ids=[
        "starts in 2030",
        "started in 2020",
        "made in 2020",
        "made in 2020, starts now",
        "an id that is not listed",
    ],
)
def test_f18_a_contradictory_answers_pass_is_deleted(tenant, fault, invite, browser_of, time_passes, mutate):
    starter, maria = invite("noor"), browser_of("maria")
    fault(method="POST", mutate=mutate)

    answer = click(maria, starter)
    time_passes(3 * MINUTES)

    assert not has_pass(answer)
    assert "Microsoft created a pass that cannot be used" in text_of(answer)
    assert_settled(tenant)
    assert trail(issue_of(starter))[-2:] == ["issue.found", "issue.revoked"]


def test_f18_our_pass_under_another_id_is_recognised(
    tenant, fault, invite, browser_of, acknowledged, time_passes
):
    starter, maria = invite("noor"), browser_of("maria")
    fault(method="POST", mutate={"id": "7e57ab1e-0000-4000-8000-000000000000"}, headers={"Location": ""})
    assert has_pass(click(maria, starter))
    issue = acknowledged(starter, maria)

    time_passes(20 * SECONDS)
    listed = live_passes(tenant)[0].id
    followed = issue_of(starter)
    maria.post(reverse("managers:lost", args=[starter.public_id, issue.pk]))
    time_passes(10 * SECONDS)

    assert (followed.state, followed.method_id) == (IssueState.HELD, listed)
    assert_settled(tenant)
    assert issue_of(starter).state == IssueState.REVOKED


# --- The deletion and the list ------------------------------------------------------------------------------------


def test_f12_a_pass_still_listed_after_204_is_not_gone(tenant, fault, invite, browser_of, time_passes):
    starter, maria = invite("noor"), browser_of("maria")
    assert has_pass(click(maria, starter))
    fault(method="DELETE", status=204)

    maria.post(reverse("managers:not-seen", args=[starter.public_id, issue_of(starter).pk]))
    time_passes(1 * SECONDS)
    believed, alive = issue_of(starter).state, len(live_passes(tenant))
    time_passes(30 * SECONDS)

    assert (believed, alive) == (IssueState.REVOKING, 1)
    assert issue_of(starter).state == IssueState.REVOKED
    assert_settled(tenant)


def test_f12_another_tools_pass_listed_after_204_is_not_replaced(
    tenant, fault, invite, browser_of, confirmation
):
    starter = invite("haspass")
    (theirs,) = live_passes(tenant, "haspass")
    fault(method="DELETE", status=204)

    outcome = outcome_of(confirmation(starter, replacing=frozenset({theirs.id})))

    assert isinstance(outcome, PassNotCreated)
    assert (issue_of(starter).state, issue_of(starter).reason) == (IssueState.REJECTED, "not_replaced")
    assert [issued.id for issued in live_passes(tenant, "haspass")] == [theirs.id]
    assert not [
        request
        for request in tenant.tenant.requests
        if request["method"] == "POST" and "AccessPass" in request["path"]
    ]
    assert not AuditEvent.objects.filter(event="issue.replaced_foreign").exists()


def test_f16_a_404_on_the_list_settles_nothing(tenant, fault, invite, browser_of, time_passes):
    starter, maria = invite("noor"), browser_of("maria")
    fault(method="POST", drop="after")
    fault(method="GET", path="temporaryAccessPassMethods$", status=404, times=3)

    click(maria, starter)
    time_passes(15 * SECONDS)
    believed = issue_of(starter).state
    time_passes(3 * MINUTES)

    assert believed == IssueState.UNKNOWN
    assert issue_of(starter).state == IssueState.REVOKED
    assert_settled(tenant)


def test_f20_a_found_pass_is_audited_despite_a_killed_worker(
    tenant, fault, monkeypatch, invite, browser_of, time_passes
):
    starter, maria = invite("noor"), browser_of("maria")
    fault(method="POST", drop="after")
    click(maria, starter)
    end = lost_passes.end_issue

    def killed(*args: Any, **kwargs: Any) -> None:
        monkeypatch.setattr(lost_passes, "end_issue", end)
        raise Killed

    monkeypatch.setattr(lost_passes, "end_issue", killed)
    with pytest.raises(Killed):
        time_passes(10 * SECONDS)
    gone = live_passes(tenant)
    time_passes(4 * MINUTES)

    assert gone == []
    assert_settled(tenant)
    assert issue_of(starter).state == IssueState.REVOKED
    assert trail(issue_of(starter))[-2:] == ["issue.found", "issue.revoked"]


# --- Clocks, and what appears late --------------------------------------------------------------------------------


def test_f15_a_pass_is_followed_until_microsoft_reports_its_end(
    tenant, policy_says, invite, browser_of, acknowledged, time_passes, settings
):
    tenant.tenant.clock.ahead = -300  # the portal's clock is five minutes fast
    policy_says(lifetime_minutes=10)
    starter, maria = invite("noor"), browser_of("maria")
    tenant.tenant.witness = []
    assert has_pass(click(maria, starter))
    (code,), tenant.tenant.witness = tenant.tenant.witness, None
    issue = acknowledged(starter, maria)
    assert issue.valid_until < timezone.now() + 6 * MINUTES

    time_passes(7 * MINUTES)
    past_our_time = issue_of(starter).state
    visitor = Visitor(tenant.url)
    visitor.post(f"{tenant.url}/mysignins", {"account": starter.account_name, "pass": code})
    time_passes(2 * MINUTES)
    used = issue_of(starter).used_at
    visitor.post(f"{tenant.url}/mysignins/register", {"name": "My phone"})
    time_passes(2 * MINUTES)

    assert past_our_time == IssueState.HELD
    assert used is not None
    assert (issue_of(starter).state, issue_of(starter).reason) == (IssueState.CLOSED, "registered")
    assert_settled(tenant)


def test_f15_a_pass_that_never_expires_is_deleted(
    tenant, fault, policy_says, invite, browser_of, acknowledged, time_passes
):
    policy_says(lifetime_minutes=10)
    starter, maria = invite("noor"), browser_of("maria")
    click(maria, starter)
    acknowledged(starter, maria)
    tenant.tenant.passes[-1].lifetime = 10
    tenant.tenant.passes[-1].start += 3600  # the list keeps this state

    time_passes(30 * MINUTES)

    assert issue_of(starter).state in {IssueState.REVOKED, IssueState.CLOSED}
    assert live_passes(tenant) == []


def test_f17_our_late_pass_is_deleted_without_an_alarm(tenant, fault, invite, browser_of, time_passes):
    starter = invite("noor")
    fault(method="POST", drop="before", apply_after=900)
    click(browser_of("maria"), starter)
    time_passes(150 * SECONDS)
    given_up = issue_of(starter).state
    tenant.tenant.faults.run_scheduled()
    alive = len(live_passes(tenant))

    maria = browser_of("maria")
    answer = click(maria, starter)
    time_passes(15 * SECONDS)

    assert (given_up, alive) == (IssueState.VOID, 1)
    assert "An earlier request created a pass after all" in text_of(answer)
    assert_settled(tenant)
    assert trail(issue_of(starter))[-2:] == ["issue.found", "issue.orphan_deleted"]
    found = AuditEvent.objects.get(event="issue.found")
    assert found.facts["known_by"] == "time, shape and request"
    assert has_pass(click(maria, starter))


def test_f17_our_late_replacing_pass_is_deleted_without_an_alarm(
    tenant, fault, invite, browser_of, acknowledged, time_passes
):
    starter = invite("noor")
    fault(method="POST", drop="before", apply_after=900)
    click(browser_of("maria"), starter)
    time_passes(150 * SECONDS)
    maria = browser_of("maria")
    assert has_pass(click(maria, starter))
    acknowledged(starter, maria)
    tenant.tenant.faults.run_scheduled()

    time_passes(30 * SECONDS)

    second = issue_of(starter, 2)
    assert (second.state, second.reason) == (IssueState.CLOSED, "overtaken")
    assert live_passes(tenant) == []
    assert mails_to_security() == []
    assert trail(issue_of(starter))[-1] == "issue.orphan_deleted"
    assert has_pass(click(browser_of("maria"), starter))


@pytest.mark.parametrize("differently", [{"lifetime": 59}, {"once": False}])
def test_f17_another_tools_pass_alarms_security(tenant, fault, invite, browser_of, time_passes, differently):
    starter = invite("noor")
    fault(method="POST", drop="before")
    click(browser_of("maria"), starter)
    time_passes(150 * SECONDS)
    account, now = tenant.tenant.accounts["noor"], tenant.tenant.clock.now()
    shape = {"lifetime": 60, "once": True} | differently
    theirs = tenant.tenant.add_pass(account, now, now, shape["lifetime"], shape["once"], "help desk's")

    answer = click(browser_of("maria"), starter)

    assert "This pass was created outside the portal" in text_of(answer)
    assert len(mails_to_security()) == 1
    assert live_passes(tenant) == [theirs]


# --- The queue ----------------------------------------------------------------------------------------------------


def test_p8_a_429_keeps_the_queue_position(tenant, fault, invite, browser_of, time_passes):
    noor, liam = invite("noor"), invite("liam")
    maria, waiting = browser_of("maria"), timezone.now().timestamp()
    GraphBudget.objects.update(recent=[waiting] * 5)
    places = [click(maria, starter)["Queue-Position"] for starter in (noor, liam)]
    time_passes(11 * SECONDS)
    fault(method="POST", status=429, headers={"Retry-After": "20"})

    answer = click(maria, noor)
    behind = click(maria, liam)
    follows = maria.head(page_of(noor))
    time_passes(22 * SECONDS)

    assert places == ["1", "2"]
    assert (answer["Queue-Position"], follows["Queue-Position"]) == ("1", "1")
    assert behind["Queue-Position"] == "2"
    assert has_pass(click(maria, noor))
    assert len([request for request in creations(tenant) if noor.account_id in request["path"]]) == 2
