"""Sensitive acts of HR and admins need a recent sign-in and an enabled account, checked where the act happens."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings as running
from django.utils import timezone

from onboarding import guards
from onboarding.models import AuditEvent, PassIssue, PolicyVersion, Starter
from onboarding.passes.errors import RefusedByGuards
from onboarding.policy import newest_version_number
from onboarding.sessions.ending import end_sessions
from onboarding.sessions.freshness import ActorDisabled, SignInNotFresh
from onboarding.starters import accounts, attempts, stand_ins
from onboarding.starters.accounts import AccountEntry
from onboarding.starters.directory import look_up
from portal.models import User
from portal.sandbox.people import BY_KEY
from tests.conftest import creations
from tests.support.outcomes import outcome_of
from tests.support.shown_form import ShownForm

pytestmark = pytest.mark.django_db

OURS = {"Origin": running.PORTAL_URL, "Sec-Fetch-Site": "same-origin"}
LATE = timedelta(minutes=5, seconds=5)


@pytest.fixture
def used_up(invite, person):
    """A starter whose manager has no passes left."""
    starter = invite("noor")
    PolicyVersion.objects.create(reason="One", attempts=1)
    PassIssue.objects.create(
        starter=starter, account_id=starter.account_id, number=1, state="void", counted=True, actor=person("maria"),
        policy=PolicyVersion.objects.first(), lifetime_minutes=60, lease_until=timezone.now(),
    )  # fmt: skip
    return starter


def allow(starter, by):
    attempts.allow_another(starter=starter, by=by, reason="She is here")


def assign(starter, by):
    boss = stand_ins.find_stand_in(starter, by=by).managers_manager
    stand_ins.assign_stand_in(starter=starter, stand_in_id=boss.object_id, by=by, reason="On leave")


def unassign(starter, by):
    stand_ins.remove_stand_in(starter=starter, by=by, reason="Back")


def replace(starter, by):
    found = look_up(BY_KEY["ben"].object_id, recorder=by).found
    entry = AccountEntry(found.account.user_principal_name, found)
    accounts.replace_account(starter=starter, entry=entry, by=by, acknowledged_ids=())


ACTS = [allow, assign, replace]


@pytest.fixture
def starter_for(used_up, record):
    return lambda act: used_up if act is allow else record("liam")


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("signed_in", [None, LATE, timedelta(minutes=-3)])
def test_service_refuses_without_a_recent_sign_in(starter_for, person, act, signed_in):
    starter, hanna = starter_for(act), person("hanna")
    before = Starter.objects.values().get(pk=starter.pk)
    hanna.signed_in_at = None if signed_in is None else timezone.now() - signed_in

    with pytest.raises(SignInNotFresh):
        act(starter, hanna)

    assert Starter.objects.values().get(pk=starter.pk) == before


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("change", [{"accountEnabled": False}, {"exists": False}])
def test_service_refuses_a_disabled_account(starter_for, person, tenant, act, change):
    starter = starter_for(act)
    before = Starter.objects.values().get(pk=starter.pk)
    account = tenant.tenant.accounts["hanna"]
    account.exists = change.get("exists", True)
    account.properties["accountEnabled"] = change.get("accountEnabled", True)

    with pytest.raises(ActorDisabled):
        act(starter, person("hanna"))

    assert Starter.objects.values().get(pk=starter.pk) == before


@pytest.mark.parametrize("act", ACTS)
def test_recent_sign_in_of_an_enabled_account_is_enough(starter_for, person, act):
    starter = starter_for(act)

    act(starter, person("hanna"))

    assert Starter.objects.get(pk=starter.pk).version > starter.version - 1


def test_stand_in_is_removed_only_after_a_recent_sign_in(record, person):
    starter = record("liam")
    assign(starter, person("hanna"))
    starter, hanna = Starter.objects.get(pk=starter.pk), person("hanna")
    hanna.signed_in_at = timezone.now() - LATE

    with pytest.raises(SignInNotFresh):
        unassign(starter, hanna)

    assert Starter.objects.get(pk=starter.pk).has_stand_in


def test_policy_sets_how_recent_the_sign_in_must_be(used_up, person):
    PolicyVersion.objects.create(reason="Ten", attempts=1, sign_in_minutes=10)
    hanna = person("hanna")
    hanna.signed_in_at = timezone.now() - timedelta(minutes=9)

    allow(used_up, hanna)

    assert Starter.objects.get().extra_attempts == 1


def test_managers_account_is_read_for_each_pass(invite, confirmation, tenant):
    """So no other check of the manager's account is needed: the guard asks Entra at the click."""
    starter = invite("noor")
    tenant.tenant.accounts["maria"].properties["accountEnabled"] = False

    outcome = outcome_of(confirmation(starter))

    assert isinstance(outcome, RefusedByGuards)
    assert guards.BY_CODE["manager_enabled"] in outcome.guards and creations(tenant) == []


