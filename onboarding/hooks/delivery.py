"""The job that sends: in order for each starter, retried for three days, and never lost.

One job a webhook sends what is due, so two workers never send to the same webhook at once. A worker that is killed
between sending and storing sends again, with the same webhook-id. While a receiver keeps failing, the portal tries it
less and less often, so that it does not keep the worker from other work.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, QuerySet
from django.views.decorators.debug import sensitive_variables

from onboarding import audit, clock, counters, jobs, policy
from onboarding.hooks import sending, subscriptions
from onboarding.hooks.following import GIVE_UP_AFTER
from onboarding.hooks.sending import Outcome
from onboarding.hooks.signatures import signed_headers
from onboarding.jobs import job_handler
from onboarding.models import Hook, HookDelivery
from onboarding.models.job import Job
from onboarding.sealing import Unreadable

log = logging.getLogger(__name__)

Status = HookDelivery.Status
# Seconds between two tries of one delivery. The last try is three days after the first.
PAUSES = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
# Seconds for which a webhook rests after so many failures in a row; none after the first, which may be one starter's.
REST, LONGEST_REST = 5, 300
FAILS_FOR_GOOD = 3  # failures in a row after which everything that is overdue is given up together
BATCH_SECONDS = 5.0  # then other jobs get their turn


@job_handler("hook")
def send_deliveries(hook_id: str) -> datetime | None:
    """Send what is due to one webhook, and return when to go on."""
    until = time.monotonic() + BATCH_SECONDS
    while (hook := Hook.objects.filter(pk=hook_id, ended_at=None).first()) is not None:
        now = clock.now()
        delivery = _first_in_line(hook)
        if delivery is None:
            return None
        due = max(hook.paused_until or now, delivery.next_try_at or now)
        if due > now:
            return due
        if time.monotonic() > until:
            return now
        _store_outcome(hook, delivery, _try(hook, delivery))
    return None


def _first_in_line(hook: Hook) -> HookDelivery | None:
    """Return the delivery that is due first, among those that wait for no earlier event of the same starter."""
    waiting = HookDelivery.objects.filter(hook=hook, status=Status.WAITING)
    earlier = waiting.filter(starter=OuterRef("starter"), pk__lt=OuterRef("pk"))
    return waiting.exclude(Exists(earlier)).order_by("next_try_at", "pk").first()


@sensitive_variables()
def _try(hook: Hook, delivery: HookDelivery) -> Outcome:
    rules = policy.for_site()
    if hook.source not in policy.allowed_sources(rules, hook.application_id):
        return Outcome(error="application_not_allowed")
    try:
        opened = subscriptions.open_hook(hook)
    except Unreadable:
        return Outcome(error="secret_unreadable")
    body = delivery.body.encode()
    timestamp = int(clock.now().timestamp())
    headers = signed_headers(opened.secret, message_id=delivery.message_id, timestamp=timestamp, body=body)
    return sending.post(opened.url, body, headers, rules)


def _store_outcome(hook: Hook, delivery: HookDelivery, outcome: Outcome) -> None:
    now = clock.now()
    mine = HookDelivery.objects.filter(pk=delivery.pk, status=Status.WAITING)
    seen: dict[str, Any] = {"tries": F("tries") + 1, "http_status": outcome.status, "error": outcome.error}
    counters.count("webhooks", "delivered" if outcome.is_delivered else "failed")
    if outcome.is_delivered:
        mine.update(**seen, status=Status.DELIVERED, ended_at=now, next_try_at=None)
        if hook.failures:
            Hook.objects.filter(pk=hook.pk).update(failures=0, paused_until=None)
        return
    mine.update(**seen, next_try_at=_next_try(delivery, outcome, now))
    log.warning(
        "a webhook was not delivered",
        extra={"hook": hook.public_id, "status": outcome.status, "error": outcome.error},
    )
    if outcome.is_gone:
        subscriptions.end_hook(hook, ended_by=Hook.EndedBy.RECEIVER)
        return
    failures = hook.failures + 1
    rest = _end_of_rest(failures, outcome, now)
    Hook.objects.filter(pk=hook.pk).update(failures=failures, paused_until=rest)
    overdue = (
        mine if failures < FAILS_FOR_GOOD else HookDelivery.objects.filter(hook=hook, status=Status.WAITING)
    )
    _give_up(hook, overdue.filter(give_up_at__lte=now), now)


def _next_try(delivery: HookDelivery, outcome: Outcome, now: datetime) -> datetime:
    """Return when to send this delivery again: not before the receiver wants it, even if that is the last try."""
    own = now + timedelta(seconds=PAUSES[min(delivery.tries, len(PAUSES) - 1)])
    return max(min(own, delivery.give_up_at), now + outcome.pause)


def _end_of_rest(failures: int, outcome: Outcome, now: datetime) -> datetime | None:
    """Return until when nothing is sent to this webhook, also no event of another starter."""
    own = REST * 2 ** min(failures - 2, 10) if failures > 1 else 0
    rest = max(timedelta(seconds=min(own, LONGEST_REST)), outcome.pause)
    return now + rest if rest else None


def _give_up(hook: Hook, overdue: QuerySet[HookDelivery], now: datetime) -> None:
    first = overdue.order_by("pk").first()
    if first is None:
        return
    with audit.transaction():
        count = overdue.update(status=Status.GIVEN_UP, ended_at=now, next_try_at=None)
        facts = {"hook": hook.public_id, "host": hook.host, "first": first.message_id, "count": count}
        audit.record("hook.given_up", facts=facts)
    counters.count("webhooks", "given_up", amount=count)


def replay_delivery(delivery: HookDelivery, *, by: Any) -> bool:
    """Send an ended delivery again, under the same webhook-id. False: its content is erased, or the webhook ended."""
    now = clock.now()
    with audit.transaction():
        ended = HookDelivery.objects.filter(pk=delivery.pk, hook__ended_at=None).exclude(body="")
        ended = ended.exclude(status=Status.WAITING)
        again = {"status": Status.WAITING, "tries": 0, "ended_at": None, "next_try_at": now}
        if not ended.update(**again, give_up_at=now + GIVE_UP_AFTER):
            return False
        facts = {"hook": delivery.hook.public_id, "message": delivery.message_id, "event": delivery.event}
        audit.record("hook.replayed", by=by, facts=facts)
        Hook.objects.filter(pk=delivery.hook_id).update(paused_until=None)
        jobs.enqueue_job(f"hook:{delivery.hook_id}", priority=Job.Priority.LOOK)
    return True
