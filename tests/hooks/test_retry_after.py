"""The portal waits as long as a receiver asks, between its own pauses and an hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import time_machine
from django.utils import timezone

from onboarding.hooks.retry_after import read_retry_after
from onboarding.models import Hook, HookDelivery
from tests.hooks.conftest import happen, next_moment, send_due

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)
NONSENSE = [
    "", " ", "soon", "-60", "+60", "1.5", "60 seconds", "1e3", "0x3c", "60, 90", "٦٠", "½", "²", "\x00", "Mon,", ",", "GMT",
    "Mon, 99 Foo 2026 25:61:00 GMT", "Mon, 30 Nov 99999 09:00:00 GMT", "Mon, 30 Nov 2026 09:00:00 +9999",
    "2026-11-30T09:00:00Z", "Mon, 30 Nov 2026 09:00:00 GMT" + " " * 70 + "x",
]  # fmt: skip


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("90", 90),
        (" 90 ", 90),
        ("3600", 3600),
        ("86400", 3600),
        ("9" * 5000, 3600),
        ("Mon, 30 Nov 2026 08:01:30 GMT", 90),
        ("Monday, 30-Nov-26 08:01:30 GMT", 90),
        ("Mon Nov 30 08:01:30 2026", 90),
        ("Mon, 30 Nov 2026 07:59:00 GMT", 0),
        ("Tue, 01 Dec 2026 08:00:00 GMT", 3600),
        *((text, 0) for text in NONSENSE),
        (None, 0),
    ],
)
def test_seconds_and_dates_are_read_and_nonsense_is_not(header, seconds):
    assert read_retry_after(header, NOW) == timedelta(seconds=seconds)


@pytest.fixture
def still():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def send(after: int = 0) -> None:
    """Send what is due so many seconds from now, with a clock that stands still."""
    send_due(timedelta(seconds=after), tick=False)


def next_try() -> timedelta:
    """How long until the delivery is sent again."""
    row = HookDelivery.objects.get()
    assert next_moment() == row.next_try_at
    return row.next_try_at - timezone.now()


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("header", ["600", format_datetime(NOW + timedelta(seconds=600), usegmt=True)])
def test_the_next_try_waits_as_long_as_asked(hook, ticketed, receiver, still, status, header):
    receiver.answers, receiver.answer_headers = [status], {"Retry-After": header}
    happen(ticketed(), "starter.recorded")

    send()
    assert next_try() == timedelta(seconds=600)

    send(599)
    assert len(receiver.received) == 1
    send(600)
    assert HookDelivery.objects.get().status == "delivered"


@pytest.mark.parametrize(("header", "seconds"), [("1", 5), ("soon", 5), ("86400", 3600)])
def test_a_pause_has_bounds(hook, ticketed, receiver, still, header, seconds):
    receiver.answers, receiver.answer_headers = [503], {"Retry-After": header}
    happen(ticketed(), "starter.recorded")

    send()

    assert next_try() == timedelta(seconds=seconds)


@pytest.mark.parametrize("status", [500, 302, 404])
def test_other_answers_ask_for_no_pause(hook, ticketed, receiver, still, status):
    receiver.answers, receiver.answer_headers = [status], {"Retry-After": "600"}
    happen(ticketed(), "starter.recorded")

    send()

    assert next_try() == timedelta(seconds=5)


def test_no_other_starters_event_is_sent_meanwhile(hook, ticketed, receiver, still):
    receiver.answers, receiver.answer_headers = [429], {"Retry-After": "600"}
    happen(ticketed("A"), "starter.recorded")
    happen(ticketed("B"), "starter.recorded")

    send()
    happen(ticketed("C"), "starter.recorded")
    send(599)
    assert len(receiver.received) == 1

    send(600)
    assert len(receiver.received) == 4
    assert (Hook.objects.get().failures, Hook.objects.get().paused_until) == (0, None)


def test_the_last_try_waits_too(hook, ticketed, receiver, still):
    receiver.answers, receiver.answer_headers = [503, 503], {"Retry-After": "3600"}
    happen(ticketed(), "starter.recorded")
    still.shift(timedelta(days=3) - timedelta(minutes=10))
    send()
    assert next_try() == timedelta(hours=1)

    send(3600)

    assert HookDelivery.objects.get().status == "given_up"
    assert len(receiver.received) == 2
