"""The audit log as lines of the log: each event once it is committed, in order, at least once.

The cursor moves only after the lines were written. A worker that is killed in between writes them again. Each line has
the event's number and hash, so a reader can drop what it has already.
"""

from __future__ import annotations

import logging
from typing import Any

from onboarding import clock
from onboarding.models import AuditEvent, AuditHead, AuditOutlet

# The settings give this logger a handler that raises an error if a line could not be written.
log = logging.getLogger(__name__)
MOST_AT_ONCE = 100


class EventsAreMissing(Exception):
    """The database has fewer events than were written to the log."""


def write_new_events(most: int = MOST_AT_ONCE) -> int:
    """Write the events after the cursor to the log, and return how many. Raises OSError or EventsAreMissing."""
    outlet, _ = AuditOutlet.objects.get_or_create(name=AuditOutlet.Name.EVENTS)
    head = AuditHead.objects.get(id=1)
    if outlet.seq > head.seq:
        raise EventsAreMissing(f"event {outlet.seq} was written to the log, but the last is now {head.seq}")
    after = AuditEvent.objects.filter(seq__gt=outlet.seq, seq__lte=head.seq)
    rows = list(after.select_related("detail").order_by("seq")[:most])
    for row in rows:
        log.info("audit event", extra=describe_event(row))
    if rows:
        # Not backwards, if another worker took over meanwhile and is further.
        here = AuditOutlet.objects.filter(name=outlet.name, seq=outlet.seq)
        here.update(seq=rows[-1].seq, sent_at=clock.now(), error="")
    return len(rows)


def describe_event(row: AuditEvent) -> dict[str, Any]:
    """The fields of an event: pseudonyms and facts. Names and reasons stay in the database, where they can be erased."""
    fields = {
        "@timestamp": row.at.replace("+00:00", "Z"),
        "event.kind": "event",
        "event.dataset": "portal.audit",
        "event.action": row.event,
        "event.sequence": row.seq,
        "user.id": _find_actor(row),
        "portal.starter": row.starter,
        "portal.pass": row.issue,
        "portal.audit.facts": row.facts,
        "portal.audit.hash": row.hash,
        "portal.audit.previous": row.previous,
    }
    return {name: value for name, value in fields.items() if value != ""}


def _find_actor(row: AuditEvent) -> str:
    """The object id of the person or application; empty if the portal did it itself, or if it was erased."""
    detail = getattr(row, "detail", None)
    return str(detail.values.get("by", "")).partition("/")[2] if detail else ""
