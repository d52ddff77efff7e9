"""Every text field of every form refuses characters that nobody sees, and says which."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django import forms
from django.core.management import CommandError, call_command

import onboarding.api.fields
import onboarding.hr.forms
import onboarding.managers.forms
import portal.admin
from onboarding import policy
from onboarding.admin.policy_forms import DepartmentForm, PolicyForm
from onboarding.hr.filters import StarterFilters
from portal.branding.style_guide import Sample
from tests.support.shown_form import ShownForm

# Fields that take hidden characters, and why.
TAKES = {
    "AccountForm.account": "the clipboard's characters are dropped before the account is read",
    "BulkForm.accounts": "the clipboard's characters are dropped before the accounts are read",
    "StopForm.code": "spaces and marks of a typed code are dropped before it is compared",
    "PasteForm.pasted": "the import reads each cell, and refuses what it would keep",
}
HIDDEN = ("a\u200bb", "a\u202eb", "a\u2069b", "a\ufeffb", "a\U000e0041b", "a\u200db")


def every_form() -> Iterator[type[forms.BaseForm]]:
    waiting: list[type[forms.BaseForm]] = [forms.BaseForm]
    while waiting:
        form = waiting.pop()
        waiting += form.__subclasses__()
        if form.__module__.startswith(("onboarding.", "portal.")):
            yield form


def text_fields() -> dict[str, forms.Field]:
    """The fields in which a person types, or another system sends, a text. The policy's forms have their own test."""
    found = {}
    for form in every_form():
        if form in {Sample, PolicyForm, DepartmentForm}:
            continue
        for name, field in form.base_fields.items():
            is_text = isinstance(field, forms.CharField) and not isinstance(field.widget, forms.HiddenInput)
            inherited = any(name in getattr(base, "base_fields", ()) for base in form.__bases__)
            if is_text and not inherited:
                found[f"{form.__name__}.{name}"] = field
    return found


def error_codes(field: forms.Field, value: str) -> set[str]:
    try:
        field.clean(value)
    except forms.ValidationError as error:
        return {each.code for each in error.error_list}
    return set()


def test_each_text_field_refuses_hidden_characters():
    assert {onboarding.api.fields, onboarding.hr.forms, onboarding.managers.forms, portal.admin}
    fields = text_fields()
    open_to = {
        name
        for name, field in fields.items()
        if not all(error_codes(field, value) & {"hidden_characters", "invalid_choice"} for value in HIDDEN)
    }

    assert len(fields) > 8
    assert open_to == set(TAKES)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["policyversion", "departmentpolicy"])
def test_each_text_of_a_policy_refuses_hidden_characters(browser_of, kind):
    browser, url = browser_of("ada"), f"/admin/onboarding/{kind}/add/"
    before = policy.newest_version_number()
    shown = ShownForm(browser.get(url).content.decode(), f"{kind}_form")
    texts = [one for one in shown.controls if one.kind in {"text", "textarea", "email"}]
    for control in texts:
        control.value = "a\u202eb"

    page = browser.post(url, shown.sent())

    errors = page.context["adminform"].form.errors
    without_number = {one.name for one in texts} - {"graph_calls", "graph_seconds"}
    said = {name: " ".join(errors.get(name, [])) for name in without_number}
    # An address and the name of a context have a shape that leaves no room for one.
    shaped = {"hr_address", "security_address", "duty_address", "step_up_context"}
    assert {name for name, words in said.items() if "U+202E" not in words} <= shaped
    assert all(said.values())
    assert page.status_code == 200 and policy.newest_version_number() == before


@pytest.mark.django_db
def test_an_emergency_drops_them_and_does_not_wait(browser_of):
    browser_of("ada").post(
        "/admin/onboarding/policyversion/freeze/", {"frozen": "yes", "reason": "INC\u200b0042 \u202eleak"}
    )

    assert policy.for_site().frozen and policy.for_site().reason == "INC0042 leak"


@pytest.mark.django_db
def test_the_console_names_them(capsys):
    with pytest.raises(CommandError, match=r"U\+200B, zero width space"):
        call_command("adopt", "--yes", "--reason=We\u200b moved")


def test_search_words_lose_them():
    assert StarterFilters.from_query({"q": "Noor\u200b \u202ede"}).q == "Noor de"
