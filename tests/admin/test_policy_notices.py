"""The admin's first page: versions that wait, and the button that freezes the portal."""

from __future__ import annotations

import pytest

from onboarding import policy
from onboarding.models import PolicyVersion
from tests.support.shown_form import ShownForm

pytestmark = pytest.mark.django_db

INDEX = "/admin/"
FREEZE = "/admin/onboarding/policyversion/freeze/"


@pytest.fixture
def draft(person) -> PolicyVersion:
    policy.add_version(PolicyVersion(lifetime_minutes=90, reason="Longer"), by=person("ada"))
    return PolicyVersion.objects.drafts().get()


def shown(browser) -> str:
    page = browser.get(INDEX).content.decode()
    return page[page.index('id="content"') :]


def test_a_waiting_draft_is_linked_on_the_first_page(draft, browser_of):
    page = shown(browser_of("amir"))

    assert f"Version {draft.number}, written by Ada Jansen, waits for a second admin. Reason: Longer" in page
    assert f'href="/admin/onboarding/policyversion/{draft.number}/agree/"' in page


def test_a_departments_draft_links_to_its_own_page(person, browser_of):
    own = PolicyVersion(department="legal", overrides=["attempts"], attempts=5, reason="More")
    policy.add_version(own, by=person("ada"))

    page = shown(browser_of("amir"))

    assert "department “legal”" in page
    assert f'href="/admin/onboarding/departmentpolicy/{own.number}/agree/"' in page


def test_an_auditor_sees_the_draft_without_a_link(draft, browser_of):
    page = shown(browser_of("audrey"))

    assert f"Version {draft.number}, written by Ada Jansen" in page
    assert "/agree/" not in page and "freeze-form" not in page


def test_an_outdated_draft_is_not_on_the_first_page(draft, person, browser_of):
    policy.set_frozen(True, by=person("ada"), reason="An attack")

    assert f"Version {draft.number}," not in shown(browser_of("amir"))


def test_a_version_that_comes_into_force_later_can_be_stopped(draft, monkeypatch, browser_of):
    monkeypatch.setattr("onboarding.policy.changes.has_created_passes", lambda: True)
    policy.activate_on_console(draft.number, reason="One admin", operator="root")
    ada = browser_of("ada")

    page = shown(ada)
    review = ada.get(f"/admin/onboarding/policyversion/{draft.number}/agree/").content.decode()

    assert f"Version {draft.number}, written by Ada Jansen, comes into force on" in page
    body = ShownForm(review, "stop-form").fill({"Reason": "Not mine"})
    ada.post(f"/admin/onboarding/policyversion/{draft.number}/stop/", body)
    assert policy.list_scheduled() == []
    assert f"Version {draft.number}," not in shown(ada)


def test_one_button_freezes_at_once(browser_of):
    ada = browser_of("ada")
    body = ShownForm(ada.get(INDEX).content.decode(), "freeze-form").fill({"Reason": "An attack"})

    page = ada.post(FREEZE, body, follow=True).content.decode()

    assert "The portal is frozen." in page
    assert policy.find_freeze().reason == "An attack"


def test_the_same_place_writes_a_draft_that_ends_the_freeze(person, browser_of):
    policy.set_frozen(True, by=person("ada"), reason="An attack")
    ada = browser_of("ada")
    body = ShownForm(ada.get(INDEX).content.decode(), "freeze-form").fill({"Reason": "It is over"})

    page = ada.post(FREEZE, body, follow=True).content.decode()

    draft = PolicyVersion.objects.drafts().get()
    assert (draft.frozen, draft.reason, policy.for_site().frozen) == (False, "It is over", True)
    assert f"Version {draft.number} was saved as a draft" in page


def test_a_freeze_without_a_reason_changes_nothing(browser_of):
    page = browser_of("ada").post(FREEZE, {"frozen": "yes", "reason": " "}, follow=True).content.decode()

    assert "Enter a reason" in page
    assert policy.for_site().frozen is False


def test_two_admins_who_freeze_write_one_version(browser_of):
    for key in ("ada", "amir"):
        page = browser_of(key).post(FREEZE, {"frozen": "yes", "reason": "An attack"}, follow=True)

    assert "The portal is already frozen." in page.content.decode()
    assert PolicyVersion.objects.filter(frozen=True).count() == 1


def test_only_an_admin_freezes(browser_of):
    for key in ("audrey", "hanna", "maria"):
        assert browser_of(key).post(FREEZE, {"frozen": "yes", "reason": "Why"}).status_code == 403

    assert policy.for_site().frozen is False


def test_the_author_reads_how_to_activate_without_a_second_admin(draft, browser_of):
    page = browser_of("ada").get(f"/admin/onboarding/policyversion/{draft.number}/agree/").content.decode()

    assert f"manage.py activate_policy {draft.number} --reason" in page
