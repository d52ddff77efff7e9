"""Erasing the personal details of old events. Each erasure is an event itself, which names what it erased."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, timedelta

from django.db.models import Max, Q

from onboarding import clock
from onboarding.audit.rows.policy_rows import OF_ONE_VERSION, WRITTEN
from onboarding.audit.trail import record, transaction
from onboarding.models import AuditDetail, AuditEvent, AuditWord, Starter

ERASED = "audit.details_erased"
MOST_AT_ONCE = 500


@transaction()
def erase_details(starter: Starter, *, kept_days: int) -> int:
    """Erase the personal details of one starter's events, and return how many; the chain keeps its commitments.

    `kept_days` is how long the policy keeps them after the end of the onboarding.
    """
    # By key, not by a join: before PostgreSQL has statistics, it plans a join of all rows.
    events = list(AuditEvent.objects.filter(starter=starter.public_id).values_list("seq", flat=True))
    erased = _erase(events)
    AuditWord.objects.filter(starter=starter.public_id).delete()
    if erased:
        record(ERASED, starter=starter, facts={"events": erased, "last": max(events), "kept_days": kept_days})
    return erased


def list_kinds_without_starter() -> list[str]:
    """The kinds of events that are about no starter."""
    kinds = AuditEvent.objects.filter(starter="").order_by("event").values_list("event", flat=True)
    return list(kinds.distinct())


def find_policy_events(numbers: Collection[int]) -> list[int]:
    """The events about these policy versions."""
    about = Q(event__in=WRITTEN, facts__to__in=list(numbers))
    about |= Q(event__in=OF_ONE_VERSION, facts__version__in=list(numbers))
    return list(AuditEvent.objects.filter(about).values_list("seq", flat=True))


@transaction()
def erase_details_of_event(event: str, *, kept_days: int, needed: Collection[int] = ()) -> int:
    """Erase the personal details of events of one kind without a starter that are older than `kept_days`.

    `needed` are events whose details stay. Returns how many were erased, at most `MOST_AT_ONCE`.
    """
    before = clock.now() - timedelta(days=kept_days)
    moment = before.astimezone(UTC).isoformat(timespec="milliseconds")
    old = AuditDetail.objects.filter(event__event=event, event__starter="", event__at__lt=moment)
    old = old.exclude(pk__in=list(needed))
    events = list(old.exclude(values={}).order_by("pk").values_list("pk", flat=True)[:MOST_AT_ONCE])
    erased = _erase(events)
    if erased:
        last = AuditEvent.objects.filter(pk__in=events).aggregate(last=Max("seq"))["last"]
        facts = {"event": event, "events": erased, "last": last, "kept_days": kept_days}
        record(ERASED, facts=facts)
    return erased


def _erase(events: list[int]) -> int:
    """Erase what these events still have. An event without personal values has nothing to erase."""
    return AuditDetail.objects.filter(event__in=events).exclude(values={}).update(salt="", values={})
