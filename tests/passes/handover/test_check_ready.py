"""When a pass can be requested, to the second, and the values that the steps exchange."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import DatabaseError
from django.utils import timezone

from onboarding import guards, jobs, policy
from onboarding.errors import OnboardingError
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import Mail, PassIssue, Starter
from onboarding.passes import graph_quota
from onboarding.passes.confirmation import Confirmation, Shown
from onboarding.passes.creation import create_pass
from onboarding.passes.errors import (
    PageOutdated,
    PassNotCreated,
    PassNotIssued,
    Queued,
    RefusedByGuards,
    TryAgainLater,
)
from onboarding.passes.recording import record_pass
from tests.conftest import creations
from tests.passes.handover.steps import MINUTE, SECOND, error_of, fail_event, get_event, used_calls
from tests.support.outcomes import outcome_of

pytestmark = pytest.mark.django_db

# --- Values between the steps ---------------------------------------------------------------------------------------


CARRIED = {
    "the confirmation": (
        Confirmation(*[SimpleNamespace()] * 2, None, "known", 1, 1),  # type: ignore[arg-type]
        "starter",
    ),
    "shown": (Shown(PassIssue(), "k7+Rv&m", timezone.now()), "code"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("value", "field"), CARRIED.values(), ids=CARRIED)
def test_values_between_steps_cannot_be_changed(value, field):
    with pytest.raises((FrozenInstanceError, TypeError)):
        setattr(value, field, None)


WITHOUT_A_PASS = (
    RefusedByGuards(()),
    Queued(graph_quota.Wait(timezone.now(), 0)),
    TryAgainLater("busy"),
    PageOutdated(),
    PassNotCreated(PassIssue()),
)


@pytest.mark.parametrize("error", WITHOUT_A_PASS, ids=lambda error: type(error).__name__)
def test_every_reason_for_no_pass_has_a_message(error):
    assert isinstance(error, PassNotIssued) and isinstance(error, OnboardingError)
    assert str(error.message) == "No pass was created"


def test_no_error_of_a_hand_over_contains_the_pass(claimed, tenant, monkeypatch):
    issue = claimed()
    answer = create_pass(issue)
    code = answer.code.reveal()
    fail_event(monkeypatch, "issue.shown", DatabaseError)

    error = error_of(record_pass, issue, answer)

    assert code not in repr((vars(error), vars(error.issue), error.args, str(error)))
    with pytest.raises(ValueError, match="wiped"):
        answer.code.reveal()


def test_the_repr_of_a_shown_pass_hides_the_code():
    shown, _ = CARRIED["shown"]

    assert "k7+Rv&m" not in repr(shown)
    assert not hasattr(shown, "__dict__")


def test_a_new_sign_in_is_enough_only_without_other_refusals():
    stale, disabled = guards.BY_CODE["sign_in_is_fresh"], guards.BY_CODE["enabled"]

    assert RefusedByGuards(()).needs_only_sign_in is False
    assert RefusedByGuards((stale,)).needs_only_sign_in is True
    assert RefusedByGuards((disabled,)).needs_only_sign_in is False
    assert RefusedByGuards((disabled, stale)).needs_only_sign_in is False


# --- When it can begin ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("from_start", "opens"),
    [
        (-120 * MINUTE - SECOND, False),
        (-120 * MINUTE, True),
        (timedelta(days=5), True),
        (timedelta(days=5) + SECOND, False),
    ],
    ids=["a second too early", "as it opens", "as it closes", "a second too late"],
)
def test_the_window_opens_and_closes_to_the_second(invite, confirmation, moment, from_start, opens):
    starter = invite("noor")
    moment.move_to(starter.starts_at + from_start)
    jobs.record_heartbeat("a worker")

    outcome = outcome_of(confirmation(starter))

    assert isinstance(outcome, Shown if opens else PageOutdated)


@pytest.mark.parametrize(("counted", "goes_on"), [(2, True), (3, False), (4, False)])
def test_no_attempt_is_possible_after_the_last(invite, confirmation, person, moment, counted, goes_on):
    starter = invite("noor")
    for number in range(counted):
        PassIssue.objects.create(
            starter=starter, account_id=starter.account_id, number=number + 1, state=IssueState.VOID, counted=True,
            actor=person("maria"), policy=policy.for_site(), lifetime_minutes=60, lease_until=timezone.now(),
        )  # fmt: skip

    outcome = outcome_of(confirmation(starter))

    assert isinstance(outcome, Shown if goes_on else PageOutdated)


@pytest.mark.parametrize("state", [StarterState.RECORDED, StarterState.ISSUED, StarterState.REGISTERED])
def test_only_an_invited_starter_without_a_pass_gets_one(tenant, invite, confirmation, state):
    starter = invite("noor")
    Starter.objects.update(state=state)

    assert isinstance(outcome_of(confirmation(starter)), PageOutdated)
    assert (creations(tenant), used_calls()) == ([], 0)


def test_an_unclear_pass_blocks_another(tenant, claimed, confirmation):
    issue = claimed()
    Starter.objects.update(state=StarterState.INVITED)
    before = used_calls()

    assert isinstance(outcome_of(confirmation(issue.starter)), PageOutdated)
    assert (creations(tenant), used_calls()) == ([], before)


@pytest.mark.parametrize("changed", [{"starter_version": 99}, {"policy_key": 99}])
def test_an_outdated_page_uses_no_quota(tenant, invite, confirmation, changed):
    assert isinstance(outcome_of(confirmation(invite("noor"), **changed)), PageOutdated)
    assert (creations(tenant), used_calls()) == ([], 0)


def test_unread_sign_ins_delay_the_first_pass_and_refuse_later(invite, confirmation):
    starter = invite("noor")
    Starter.objects.update(sign_in_looked_at=None)
    assert outcome_of(confirmation(starter)).code == "not_read_yet"

    Starter.objects.update(first_pass_at=timezone.now())
    outcome = outcome_of(confirmation(starter))

    assert isinstance(outcome, RefusedByGuards)
    assert [guard.code for guard in outcome.guards] == ["never_signed_in"]


def test_a_stale_sign_in_makes_no_call_and_no_mail(tenant, invite, confirmation, person):
    starter = invite("noor")
    asked = len(tenant.tenant.requests)

    outcome = outcome_of(confirmation(starter, signed_in_at=timezone.now() - timedelta(hours=1)))

    assert isinstance(outcome, RefusedByGuards)
    assert outcome.needs_only_sign_in
    assert (len(tenant.tenant.requests), used_calls()) == (asked, 0)
    assert Starter.objects.get().problem == ""
    assert not Mail.objects.filter(kind="refused").exists()
    event, maria = get_event("issue.refused"), person("maria")
    assert event.starter == starter.public_id
    assert event.facts == {"codes": ["sign_in_is_fresh"], "policy": policy.for_site().number}
    assert event.detail.values["by"] == f"{maria.tid}/{maria.oid}"