# --- The pages ------------------------------------------------------------------------------------------------


def test_late_reason_is_kept_and_can_be_sent_again(used_up, browser_of):
    page = f"/hr/{used_up.public_id}/allow/"
    typed = {"version": str(used_up.version), "reason": "She stands <here>"}
    hanna = browser_of("hanna", ago=LATE)

    answer = hanna.post(page, typed, headers=OURS | {"Referer": running.PORTAL_URL + page})

    text = answer.content.decode()
    assert answer.status_code == 403 and Starter.objects.get().extra_attempts == 0
    assert 'name="reason" value="She stands &lt;here&gt;"' in text
    assert f'href="/signin/again/?next=%2Fhr%2F{used_up.public_id}%2Fallow%2F"' in text
    session = hanna.session
    session["auth_time"] = int(timezone.now().timestamp())  # signed in again, in another tab
    session.save()
    assert hanna.post(page, typed, headers=OURS).status_code == 302
    assert Starter.objects.get().extra_attempts == 1


def policy_form(browser, **changes):
    """What a browser would send, with these changes."""
    page = browser.get("/admin/onboarding/policyversion/add/").content.decode()
    return ShownForm(page, "policyversion_form").sent() | changes


def test_late_policy_is_kept_and_not_saved(browser_of):
    ada, before = browser_of("ada", ago=LATE), newest_version_number()
    typed = policy_form(ada, reason="Shorter passes", lifetime_minutes=30)

    answer = ada.post("/admin/onboarding/policyversion/add/", typed, headers=OURS)

    assert answer.status_code == 403 and "Shorter passes" in answer.content.decode()
    assert newest_version_number() == before and not AuditEvent.objects.exists()


def test_freeze_does_not_wait_for_a_sign_in(browser_of):
    ada = browser_of("ada", ago=LATE)

    answer = ada.post(
        "/admin/onboarding/policyversion/add/",
        policy_form(ada, reason="An attack", frozen="on"),
        headers=OURS,
    )

    assert answer.status_code == 302 and PolicyVersion.objects.order_by("-number").first().frozen


def test_freeze_with_another_change_waits_for_a_sign_in(browser_of):
    ada, before = browser_of("ada", ago=LATE), newest_version_number()
    typed = policy_form(ada, reason="An attack", frozen="on", lifetime_minutes=30)

    assert ada.post("/admin/onboarding/policyversion/add/", typed, headers=OURS).status_code == 403
    assert newest_version_number() == before


def test_late_activation_activates_nothing(browser_of):
    draft = PolicyVersion.objects.create(reason="Mine", needs_second=True)
    amir = browser_of("amir", ago=LATE)

    answer = amir.post(f"/admin/onboarding/policyversion/{draft.number}/agree/", headers=OURS)

    assert answer.status_code == 403 and "/signin/again/" in answer.content.decode()
    assert not hasattr(PolicyVersion.objects.get(pk=draft.pk), "activation")


def test_sessions_are_ended_only_after_a_recent_sign_in(person):
    ada = person("ada")
    ada.signed_in_at = timezone.now() - LATE

    with pytest.raises(SignInNotFresh):
        end_sessions(person("maria"), by=ada, reason="A theft")

    assert User.objects.get(pk=person("maria").pk).sessions_ended_at is None
