"""Promise 1: no pass exists before the manager, who is with the starter, creates it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import policy
from onboarding.models import PassIssue, PolicyVersion, Starter
from onboarding.starters import attempts, invitations
from tests.conftest import creations, live_passes

pytestmark = pytest.mark.django_db


def test_adding_and_inviting_a_starter_creates_no_pass(tenant, invite, run_jobs):
    invite("noor")

    run_jobs()
    run_jobs(timedelta(hours=1))

    assert creations(tenant) == []
    assert live_passes(tenant) == []


def test_opening_the_page_creates_no_pass(tenant, invite, browser_of):
    starter = invite("noor")
    maria = browser_of("maria")

    for _ in range(3):
        assert maria.get(f"/starters/{starter.public_id}/").status_code == 200
        assert maria.head(f"/starters/{starter.public_id}/").status_code == 200

    assert creations(tenant) == []


def test_opening_the_page_changes_no_row(tenant, invite, browser_of):
    starter = invite("noor")
    before = Starter.objects.filter(pk=starter.pk).values().get()
    maria = browser_of("maria")

    maria.get("/starters/")
    maria.get(f"/starters/{starter.public_id}/")
    maria.get(f"/starters/{starter.public_id}/?identity_check=in_person&version=1&policy=1")

    assert Starter.objects.filter(pk=starter.pk).values().get() == before


@pytest.mark.parametrize("starts_in", [timedelta(hours=3), timedelta(days=2), timedelta(days=-7)])
def test_a_confirmation_outside_the_window_creates_no_pass(tenant, invite, browser_of, starts_in):
    starter = invite("noor", starts_in=starts_in)
    maria = browser_of("maria")

    answer = maria.post(
        f"/starters/{starter.public_id}/",
        {"identity_check": "in_person", "version": starter.version, "policy": policy.for_site().number},
    )

    assert answer.status_code == 409
    assert creations(tenant) == []


def test_a_pass_is_valid_from_its_creation(tenant, shown):
    shown("noor")

    (created,) = [found for found in tenant.tenant.passes if found.person == "noor"]
    assert abs(created.start - created.created) < 1


def test_an_uninvited_starter_gets_no_pass(tenant, record, worker_alive, browser_of):
    starter = record("noor")

    answer = browser_of("maria").post(
        f"/starters/{starter.public_id}/",
        {"identity_check": "in_person", "version": starter.version, "policy": policy.for_site().number},
    )

    assert answer.status_code == 409
    assert creations(tenant) == []


def test_no_action_of_hr_creates_a_pass(tenant, invite, person):
    starter = invite("noor")
    PolicyVersion.objects.all().delete()
    PolicyVersion.objects.create(reason="One", attempts=1)
    PassIssue.objects.create(
        starter=starter, account_id=starter.account_id, number=1, state="void", counted=True, actor=person("maria"),
        policy=PolicyVersion.objects.get(), lifetime_minutes=60, lease_until=timezone.now(),
    )  # fmt: skip
    attempts.allow_another(starter=starter, by=person("hanna"), reason="She is here")
    invitations.send_link(starter=starter, by=person("hanna"))

    assert creations(tenant) == []
