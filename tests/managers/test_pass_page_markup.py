"""The markup of the pass page keeps the pass away from what a browser adds: filling in, spelling, translation, copying."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(tenant, invite, browser_of):
    """The page that shows a pass."""
    starter, maria = invite("noor"), browser_of("maria")
    address = f"/starters/{starter.public_id}/"
    form = maria.get(address).context["form"]
    return maria.post(address, {**form.initial, "identity_check": "in_person"}).content.decode()


def test_the_browser_neither_translates_nor_spells_the_pass(page):
    pieces = re.findall(r"<(output|ol)\b([^>]*)>", page)

    secret = [attributes for _, attributes in pieces if "notranslate" in attributes]
    assert len(secret) == 2  # in groups, and spelled out
    assert all('translate="no"' in found and 'spellcheck="false"' in found for found in secret)
    assert '<meta name="google" content="notranslate">' in page


def test_no_field_holds_the_pass_and_no_button_copies_it(page):
    fields = re.findall(r"<(?:input|textarea)\b[^>]*>", page)
    buttons = re.findall(r"<button\b.*?</button>", page, re.S)

    assert {re.search(r'type="(\w+)"', field)[1] for field in fields} <= {"hidden", "checkbox"}
    assert "data-secret" in page and not [field for field in fields if "secret" in field]
    assert buttons and not [button for button in buttons if re.search(r"copy|clipboard", button, re.I)]
