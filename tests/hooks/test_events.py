"""What happens to a ticket's starter becomes a webhook event, in the transaction of the change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from onboarding import audit
from onboarding.hooks import events, payloads
from onboarding.models import AuditEvent, HookDelivery, Job, Starter
from tests.conftest import BY_KEY
from tests.hooks.conftest import SERVICENOW, happen, send_due, statuses

pytestmark = pytest.mark.django_db


def test_every_mapped_audit_event_exists():
    page = (Path(settings.BASE_DIR) / "docs/reference/audit-events.md").read_text()
    known = set(re.findall(r"^\| `([a-z_.]+)` \|", page, re.M))

    assert set(events.NAMES) <= known
    assert set(events.TITLES) == set(events.NAMES.values())


def test_the_types_are_those_that_are_promised():
    promised = "recorded accepted account_found refused invited escalated pass_created pass_used registered pass_cancelled"
    more = ("withdrawn", "stopped", "started_again", "lapsed")

    assert {*events.TYPES} == {f"starter.{name}" for name in (*promised.split(), *more)}


def test_the_document_lists_every_event():
    page = (Path(settings.BASE_DIR) / "docs/reference/webhooks.md").read_text()

    assert sorted(re.findall(r"^\| `(starter[.a-z_]+)` \|", page, re.M)) == sorted(events.TYPES)


@pytest.mark.parametrize("audit_event", events.NAMES)
def test_each_event_is_queued_with_its_change(hook, ticketed, audit_event):
    starter = ticketed()

    happen(starter, audit_event)

    row = HookDelivery.objects.get()
    assert (row.event, row.starter, row.hook) == (events.type_of(audit_event), starter, hook)
    assert Job.objects.filter(key=f"hook:{hook.pk}", done_at=None).exists()


def test_waiting_for_hr_is_no_refusal(hook, ticketed):
    starter = ticketed()
    with audit.transaction():
        audit.record("starter.refused", starter=starter, facts={"codes": ["recorder_is_a_person"]})

    assert not HookDelivery.objects.exists()


def test_other_events_send_nothing(hook, ticketed):
    happen(ticketed(), "starter.rescheduled", "issue.shown", "mail.refused")

    assert not HookDelivery.objects.exists()


def test_a_starter_without_a_ticket_sends_nothing(hook, ticketed):
    starter = ticketed()
    starter.ticket.delete()

    happen(starter, "starter.invited")

    assert not HookDelivery.objects.exists()


def test_a_webhook_gets_only_its_source_and_its_events(subscribe, ticketed, policy_says):
    policy_says(api_applications=f"{SERVICENOW} servicenow topdesk")
    subscribe(event_types=["starter.withdrawn"])
    subscribe(source="topdesk")

    happen(ticketed(), "starter.invited", "starter.withdrawn")
    happen(ticketed("T2", "topdesk"), "starter.invited")

    sent = HookDelivery.objects.order_by("pk").values_list("hook__source", "event")
    assert list(sent) == [("servicenow", "starter.withdrawn"), ("topdesk", "starter.invited")]


def test_an_application_without_the_source_gets_nothing(hook, ticketed, policy_says):
    policy_says(api_applications=f"{SERVICENOW} topdesk")

    happen(ticketed(), "starter.invited")

    assert not HookDelivery.objects.exists()


def test_a_change_that_is_rolled_back_sends_nothing(hook, ticketed):
    starter = ticketed()

    with pytest.raises(KeyError), audit.transaction():
        audit.record("starter.invited", starter=starter)
        raise KeyError
    with audit.transaction():
        with pytest.raises(KeyError), audit.transaction():
            audit.record("starter.escalated", starter=starter)
            raise KeyError
        audit.record("starter.withdrawn", starter=starter)

    assert [row.event for row in HookDelivery.objects.all()] == ["starter.withdrawn"]


def test_one_type_is_sent_once_for_a_transaction(hook, ticketed):
    starter = ticketed()

    with audit.transaction():
        for event in ("starter.refused", "starter.blocked", "starter.withdrawn"):
            audit.record(event, starter=starter)

    assert [row.event for row in HookDelivery.objects.order_by("pk")] == [
        "starter.refused",
        "starter.withdrawn",
    ]


def test_the_state_is_that_of_the_end_of_the_transaction(hook, ticketed, receiver):
    starter = ticketed()
    with audit.transaction():
        audit.record("starter.withdrawn", starter=starter)
        Starter.objects.filter(pk=starter.pk).update(state="withdrawn")

    send_due()

    assert receiver.received[0].event["data"]["state"] == "withdrawn"


def test_the_payload_has_ids_codes_and_times_only(hook, ticketed, receiver):
    starter = ticketed(problem="account_missing")

    happen(starter, "starter.blocked")
    send_due()

    event = receiver.received[0].event
    data = event.pop("data")
    recorded = AuditEvent.objects.get(event="starter.blocked")
    assert event == {"type": "starter.refused", "timestamp": recorded.at.replace("+00:00", "Z")}
    assert set(data) == {*payloads.SENT, "url"}
    assert (data["source"], data["ticket"], data["nextActor"]) == ("servicenow", "RITM0000001", "hr")
    assert [obstacle["code"] for obstacle in data["obstacles"]] == ["recorder_is_a_person", "account_missing"]
    assert data["url"] == f"{settings.PORTAL_URL}/api/v1/starters/servicenow/RITM0000001"
    sent = receiver.received[0].body.decode()
    assert not [word for word in (BY_KEY["noor"].name, "Maria", starter.account_name) if word in sent]


def test_a_put_and_the_acceptance_of_hr_send_events(hook, add, receiver, browser_of, call):
    assert add().status_code == 201
    send_due()

    assert receiver.types == ["starter.recorded"]
    assert receiver.received[0].event["data"]["state"] == "recorded"
    assert statuses() == ["delivered"]


def test_a_change_costs_one_more_query_without_webhooks(ticketed):
    starter = ticketed()

    def count_queries(event: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            happen(starter, event)
        return len(queries)

    happen(starter, "starter.rescheduled")  # the first event of a process also reads the key of the codes
    assert count_queries("starter.refused") == count_queries("starter.rescheduled") + 1
