"""The page about the API shows what is there. Its examples run as they are printed."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from django.conf import settings

from onboarding.api import documents, examples, hook_examples, problems
from onboarding.hooks import events

pytestmark = pytest.mark.django_db


REFERENCE = Path(settings.BASE_DIR) / "docs/reference"
PRINTED = [("api.md", example) for example in examples.EXAMPLES] + [
    ("webhooks.md", example) for example in hook_examples.EXAMPLES
]


@pytest.fixture
def page(browser_of):
    return html.unescape(browser_of("hanna").get("/api/").content.decode())


def test_the_page_has_each_address_field_and_problem(page):
    words = " ".join(re.sub(r"<wbr>|</?strong>", "", page).split())
    for operation in documents.OPERATIONS:
        assert f"{operation.method.upper()} /api/v1{operation.path}<" in words
    for name in {*documents.SENT, *documents.SHOWN, *documents.SCHEMAS["HookRequest"]["properties"]}:
        assert f"<dt>{name}</dt>" in page
    for kind in problems.KINDS:
        assert f'id="{kind.code}"' in page


@pytest.mark.parametrize(("paper", "example"), PRINTED, ids=lambda value: getattr(value, "title", ""))
def test_page_and_reference_print_the_same_examples(page, paper, example):
    reference = (REFERENCE / paper).read_text()

    for text in (example.shell, example.python):
        assert text in page
        assert text in reference


def test_page_and_reference_explain_each_event(page):
    listed = re.findall(r"^\| `(starter\.\w+)` \| (.+) \|$", (REFERENCE / "webhooks.md").read_text(), re.M)

    assert dict(listed) == hook_examples.EVENTS
    assert {*hook_examples.EVENTS} == {*events.TYPES}
    for name in events.TYPES:
        assert f"<dt>{name}</dt>" in page


def test_page_and_reference_print_the_same_event(page):
    assert hook_examples.EVENT in page
    assert hook_examples.EVENT in (REFERENCE / "webhooks.md").read_text()


@pytest.mark.parametrize(("key", "status"), [("hanna", 200), ("ada", 200), ("audrey", 403), ("maria", 403)])
def test_the_page_is_for_hr_and_admins(browser_of, key, status):
    assert browser_of(key).get("/api/").status_code == status


def test_the_page_loads_nothing_from_elsewhere(page):
    assert 'src="http' not in page
