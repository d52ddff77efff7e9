"""Promise 5: three people add the starter, confirm and receive the pass. An admin never sees a pass."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from onboarding import policy
from onboarding.models import PassIssue, PolicyVersion, Starter
from onboarding.models.policy_settings import SETTING_NAMES
from onboarding.passes import handover
from onboarding.passes.confirmation import Shown
from onboarding.passes.errors import RefusedByGuards
from onboarding.starters import invitations, rescheduling
from onboarding.starters.errors import LinkNotSent
from onboarding.worker import starter_checks
from portal.models import User
from tests.conftest import creations
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db


def refused_for(outcome) -> list[str]:
    assert isinstance(outcome, RefusedByGuards), outcome
    return [guard.code for guard in outcome.guards]


def test_the_person_who_added_a_starter_cannot_confirm(tenant, record, worker_alive, confirmation):
    starter = record("nadia", by="henry")
    Starter.objects.filter(pk=starter.pk).update(state="invited", sign_in_looked_at=timezone.now())

    outcome = outcome_of(confirmation(starter, by="henry"))

    assert refused_for(outcome) == ["three_people"]
    assert creations(tenant) == []


def test_the_person_who_added_a_starter_gets_no_link(tenant, record, person):
    starter = record("nadia", by="henry")

    with pytest.raises(LinkNotSent, match="added or changed this starter"):
        invitations.send_link(starter=starter, by=person("hanna"))


def test_a_manager_can_confirm_a_colleagues_starter(tenant, invite, confirmation):
    outcome = outcome_of(confirmation(invite("nadia", by="hanna"), by="henry"))

    assert isinstance(outcome, Shown)


def test_the_person_who_chose_the_account_cannot_confirm(tenant, invite, person, confirmation):
    starter = invite("nadia", by="hanna")
    Starter.objects.filter(pk=starter.pk).update(shaped_by=[person("henry").oid])

    outcome = outcome_of(confirmation(starter, by="henry"))

    assert refused_for(outcome) == ["three_people"]


@pytest.mark.usefixtures("managers_may_change")
def test_the_person_who_moved_the_start_cannot_confirm(tenant, invite, person, confirmation):
    """Nobody in HR can open the window for a starter and then create the pass as their manager."""
    starter = invite("noor", by="hanna", starts_in=timedelta(days=20))
    schedule = rescheduling.Schedule(timezone.localdate(), time(0, 0), "UTC")
    rescheduling.reschedule_starter(starter=starter, schedule=schedule, note="", by=person("henry"))
    tenant.tenant.accounts["noor"].manager = "henry"
    starter_checks.check_starter(str(starter.pk))

    outcome = outcome_of(confirmation(starter, by="henry"))

    assert refused_for(outcome) == ["three_people"]
    assert creations(tenant) == []


@pytest.mark.parametrize("act", ["reschedule", "allow"])
def test_a_manager_in_hr_cannot_change_their_own_starter(tenant, invite, person, browser_of, act):
    starter, henry = invite("nadia", by="hanna"), browser_of("henry")
    PolicyVersion.objects.create(reason="One", attempts=1)
    PassIssue.objects.create(
        starter=starter, account_id=starter.account_id, number=1, state="void", counted=True, actor=person("henry"),
        policy=policy.for_site(), lifetime_minutes=60, lease_until=timezone.now(),
    )  # fmt: skip
    fields = {
        "start_date": "2026-11-24",
        "start_time": "09:00",
        "time_zone": "UTC",
        "version": starter.version,
        "reason": "She is here",
    }
    fields["start_date"] = f"{timezone.localdate():%Y-%m-%d}"

    page = henry.post(
        f"/hr/{starter.public_id}/{'edit' if act == 'reschedule' else 'allow'}/", fields, follow=True
    )

    assert "so you cannot do this" in page.content.decode()
    assert Starter.objects.get().version == starter.version


def test_a_starter_who_added_themselves_gets_no_pass(tenant, invite, person, confirmation):
    starter = invite("noor")
    Starter.objects.filter(pk=starter.pk).update(recorded_by=person("noor"))

    outcome = outcome_of(confirmation(starter))

    assert refused_for(outcome) == ["three_people"]


@pytest.mark.usefixtures("managers_may_change")
def test_a_starter_who_manages_themselves_gets_no_pass(tenant, invite, confirmation):
    starter = invite("noor")
    tenant.tenant.accounts["noor"].manager = "noor"

    outcome = outcome_of(confirmation(starter, by="noor"))

    assert refused_for(outcome) == ["three_people"]
    assert creations(tenant) == []


def test_an_admin_who_is_also_the_manager_is_refused(tenant, invite, browser_of):
    starter, amir = invite("olga"), browser_of("amir")

    answer = amir.post(
        f"/starters/{starter.public_id}/",
        {"identity_check": "in_person", "version": starter.version, "policy": policy.for_site().number},
    )

    assert answer.status_code == 403
    assert "Admins cannot create passes." in answer.content.decode()
    assert creations(tenant) == []


def test_two_accounts_of_one_person_count_as_one(tenant, invite, confirmation):
    starter = invite("noor", by="hanna")
    for key in ("hanna", "maria"):
        tenant.tenant.accounts[key].properties["employeeId"] = "4711"

    outcome = outcome_of(confirmation(starter))

    assert refused_for(outcome) == ["three_people"]
    assert creations(tenant) == []


def test_a_recent_admin_cannot_confirm(tenant, invite, person, confirmation):
    maria = person("maria")
    maria.last_admin_at = timezone.now() - timedelta(days=29)
    maria.save()

    outcome = outcome_of(confirmation(invite("noor")))

    assert refused_for(outcome) == ["not_an_admin"]
    assert creations(tenant) == []


def test_a_recent_admins_other_account_cannot_confirm(tenant, invite, person, confirmation):
    other = tenant.tenant.add_starter("second", "Second Account")
    for account in (other, tenant.tenant.accounts["maria"]):
        account.properties["employeeId"] = "4711"
    oids = [f"{number:08d}-0000-4000-8000-000000000000" for number in range(60)]
    User.objects.bulk_create(
        User(tid="t", oid=oid, last_admin_at=timezone.now()) for oid in (*oids, other.id)
    )

    outcome = outcome_of(confirmation(invite("noor")))

    assert refused_for(outcome) == ["not_an_admin"]
    assert creations(tenant) == []


def test_the_author_of_the_current_policy_cannot_confirm(tenant, invite, person, confirmation):
    policy.add_version(PolicyVersion(reason="Mine"), by=person("maria"))

    outcome = outcome_of(confirmation(invite("noor")))

    assert refused_for(outcome) == ["not_an_admin"]
    assert creations(tenant) == []


def test_a_former_admin_can_confirm_after_30_days(tenant, invite, person, confirmation):
    maria = person("maria")
    maria.last_admin_at = timezone.now() - timedelta(days=31)
    maria.save()

    assert isinstance(handover.confirm(confirmation(invite("noor"))), Shown)


def add_policy(browser: Client, **values):
    shown = {name: getattr(policy.for_site(), name) for name in SETTING_NAMES}
    shown = {name: value for name, value in shown.items() if value is not None and value is not False}
    shown |= {"reason": "A test", "opened_on": policy.newest_version_number()}
    return browser.post("/admin/onboarding/policyversion/add/", {**shown, **values})


def test_an_admin_changes_policy_by_adding_a_version(db, browser_of):
    answer = add_policy(browser_of("ada"), lifetime_minutes=30, reason="Shorter is enough")

    assert answer.status_code == 302
    assert policy.for_site().lifetime_minutes == 30
    assert policy.for_site().created_by.name == "Ada Jansen"
    assert PolicyVersion.objects.count() == 2


@pytest.mark.parametrize("key", ["hanna", "maria", "audrey"])
def test_nobody_but_an_admin_changes_policy(db, browser_of, key):
    answer = add_policy(browser_of(key), lifetime_minutes=30)

    assert answer.status_code in {403, 404}
    assert PolicyVersion.objects.count() == 1


def test_no_admin_can_change_or_delete_a_version(db, browser_of):
    ada, number = browser_of("ada"), policy.for_site().number

    changed = ada.post(f"/admin/onboarding/policyversion/{number}/change/", {"lifetime_minutes": 480})
    deleted = ada.post(f"/admin/onboarding/policyversion/{number}/delete/", {"post": "yes"})

    assert (changed.status_code, deleted.status_code) == (403, 403)
    assert policy.for_site().lifetime_minutes == 60


@pytest.mark.parametrize("lifetime", [0, 9, 481, 100000])
def test_no_admin_can_exceed_the_range_of_a_setting(db, browser_of, lifetime):
    answer = add_policy(browser_of("ada"), lifetime_minutes=lifetime)

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors["lifetime_minutes"]
    assert PolicyVersion.objects.count() == 1


def test_no_admin_can_allow_reusable_passes(db, browser_of):
    add_policy(browser_of("ada"), single_use="")

    assert policy.for_site().single_use is True


def test_the_admin_site_changes_nothing_but_policy(db, browser_of):
    for key in ("ada", "audrey"):
        browser = browser_of(key)
        for model in ("starter", "passissue", "auditevent", "mail", "job", "heartbeat"):
            assert browser.get(f"/admin/onboarding/{model}/").status_code == 200, model
            assert browser.get(f"/admin/onboarding/{model}/add/").status_code == 403, model
    assert browser_of("audrey").get("/admin/onboarding/policyversion/add/").status_code == 403
