"""With one admin, the server's console is the second person: in force after 24 hours, and stoppable until then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from onboarding import audit, policy
from onboarding.audit import verification
from onboarding.models import AuditEvent, PolicyActivation, PolicyStop, PolicyVersion
from onboarding.policy import CONSOLE_DELAY

pytestmark = pytest.mark.django_db

REASON = "There is one admin only"
A_MOMENT = timedelta(seconds=5)


@pytest.fixture
def draft(person) -> PolicyVersion:
    """Ada's draft, which makes a pass work longer."""
    policy.add_version(PolicyVersion(lifetime_minutes=90, reason="Longer"), by=person("ada"))
    return PolicyVersion.objects.drafts().get()


@pytest.fixture
def in_use(monkeypatch) -> None:
    """The portal has created passes."""
    monkeypatch.setattr("onboarding.policy.changes.has_created_passes", lambda: True)


@pytest.fixture
def scheduled(draft, in_use) -> PolicyVersion:
    call_command("activate_policy", str(draft.number), "--reason", REASON)
    return PolicyVersion.objects.select_related("activation").get(pk=draft.number)


@pytest.fixture
def later(time_machine) -> Callable[[timedelta], None]:
    """Move the clock forward, so far from now."""
    now = timezone.now()
    return lambda ahead: time_machine.move_to(now + ahead)


# --- The delay --------------------------------------------------------------------------------------------------


def test_a_draft_is_in_force_24_hours_after_the_command(scheduled, later):
    assert policy.for_site().lifetime_minutes == 60
    later(CONSOLE_DELAY - A_MOMENT)
    assert policy.for_site().lifetime_minutes == 60

    later(CONSOLE_DELAY + A_MOMENT)

    assert policy.for_site().lifetime_minutes == 90
    assert policy.for_site().number == policy.newest_version_number() == scheduled.number
    assert policy.version_at(scheduled.number, "").number == scheduled.number


def test_every_reader_follows_the_moment(scheduled, later):
    before = policy.newest_version_number()
    assert not policy.has_changed_since(before, "")
    assert policy.version_at(scheduled.number, "").number == before
    assert [key[1] for key in policy.current._newest_keys()] == [before]

    later(CONSOLE_DELAY + A_MOMENT)

    assert policy.has_changed_since(before, "")
    assert policy.for_department("Legal").lifetime_minutes == 90
    assert policy.list_scheduled() == []


def test_a_departments_version_follows_the_moment(person, in_use, later):
    own = PolicyVersion(department="legal", overrides=["attempts"], attempts=5, reason="More")
    policy.add_version(own, by=person("ada"))
    policy.activate_on_console(own.number, reason=REASON, operator="root")

    assert policy.for_department("Legal").attempts == 3
    assert policy.department_policies_with("attempts") == {}
    later(CONSOLE_DELAY + A_MOMENT)
    assert policy.for_department("Legal").attempts == 5
    assert list(policy.department_policies_with("attempts")) == ["legal"]


def test_the_event_names_the_operator_and_the_moment(scheduled):
    event = AuditEvent.objects.select_related("detail").get(event="policy.scheduled")

    assert event.facts["version"] == scheduled.number
    assert event.facts["in_force_at"] == scheduled.in_force_since.isoformat(timespec="seconds")
    assert event.detail.values["reason"] == REASON
    assert event.detail.values["operator"]
    assert scheduled.activation.by is None


def test_the_author_counts_as_author_once_it_is_in_force(scheduled, person, later):
    later(CONSOLE_DELAY + A_MOMENT)

    assert policy.list_author_ids(policy.for_department("")) == {person("ada").oid}


def test_before_the_first_pass_there_is_no_delay(draft):
    call_command("activate_policy", str(draft.number), "--reason", REASON)

    assert policy.for_site().lifetime_minutes == 90
    event = AuditEvent.objects.select_related("detail").get(event="policy.activated")
    assert event.detail.values["operator"] and event.detail.values["reason"] == REASON


