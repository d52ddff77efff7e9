"""A webhook is signed as Standard Webhooks say, and its answer is bounded."""

from __future__ import annotations

import base64
import hmac
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils.translation import override

from onboarding.api import hook_examples
from onboarding.hooks import sending
from onboarding.models import HookDelivery
from tests.conftest import BY_KEY
from tests.hooks.conftest import Received, happen, send_due, statuses

pytestmark = pytest.mark.django_db


def is_genuine(received: Received, secret: str) -> bool:
    """As a receiver would check it, written from the text of the standard."""
    kind, key = secret.split("_", 1)
    assert kind == "whsec" and len(base64.b64decode(key, validate=True)) == 32
    signed = b".".join([received.id.encode(), received.headers["webhook-timestamp"].encode(), received.body])
    expected = base64.b64encode(hmac.digest(base64.b64decode(key), signed, "sha256")).decode()
    offered = [part.split(",", 1) for part in received.headers["webhook-signature"].split(" ")]
    return ["v1", expected] in offered


def test_a_webhook_is_signed(subscribe, ticketed, receiver):
    _, secret = subscribe()
    happen(ticketed(), "starter.invited")

    send_due()

    (received,) = receiver.received
    assert is_genuine(received, secret)
    assert abs(int(received.headers["webhook-timestamp"]) - time.time()) < 120
    assert received.headers["content-type"] == "application/json"
    assert received.id.startswith("msg_")
    assert received.path.startswith("/flows/1?sig=")
    received.body += b" "
    assert not is_genuine(received, secret)


def test_the_printed_event_has_what_a_real_one_has(subscribe, ticketed, receiver):
    subscribe()
    happen(ticketed(problem="account_missing"), "starter.refused")
    send_due()
    (received,) = receiver.received

    head, _, body = hook_examples.EVENT.partition("\n\n")
    names = {line.partition(":")[0].lower() for line in head.splitlines()[1:]}
    assert names == {name for name in received.headers if name.startswith("webhook-")} | {"content-type"}
    assert shape_of(json.loads(body)) == shape_of(received.event)
    assert b"\n" not in received.body


def shape_of(value: Any) -> Any:
    """The names and types of a JSON value, in order."""
    if isinstance(value, dict):
        return [(name, shape_of(inner)) for name, inner in value.items()]
    return [shape_of(value[0])] if isinstance(value, list) else type(value)


def test_each_webhook_has_a_secret_of_its_own(subscribe, ticketed, receiver):
    secrets = [subscribe()[1] for _ in range(3)]
    happen(ticketed(), "starter.invited")

    send_due()

    assert len(set(secrets)) == 3
    assert [sum(is_genuine(one, secret) for one in receiver.received) for secret in secrets] == [1, 1, 1]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure(hook, ticketed, receiver, status):
    receiver.answers, receiver.answer_headers = [status], {"Location": receiver.url}
    happen(ticketed(), "starter.invited")

    send_due()

    assert len(receiver.received) == 1
    row = HookDelivery.objects.get()
    assert (row.status, row.http_status, row.tries) == ("waiting", status, 1)


def test_an_endless_answer_is_not_read(hook, ticketed, receiver):
    receiver.answer_body = b"x" * 5_000_000
    happen(ticketed(), "starter.invited")

    send_due()

    assert statuses() == ["delivered"]


def test_a_receiver_that_is_not_there_is_a_failure(subscribe, ticketed):
    subscribe(url="http://127.0.0.1:9/")
    happen(ticketed(), "starter.invited")

    send_due()

    row = HookDelivery.objects.get()
    assert (row.status, row.http_status, row.error) == ("waiting", None, "ConnectionError")


def test_a_silent_receiver_is_a_failure(hook, ticketed, receiver, monkeypatch):
    monkeypatch.setattr(sending, "READ_SECONDS", 0.2)
    monkeypatch.setattr("http.server.BaseHTTPRequestHandler.parse_request", lambda _self: time.sleep(1))
    happen(ticketed(), "starter.invited")

    send_due()

    assert HookDelivery.objects.get().error == "ReadTimeout"


def test_a_card_for_teams_has_no_name(subscribe, ticketed, receiver, settings):
    settings.ORGANISATION_LANGUAGE = "en-gb"
    subscribe(hook_format="teams")
    starter = ticketed(display_name=BY_KEY["noor"].name)

    with override("de"):
        happen(starter, "starter.issued")
    send_due()

    card = receiver.received[0].event
    assert card["type"] == "message"
    (attachment,) = card["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    content = attachment["content"]
    assert (content["type"], content["body"][0]["text"]) == (
        "AdaptiveCard",
        "A pass was created for a starter",
    )
    assert "{{TIME(" in content["body"][1]["text"] and "Z)}}" in content["body"][1]["text"]
    assert content["actions"][0]["url"] == f"{settings.PORTAL_URL}/hr/{starter.public_id}/"
    text = json.dumps(card)
    names = {BY_KEY["noor"].name, "Noor", "Maria", "Lindqvist", starter.account_name}
    assert not [name for name in names if name in text]


def test_an_unusual_answer_header_is_not_logged(hook, ticketed, receiver, caplog):
    receiver.answer_headers = {"Bad Header ": "x"}
    happen(ticketed(), "starter.invited")

    send_due(timedelta(0))

    assert "sig=" not in caplog.text
