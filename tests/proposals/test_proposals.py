"""The portal proposes accounts by their hire date. HR accepts them, or a rule that two admins agreed to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from onboarding import audit, clock
from onboarding.guards import approvals
from onboarding.jobs import JobPostponed
from onboarding.models import AuditEvent, HireListing, Mail, PolicyVersion, Starter
from onboarding.participants import hr_participant_ids
from onboarding.proposals import reading
from onboarding.starters import withdrawal
from onboarding.tickets import acceptance
from portal.sandbox.people import BY_KEY
from portal.sandbox.server import Sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def hired(tenant: Sandbox) -> Callable[..., None]:
    """Entra has hire dates so many days from now for these people, and none for the others."""

    def hire(**days: int) -> None:
        for key, account in tenant.tenant.accounts.items():
            day = timezone.localdate() + timedelta(days=days.get(key, 0))
            account.properties["employeeHireDate"] = f"{day}T00:00:00Z" if key in days else None

    return hire


def read_all() -> None:
    while reading.read_proposals("read") <= clock.now():
        pass


def proposed() -> dict[str, date]:
    """The first names on HR's list, with their start dates."""
    return {starter.name.split()[0]: starter.start_date for starter in acceptance.waiting_starters()}


def accept(starter: Starter, by: Any) -> None:
    acceptance.accept_starter(starter=starter, shown=acceptance.review_key(starter), by=by)


def test_nothing_is_read_until_the_policy_says_so(tenant, hired):
    hired(noor=3)

    assert reading.read_proposals("read") > clock.now() + timedelta(minutes=59)

    assert proposed() == {} and not tenant.tenant.requests


def test_accounts_of_the_coming_weeks_are_on_hrs_list(hired, policy_says, browser_of, person):
    policy_says(propose_days=14)
    hired(noor=3, liam=14, yusuf=15, sofia=-1)

    read_all()

    today = timezone.localdate()
    assert proposed() == {"Noor": today + timedelta(days=3), "Liam": today + timedelta(days=14)}
    page = browser_of("hanna").get("/hr/to-accept/").content.decode()
    assert "Noor de Vries" in page and "Proposed by the portal" in page
    starter = acceptance.waiting_starters().first()
    accept(starter, person("hanna"))
    assert Starter.objects.get(pk=starter.pk).recorded_by == person("hanna")
    assert list(audit.compare_rows()) == []


def test_an_account_is_proposed_once(hired, policy_says, record, person):
    policy_says(propose_days=14)
    record("liam")
    hired(noor=3, liam=3)
    read_all()
    withdrawal.withdraw_starter(
        starter=acceptance.waiting_starters().get(), by=person("hanna"), reason="Not here"
    )

    read_all()

    assert proposed() == {} and Starter.objects.count() == 2


def test_only_accounts_in_scope_and_without_privileges_are_proposed(hired, policy_says, tenant):
    policy_says(propose_days=14, scope_departments="service design")
    hired(noor=3, liam=3, ada=3, guestmanager=3)
    tenant.tenant.accounts["liam"].properties["department"] = "Finance"
    tenant.tenant.accounts["yusuf"].directory_roles = ["Global Administrator"]

    read_all()

    assert set(proposed()) == {"Noor"}
    assert not Mail.objects.filter(kind="refused").exists()


def test_reading_goes_on_where_it_stopped(hired, policy_says, tenant):
    policy_says(propose_days=14)
    hired(noor=3, liam=3, sofia=3, yusuf=3)
    tenant.tenant.list_page = 2

    assert reading.read_proposals("read") <= clock.now()
    assert len(proposed()) == 2
    token = HireListing.objects.get().next_token
    tenant.tenant.faults.add({"path": "/v1.0/users$", "status": 429, "headers": {"Retry-After": "7"}})
    with pytest.raises(JobPostponed):
        reading.read_proposals("read")
    assert HireListing.objects.get().next_token == token
    read_all()

    assert len(proposed()) == 4
    assert HireListing.objects.get().read_at is not None


def test_both_who_agreed_to_the_rule_count_as_recorders(hired, policy_says, person, tenant):
    """Ada wrote the version, and Amir activated it. Amir is Olga's manager."""
    policy_says(propose_days=14, accept_proposals=True)
    hired(noor=3, olga=3)

    read_all()

    noor = Starter.objects.get(account_id=BY_KEY["noor"].object_id)
    ada, amir = person("ada"), person("amir")
    assert noor.recorded_by == ada and not noor.awaits_acceptance
    assert {ada.oid, amir.oid} <= hr_participant_ids(noor)
    assert not approvals.can_approve(noor, amir)
    assert set(proposed()) == {"Olga"}
    event = AuditEvent.objects.get(event="starter.accepted_by_rule")
    assert (event.detail.values["author"], event.detail.values["second"]) == (ada.oid, amir.oid)
    assert list(audit.compare_rows()) == []
    Starter.objects.filter(pk=noor.pk).update(shaped_by=[ada.oid])
    assert [fault.what for fault in audit.compare_rows()]


def test_a_rule_of_one_person_accepts_nothing(hired, policy_says, person):
    policy_says(propose_days=14)
    PolicyVersion.objects.create(
        propose_days=14, accept_proposals=True, reason="By SQL", created_by=person("ada")
    )
    hired(noor=3)

    read_all()

    assert set(proposed()) == {"Noor"}


def test_a_proposal_with_a_warning_waits_for_hr(hired, policy_says, tenant):
    policy_says(propose_days=14, accept_proposals=True)
    hired(noor=3, liam=3)
    tenant.tenant.accounts["noor"].manager = None
    tenant.tenant.accounts["liam"].properties["accountEnabled"] = False

    read_all()

    assert set(proposed()) == {"Noor", "Liam"}


def test_the_daily_limit_leaves_the_rest_for_later(hired, policy_says):
    policy_says(propose_days=14, hr_daily=1)
    hired(noor=3, liam=3)

    assert reading.read_proposals("read") > clock.now()

    assert len(proposed()) == 1
    assert HireListing.objects.get().first_day is not None