def test_after_the_first_pass_there_is_a_delay(draft, shown):
    shown("noor")

    call_command("activate_policy", str(draft.number), "--reason", REASON)

    assert policy.for_site().lifetime_minutes == 60
    assert AuditEvent.objects.filter(event="policy.scheduled").exists()


def test_unfreezing_on_the_console_waits_as_well(person, in_use, later):
    policy.set_frozen(True, by=person("ada"), reason="An attack")
    policy.set_frozen(False, by=person("ada"), reason="It is over")
    number = PolicyVersion.objects.drafts().get().number

    call_command("activate_policy", str(number), "--reason", REASON)

    assert policy.for_site().frozen is True
    later(CONSOLE_DELAY + A_MOMENT)
    assert policy.for_site().frozen is False


# --- What cannot be activated -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["999999", "1"])
def test_only_a_draft_can_be_activated(draft, number):
    with pytest.raises(CommandError, match="not a draft"):
        call_command("activate_policy", number, "--reason", REASON)


def test_the_command_needs_a_reason(draft):
    with pytest.raises(CommandError, match="reason"):
        call_command("activate_policy", str(draft.number), "--reason", " x ")
    assert PolicyActivation.objects.count() == 0


def test_an_outdated_draft_is_refused(draft, person):
    policy.set_frozen(True, by=person("ada"), reason="An attack")

    with pytest.raises(CommandError, match="out of date"):
        call_command("activate_policy", str(draft.number), "--reason", REASON)


def test_one_version_waits_at_a_time(scheduled, person):
    policy.add_version(PolicyVersion(attempts=5, reason="More"), by=person("ada"))
    other = PolicyVersion.objects.drafts().get()

    with pytest.raises(CommandError, match=f"Version {scheduled.number} is already scheduled"):
        call_command("activate_policy", str(other.number), "--reason", REASON)


def test_a_draft_from_before_the_moment_is_outdated_after_it(scheduled, person, later):
    policy.add_version(PolicyVersion(attempts=5, reason="More"), by=person("ada"))
    other = PolicyVersion.objects.drafts().get()
    assert policy.can_activate(other)

    later(CONSOLE_DELAY + A_MOMENT)

    assert not policy.can_activate(other)
    with pytest.raises(policy.CannotActivate, match="out of date"):
        policy.activate_version(other.number, by=person("amir"))


# --- Stopping ---------------------------------------------------------------------------------------------------


def test_the_command_stops_a_version(scheduled, later):
    call_command("activate_policy", str(scheduled.number), "--stop", "--reason", "A mistake")

    later(CONSOLE_DELAY + A_MOMENT)
    assert policy.for_site().lifetime_minutes == 60
    event = AuditEvent.objects.select_related("detail").get(event="policy.stopped")
    assert event.facts == {"version": scheduled.number}
    assert event.detail.values["reason"] == "A mistake" and event.detail.values["operator"]


def test_any_admin_can_stop_a_version(scheduled, browser_of, person, later):
    page = f"/admin/onboarding/policyversion/{scheduled.number}/"

    answer = browser_of("ada").post(f"{page}stop/", {"reason": "I did not ask for this"}, follow=True)

    assert f"Version {scheduled.number} was stopped" in answer.content.decode()
    assert "stopped, never in force" in answer.content.decode()
    assert PolicyStop.objects.get().by == person("ada")
    later(CONSOLE_DELAY + A_MOMENT)
    assert policy.for_site().lifetime_minutes == 60


def test_a_stop_without_a_reason_stops_nothing(scheduled, browser_of):
    page = f"/admin/onboarding/policyversion/{scheduled.number}/stop/"

    answer = browser_of("ada").post(page, {"reason": "  "}, follow=True)

    assert "Enter a reason" in answer.content.decode()
    assert PolicyStop.objects.count() == 0


@pytest.mark.parametrize("key", ["audrey", "hanna", "maria"])
def test_only_an_admin_stops_a_version(scheduled, browser_of, person, key):
    page = f"/admin/onboarding/policyversion/{scheduled.number}/stop/"

    assert browser_of(key).post(page, {"reason": "I want to"}).status_code == 403
    with pytest.raises(policy.CannotActivate, match="Only an admin"):
        policy.stop_version(scheduled.number, by=person(key), reason="I want to")


