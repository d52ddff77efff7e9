"""Promise 3: only the starter's current manager in Entra can create a pass."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client

from onboarding import policy
from onboarding.models import AuditEvent, PassIssue
from onboarding.passes.errors import RefusedByGuards
from tests.conftest import creations
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db

OTHERS = ["tom", "hanna", "henry", "ada", "audrey", "amir", "outsider", "noor", "liam"]


def click_button(browser: Client, starter, **changes):
    fields = {
        "identity_check": "in_person",
        "version": starter.version,
        "policy": policy.for_site().number,
        **changes,
    }
    return browser.post(f"/starters/{starter.public_id}/", fields)


def without_token(answer) -> str:
    """The page without its form token and its return address. Everything else must be the same."""
    page = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", answer.content.decode())
    return re.sub(r"next=%2Fstarters%2F[A-Za-z0-9_-]{22}%2F&?", "", page)


@pytest.mark.parametrize("key", OTHERS)
def test_anyone_else_gets_the_404_of_an_unknown_address(tenant, invite, browser_of, key):
    starter, other = invite("noor"), browser_of(key)

    there, nowhere = (
        other.get(f"/starters/{starter.public_id}/"),
        other.get("/starters/AAAAAAAAAAAAAAAAAAAAAA/"),
    )

    assert (there.status_code, nowhere.status_code) == (404, 404)
    assert without_token(there) == without_token(nowhere)
    assert len(there.content) == len(nowhere.content)
    assert click_button(other, starter).status_code == 404
    assert creations(tenant) == []


def test_an_anonymous_visitor_must_sign_in(tenant, invite):
    starter = invite("noor")

    opened = Client().get(f"/starters/{starter.public_id}/")
    confirmed = click_button(Client(), starter)

    assert opened.status_code == 302
    assert opened["Location"].startswith("/signin/")
    assert confirmed.status_code == 401
    assert creations(tenant) == []


@pytest.mark.usefixtures("managers_may_change")
def test_only_the_current_manager_can_create_the_pass(tenant, invite, browser_of):
    starter = invite("noor")
    maria, tom = browser_of("maria"), browser_of("tom")
    assert maria.get(f"/starters/{starter.public_id}/").status_code == 200

    tenant.tenant.accounts["noor"].manager = "tom"

    assert maria.get(f"/starters/{starter.public_id}/").status_code == 404
    assert click_button(maria, starter).status_code == 403
    assert tom.get(f"/starters/{starter.public_id}/").status_code == 200
    assert click_button(tom, starter).status_code == 200
    assert len(creations(tenant)) == 1


@pytest.mark.parametrize("fields", [{}, {"version": 99}, {"policy": 99}])
def test_a_former_manager_learns_nothing_from_invalid_forms(tenant, invite, browser_of, fields):
    starter, maria = invite("noor"), browser_of("maria")
    tenant.tenant.accounts["noor"].manager = "tom"

    if fields:
        answer = click_button(maria, starter, **fields)
    else:
        answer = maria.post(
            f"/starters/{starter.public_id}/",
            {"version": starter.version, "policy": policy.for_site().number},
        )

    assert answer.status_code == 404


def test_a_repeated_field_is_no_confirmation(tenant, invite, browser_of):
    starter = invite("noor")
    fields = {
        "identity_check": ["in_person", "known"],
        "version": starter.version,
        "policy": policy.for_site().number,
    }

    answer = browser_of("maria").post(f"/starters/{starter.public_id}/", fields)

    assert answer.status_code == 400
    assert creations(tenant) == []


def test_a_link_cannot_preselect_the_identity_check(tenant, invite, browser_of):
    starter, maria = invite("noor"), browser_of("maria")

    page = maria.get(f"/starters/{starter.public_id}/?identity_check=in_person").content.decode()

    boxes = re.findall(r"<input[^>]*identity_check[^>]*>", page)
    assert boxes
    assert not [box for box in boxes if "checked" in box]


@pytest.mark.usefixtures("managers_may_change")
def test_the_manager_is_checked_again_at_creation(tenant, invite, confirmation):
    """A confirmation that passed the page is checked against the directory again."""
    starter = invite("noor")
    confirmed = confirmation(starter)
    tenant.tenant.accounts["noor"].manager = "tom"

    outcome = outcome_of(confirmed)

    assert isinstance(outcome, RefusedByGuards)
    assert [guard.code for guard in outcome.guards] == ["manager_now"]
    assert creations(tenant) == []


@pytest.mark.parametrize(("field", "value"), [("accountEnabled", False), ("userType", "Guest")])
def test_a_disabled_or_guest_manager_is_refused(tenant, invite, confirmation, field, value):
    starter = invite("noor")
    tenant.tenant.accounts["maria"].properties[field] = value

    outcome = outcome_of(confirmation(starter))

    assert isinstance(outcome, RefusedByGuards)
    assert [guard.code for guard in outcome.guards] == ["manager_enabled"]
    assert creations(tenant) == []


def test_a_stale_sign_in_gets_a_link_and_no_pass(tenant, invite, browser_of):
    starter, maria = invite("noor"), browser_of("maria", ago=timedelta(minutes=6))

    answer = click_button(maria, starter)

    assert answer.status_code == 403
    assert b"/signin/again/" in answer.content
    assert creations(tenant) == []


def test_a_session_without_a_sign_in_time_gets_no_pass(tenant, invite, confirmation):
    outcome = outcome_of(confirmation(invite("noor"), signed_in_at=None))

    assert isinstance(outcome, RefusedByGuards)
    assert outcome.needs_only_sign_in
    assert creations(tenant) == []


def test_nobody_gets_a_pass_while_the_directory_is_silent(tenant, invite, browser_of):
    starter = invite("noor")
    tenant.tenant.faults.add([{"method": "GET", "path": ".*/manager", "status": 503, "times": None}])

    last_manager, stranger = (
        click_button(browser_of("maria"), starter),
        click_button(browser_of("tom"), starter),
    )

    assert (last_manager.status_code, stranger.status_code) == (503, 404)
    assert creations(tenant) == []


def test_nobody_else_can_acknowledge_or_cancel_a_pass(tenant, shown, browser_of):
    issue = shown("noor").issue
    for key in ("tom", "hanna", "ada"):
        for act in ("receipt", "not-seen", "lost"):
            answer = browser_of(key).post(f"/starters/{issue.starter.public_id}/{issue.pk}/{act}/")
            assert answer.status_code == 404

    assert PassIssue.objects.get().state == "shown"


def test_the_audit_log_names_the_manager(tenant, shown):
    shown("noor")

    event = AuditEvent.objects.get(event="issue.intent")
    assert event.detail.values["by_name"] == "Maria Lindqvist"
