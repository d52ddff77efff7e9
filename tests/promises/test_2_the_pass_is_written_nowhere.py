"""Promise 2: one HTTP response to the manager contains the pass. It is never stored."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import sys
from collections.abc import Iterator

import pytest
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.views.debug import ExceptionReporter

from onboarding.mail import rendering
from onboarding.managers import spelling
from onboarding.managers.views import confirm as confirm_view
from onboarding.managers.views import pass_page
from onboarding.models import PassIssue, Starter
from onboarding.passes import handover
from onboarding.passes.creation import create_pass
from onboarding.passes.recording import record_pass
from portal.demo.visitor import shown_pass
from tests.faults.canary import everything_in_the_database, found_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def codes(tenant) -> Iterator[list[str]]:
    """Every code that the tenant creates. Only this test sees them."""
    tenant.tenant.witness = []
    yield tenant.tenant.witness
    tenant.tenant.witness = None


def confirm(browser: Client, starter: Starter):
    page = browser.get(f"/starters/{starter.public_id}/")
    seen = {
        "version": page.context["form"].initial["version"],
        "policy": page.context["form"].initial["policy"],
    }
    return browser.post(f"/starters/{starter.public_id}/", {"identity_check": "in_person", **seen})


def test_only_the_response_to_the_confirmation_shows_the_pass(codes, invite, browser_of, run_jobs):
    starter, maria, hanna = invite("noor"), browser_of("maria"), browser_of("hanna")

    answer = confirm(maria, starter)

    assert answer.status_code == 200
    assert [shown_pass(answer.content.decode())] == codes
    (code,) = codes
    for browser, path in [
        (maria, f"/starters/{starter.public_id}/"),
        (maria, "/starters/"),
        (hanna, f"/hr/{starter.public_id}/"),
        (hanna, "/hr/"),
        (browser_of("ada"), "/admin/onboarding/passissue/"),
        (browser_of("audrey"), "/admin/onboarding/auditevent/"),
    ]:
        later = browser.get(path)
        assert later.status_code == 200, path
        assert not found_in(later.content.decode(), code), path
        assert shown_pass(later.content.decode()) == "", path


def test_no_row_session_mail_or_log_contains_the_pass(codes, tenant, invite, browser_of, run_jobs, caplog):
    for name in ("", *logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, logger=name)
    starter, maria = invite("noor"), browser_of("maria")
    run_jobs()

    confirm(maria, starter)
    issue = PassIssue.objects.get()
    maria.post(f"/starters/{starter.public_id}/{issue.pk}/receipt/")
    run_jobs()

    (code,) = codes
    mails = json.dumps([vars(mail) for mail in tenant.tenant.mails])
    assert len(tenant.tenant.mails) >= 1
    assert caplog.records
    assert not found_in(everything_in_the_database(), code)
    assert not found_in(mails, code)
    assert not found_in(caplog.text, code)
    assert not [record for record in caplog.records if found_in(repr(vars(record)), code)]


def test_the_search_finds_a_planted_value(codes, invite, browser_of):
    """The control: the search of the test above finds a value planted in each place."""
    starter, maria = invite("noor"), browser_of("maria")
    confirm(maria, starter)
    (code,) = codes

    Starter.objects.filter(pk=starter.pk).update(note=code)
    assert found_in(everything_in_the_database(), code)

    Starter.objects.filter(pk=starter.pk).update(note="")
    session = maria.session
    session["planted"] = code
    session.save()
    assert found_in(everything_in_the_database(), code)


def test_the_pass_cannot_be_printed_stored_or_copied(codes, shown):
    outcome = shown("noor")
    (code,) = codes

    assert outcome.code.reveal() == code
    for printed in (
        repr(outcome),
        str(outcome),
        f"{outcome}",
        f"{outcome.code}",
        repr(outcome.code),
        "%s" % (outcome.code,),  # noqa: UP031
    ):
        assert not found_in(printed, code)
    for store in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            store(outcome.code)


def test_a_crash_report_does_not_contain_the_pass(codes, shown, person, monkeypatch, rf: RequestFactory):
    outcome = shown("noor")
    (code,) = codes
    request = rf.post(f"/starters/{outcome.issue.starter.public_id}/")
    request.user = person("maria")

    def crash(*args, **kwargs):
        raise RuntimeError("in the middle of the page")

    monkeypatch.setattr(pass_page, "render", crash)

    with pytest.raises(RuntimeError) as crashed:
        pass_page.show_pass(request, outcome.issue.starter, outcome)
    reporter = ExceptionReporter(request, *crashed._excinfo)

    assert not found_in(reporter.get_traceback_text(), code)
    assert not found_in(reporter.get_traceback_html(), code)
    assert "in the middle of the page" in reporter.get_traceback_text()


def test_a_crash_in_the_template_does_not_reveal_the_pass(codes, invite, browser_of, monkeypatch, caplog):
    starter, maria = invite("noor"), browser_of("maria")
    page = maria.get(f"/starters/{starter.public_id}/")
    seen = {name: page.context["form"].initial[name] for name in ("version", "policy")}
    maria.raise_request_exception = False

    def crash(code):
        raise RuntimeError("spelling failed")

    monkeypatch.setattr(spelling, "spell_characters", crash)
    answer = maria.post(f"/starters/{starter.public_id}/", {"identity_check": "in_person", **seen})

    (code,) = codes
    assert answer.status_code == 500
    assert not found_in(answer.content.decode(), code)
    assert not found_in(caplog.text, code)


def test_the_pass_is_wiped_after_it_was_shown(codes, shown, person, rf):
    outcome = shown("noor")
    request = rf.post("/")
    request.user = person("maria")

    pass_page.show_pass(request, outcome.issue.starter, outcome)

    with pytest.raises((RuntimeError, ValueError)):
        outcome.code.reveal()


def test_no_column_could_hold_the_pass():
    names = {field.name for field in PassIssue._meta.get_fields()}

    assert not {name for name in names if "code" in name or "value" in name or name in {"pass", "secret"}}


def test_no_mail_has_a_variable_for_the_pass():
    context = rendering.starter_context(
        Starter(display_name="Noor", start_date=_date(), start_time=_time(), time_zone="UTC"), "manager", ""
    )

    assert set(context) == {
        "starter_name", "link", "stop_link", "portal_host", "organisation_name", "support_contact", "recipient", "reason",
        "start", "start_short", "zone",
    }  # fmt: skip


def _date():
    from datetime import date

    return date(2026, 9, 1)


def _time():
    from datetime import time

    return time(9, 0)


def test_the_response_must_not_be_stored(codes, invite, browser_of):
    answer = confirm(browser_of("maria"), invite("noor"))

    assert answer["Cache-Control"] == "no-store"
    assert "ETag" not in answer
    assert answer.get("Content-Encoding") is None
    (code,) = codes
    assert not found_in(repr(dict(answer.items())), code)
    assert not found_in(repr(answer.cookies), code)


@pytest.mark.parametrize(
    "parts", [spelling.group_characters("ab7+cd8-"), spelling.spell_characters("ab7+cd8-")]
)
def test_a_missing_template_variable_logs_no_pass(parts, caplog, monkeypatch):
    """Django then logs the whole context, with the variables of loops."""
    page = "{% for part in parts %}{{ part }} {% if nothing %}{% endif %}{{ nothing.at.all }}{% endfor %}"

    monkeypatch.setattr(logging.getLogger("django"), "propagate", True)
    with caplog.at_level("DEBUG", "django.template"):
        Template(page).render(Context({"parts": parts}))

    assert "nothing" in caplog.text and str(parts) in caplog.text
    assert all(
        spelled not in caplog.text.replace(page, "") for spelled in ("'a', 'b'", "'small a', 'small b'")
    )
    with pytest.raises(TypeError):
        json.dumps(parts)


def test_hand_over_steps_hide_their_locals_from_error_reports():
    hidden = [
        handover.confirm,
        create_pass,
        record_pass,
        confirm_view.confirm_pass,
        pass_page.show_pass,
        spelling.group_characters,
        spelling.spell_characters,
    ]

    assert sys.modules["django.views.decorators.debug"]
    assert not [step.__name__ for step in hidden if not hasattr(step, "__wrapped__")]
