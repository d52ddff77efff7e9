"""HR allows another pass when the manager has used all passes."""

from __future__ import annotations

import pytest

from onboarding.errors import ConcurrentUpdate
from onboarding.models import AuditEvent, PassIssue, PolicyVersion, Starter
from onboarding.passes import reconciler
from onboarding.passes.cancellation import cancel_pass
from onboarding.passes.confirmation import Confirmation, Shown
from onboarding.passes.errors import PageOutdated, RefusedByGuards
from onboarding.starters import attempts
from tests.conftest import creations, live_passes
from tests.support.hr_forms import version_of
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def used_up(held, run_jobs, settings):
    """A starter without attempts left."""
    settings.GRAPH_BUDGET_CALLS = 1000

    def gone(key="noor"):
        PolicyVersion.objects.create(reason="One is enough", attempts=1)
        issue = held(key)
        cancel_pass(issue, reason=PassIssue.Reason.LOST, by=issue.actor)
        run_jobs()
        return Starter.objects.get(pk=issue.starter_id)

    return gone


def press_allow(browser, starter):
    return browser.post(
        f"/hr/{starter.public_id}/allow/",
        {"version": version_of(starter), "reason": "She stands beside her manager"},
        follow=True,
    ).content.decode()


def test_no_pass_is_created_after_the_last_attempt(used_up, confirmation, browser_of, tenant):
    starter = used_up()

    outcome = outcome_of(confirmation(starter))
    page = browser_of("maria").get(f"/starters/{starter.public_id}/").content.decode()

    assert isinstance(outcome, PageOutdated) and len(creations(tenant)) == 1
    assert "HR must allow another pass" in page


def test_one_click_allows_one_more_pass(used_up, confirmation, browser_of, tenant):
    starter = used_up()

    page = press_allow(browser_of("hanna"), starter)
    outcome = outcome_of(confirmation(starter))

    assert "You allowed one more pass." in page
    assert isinstance(outcome, Shown) and len(live_passes(tenant)) == 1


def test_one_more_is_not_two_more(used_up, confirmation, browser_of, run_jobs, tenant):
    starter = used_up()
    press_allow(browser_of("hanna"), starter)
    issue = outcome_of(confirmation(starter)).issue
    cancel_pass(issue, reason=PassIssue.Reason.NOT_SEEN, by=issue.actor)
    assert reconciler.reconcile(str(issue.pk)) is None

    outcome = outcome_of(confirmation(starter))

    assert isinstance(outcome, PageOutdated)
    assert len(creations(tenant)) == 2


def test_hr_can_allow_more_only_when_passes_are_used_up(browser_of, invite, used_up):
    fresh = invite("liam")
    hanna = browser_of("hanna")
    before = hanna.get(f"/hr/{fresh.public_id}/").content.decode()

    starter = used_up()
    after = hanna.get(f"/hr/{starter.public_id}/").content.decode()

    assert f"/hr/{fresh.public_id}/allow/" not in before
    assert f'href="/hr/{starter.public_id}/allow/"' in after


def test_audit_log_and_history_show_who_allowed_it(used_up, browser_of):
    starter, henry = used_up(), browser_of("henry")

    page = press_allow(henry, starter)

    event = AuditEvent.objects.get(event="starter.another_allowed")
    assert event.detail.values["by_name"] == "Henry Osei"
    assert event.detail.values["reason"] == "She stands beside her manager"
    assert "reason" not in event.facts
    assert "HR allowed another pass: She stands beside her manager" in page


def test_old_page_allows_nothing_and_keeps_the_reason(used_up, browser_of):
    starter, hanna = used_up(), browser_of("hanna")

    page = hanna.post(f"/hr/{starter.public_id}/allow/", {"version": "1", "reason": "She is here"})

    assert "The page was out of date" in page.content.decode() and "She is here" in page.content.decode()
    assert Starter.objects.get().extra_attempts == 0


def test_another_pass_needs_a_reason(used_up, browser_of):
    starter, hanna = used_up(), browser_of("hanna")

    answer = hanna.post(f"/hr/{starter.public_id}/allow/", {"version": version_of(starter), "reason": " "})

    assert answer.status_code == 400 and "Enter a reason." in answer.content.decode()
    assert Starter.objects.get().extra_attempts == 0


def test_allowing_opens_nothing_beyond_the_other_guards(used_up, confirmation, browser_of, tenant):
    starter = used_up()
    press_allow(browser_of("hanna"), starter)
    tenant.tenant.accounts["noor"].properties["accountEnabled"] = False

    outcome = outcome_of(confirmation(starter))

    assert isinstance(outcome, RefusedByGuards)
    assert len(creations(tenant)) == 1


def test_form_opened_before_it_was_allowed_is_out_of_date(used_up, confirmation, person, tenant):
    starter = used_up()
    before = confirmation(starter)

    attempts.allow_another(starter=starter, by=person("hanna"), reason="She is here")
    outcome = outcome_of(Confirmation(**{**vars(before), "starter": Starter.objects.get()}))

    assert isinstance(outcome, PageOutdated) and len(creations(tenant)) == 1


def test_two_clicks_at_once_allow_one_pass(used_up, person):
    starter = used_up()
    same = Starter.objects.get()
    attempts.allow_another(starter=starter, by=person("hanna"), reason="She is here")

    with pytest.raises(ConcurrentUpdate):
        attempts.allow_another(starter=same, by=person("henry"), reason="She is here")

    assert Starter.objects.get().extra_attempts == 1


@pytest.mark.parametrize("state", ["recorded", "registered", "withdrawn"])
def test_another_pass_is_allowed_only_where_one_can_be_created(browser_of, record, state):
    starter = record("noor")
    Starter.objects.update(state=state)

    page = press_allow(browser_of("hanna"), starter)

    assert "did not save your changes" in page
    assert Starter.objects.get().extra_attempts == 0


def test_opening_the_address_allows_nothing(used_up, browser_of):
    response = browser_of("hanna").get(f"/hr/{used_up().public_id}/allow/")

    assert response.status_code == 200 and Starter.objects.get().extra_attempts == 0


@pytest.mark.parametrize("key", ["maria", "outsider", "ada", "audrey"])
def test_nobody_but_hr_allows_another(used_up, browser_of, key):
    starter = used_up()

    response = browser_of(key).post(f"/hr/{starter.public_id}/allow/")

    assert response.status_code == 403
    assert Starter.objects.get().extra_attempts == 0
