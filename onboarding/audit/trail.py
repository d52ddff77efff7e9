"""The audit log: append-only, and hash-chained over one locked head row, which anybody can verify without a key.

Personal values are in the chain only as salted commitments. The values themselves are in a second table, and can be
erased without breaking the chain. Nothing here ever receives a pass.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Protocol

from django.db import transaction as db_transaction
from django.db.transaction import TransactionManagementError

from onboarding import clock, locks
from onboarding.audit import codes
from onboarding.models import AuditDetail, AuditEvent, AuditHead, PassIssue, ProbePass, Starter, Ticket

GENESIS = "0" * 64


class Person(Protocol):
    """The person or application that does something: identified by tenant and object id, shown by name."""

    @property
    def tid(self) -> str: ...

    @property
    def oid(self) -> str: ...

    @property
    def name(self) -> str: ...


@dataclass(frozen=True)
class TicketEvent:
    """An event of a starter that has a ticket of another system."""

    event: AuditEvent
    starter: Starter


# A follower gets what was recorded about starters with a ticket, at the end of the same transaction.
Follower = Callable[[Sequence[TicketEvent]], None]
_followers: list[Follower] = []


def add_follower(follower: Follower) -> None:
    """Call this function at the end of each transaction that recorded something about a starter with a ticket."""
    if follower not in _followers:
        _followers.append(follower)


class _HeadLock(threading.local):
    by_this_thread = False
    followed: list[TicketEvent]


_head_lock = _HeadLock()


@contextmanager
def transaction() -> Iterator[None]:
    """The database transaction of an audited change. It locks the head of the chain before any other row.

    Every audited transaction needs that row. If one locked another row first, two of them could deadlock.
    """
    with db_transaction.atomic():
        if _head_lock.by_this_thread:
            with _forget_if_undone():
                yield
            return
        locks.acquire_in_order(locks.LockQueue.AUDIT_TRAIL)
        AuditHead.objects.select_for_update().get(id=1)
        _head_lock.by_this_thread, _head_lock.followed = True, []
        try:
            yield
            _call_followers()
        finally:
            _head_lock.by_this_thread, _head_lock.followed = False, []


@contextmanager
def _forget_if_undone() -> Iterator[None]:
    """Followers must not get what an inner transaction recorded before it was rolled back."""
    before = len(_head_lock.followed)
    try:
        yield
    except BaseException:
        del _head_lock.followed[before:]
        raise


def _call_followers() -> None:
    """Only now do the rows have what the transaction changes after an event."""
    if _head_lock.followed:
        for follower in _followers:
            follower(tuple(_head_lock.followed))


def record(
    event: str,
    *,
    by: Person | None = None,
    starter: Starter | None = None,
    issue: PassIssue | ProbePass | None = None,
    facts: Mapping[str, Any] | None = None,
    personal: Mapping[str, str] | None = None,
) -> AuditEvent:
    """Append one event in the transaction of its change, which is a `transaction()`.

    `facts` must hold nothing personal; `personal` is stored as commitments, and its values can be erased. Without `by`
    the portal itself made the change. Raises TransactionManagementError outside a `transaction()`.
    """
    if not _head_lock.by_this_thread:
        raise TransactionManagementError("An event belongs into the transaction of its change.")
    values = dict(personal or {})
    if by is not None:
        values |= {"by": f"{by.tid}/{by.oid}", "by_name": by.name}
    head = AuditHead.objects.select_for_update().get(id=1)
    if not codes.is_usable(head.key):
        _begin_key(head)
    row = AuditEvent(
        event=event,
        starter=starter.public_id if starter else "",
        issue=str(issue.pk) if issue else "",
        facts=dict(facts or {}) | _application_fact(by),
    )
    _append(head, row, values, by)
    if starter is not None and starter.source:
        mine = Ticket.objects.filter(starter=starter)
        if mine.update(last_event=row.seq, changed_at=clock.now()):
            _head_lock.followed.append(TicketEvent(row, starter))
    return row


def change_key() -> None:
    """Let all later events have codes of a new key, in a `transaction()`. An event says so."""
    _begin_key(AuditHead.objects.select_for_update().get(id=1))


def _begin_key(head: AuditHead) -> None:
    """Begin a new key. The first key of a log needs no event. The key before signs the event too, if it can be opened."""
    before, head.key = head.key, codes.create_key()
    if before:
        facts = {"before": before, "key": head.key}
        _append(head, AuditEvent(event=codes.KEY_CHANGED, facts=facts), {}, None, left=before)


def _append(
    head: AuditHead, row: AuditEvent, values: dict[str, str], by: Person | None, left: str = ""
) -> None:
    """Store an event with its details and its code, and move the head."""
    salt = secrets.token_hex(16)
    row.seq, row.previous = head.seq + 1, head.hash
    row.at = clock.now().astimezone(UTC).isoformat(timespec="milliseconds")
    row.commitments = {name: make_commitment(salt, value) for name, value in values.items()}
    row.hash = hash_event(row)
    row.save(force_insert=True)
    AuditDetail.objects.create(event=row, salt=salt, values=values)
    codes.make_code(row, head.key, values, actor=by, left=left).save(force_insert=True)
    head.seq, head.hash = row.seq, row.hash
    head.save(update_fields=["seq", "hash", "key"])


def _application_fact(by: Person | None) -> dict[str, str]:
    """Name the application that acts, by itself or for a person."""
    application = getattr(by, "application_id", "")
    return {"application": application} if application else {}


def make_commitment(salt: str, value: str) -> str:
    return hashlib.sha256(f"{salt}:{value}".encode()).hexdigest()


def hash_event(row: AuditEvent) -> str:
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
