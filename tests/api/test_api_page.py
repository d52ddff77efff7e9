"""The page about the API shows what is there. Its examples run as they are printed."""

from __future__ import annotations

import html
from pathlib import Path

import pytest
from django.conf import settings

from onboarding.api import documents, examples, problems

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(browser_of):
    return html.unescape(browser_of("hanna").get("/api/").content.decode())


def test_the_page_has_each_address_field_and_problem(page):
    for operation in documents.OPERATIONS:
        assert f"{operation.method.upper()} /api/v1{operation.path}" in page
    for name in {*documents.SENT, *documents.SHOWN}:
        assert f">{name}</th>" in page
    for kind in problems.KINDS:
        assert f'id="{kind.code}"' in page


@pytest.mark.parametrize("example", examples.EXAMPLES, ids=lambda example: example.title)
def test_page_and_reference_print_the_same_examples(page, example):
    reference = (Path(settings.BASE_DIR) / "docs/reference/api.md").read_text()

    for text in (example.curl, example.python):
        assert text in page
        assert text in reference


@pytest.mark.parametrize(("key", "status"), [("hanna", 200), ("ada", 200), ("audrey", 403), ("maria", 403)])
def test_the_page_is_for_hr_and_admins(browser_of, key, status):
    assert browser_of(key).get("/api/").status_code == status


def test_the_page_loads_nothing_from_elsewhere(page):
    assert 'src="http' not in page
