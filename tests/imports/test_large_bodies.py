"""Only the import takes a large body, and only from HR. It is read when the person is known, and stays in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from django.utils.http import urlencode

from onboarding.models import StarterImport
from tests.imports.shapes import HEAD, csv

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
DAY = timezone.localdate() + timedelta(days=14)
LARGE = {"pasted": "x" * 70_000}


@pytest.fixture
def hanna(browser_of: Any) -> Client:
    return browser_of("hanna")


def test_hr_can_paste_a_large_table(hanna):
    rows = "\n".join(f"a{number}@contoso.example\t{DAY}\t{'x' * 100}" for number in range(1000))

    answer = hanna.post("/hr/import/", urlencode({"pasted": rows}), content_type=FORM)

    assert answer.status_code == 302 and StarterImport.objects.get().row_count == 1000


@pytest.mark.parametrize("who", ["maria", "ada", ""])
def test_nobody_else_can_send_a_large_form(browser_of, who, monkeypatch):
    browser = browser_of(who) if who else Client()
    monkeypatch.setattr("django.http.request.HttpRequest.read", lambda *_: pytest.fail("the body was read"))

    answer = browser.post("/hr/import/", urlencode(LARGE), content_type=FORM)

    assert answer.status_code == 413


def test_no_other_address_takes_a_large_form(hanna):
    assert hanna.post("/hr/new/", urlencode(LARGE), content_type=FORM).status_code == 413
    assert hanna.post("/hr/import", urlencode(LARGE), content_type=FORM).status_code == 413


def test_not_even_hr_sends_more_than_the_limit(hanna, settings):
    settings.UPLOAD_MAX_BYTES = 100_000
    too_large = urlencode({"pasted": "x" * 100_001})

    assert hanna.post("/hr/import/", too_large, content_type=FORM).status_code == 413


def test_a_large_form_without_its_token_is_refused(browser_of, person):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person("hanna"))
    session = browser.session
    session["signed_in_at"] = int(timezone.now().timestamp())
    session["checked_at"] = session["signed_in_at"]
    session.save()

    answer = browser.post("/hr/import/", urlencode(LARGE), content_type=FORM)

    assert answer.status_code == 403 and not StarterImport.objects.exists()


def test_a_large_file_stays_in_memory(hanna, monkeypatch):
    monkeypatch.setattr("tempfile._get_default_tempdir", lambda: pytest.fail("a file was written"))
    file = SimpleUploadedFile("list.csv", csv(HEAD, *[("noor@contoso.example", f"{DAY}", "x" * 100)] * 1500))
    assert file.size > 100_000

    assert hanna.post("/hr/import/", {"file": file}).status_code == 302