def test_a_version_in_force_cannot_be_stopped(scheduled, person, later):
    later(CONSOLE_DELAY + A_MOMENT)

    with pytest.raises(policy.CannotActivate, match="is not scheduled"):
        policy.stop_version(scheduled.number, by=person("amir"), reason="Too late")
    assert policy.for_site().lifetime_minutes == 90


def test_a_stopped_version_stays_stopped(scheduled, person):
    policy.stop_version(scheduled.number, by=person("amir"), reason="A mistake")

    with pytest.raises(policy.CannotActivate, match="not a draft"):
        policy.activate_version(scheduled.number, by=person("amir"))
    with pytest.raises(CommandError, match="not a draft"):
        call_command("activate_policy", str(scheduled.number), "--reason", REASON)


@pytest.mark.parametrize("freezes", [True, False], ids=["freeze", "activated draft"])
def test_another_version_in_force_stops_the_one_that_waits(scheduled, person, later, freezes):
    if freezes:
        policy.set_frozen(True, by=person("amir"), reason="An attack")
    else:
        policy.add_version(PolicyVersion(attempts=5, reason="More"), by=person("ada"))
        policy.activate_version(PolicyVersion.objects.drafts().get().number, by=person("amir"))
    newest = policy.for_site().number

    later(CONSOLE_DELAY + A_MOMENT)

    assert policy.for_site().number == newest
    assert policy.for_site().lifetime_minutes == 60
    event = AuditEvent.objects.get(event="policy.stopped")
    assert event.facts == {"version": scheduled.number, "superseded_by": newest}


def test_a_departments_version_stops_the_one_that_waits(scheduled, adopt, later):
    adopt(PolicyVersion(department="legal", overrides=["attempts"], attempts=1, reason="Less"))

    later(CONSOLE_DELAY + A_MOMENT)

    assert policy.for_site().lifetime_minutes == 60


@pytest.mark.django_db(transaction=True)
def test_of_two_commands_for_one_draft_one_wins(person, draft, in_use):
    """Two people activate the same draft on two consoles: one is refused."""
    ready, answers = threading.Barrier(2), [""] * 2

    def activate(place: int) -> None:
        try:
            ready.wait()
            policy.activate_on_console(draft.number, reason=REASON, operator=f"operator {place}")
        except policy.CannotActivate as why:
            answers[place] = str(why)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=activate, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(bool(answer) for answer in answers) == [False, True]
    assert PolicyActivation.objects.count() == 1


# --- The freeze, and the audit log ------------------------------------------------------------------------------


def test_the_freeze_command_freezes_at_once(db):
    call_command("freeze", "--reason", "A stolen laptop")

    freeze = policy.find_freeze()
    assert freeze is not None and freeze.reason == "A stolen laptop"
    event = AuditEvent.objects.select_related("detail").get(event="policy.changed")
    assert event.facts["changed"] == {"frozen": [False, True]}
    assert event.detail.values["operator"]


def test_the_freeze_command_says_that_it_is_frozen(db):
    call_command("freeze", "--reason", "A stolen laptop")

    with pytest.raises(CommandError, match="already frozen"):
        call_command("freeze", "--reason", "Another one")


def test_the_retention_of_a_day_follows_the_moment(person, in_use, later):
    policy.add_version(PolicyVersion(audit_days=400, reason="Longer"), by=person("ada"))
    version = PolicyVersion.objects.drafts().get()
    policy.activate_on_console(version.number, reason=REASON, operator="root")
    assert [days for _, days in verification._list_periods()] == [365]

    later(CONSOLE_DELAY + A_MOMENT)

    since, days = verification._list_periods()[-1]
    activation = PolicyActivation.objects.get()
    assert (since, days) == (activation.in_force_at, 400)
    assert list(audit.verify_chain()) == []
