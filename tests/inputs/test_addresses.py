"""Exactly one mail address, wherever one is accepted."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from onboarding.inputs.addresses import single_address
from onboarding.models import PolicyVersion
from onboarding.policy import validation
from portal.environment import Environment
from tests.support.shown_form import ShownForm

ADD = "/admin/onboarding/policyversion/add/"

ONE = {
    "noor.devries@contoso.example": "noor.devries@contoso.example",
    "  hr@contoso.example ": "hr@contoso.example",
    "O'Brien+hr_1@Contoso.example": "O'Brien+hr_1@Contoso.example",
    "hr@münchen.example": "hr@xn--mnchen-3ya.example",
    "hr@MÜNCHEN.example": "hr@xn--mnchen-3ya.example",
    "hr@xn--mnchen-3ya.example": "hr@xn--mnchen-3ya.example",
    "hr@cоntoso.example": "hr@xn--cntoso-wqf.example",  # a Cyrillic о, which shows
}
NOT_ONE = (
    "", "hr", "@contoso.example", "hr@", "hr@@contoso.example", "hr@contoso.example@evil.example",
    # Two of them, or another one hidden behind a name, a comment, a group or a source route.
    "hr@contoso.example, thief@evil.example", "hr@contoso.example;thief@evil.example",
    "hr@contoso.example thief@evil.example", "HR <hr@contoso.example>", "<hr@contoso.example>",
    "hr@contoso.example (thief@evil.example)", "hr(thief)@contoso.example", "HR:hr@contoso.example;",
    '"hr@contoso.example"@evil.example', '"hr"@contoso.example', '"a b"@contoso.example', "@evil.example:hr@contoso.example",
    "hr\\@evil.example@contoso.example", "=?utf-8?q?hr=40evil.example?=@contoso.example ",
    # Headers.
    "hr@contoso.example\n", "hr@contoso.example\r\nBcc: thief@evil.example", "hr\n@contoso.example", "hr@contoso.example\x00",
    "hr@contoso.example\u2028Bcc: thief@evil.example",
    # Domains that are none, or that something turns into another.
    "hr@[192.0.2.1]", "hr@-contoso.example", "hr@contoso-.example", "hr@contoso..example", "hr@.example",
    "hr@contoso.example.", "hr@contoso_hr.example", f"hr@{'a' * 64}.example", "hr@contoso。example", "hr@contoso．example",
    "hr@ｃontoso.example", "hr@contoso，evil.example", "hr@xn--a.example", "hr@☃.example", "hr@contoso\u200b.example",
    "hr@con\u00adtoso.example", "hr@℡.example",
    # Local parts that not every mail server takes.
    "zoë@contoso.example", "h\u200br@contoso.example", ".hr@contoso.example", "hr.@contoso.example", "h..r@contoso.example",
    "＠contoso.example", "hr＠contoso.example", f"{'a' * 65}@contoso.example", f"hr@{'a.' * 126}example",
)  # fmt: skip


def test_one_address_is_taken_with_its_domain_in_ascii():
    assert {given: single_address(given) for given in ONE} == ONE
    assert [single_address(value) for value in (None, 7, ["hr@contoso.example"])] == [""] * 3


def test_anything_else_is_no_address():
    assert {given: single_address(given) for given in NOT_ONE if single_address(given)} == {}


@pytest.mark.parametrize("name", ["MAIL_FROM", "HR_ADDRESS", "SECURITY_ADDRESS"])
def test_the_start_refuses_all_of_them(monkeypatch, name):
    env, example = Environment(), "hr@contoso.example"
    for given in NOT_ONE:
        value = given.strip()
        if "\0" in value or single_address(value):  # no environment has a NUL, and the ends are stripped
            continue
        monkeypatch.setenv(name, value)
        with pytest.raises(ImproperlyConfigured, match=f"^{name} (must be one email address|is not set)"):
            env.mail_address(name, example=example)
    monkeypatch.setenv(name, "hr@münchen.example")
    assert env.mail_address(name, example=example) == "hr@xn--mnchen-3ya.example"


def test_the_policy_refuses_all_of_them():
    for given in NOT_ONE:
        address = given.strip()
        if not address or single_address(address):
            continue
        version = PolicyVersion(hr_address=address, security_address=address, duty_address=address)
        refused = {name for name, why in validation.find_contradictions(version) if "exactly one" in why}
        assert refused == {"hr_address", "security_address", "duty_address"}, address


@pytest.mark.django_db
def test_policy_form_saves_an_international_domain_in_ascii(browser_of):
    browser = browser_of("ada")
    shown = ShownForm(browser.get(ADD).content.decode(), "policyversion_form")
    typed = {"Reason for the change": "New addresses", "HR's email address": "hr@münchen.example"}

    body = shown.fill({**typed, "On-call address": '"desk"@contoso.example'})
    refused = browser.post(ADD, body)
    saved = browser.post(ADD, body | {"duty_address": ["desk@contoso.example"]})

    assert "Enter exactly one email address" in refused.content.decode()
    assert saved.status_code == 302
    assert PolicyVersion.objects.latest("number").hr_address == "hr@xn--mnchen-3ya.example"
