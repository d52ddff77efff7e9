"""Loosening a rule takes two admins; tightening and freezing take one."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connections

from onboarding import policy
from onboarding.models import AuditEvent, PolicyActivation, PolicyVersion
from onboarding.models.policy_settings import SETTING_NAMES
from portal.models import User

pytestmark = pytest.mark.django_db

ADD = "/admin/onboarding/policyversion/add/"
PAGES = "/admin/onboarding/policyversion/"


def filled(**differently: Any) -> dict[str, Any]:
    """The form as it opens, with an admin's changes."""
    now = policy.for_site()
    values = {name: getattr(now, name) for name in SETTING_NAMES} | {"reason": "A test"} | differently
    values.setdefault("opened_on", policy.newest_version_number())
    return {name: value for name, value in values.items() if value is not None and value is not False}


@pytest.fixture
def draft(person) -> PolicyVersion:
    """Ada's draft, which makes a pass work longer."""
    policy.add_version(PolicyVersion(lifetime_minutes=90, reason="Longer"), by=person("ada"))
    return PolicyVersion.objects.drafts().get()


# --- One admin --------------------------------------------------------------------------------------------------


def test_a_loosening_version_is_never_in_force_at_once(person, browser_of):
    for second_admin in ("never", "when_two", "loosens", "always"):
        PolicyVersion.objects.create(reason="Whatever it says", second_admin=second_admin)
        browser_of("ada").post(ADD, filled(lifetime_minutes=90))

        assert policy.for_site().lifetime_minutes == 60, second_admin
    assert AuditEvent.objects.filter(event="policy.proposed").count() == 4
    assert AuditEvent.objects.filter(event="policy.changed").count() == 0


def test_the_audit_log_names_what_a_draft_loosens(draft):
    assert AuditEvent.objects.get(event="policy.proposed").facts["loosens"] == ["lifetime_minutes"]


def test_one_loosened_setting_among_tightened_ones_waits(person):
    mixed = PolicyVersion(lifetime_minutes=30, attempts=1, same_person=False, reason="Mixed")

    assert policy.add_version(mixed, by=person("ada")) is False
    assert policy.for_site().lifetime_minutes == 60


def test_a_tightening_version_is_in_force_at_once(person):
    assert policy.add_version(PolicyVersion(lifetime_minutes=30, reason="Shorter"), by=person("ada")) is True
    assert policy.for_site().lifetime_minutes == 30


def test_every_change_waits_if_the_policy_says_always(policy_says, person):
    policy_says(second_admin="always")
    version = PolicyVersion(second_admin="always", lifetime_minutes=30, reason="Shorter")

    assert policy.add_version(version, by=person("ada")) is False


def test_a_freeze_never_waits(policy_says, person):
    policy_says(second_admin="always")

    assert policy.set_frozen(True, by=person("ada"), reason="An attack").needs_second is False
    assert policy.for_site().frozen is True


def test_freezing_with_a_loosened_rule_waits(browser_of):
    browser_of("ada").post(ADD, filled(frozen=True, lifetime_minutes=480, reason="An attack"))

    assert policy.for_site().frozen is False
    assert policy.for_site().lifetime_minutes == 60


def test_unfreezing_takes_two(person):
    policy.set_frozen(True, by=person("ada"), reason="An attack")

    draft = policy.set_frozen(False, by=person("ada"), reason="It is over")
    frozen = policy.for_site().frozen
    policy.activate_version(draft.number, by=person("amir"))

    assert (draft.needs_second, frozen, policy.for_site().frozen) == (True, True, False)


def test_a_freeze_of_a_frozen_portal_changes_nothing(person):
    policy.set_frozen(True, by=person("ada"), reason="An attack")

    with pytest.raises(policy.AlreadyFrozen):
        policy.set_frozen(True, by=person("amir"), reason="An attack")
    assert PolicyVersion.objects.filter(frozen=True).count() == 1


# --- A second admin ---------------------------------------------------------------------------------------------


def test_a_draft_waits_until_the_other_has_agreed(browser_of, tenant):
    ada, amir = browser_of("ada"), browser_of("amir")

    ada.post(ADD, filled(lifetime_minutes=90))
    waiting = PolicyVersion.objects.drafts().get()
    before = policy.for_site().lifetime_minutes
    own = ada.post(f"{PAGES}{waiting.number}/agree/", follow=True)
    between = policy.for_site().lifetime_minutes
    seen = amir.get(f"{PAGES}{waiting.number}/agree/").content.decode()
    amir.post(f"{PAGES}{waiting.number}/agree/")

    assert (before, between, policy.for_site().lifetime_minutes) == (60, 60, 90)
    assert "Another admin must" in own.content.decode()
    assert "<td>60</td>" in seen and "<td>90</td>" in seen
    assert "This version loosens:" in seen
    assert [e.event for e in AuditEvent.objects.order_by("seq")] == ["policy.proposed", "policy.activated"]


