"""F2 and F3: which sign-in methods block a new starter, and which let a starter sign in again."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from onboarding.models import Mail, PassIssue, Starter
from portal.demo.visitor import Visitor
from tests.conftest import BY_KEY, creations, live_passes
from tests.support.method_table import TABLE

pytestmark = pytest.mark.django_db

NOOR = BY_KEY["noor"]


@pytest.fixture
def control(tenant):
    """The sandbox's control page."""

    def change(**wanted: Any) -> Any:
        answer = requests.post(f"{tenant.url}/_control/change", json=wanted, timeout=60)
        assert answer.ok, answer.text
        return answer.json()

    return change


@pytest.fixture
def asks_for_a_pass(browser_of):
    """The manager signs in, opens the page, fills in what it shows, and creates the pass. Returns the answer."""

    def asked(starter: Starter) -> Any:
        maria = browser_of("maria")
        address = f"/starters/{starter.public_id}/"
        form = maria.get(address).context.get("form")
        assert form is not None, "the page offers no pass"
        shown = {"version": form["version"].value(), "policy": form["policy"].value()}
        return maria.post(address, {"identity_check": "in_person", **shown})

    return asked


@pytest.fixture
def handed_over(tenant, invite, asks_for_a_pass, browser_of):
    """A pass that the manager's page showed and acknowledged."""
    starter = invite("noor")
    tenant.tenant.witness = []
    answer = asks_for_a_pass(starter)
    (code,), tenant.tenant.witness = tenant.tenant.witness, None
    assert answer.status_code == 200
    issue = PassIssue.objects.get()
    receipt = browser_of("maria").post(f"/starters/{starter.public_id}/{issue.pk}/receipt/")
    assert receipt.status_code == 204
    return SimpleNamespace(starter=starter, code=code)


@pytest.fixture
def signs_in(tenant, handed_over):
    """The starter uses the pass on Microsoft's sign-in page. Returns their browser."""

    def signed_in() -> Visitor:
        starter = Visitor(tenant.url)
        form = {"account": NOOR.user_principal_name, "pass": handed_over.code}
        assert starter.post(f"{tenant.url}/mysignins", form).status_code == 200
        return starter

    return signed_in


def registered(control, kind: str, **how: Any) -> None:
    control(method="noor", type=kind, **how)


# --- Before the first day -----------------------------------------------------------------------------------------


def test_f3_an_email_method_does_not_block_a_starter(invite, asks_for_a_pass, tenant):
    answer = asks_for_a_pass(invite("mailed"))

    assert answer.status_code == 200
    assert len(live_passes(tenant, "mailed")) == 1


PLAYED = [
    (kind, state)
    for kind, state in TABLE
    if kind not in {"password", "temporaryAccessPass", "", "passwordlessMicrosoftAuthenticator"}
]


def how_to_play(kind: str, state: str) -> dict[str, Any]:
    """The control page's input that registers a method of this type in this state."""
    if kind == "phone":
        return {"fields": {"smsSignInState": state or None}}
    return {"created": state != "no time"}


@pytest.mark.parametrize(("kind", "state"), PLAYED, ids=map("{0[0]} {0[1]}".format, PLAYED))
def test_f3_each_method_blocks_as_the_table_says(invite, asks_for_a_pass, control, tenant, kind, state):
    starter = invite("noor")
    registered(control, kind, **how_to_play(kind, state))

    answer = asks_for_a_pass(starter)

    blocks = TABLE[kind, state][0]
    assert (answer.status_code, len(creations(tenant))) == ((403, 0) if blocks else (200, 1))
    assert ("no_own_method" in answer.content.decode()) is blocks


@pytest.mark.parametrize("state", ["notAllowedByPolicy", "ready"])
def test_f3_a_phone_does_not_block_if_hr_registers_phones(
    invite, asks_for_a_pass, control, policy_says, tenant, run_jobs, state
):
    policy_says(phones_beforehand=True)
    starter = invite("noor")
    registered(control, "phone", fields={"smsSignInState": state})

    assert asks_for_a_pass(starter).status_code == 200
    run_jobs(timedelta(seconds=15))

    # A phone that was there before is no proof that the starter registered it.
    assert len(live_passes(tenant)) == 1
    assert Starter.objects.get().state == "issued"


