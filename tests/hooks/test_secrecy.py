"""Secrets and callback addresses are stored encrypted and shown nowhere, and no delivery has a pass."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.apps import apps
from django.core import serializers
from django.core.management import call_command

from onboarding import sealing
from onboarding.hooks import subscriptions
from onboarding.hooks.addresses import Callback
from onboarding.management.commands import worker
from onboarding.models import Hook, HookDelivery, Job, PassIssue, Ticket
from onboarding.passes import cancellation, handover
from onboarding.passes.receipt import confirm_receipt
from onboarding.sealing import Unreadable
from tests.faults.canary import WORDS, found_in, recognisable
from tests.hooks.conftest import SERVICENOW, SIG, happen, send_due

pytestmark = pytest.mark.django_db
NEW_KEY = "another key, of at least fifty random characters 0123456789"


def all_rows() -> str:
    """Every row of every table, as JSON."""
    models = [model for model in apps.get_models() if model._meta.managed and not model._meta.proxy]
    return "".join(serializers.serialize("json", model.objects.all()) for model in models)


@pytest.mark.parametrize("answers", [[204], [500], [410], [302]])
def test_secret_and_address_appear_nowhere(subscribe, ticketed, receiver, caplog, browser_of, answers):
    caplog.set_level(logging.DEBUG)
    hook, secret = subscribe()
    receiver.answers = answers
    happen(ticketed(), "starter.invited")

    send_due()

    row = Hook.objects.get()
    pages = [
        browser_of("ada").get(path).content.decode()
        for path in (
            "/admin/onboarding/hook/",
            f"/admin/onboarding/hook/{hook.pk}/change/",
            "/admin/onboarding/hookdelivery/",
            f"/admin/onboarding/hookdelivery/{HookDelivery.objects.get().pk}/change/",
            "/admin/onboarding/job/",
            "/admin/onboarding/auditevent/",
        )
    ]
    shown = [caplog.text, all_rows(), repr(row), str(row), *pages]
    for text in shown:
        assert SIG not in text and "/flows/1" not in text
        assert secret.removeprefix("whsec_") not in text
    assert len(receiver.received) == 1


def test_a_crash_while_sending_shows_no_address(subscribe, ticketed, receiver, caplog, monkeypatch):
    _, secret = subscribe()
    monkeypatch.setattr(
        "onboarding.hooks.sending.post", lambda url, *_: (_ for _ in ()).throw(ValueError("crash"))
    )
    happen(ticketed(), "starter.invited")

    send_due()

    assert "ValueError" in caplog.text
    assert SIG not in caplog.text + all_rows() and secret not in caplog.text + all_rows()


def start_worker(monkeypatch) -> None:
    monkeypatch.setattr(worker, "close_old_connections", lambda: None)
    monkeypatch.setattr(worker.signal, "signal", lambda *_: None)
    call_command("worker", "--once")


def test_no_object_that_has_them_has_a_repr():
    opened = subscriptions.Opened("https://a.example/?sig=1", "whsec_x")
    callback = Callback("https://a.example/?sig=1", "a.example", 443, is_local=False)

    assert "sig" not in f"{opened!r} {opened} {callback!r}" and "whsec" not in f"{opened!r}"


def test_a_sealed_text_opens_only_where_it_belongs(settings):
    sealed = sealing.seal("whsec_x", context="secret 1")

    assert sealing.unseal(sealed, context="secret 1") == ("whsec_x", True)
    assert sealing.seal("whsec_x", context="secret 1") != sealed
    for wrong in (
        (sealed, "secret 2"),
        (sealed, "url 1"),
        (sealed[:-8] + "AAAAAAA=", "secret 1"),
        ("?", "secret 1"),
        ("", ""),
    ):
        with pytest.raises(Unreadable):
            sealing.unseal(wrong[0], context=wrong[1])
    settings.SECRET_KEY = NEW_KEY
    with pytest.raises(Unreadable):
        sealing.unseal(sealed, context="secret 1")


def test_an_earlier_key_still_opens_and_is_replaced(subscribe, ticketed, receiver, settings):
    subscribe()
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], NEW_KEY
    happen(ticketed(), "starter.invited")
    send_due()
    assert receiver.types == ["starter.invited"]

    settings.SECRET_KEY_FALLBACKS = []
    happen(ticketed("T2"), "starter.invited")
    send_due()

    assert len(receiver.received) == 2


def test_a_worker_that_starts_replaces_an_earlier_key(subscribe, settings, monkeypatch):
    hooks = [subscribe()[0] for _ in range(3)]
    subscriptions.end_hook(hooks[0], ended_by=Hook.EndedBy.CALLER)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], NEW_KEY

    start_worker(monkeypatch)

    settings.SECRET_KEY_FALLBACKS = []
    assert [subscriptions.unseal_hook(hook)[1] for hook in Hook.objects.filter(ended_at=None)] == [True, True]
    assert Hook.objects.get(pk=hooks[0].pk).sealed_secret == ""


def test_a_worker_starts_without_an_earlier_key(subscribe, settings, monkeypatch, caplog):
    hook, _ = subscribe()
    settings.SECRET_KEY = NEW_KEY

    start_worker(monkeypatch)

    assert "SECRET_KEY has changed" in caplog.text
    assert Hook.objects.get().sealed_secret == hook.sealed_secret


def test_a_lost_key_is_a_failure_and_no_crash(subscribe, ticketed, receiver, settings, browser_of):
    subscribe()
    key, settings.SECRET_KEY = settings.SECRET_KEY, NEW_KEY
    happen(ticketed(), "starter.invited")

    send_due()

    delivery = HookDelivery.objects.get()
    assert (delivery.error, delivery.status, delivery.tries) == ("secret_unreadable", "waiting", 1)
    assert "secret_unreadable" in browser_of("ada").get("/admin/onboarding/hookdelivery/").content.decode()
    job = Job.objects.get(key__startswith="hook:")
    assert (job.attempts, job.last_error, job.failed_at) == (0, "", None)
    assert job.due_at >= delivery.next_try_at
    assert not receiver.received

    settings.SECRET_KEY_FALLBACKS = [key]
    send_due(timedelta(seconds=6))
    assert receiver.types == ["starter.invited"]


def test_no_webhook_has_a_pass(subscribe, receiver, invite, confirmation, run_jobs, settings, caplog):
    settings.GRAPH_BUDGET_CALLS = settings.GRAPH_SIGN_IN_CALLS = 1000
    caplog.set_level(logging.DEBUG)
    subscribe()
    subscribe(hook_format="teams")
    with recognisable():
        starter = invite("noor")
        starter.source = "servicenow"
        starter.save()
        Ticket.objects.create(
            starter=starter, source="servicenow", number="R1", application_id=SERVICENOW, account="x@y.z"
        )
        shown = handover.confirm(confirmation(starter))
        code = shown.code.reveal()
        confirm_receipt(shown.issue, by=shown.issue.actor)
        cancellation.cancel_pass(PassIssue.objects.get(), reason=PassIssue.Reason.LOST, by=shown.issue.actor)
        run_jobs()

    sent = "".join(f"{each.path} {each.headers} {each.body.decode()}" for each in receiver.received)
    types = [each.event["type"] for each in receiver.received if each.event["type"] != "message"]
    assert types == ["starter.pass_created", "starter.pass_cancelled"]
    assert receiver.received[0].event["data"]["state"] == "issued"
    for text in (sent, caplog.text, all_rows()):
        assert not found_in(text, code) and not [word for word in WORDS if word in text]
