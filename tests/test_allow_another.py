"""HR allows another pass when the attempts that policy gives are used up."""

from __future__ import annotations

import pytest

from onboarding import handover, reconciler, services
from onboarding.models import AuditEvent, PassIssue, PolicyVersion, Starter
from onboarding.moves import Changed
from tests.conftest import creations, live_passes

pytestmark = pytest.mark.django_db


@pytest.fixture
def used_up(held, hurry, settings):
    """A starter whose only attempt is gone."""
    settings.GRAPH_BUDGET_CALLS = 1000

    def gone(key="noor"):
        PolicyVersion.objects.create(reason="One is enough", attempts=1)
        issue = held(key)
        handover.take_back(issue, reason=PassIssue.Reason.LOST, by=issue.actor)
        hurry()
        return Starter.objects.get(pk=issue.starter_id)

    return gone


def press_allow(browser, starter):
    return browser.post(f"/hr/{starter.public_id}/allow/", follow=True).content.decode()


def test_when_the_attempts_are_used_up_no_pass_is_made(used_up, confirmation, browser_of, tenant):
    starter = used_up()

    outcome = handover.confirm(confirmation(starter))
    page = browser_of("maria").get(f"/starters/{starter.public_id}/").content.decode()

    assert isinstance(outcome, handover.Overtaken) and len(creations(tenant)) == 1
    assert "HR must allow another pass" in page


def test_one_press_allows_one_more(used_up, confirmation, browser_of, tenant):
    starter = used_up()

    page = press_allow(browser_of("hanna"), starter)
    outcome = handover.confirm(confirmation(starter))

    assert "Another pass is allowed." in page
    assert isinstance(outcome, handover.Shown) and len(live_passes(tenant)) == 1


def test_one_more_is_not_two_more(used_up, confirmation, browser_of, hurry, tenant):
    starter = used_up()
    press_allow(browser_of("hanna"), starter)
    issue = handover.confirm(confirmation(starter)).issue
    handover.take_back(issue, reason=PassIssue.Reason.NOT_SEEN, by=issue.actor)
    assert reconciler.reconcile(str(issue.pk)) is None

    outcome = handover.confirm(confirmation(starter))

    assert isinstance(outcome, handover.Overtaken)
    assert len(creations(tenant)) == 2


def test_hr_is_offered_it_only_when_the_attempts_are_used_up(browser_of, invite, used_up):
    fresh = invite("liam")
    hanna = browser_of("hanna")
    before = hanna.get(f"/hr/{fresh.public_id}/").content.decode()

    starter = used_up()
    after = hanna.get(f"/hr/{starter.public_id}/").content.decode()

    assert f"/hr/{fresh.public_id}/allow/" not in before
    assert f'action="/hr/{starter.public_id}/allow/"' in after


def test_the_trail_and_the_history_say_who_allowed_it(used_up, browser_of):
    starter, henry = used_up(), browser_of("henry")

    page = press_allow(henry, starter)

    event = AuditEvent.objects.get(event="starter.another_allowed")
    assert event.detail.values["by_name"] == "Henry Osei"
    assert "Another pass was allowed" in page


def test_allowing_opens_nothing_beyond_the_other_guards(used_up, confirmation, browser_of, tenant):
    starter = used_up()
    press_allow(browser_of("hanna"), starter)
    tenant.tenant.accounts["noor"].properties["accountEnabled"] = False

    outcome = handover.confirm(confirmation(starter))

    assert isinstance(outcome, handover.Refused)
    assert len(creations(tenant)) == 1


def test_a_form_opened_before_it_was_allowed_must_be_looked_at_again(used_up, confirmation, person, tenant):
    starter = used_up()
    before = confirmation(starter)

    services.allow_another(starter=starter, by=person("hanna"))
    outcome = handover.confirm(handover.Confirmation(**{**vars(before), "starter": Starter.objects.get()}))

    assert isinstance(outcome, handover.Overtaken) and len(creations(tenant)) == 1


def test_two_presses_at_once_allow_one(used_up, person):
    starter = used_up()
    same = Starter.objects.get()
    services.allow_another(starter=starter, by=person("hanna"))

    with pytest.raises(Changed):
        services.allow_another(starter=same, by=person("henry"))

    assert Starter.objects.get().extra_attempts == 1


@pytest.mark.parametrize("state", ["recorded", "registered", "withdrawn"])
def test_it_is_allowed_only_where_a_pass_can_be_made(browser_of, record, state):
    starter = record("noor")
    Starter.objects.update(state=state)

    page = press_allow(browser_of("hanna"), starter)

    assert "nothing of yours was saved" in page
    assert Starter.objects.get().extra_attempts == 0


def test_opening_the_address_allows_nothing(used_up, browser_of):
    response = browser_of("hanna").get(f"/hr/{used_up().public_id}/allow/")

    assert response.status_code == 405 and Starter.objects.get().extra_attempts == 0


@pytest.mark.parametrize("key", ["maria", "outsider", "ada", "audrey"])
def test_nobody_but_hr_allows_another(used_up, browser_of, key):
    starter = used_up()

    response = browser_of(key).post(f"/hr/{starter.public_id}/allow/")

    assert response.status_code == 403
    assert Starter.objects.get().extra_attempts == 0