# --- After the hand-over ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "state"), PLAYED, ids=map("{0[0]} {0[1]}".format, PLAYED))
def test_f2_an_unused_pass_stays_unless_a_method_opens_the_account(
    handed_over, control, tenant, run_jobs, kind, state
):
    registered(control, kind, **how_to_play(kind, state))

    run_jobs(timedelta(seconds=15))

    closes = TABLE[kind, state][2]
    assert (Starter.objects.get().state, len(live_passes(tenant))) == (
        ("registered", 0) if closes else ("issued", 1)
    )


# What a starter can register with the pass, and whether they can sign in again with it.
REGISTERED_WITH_THE_PASS = {
    "passkey": True,
    "hello": True,
    "authenticator": True,
    "sms": True,
    "push": False,
    "phone": False,
    "code": False,
    "email": False,
}


def can_sign_in(tenant) -> bool:
    answer = Visitor(tenant.url).post(
        f"{tenant.url}/mysignins/passkey", {"account": NOOR.user_principal_name}
    )
    return answer.status_code == 200


@pytest.mark.parametrize(("way", "closes"), REGISTERED_WITH_THE_PASS.items())
def test_f2_a_used_pass_closes_only_with_a_real_method(signs_in, tenant, run_jobs, way, closes):
    starter = signs_in()
    assert starter.post(f"{tenant.url}/mysignins/register", {"name": "Mine", "method": way}).ok

    run_jobs(timedelta(seconds=15))

    assert can_sign_in(tenant) is closes
    assert Starter.objects.get().state == ("registered" if closes else "issued")


def test_f2_an_earlier_authenticator_does_not_close_the_starter(
    handed_over, signs_in, control, run_jobs, time_passes
):
    registered(control, "microsoftAuthenticator")
    time_passes(timedelta(seconds=20))
    signs_in()

    time_passes(timedelta(minutes=1))

    assert Starter.objects.get().state == "issued"


@pytest.fixture
def led_to_nothing(signs_in, tenant, time_passes):
    """The pass was used, a method that cannot sign in was registered, and the ten minutes are over."""

    def ended(way: str) -> None:
        starter = signs_in()
        if way:
            assert starter.post(f"{tenant.url}/mysignins/register", {"method": way}).ok
        time_passes(timedelta(minutes=16))

    return ended


@pytest.mark.parametrize("way", ["", "phone", "email"])
def test_f2_a_starter_without_a_method_needs_attention(led_to_nothing, handed_over, browser_of, way):
    led_to_nothing(way)

    hr = browser_of("hanna")
    assert Starter.objects.get().state == "invited"
    assert "Noor de Vries" in hr.get("/hr/?state=problem").content.decode()
    page = hr.get(f"/hr/{handed_over.starter.public_id}/").content.decode()
    assert "The pass was used, but no sign-in method was registered" in page
    assert "Ask the manager or stand-in to create another pass" in page
    assert Mail.objects.filter(kind="problem", to="hr@contoso.example").count() == 1


@pytest.mark.parametrize("way", ["", "phone", "code", "email"])
def test_f2_the_manager_can_create_another_pass_for_them(
    led_to_nothing, handed_over, asks_for_a_pass, tenant, way
):
    led_to_nothing(way)

    answer = asks_for_a_pass(handed_over.starter)

    assert answer.status_code == 200
    assert len(live_passes(tenant)) == 1
    assert Starter.objects.get().problem == ""


def test_f2_a_second_factor_without_a_pass_blocks_another(
    handed_over, browser_of, control, time_passes, asks_for_a_pass
):
    """Nobody used the pass, so the starter did not register that phone with it."""
    registered(control, "phone")
    issue = PassIssue.objects.get()
    browser_of("maria").post(f"/starters/{handed_over.starter.public_id}/{issue.pk}/lost/")
    time_passes(timedelta(minutes=2))

    answer = asks_for_a_pass(handed_over.starter)

    assert answer.status_code == 403
    assert "no_own_method" in answer.content.decode()


def test_f2_an_unknown_authenticator_blocks_another_pass(led_to_nothing, handed_over, asks_for_a_pass):
    led_to_nothing("push")

    answer = asks_for_a_pass(handed_over.starter)

    assert answer.status_code == 403
