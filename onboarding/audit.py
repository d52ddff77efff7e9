"""The audit trail: append-only, hash-chained over one locked head row, verifiable by a reader without a key.

What is personal goes into the chain only as a salted commitment; the values stand beside it and can be erased
later without breaking the chain. Nothing here ever receives a pass.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Protocol

from django.db import transaction
from django.db.transaction import TransactionManagementError
from django.utils.translation import gettext

from onboarding import clock, in_turn
from onboarding.models import AuditDetail, AuditEvent, AuditHead, PassIssue, Starter

GENESIS = "0" * 64


class Person(Protocol):
    """Whoever does something: known by tenant and object id, shown by name."""

    tid: str
    oid: str
    name: str


class _Held(threading.local):
    by_this_thread = False


_held = _Held()


@contextmanager
def change() -> Iterator[None]:
    """A transaction whose change goes on the trail. It takes the end of the chain before any other row.

    Every such transaction needs that row. One that took another first, and one that holds it and wants that
    other, would wait for each other until the database ends one of them.
    """
    with transaction.atomic():
        if _held.by_this_thread:
            yield
            return
        in_turn.stand_in(in_turn.Line.AUDIT_TRAIL)
        AuditHead.objects.select_for_update().get(id=1)
        _held.by_this_thread = True
        try:
            yield
        finally:
            _held.by_this_thread = False


def record(
    event: str,
    *,
    by: Person | None = None,
    starter: Starter | None = None,
    issue: PassIssue | None = None,
    facts: Mapping[str, Any] | None = None,
    personal: Mapping[str, str] | None = None,
) -> AuditEvent:
    """Append one event inside the transaction of the change it tells of, which is a `change()`.

    `facts` must hold nothing personal; `personal` is committed to and can be erased. Without `by` the portal
    itself did it. Raises TransactionManagementError outside one.
    """
    if not _held.by_this_thread:
        raise TransactionManagementError("An event belongs into the transaction of its change.")
    values = dict(personal or {})
    if by is not None:
        values |= {"by": f"{by.tid}/{by.oid}", "by_name": by.name}
    salt = secrets.token_hex(16)
    head = AuditHead.objects.select_for_update().get(id=1)
    row = AuditEvent(
        seq=head.seq + 1,
        at=clock.now().astimezone(UTC).isoformat(timespec="milliseconds"),
        event=event,
        starter=starter.public_id if starter else "",
        issue=str(issue.pk) if issue else "",
        facts=dict(facts or {}),
        commitments={name: commitment(salt, value) for name, value in values.items()},
        previous=head.hash,
    )
    row.hash = digest(row)
    row.save(force_insert=True)
    AuditDetail.objects.create(event=row, salt=salt, values=values)
    head.seq, head.hash = row.seq, row.hash
    head.save(update_fields=["seq", "hash"])
    return row


def commitment(salt: str, value: str) -> str:
    return hashlib.sha256(f"{salt}:{value}".encode()).hexdigest()


def digest(row: AuditEvent) -> str:
    """SHA-256 over the previous hash and the event in canonical JSON (sorted keys, no spaces, UTF-8)."""
    body = {
        "seq": row.seq,
        "at": row.at,
        "event": row.event,
        "starter": row.starter,
        "issue": row.issue,
        "facts": row.facts,
        "commitments": row.commitments,
    }
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256((row.previous + canonical).encode()).hexdigest()


@dataclass(frozen=True)
class Fault:
    """One place where the trail is not what was written."""

    seq: int
    what: str


def verify(anchor: str = "") -> Iterator[Fault]:
    """Walk the whole chain. `anchor` is a head hash kept elsewhere, which must still be part of it.

    Others may write meanwhile: the trail must hold the end as it was before the walk, and go no further than the
    end is after it.
    """
    began, reached = AuditHead.objects.get(id=1), False
    expected, previous, seen = 1, GENESIS, not anchor or anchor == GENESIS
    for row in _rows_in_order():
        if row.seq != expected:
            yield Fault(
                expected,
                gettext("events %(first)s to %(last)s are missing")
                % {"first": expected, "last": row.seq - 1},
            )
        elif row.previous != previous:
            yield Fault(row.seq, gettext("does not follow the event before it"))
        if digest(row) != row.hash:
            yield Fault(row.seq, gettext("was changed"))
        if not _details_hold(row):
            yield Fault(row.seq, gettext("its details were changed or are gone"))
        seen = seen or row.hash == anchor
        reached = reached or (row.seq, row.hash) == (began.seq, began.hash)
        expected, previous = row.seq + 1, row.hash
    if not (reached or (began.seq, began.hash) == (0, GENESIS)) or (
        expected - 1 > AuditHead.objects.get(id=1).seq
    ):
        yield Fault(
            expected - 1,
            gettext("the trail ends here, but its head says event %(number)s") % {"number": began.seq},
        )
    if not seen:
        yield Fault(
            expected - 1, gettext("the anchored head is not in the trail: it was shortened or rewritten")
        )


def verify_end(events: int) -> Iterator[Fault]:
    """Look only at the last events: quick, where `verify` walks them all."""
    head = AuditHead.objects.get(id=1)
    rows = list(
        AuditEvent.objects.select_related("detail").filter(seq__lte=head.seq).order_by("-seq")[:events]
    )
    if (rows[0].seq, rows[0].hash) != (head.seq, head.hash) if rows else head.seq != 0:
        yield Fault(
            head.seq, gettext("is where the head says that the trail ends, and it does not end there")
        )
    for row, before in zip(rows, [*rows[1:], None], strict=False):
        if before is not None and (row.seq, row.previous) != (before.seq + 1, before.hash):
            yield Fault(row.seq, gettext("does not follow the event before it"))
        if digest(row) != row.hash:
            yield Fault(row.seq, gettext("was changed"))
        if not _details_hold(row):
            yield Fault(row.seq, gettext("its details were changed or are gone"))


def _details_hold(row: AuditEvent) -> bool:
    """All values that were committed to, as they were; or none, once they were erased with their salt."""
    detail = getattr(row, "detail", None)
    if detail is None:
        return False
    if not detail.salt:
        return not detail.values
    kept = {name: commitment(detail.salt, value) for name, value in detail.values.items()}
    return bool(kept == row.commitments)


def _rows_in_order(page: int = 500) -> Iterator[AuditEvent]:
    """Page by page: an open cursor would block SQLite's writers."""
    last = -1
    events = AuditEvent.objects.select_related("detail").order_by("seq")
    while rows := list(events.filter(seq__gt=last)[:page]):
        yield from rows
        last = rows[-1].seq


@transaction.atomic
def erase(public_id: str) -> int:
    """Forget the personal details of one starter's events; the chain keeps its commitments."""
    # By key, not by a join: PostgreSQL, when it has not counted the rows yet, joins everything with everything.
    events = list(AuditEvent.objects.filter(starter=public_id).values_list("seq", flat=True))
    return AuditDetail.objects.filter(event__in=events).update(salt="", values={})
