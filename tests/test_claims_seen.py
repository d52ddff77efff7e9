"""A sign-in leaves behind which of the claims that must be asked for it brought: their names, and nothing of the person."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import time_machine
from django.conf import settings as running
from django.test import Client
from django.utils import timezone

from onboarding.doctor.frame import examine
from portal.models import ClaimsSeen, User
from portal.sandbox.people import BY_KEY

pytestmark = pytest.mark.django_db


def sign_in(person: str = "hanna") -> int:
    """All the way to Microsoft and back; the status of the portal's last answer."""
    client = Client()
    leaving = client.get("/signin/")["Location"]
    address = f"{running.SANDBOX_URL}/{running.TENANT_ID}/oauth2/v2.0/authorize"
    asked = dict(parse_qsl(urlsplit(leaving).query))
    back = requests.post(address, {**asked, "person": person}, allow_redirects=False, timeout=30)
    return client.get(back.headers["Location"].removeprefix(running.PORTAL_URL)).status_code


def doctor_says(name: str = "signin.claims") -> str:
    return next(one.state for one in examine() if one.id == name)


def test_a_sign_in_shows_which_claims_there_were_and_when(tenant):
    before = timezone.now()

    assert sign_in() == 302

    seen = ClaimsSeen.objects.get()
    assert (seen.names, seen.at > before) == (["auth_time", "acct", "login_hint"], True)
    assert doctor_says() == "ok"


@pytest.mark.parametrize("missing", ["auth_time", "acct"])
def test_also_a_sign_in_that_is_refused_for_want_of_one(tenant, missing):
    tenant.tenant.id_token_changes = {"remove": [missing]}

    assert sign_in() == 403

    assert missing not in ClaimsSeen.objects.get().names
    assert not User.objects.exists()
    assert doctor_says() == "wrong"


def test_once_it_is_put_right_the_next_sign_in_says_so(tenant):
    tenant.tenant.id_token_changes = {"remove": ["login_hint"]}
    assert sign_in() == 302
    assert doctor_says() == "wrong"

    tenant.tenant.id_token_changes = {}
    assert sign_in("maria") == 302

    assert doctor_says() == "ok"


@pytest.mark.parametrize("signature", ["none", "foreign", "unknown key"])
@pytest.mark.parametrize("removed", [[], ["auth_time"]])
def test_a_token_that_is_not_genuine_leaves_nothing(tenant, signature, removed):
    tenant.tenant.id_token_changes = {"signature": signature, "remove": removed}

    assert sign_in() == 403

    assert not ClaimsSeen.objects.exists()


def test_nothing_of_the_person_is_in_it(tenant):
    sign_in()

    kept = str(ClaimsSeen.objects.values().get())
    hanna = BY_KEY["hanna"]
    assert not any(word in kept for word in (hanna.name, hanna.object_id, hanna.user_principal_name, "HR"))


def test_a_morning_of_sign_ins_does_not_queue_for_the_row(tenant):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        sign_in()
        first = ClaimsSeen.objects.get().at
        clock.shift(timedelta(minutes=4))
        sign_in("maria")
        assert ClaimsSeen.objects.get().at == first
        clock.shift(timedelta(minutes=2))
        sign_in("maria")

    assert ClaimsSeen.objects.get().at == first + timedelta(minutes=6)
