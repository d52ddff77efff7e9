"""A sign-in records which optional claims its token had: their names, and nothing of the person."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import time_machine
from django.conf import settings as running
from django.test import Client
from django.utils import timezone

from onboarding.doctor.runner import run_checks
from portal.models import ClaimsSeen, User
from portal.sandbox.people import BY_KEY

pytestmark = pytest.mark.django_db


def sign_in(person: str = "hanna") -> int:
    """Sign in through Microsoft; returns the status of the portal's last answer."""
    client = Client()
    leaving = client.get("/signin/")["Location"]
    address = f"{running.SANDBOX_URL}/{running.TENANT_ID}/oauth2/v2.0/authorize"
    asked = dict(parse_qsl(urlsplit(leaving).query))
    back = requests.post(address, {**asked, "person": person}, allow_redirects=False, timeout=30)
    return client.get(back.headers["Location"].removeprefix(running.PORTAL_URL)).status_code


def doctor_says(name: str = "signin.claims") -> str:
    return next(check.state for check in run_checks() if check.id == name)


def test_a_sign_in_shows_which_claims_there_were_and_when(tenant):
    before = timezone.now()

    assert sign_in() == 302

    seen = ClaimsSeen.objects.get()
    assert (seen.names, seen.at > before) == (["auth_time", "acct", "login_hint", "sid"], True)
    assert doctor_says() == "ok"


@pytest.mark.parametrize("missing", ["auth_time", "acct"])
def test_refused_sign_in_records_its_claims_too(tenant, missing):
    tenant.tenant.id_token_changes = {"remove": [missing]}

    assert sign_in() == 403

    assert missing not in ClaimsSeen.objects.get().names
    assert not User.objects.exists()
    assert doctor_says() == "wrong"


def test_next_sign_in_records_the_corrected_claims(tenant):
    tenant.tenant.id_token_changes = {"remove": ["login_hint"]}
    assert sign_in() == 302
    assert doctor_says() == "wrong"

    tenant.tenant.id_token_changes = {}
    assert sign_in("maria") == 302

    assert doctor_says() == "ok"


@pytest.mark.parametrize("signature", ["none", "foreign", "unknown key"])
@pytest.mark.parametrize("removed", [[], ["auth_time"]])
def test_forged_token_records_no_claims(tenant, signature, removed):
    tenant.tenant.id_token_changes = {"signature": signature, "remove": removed}

    assert sign_in() == 403

    assert not ClaimsSeen.objects.exists()


def test_claims_record_contains_no_personal_data(tenant):
    sign_in()

    kept = str(ClaimsSeen.objects.values().get())
    hanna = BY_KEY["hanna"]
    assert not any(word in kept for word in (hanna.name, hanna.object_id, hanna.user_principal_name, "HR"))


def test_frequent_sign_ins_do_not_lock_the_claims_row(tenant):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        sign_in()
        first = ClaimsSeen.objects.get().at
        clock.shift(timedelta(minutes=4))
        sign_in("maria")
        assert ClaimsSeen.objects.get().at == first
        clock.shift(timedelta(minutes=2))
        sign_in("maria")

    assert ClaimsSeen.objects.get().at == first + timedelta(minutes=6)
