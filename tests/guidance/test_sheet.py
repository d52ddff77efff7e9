"""The starter's instructions: public, without names, and with Microsoft's error numbers."""

from __future__ import annotations

import re

import pytest
from django.conf import settings as running
from django.utils.html import escape

from onboarding import policy
from onboarding.guidance.instructions import DEVICES
from onboarding.guidance.troubleshooting import SIGN_IN_PROBLEMS
from onboarding.models import PolicyVersion
from portal.models import User

pytestmark = pytest.mark.django_db


def without_nonce(response) -> str:
    return re.sub(r'nonce="[^"]+"', "", response.content.decode())


def test_anyone_reads_it_without_signing_in(client):
    page = client.get("/sheet/").content.decode()

    assert "Your first sign-in" in page
    assert "within ten minutes" in page
    for device in DEVICES:
        assert escape(str(device.name)) in page and device.key in page


@pytest.mark.parametrize("number", ["130501", "130504", "130506", "130507"])
def test_each_number_that_microsoft_shows_is_explained(client, number):
    assert f"AADSTS{number}" in client.get("/sheet/").content.decode()


def test_every_sign_in_problem_has_meaning_and_steps(client):
    page = client.get("/sheet/").content.decode()

    assert len({problem.name for problem in SIGN_IN_PROBLEMS}) == len(SIGN_IN_PROBLEMS) >= 6
    for problem in SIGN_IN_PROBLEMS:
        assert problem.do
        for words in (problem.sees, problem.means, *problem.do):
            assert escape(str(words)) in page


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.key)
def test_one_way_alone_can_be_chosen_and_printed(client, device):
    page = client.get(f"/sheet/?with={device.key}").content.decode()

    assert re.findall(r'<h2 id="(\w+)-name">', page) == [device.key]
    assert "AADSTS130507" in page


def test_an_unknown_way_shows_all_of_them(client):
    assert without_nonce(client.get("/sheet/?with=<script>")) == without_nonce(client.get("/sheet/"))


def test_the_sheet_is_the_same_for_everybody(client):
    stranger = without_nonce(client.get("/sheet/"))
    maria = User.objects.create(
        tid=running.TENANT_ID,
        oid="maria",
        name="Maria Lindqvist",
        user_principal_name="maria@x",
        roles=["HR"],
    )
    client.force_login(maria)
    policy.add_version(PolicyVersion(frozen=True, reason="A stolen laptop"), by=maria)

    assert without_nonce(client.get("/sheet/")) == stranger
    assert "Maria" not in stranger


def test_signed_out_visitor_does_not_see_who_froze_the_portal(client):
    ada = User.objects.create(
        tid=running.TENANT_ID, oid="ada", name="Ada Jansen", user_principal_name="ada@x", roles=["Admin"]
    )
    policy.add_version(PolicyVersion(frozen=True, reason="A stolen laptop"), by=ada)

    assert "Ada" not in client.get("/signout/done/").content.decode()
    client.force_login(ada)
    assert "A stolen laptop" in client.get("/admin/").content.decode()


def test_link_leads_to_microsoft_or_to_the_sandbox(client, settings):
    assert f"{settings.SANDBOX_URL}/mysignins" in client.get("/sheet/").content.decode()

    settings.SANDBOX = False

    assert "aka.ms/mysecurityinfo" in client.get("/sheet/").content.decode()


def test_it_takes_no_form(client):
    assert client.post("/sheet/").status_code == 405
