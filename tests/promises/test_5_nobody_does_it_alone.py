"""Promise 5: who recorded, who confirms and who receives are three people; an admin never sees a pass."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from onboarding import handover, policy, routine, services
from onboarding.models import PassIssue, PolicyVersion, Starter
from onboarding.models.rules import SETTINGS
from tests.conftest import creations

pytestmark = pytest.mark.django_db


def refused_for(outcome) -> list[str]:
    assert isinstance(outcome, handover.Refused), outcome
    return [guard.code for guard in outcome.guards]


def test_who_recorded_a_starter_cannot_confirm_them(tenant, record, worker_alive, confirmation):
    starter = record("nadia", by="henry")
    Starter.objects.filter(pk=starter.pk).update(state="invited", sign_in_looked_at=timezone.now())

    outcome = handover.confirm(confirmation(starter, by="henry"))

    assert refused_for(outcome) == ["three_people"]
    assert creations(tenant) == []


def test_the_link_is_not_even_sent_to_who_recorded(tenant, record, person):
    starter = record("nadia", by="henry")

    with pytest.raises(services.CannotInvite, match="recorded the starter"):
        services.send_link(starter=starter, by=person("hanna"))


def test_recorded_by_another_the_same_manager_can(tenant, invite, confirmation):
    outcome = handover.confirm(confirmation(invite("nadia", by="hanna"), by="henry"))

    assert isinstance(outcome, handover.Shown)


def test_who_chose_the_account_cannot_confirm_either(tenant, invite, person, confirmation):
    starter = invite("nadia", by="hanna")
    Starter.objects.filter(pk=starter.pk).update(shaped_by=[person("henry").oid])

    outcome = handover.confirm(confirmation(starter, by="henry"))

    assert refused_for(outcome) == ["three_people"]


@pytest.mark.usefixtures("managers_may_change")
def test_who_moved_the_start_cannot_confirm_either(tenant, invite, person, confirmation):
    """Somebody of HR cannot open the window for a starter and then, as their manager, walk through it."""
    starter = invite("noor", by="hanna", starts_in=timedelta(days=20))
    when = {"start_date": timezone.localdate(), "start_time": time(0, 0), "time_zone": "UTC", "note": ""}
    services.reschedule(starter=starter, by=person("henry"), **when)
    tenant.tenant.accounts["noor"].manager = "henry"
    routine.look(str(starter.pk))

    outcome = handover.confirm(confirmation(starter, by="henry"))

    assert refused_for(outcome) == ["three_people"]
    assert creations(tenant) == []


@pytest.mark.parametrize("act", ["reschedule", "allow"])
def test_a_manager_in_hr_leaves_their_own_starter_to_somebody_else(tenant, invite, person, browser_of, act):
    starter, henry = invite("nadia", by="hanna"), browser_of("henry")
    PolicyVersion.objects.create(reason="One", attempts=1)
    PassIssue.objects.create(
        starter=starter, account_id=starter.account_id, number=1, state="void", counted=True, actor=person("henry"),
        policy=policy.in_force(), lifetime_minutes=60, lease_until=timezone.now(),
    )  # fmt: skip
    fields = {
        "start_date": "2026-11-24",
        "start_time": "09:00",
        "time_zone": "UTC",
        "version": starter.version,
    }
    fields["start_date"] = f"{timezone.localdate():%Y-%m-%d}"

    page = henry.post(
        f"/hr/{starter.public_id}/{'edit' if act == 'reschedule' else 'allow'}/", fields, follow=True
    )

    assert "somebody else in HR must do this" in page.content.decode()
    assert Starter.objects.get().version == starter.version


def test_who_recorded_cannot_be_the_one_who_receives(tenant, invite, person, confirmation):
    starter = invite("noor")
    Starter.objects.filter(pk=starter.pk).update(recorded_by=person("noor"))

    outcome = handover.confirm(confirmation(starter))

    assert refused_for(outcome) == ["three_people"]


@pytest.mark.usefixtures("managers_may_change")
def test_somebody_who_is_their_own_manager_gets_none(tenant, invite, confirmation):
    starter = invite("noor")
    tenant.tenant.accounts["noor"].manager = "noor"

    outcome = handover.confirm(confirmation(starter, by="noor"))

    assert refused_for(outcome) == ["three_people"]
    assert creations(tenant) == []


def test_an_admin_who_is_also_the_manager_is_refused(tenant, invite, browser_of):
    starter, amir = invite("olga"), browser_of("amir")

    answer = amir.post(
        f"/starters/{starter.public_id}/",
        {"identity_check": "in_person", "version": starter.version, "policy": policy.in_force().number},
    )

    assert answer.status_code == 403
    assert "policy cannot make a pass" in answer.content.decode()
    assert creations(tenant) == []


def add_policy(browser: Client, **values):
    shown = {name: getattr(policy.in_force(), name) for name in SETTINGS}
    shown = {name: value for name, value in shown.items() if value is not None and value is not False}
    shown["reason"] = "A test"
    return browser.post("/admin/onboarding/policyversion/add/", {**shown, **values})


def test_an_admin_changes_policy_by_adding_a_version(db, browser_of):
    answer = add_policy(browser_of("ada"), lifetime_minutes=30, reason="Shorter is enough")

    assert answer.status_code == 302
    assert policy.in_force().lifetime_minutes == 30
    assert policy.in_force().created_by.name == "Ada Jansen"
    assert PolicyVersion.objects.count() == 2


@pytest.mark.parametrize("key", ["hanna", "maria", "audrey"])
def test_nobody_else_can(db, browser_of, key):
    answer = add_policy(browser_of(key), lifetime_minutes=30)

    assert answer.status_code in {403, 404}
    assert PolicyVersion.objects.count() == 1


def test_no_admin_can_change_or_delete_what_is_there(db, browser_of):
    ada, number = browser_of("ada"), policy.in_force().number

    changed = ada.post(f"/admin/onboarding/policyversion/{number}/change/", {"lifetime_minutes": 480})
    deleted = ada.post(f"/admin/onboarding/policyversion/{number}/delete/", {"post": "yes"})

    assert (changed.status_code, deleted.status_code) == (403, 403)
    assert policy.in_force().lifetime_minutes == 60


@pytest.mark.parametrize("lifetime", [0, 9, 481, 100000])
def test_no_admin_can_go_below_the_floors(db, browser_of, lifetime):
    answer = add_policy(browser_of("ada"), lifetime_minutes=lifetime)

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors["lifetime_minutes"]
    assert PolicyVersion.objects.count() == 1


def test_no_admin_can_ask_for_passes_that_work_twice(db, browser_of):
    add_policy(browser_of("ada"), single_use="")

    assert policy.in_force().single_use is True


def test_every_page_of_the_admin_that_an_admin_or_auditor_can_open_changes_nothing_but_policy(db, browser_of):
    for key in ("ada", "audrey"):
        browser = browser_of(key)
        for model in ("starter", "passissue", "auditevent", "mail", "job", "heartbeat"):
            assert browser.get(f"/admin/onboarding/{model}/").status_code == 200, model
            assert browser.get(f"/admin/onboarding/{model}/add/").status_code == 403, model
    assert browser_of("audrey").get("/admin/onboarding/policyversion/add/").status_code == 403