def test_only_an_admin_activates_a_draft(draft, browser_of):
    for key in ("audrey", "hanna", "maria"):
        answer = browser_of(key).post(f"{PAGES}{draft.number}/agree/")
        assert answer.status_code == 403, key

    assert policy.for_site().lifetime_minutes == 60


@pytest.mark.parametrize("key", ["audrey", "hanna"])
def test_the_role_is_checked_at_the_activation(draft, person, key):
    with pytest.raises(policy.CannotActivate, match="Only an admin"):
        policy.activate_version(draft.number, by=person(key))


def test_an_admin_who_gave_up_the_role_activates_nothing(draft, person, browser_of):
    amir = browser_of("amir")
    User.objects.filter(pk=person("amir").pk).update(roles=[])

    assert amir.post(f"{PAGES}{draft.number}/agree/").status_code == 403
    assert policy.for_site().lifetime_minutes == 60


def test_a_second_account_of_the_author_activates_nothing(draft, person, browser_of, tenant, fault):
    numbers = tenant.tenant.accounts
    numbers["amir"].properties["employeeId"] = f" {numbers['ada'].properties['employeeId']} "
    amir = browser_of("amir")

    page = amir.post(f"{PAGES}{draft.number}/agree/", follow=True).content.decode()
    assert "You and the author of this version have the same employee number, so" in page

    numbers["amir"].properties["employeeId"] = None  # not known, so it proves nothing
    fault(path="batch", status=503, times=None)
    page = amir.post(f"{PAGES}{draft.number}/agree/", follow=True).content.decode()
    assert "Nothing was changed, because the portal could not check in Entra" in page
    assert policy.for_site().lifetime_minutes == 60

    tenant.tenant.faults.end_all()
    amir.post(f"{PAGES}{draft.number}/agree/")
    assert policy.for_site().lifetime_minutes == 90


def test_the_author_can_never_activate_a_draft(draft, person):
    with pytest.raises(policy.CannotActivate, match="You wrote this version"):
        policy.activate_version(draft.number, by=person("ada"))


def test_a_draft_is_activated_once(draft, person):
    policy.activate_version(draft.number, by=person("amir"))

    with pytest.raises(policy.CannotActivate, match="not a draft"):
        policy.activate_version(draft.number, by=person("amir"))


def test_a_newer_version_in_force_makes_a_draft_outdated(draft, person):
    policy.set_frozen(True, by=person("ada"), reason="An attack")

    with pytest.raises(policy.CannotActivate, match="changed after the draft was written"):
        policy.activate_version(draft.number, by=person("amir"))
    assert policy.for_site().frozen is True


def test_an_activated_older_draft_makes_a_later_one_outdated(draft, person):
    policy.add_version(PolicyVersion(attempts=5, reason="More"), by=person("ada"))
    later = PolicyVersion.objects.drafts().latest("number")
    policy.activate_version(draft.number, by=person("amir"))

    with pytest.raises(policy.CannotActivate, match="changed after the draft was written"):
        policy.activate_version(later.number, by=person("amir"))
    assert (policy.for_site().lifetime_minutes, policy.for_site().attempts) == (90, 3)


# --- At the same moment -----------------------------------------------------------------------------------------


def at_once(*acts: Any) -> list[str]:
    """Start these at the same moment, each with a connection of its own; what went wrong, "" for nothing."""
    ready, answers = threading.Barrier(len(acts)), [""] * len(acts)

    def run(place: int) -> None:
        try:
            ready.wait()
            acts[place]()
        except policy.CannotActivate as why:
            answers[place] = str(why)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


@pytest.mark.django_db(transaction=True)
def test_of_two_activations_one_wins(person, draft):
    amir = person("amir")
    other = User.objects.create(tid=amir.tid, oid="a-third-admin", name="A third admin", roles=["Admin"])

    answers = at_once(
        lambda: policy.activate_version(draft.number, by=amir),
        lambda: policy.activate_version(draft.number, by=other),
    )

    assert sorted(bool(answer) for answer in answers) == [False, True]
    assert PolicyActivation.objects.count() == 1
    assert AuditEvent.objects.filter(event="policy.activated").count() == 1
    assert policy.for_site().lifetime_minutes == 90


@pytest.mark.django_db(transaction=True)
def test_a_freeze_beside_an_activation_always_holds(person, draft):
    """The freeze starts from the policy in force. An activation after it is refused, one before it stays."""
    ada, amir = person("ada"), person("amir")

    answers = at_once(
        lambda: policy.activate_version(draft.number, by=amir),
        lambda: policy.set_frozen(True, by=ada, reason="An attack"),
    )

    now = policy.for_site()
    assert now.frozen is True
    assert now.lifetime_minutes == (60 if answers[0] else 90)
