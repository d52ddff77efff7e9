"""Each type and state of authentication method: whether it blocks a new starter, and whether it closes one."""

from __future__ import annotations

from typing import Any

import pytest

from onboarding.graph import methods as rules
from onboarding.graph.entities import Method
from portal.sandbox import methods as sandbox
from tests.support.method_table import SECOND, STARTS, TABLE, WHOLE, method_in


@pytest.mark.parametrize(("kind", "state"), TABLE, ids=map("{0[0]} {0[1]}".format, TABLE))
def test_each_type_and_state_has_its_two_verdicts(kind, state):
    method = method_in(kind, state)

    assert (
        rules.blocks_new_starter(method, phones_expected=False),
        rules.blocks_new_starter(method, phones_expected=True),
        rules.closes_starter(method, used_from=None),
        rules.closes_starter(method, used_from=STARTS),
    ) == TABLE[kind, state]


@pytest.mark.parametrize("created", [None, WHOLE - SECOND, WHOLE + SECOND], ids=str)
@pytest.mark.parametrize("kind", [kind for kind, state in TABLE if state == "any"])
def test_registration_time_matters_only_for_an_authenticator(kind, created):
    found = [rules.closes_starter(Method(kind, "m", created), used_from=used) for used in (None, STARTS)]

    assert found == list(TABLE[kind, "any"][2:])


def test_every_known_method_type_is_in_the_table_and_sandbox():
    known = {kind for kind, _ in TABLE} - {"telepathy", ""}

    assert set(rules.BY_TYPE) == known
    assert len(rules.BY_TYPE) == len(rules.RULES)
    # The sandbox plays passes separately, and the retired type only by its name.
    assert set(sandbox.FIELDS) == known - {"temporaryAccessPass", "passwordlessMicrosoftAuthenticator"}


def test_every_documented_phone_state_is_in_the_table():
    assert set(sandbox.SMS_STATES) <= {state for kind, state in TABLE if kind == "phone"}


CLOSING = [case for case, said in TABLE.items() if said[3]]


@pytest.mark.parametrize(("kind", "state"), CLOSING, ids=map("{0[0]} {0[1]}".format, CLOSING))
def test_a_method_from_before_the_pass_closes_no_starter(kind, state):
    def closes(method_id: str, before: list[str]) -> bool:
        method = method_in(kind, state, method_id)
        return rules.can_sign_in_again([Method("password"), method], before=before, used_from=STARTS)

    assert closes("m", []) and closes("m", ["another"])
    assert not closes("m", ["another", "m"])
    assert not closes("", [])


def test_which_methods_are_a_second_factor():
    def second(kind: str, state: str = "") -> bool:
        return rules.is_second_factor(Method(kind, "m", sign_in_state=state))

    assert [state for state in sandbox.SMS_STATES if not second("phone", state)] == ["ready"]
    assert [kind for kind in rules.BY_TYPE if second(kind)] == [
        "phone",
        "softwareOath",
        "hardwareOath",
        "external",
    ]
    assert not second("telepathy")


# The types that the sandbox accepts for a sign-in alone: it must not accept more than the table.
ALONE: dict[str, dict[str, Any]] = {
    "phone": {"smsSignInState": "ready"}, "fido2": {}, "windowsHelloForBusiness": {}, "platformCredential": {},
    "x509Certificate": {}, "qrCodePin": {}, "microsoftAuthenticator": {},
}  # fmt: skip


@pytest.mark.parametrize("kind", sandbox.FIELDS)
def test_the_sandbox_accepts_only_methods_that_close_a_starter(kind):
    registered = sandbox.new_method(kind, 1_790_000_000.0, **ALONE.get(kind, {}))

    assert sandbox.signs_in_alone(registered) is (kind in ALONE)
    if kind != "microsoftAuthenticator":
        state = registered.get("smsSignInState", "")
        assert rules.closes_starter(Method(kind, "m", sign_in_state=state), used_from=None) is (kind in ALONE)
