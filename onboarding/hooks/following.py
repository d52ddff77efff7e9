"""Writes a delivery for each event and webhook, in the transaction of the change."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from onboarding import audit, clock, jobs, policy
from onboarding.audit import TicketEvent
from onboarding.hooks import events, payloads
from onboarding.models import AuditEvent, Hook, HookDelivery, Ticket
from onboarding.models.job import Job

GIVE_UP_AFTER = timedelta(days=3)


def write_deliveries(recorded: Sequence[TicketEvent]) -> None:
    """Queue what was recorded for the webhooks of each starter's source. One event type is sent once a transaction."""
    sent = {
        (each.starter.pk, kind): each
        for each in reversed(recorded)
        if (kind := events.type_of(each.event.event)) and not _waits_only_for_hr(each.event)
    }
    if not sent:
        return
    starters = {starter for starter, _ in sent}
    tickets = {row.starter_id: row for row in _tickets_with_hooks(starters)}
    if not tickets:
        return
    hooks = _permitted_hooks({ticket.source for ticket in tickets.values()})
    for (starter, kind), each in reversed(sent.items()):
        ticket = tickets.get(starter)
        for hook in hooks:
            if ticket is not None and hook.source == ticket.source and kind in (hook.events or events.TYPES):
                _write_delivery(hook, kind, datetime.fromisoformat(each.event.at), ticket)


def _waits_only_for_hr(event: AuditEvent) -> bool:
    """Whether a check found nothing but that HR has not accepted the starter: `starter.recorded` has said so."""
    return event.event == "starter.refused" and event.facts.get("codes") == ["recorder_is_a_person"]


def _tickets_with_hooks(starters: set[int]) -> list[Ticket]:
    sources = Hook.objects.filter(ended_at=None).values("source")
    rows = Ticket.objects.filter(starter__in=starters, source__in=sources)
    return list(rows.select_related("starter"))


def _permitted_hooks(sources: set[str]) -> list[Hook]:
    """Return the webhooks whose application the policy still lists for their source."""
    rules = policy.for_site()
    rows = Hook.objects.filter(source__in=sources, ended_at=None).order_by("pk")
    return [hook for hook in rows if hook.source in policy.allowed_sources(rules, hook.application_id)]


def _write_delivery(hook: Hook, kind: str, at: datetime, ticket: Ticket) -> None:
    now = clock.now()
    HookDelivery.objects.create(
        message_id=f"msg_{secrets.token_hex(16)}",
        hook=hook,
        starter_id=ticket.starter_id,
        event=kind,
        body=payloads.build_body(hook.format, kind, at, ticket),
        created_at=at,
        next_try_at=now,
        give_up_at=now + GIVE_UP_AFTER,
    )
    jobs.enqueue_job(f"hook:{hook.pk}", priority=Job.Priority.LOOK)


def follow_audit_events() -> None:
    audit.add_follower(write_deliveries)
