"""Admins see webhooks and their deliveries, revoke the one and replay the other. Auditors only look."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from onboarding.models import AuditEvent, Hook, HookDelivery
from onboarding.worker import retention
from tests.hooks.conftest import happen, send_due, statuses

pytestmark = pytest.mark.django_db
HOOKS, DELIVERIES = "/admin/onboarding/hook/", "/admin/onboarding/hookdelivery/"


def act(browser: Any, page: str, action: str, *rows: Any) -> str:
    form = {"action": action, "_selected_action": [row.pk for row in rows], "index": 0}
    return browser.post(page, form, follow=True).content.decode()


@pytest.mark.parametrize("key", ["ada", "audrey"])
def test_the_lists_show_hosts_and_outcomes(hook, ticketed, receiver, browser_of, key):
    receiver.answers = [503]
    happen(ticketed(), "starter.invited")
    send_due()

    hooks = browser_of(key).get(HOOKS).content.decode()
    deliveries = browser_of(key).get(DELIVERIES).content.decode()

    assert hook.host in hooks and "servicenow" in hooks and "failing" in hooks
    assert "starter.invited" in deliveries and "503" in deliveries
    assert ("Send the selected" in deliveries) is (key == "ada")
    assert ("Revoke the selected" in hooks) is (key == "ada")


def test_an_admin_revokes_a_webhook(hook, ticketed, receiver, browser_of):
    happen(ticketed(), "starter.invited")

    page = act(browser_of("ada"), HOOKS, "revoke", hook)
    send_due()

    assert "no longer sends events to them" in page
    ended = Hook.objects.get()
    assert (ended.ended_by, ended.sealed_url, ended.sealed_secret) == ("admin", "", "")
    assert statuses() == ["cancelled"]
    assert not receiver.received
    event = AuditEvent.objects.get(event="hook.removed")
    assert event.facts["reason"] == "admin" and event.detail.values["by_name"]


def test_an_admin_replays_a_delivery(hook, ticketed, receiver, browser_of):
    happen(ticketed(), "starter.invited")
    send_due()
    row = HookDelivery.objects.get()

    page = act(browser_of("ada"), DELIVERIES, "replay", row)
    send_due()

    assert "will send 1 delivery again" in page
    first, second = receiver.received
    assert (first.id, first.body) == (second.id, second.body)
    assert AuditEvent.objects.get(event="hook.replayed").facts["message"] == row.message_id


def test_what_was_given_up_arrives_after_a_replay(hook, ticketed, receiver, browser_of):
    receiver.answers = [503] * 20
    happen(ticketed(), "starter.invited")
    for days in range(5):
        send_due(timedelta(days=days))
    assert statuses() == ["given_up"]
    receiver.answers.clear()

    act(browser_of("ada"), DELIVERIES, "replay", *HookDelivery.objects.all())
    send_due()

    assert statuses() == ["delivered"]


def test_what_waits_or_ended_cannot_be_replayed(hook, ticketed, browser_of):
    happen(ticketed(), "starter.invited")
    ada = browser_of("ada")
    assert "The portal cannot send some of the selected deliveries again" in act(
        ada, DELIVERIES, "replay", HookDelivery.objects.get()
    )

    act(ada, HOOKS, "revoke", hook)

    assert "The portal cannot send some of the selected deliveries again" in act(
        ada, DELIVERIES, "replay", HookDelivery.objects.get()
    )
    assert not AuditEvent.objects.filter(event="hook.replayed").exists()


@pytest.mark.parametrize(("page", "action"), [(HOOKS, "revoke"), (DELIVERIES, "replay")])
def test_an_auditor_can_neither_revoke_nor_replay(hook, ticketed, browser_of, page, action):
    happen(ticketed(), "starter.invited")
    send_due()
    row = hook if page == HOOKS else HookDelivery.objects.get()

    act(browser_of("audrey"), page, action, row)

    assert Hook.objects.get().ended_at is None
    assert statuses() == ["delivered"]


def test_content_is_kept_a_week_and_rows_a_month(hook, ticketed, receiver, browser_of):
    happen(ticketed("A"), "starter.invited")
    send_due()
    act(browser_of("ada"), HOOKS, "revoke", hook)

    for days, kept in ((6, (1, True, 1)), (8, (1, False, 1)), (31, (0, False, 0))):
        with time_machine.travel(timezone.now() + timedelta(days=days)):
            retention.run_retention("forget")
        rows = HookDelivery.objects.all()
        assert (rows.count(), any(row.body for row in rows), Hook.objects.count()) == kept


def test_what_still_waits_is_kept(hook, ticketed):
    happen(ticketed(), "starter.invited")

    with time_machine.travel(timezone.now() + timedelta(days=90)):
        retention.run_retention("forget")

    assert HookDelivery.objects.earliest("pk").body
