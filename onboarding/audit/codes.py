"""An authentication code for each event: HMAC-SHA256 with a key that the database has only encrypted.

Everybody can calculate the hash chain, also somebody who writes to the database past the portal. They cannot calculate
the codes: the key is encrypted under SECRET_KEY, which is not in the database. A code covers the event's hash, and so all
events before it. It also covers who acted, in a form that names nobody and that stays when the details are erased.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from onboarding import sealing
from onboarding.models import AuditCode, AuditEvent, AuditKey

KEY_CHANGED = "audit.key_changed"  # the first event with another key; its facts name both
KEY_BYTES = 32
BY = "by"  # the actor, as `tenant id/object id`
REQUESTED_BY = "requested_by"  # the person for whom an application acted
ROW = "row"  # the primary key of the actor's row, which stays when the person is erased
# Beside them, at a change of key: the code of the key that was in use before.
LEFT = "left"


class KeyUnreadable(Exception):
    """No key of this name is there, or neither SECRET_KEY nor its fallbacks open it."""


@sensitive_variables()
def generate_key() -> tuple[str, bytes, str]:
    """Return the name of a new key, the key, and what the database keeps of it."""
    name, key = secrets.token_hex(8), secrets.token_bytes(KEY_BYTES)
    return name, key, sealing.seal(key.hex(), context=_context(name))


@sensitive_variables()
def create_key() -> str:
    """Store a new key, and return its name."""
    name, _key, sealed = generate_key()
    AuditKey.objects.create(name=name, sealed=sealed)
    return name


@sensitive_variables()
def read_key(name: str) -> bytes:
    """Raises KeyUnreadable."""
    row = AuditKey.objects.filter(name=name).first()
    if row is None:
        raise KeyUnreadable(name)
    return open_key(row)[0]


@sensitive_variables()
def open_key(row: AuditKey) -> tuple[bytes, bool]:
    """Return the key, and whether it is sealed under today's SECRET_KEY. Raises KeyUnreadable."""
    try:
        text, is_current = sealing.unseal(row.sealed, context=_context(row.name))
        return bytes.fromhex(text), is_current
    except (sealing.Unreadable, ValueError):
        raise KeyUnreadable(row.name) from None


def seal_again(row: AuditKey) -> None:
    """Encrypt a key under today's SECRET_KEY. Raises KeyUnreadable."""
    key, _is_current = open_key(row)
    AuditKey.objects.filter(pk=row.pk).update(sealed=sealing.seal(key.hex(), context=_context(row.name)))


def is_usable(name: str) -> bool:
    """Whether the portal can make codes with this key."""
    try:
        return bool(name) and bool(_kept_key(name))
    except KeyUnreadable:
        return False


def make_code(
    row: AuditEvent, name: str, values: Mapping[str, str], *, actor: Any = None, left: str = ""
) -> AuditCode:
    """Return the code of an event, which is not saved. `values` are its personal values. Raises KeyUnreadable.

    At a change of key, `left` names the key before, which signs too. If it cannot be opened, its code is missing.
    """
    people, code = sign(
        _kept_key(name),
        row.hash,
        list_people(values, getattr(actor, "pk", None)),
        _sign_change(left, row.hash),
    )
    return AuditCode(event=row, key=name, people=people, code=code)


def list_people(values: Mapping[str, str], actor_row: int | None) -> dict[str, str]:
    """Return what identifies the people of an event: these values stay comparable after the details were erased."""
    people = {name: values[name] for name in (BY, REQUESTED_BY) if values.get(name)}
    return people | ({ROW: str(actor_row)} if actor_row is not None else {})


@sensitive_variables()
def sign(
    key: bytes, event_hash: str, people: Mapping[str, str], further: Mapping[str, str] | None = None
) -> tuple[dict[str, str], str]:
    """Return a code for each person and the further codes, and the code of the event, which covers them."""
    coded = {name: _calculate(key, name, event_hash, value) for name, value in people.items()}
    coded |= further or {}
    return coded, _sign_event(key, event_hash, coded)


def is_genuine(key: bytes, row: AuditEvent, code: AuditCode) -> bool:
    """Whether somebody with the key made this code for this event."""
    return hmac.compare_digest(_sign_event(key, row.hash, code.people), code.code)


def is_genuine_change(left: bytes, row: AuditEvent, code: AuditCode) -> bool:
    """Whether somebody with the key before, `left`, made this change of key."""
    return hmac.compare_digest(_calculate(left, LEFT, row.hash), str(code.people.get(LEFT, "")))


def has_genuine_code(event: AuditEvent) -> bool:
    """Whether the event has a code that the portal made. Which key was in use is checked by `verify_chain`."""
    code = getattr(event, "code", None)
    try:
        return code is not None and is_genuine(_kept_key(code.key), event, code)
    except KeyUnreadable:
        return False


def may_be(event: AuditEvent, name: str, value: str) -> bool:
    """Whether the code of this event was made for this value. True if nobody can tell: `verify_chain` reports why."""
    code = getattr(event, "code", None)
    coded = code.people.get(name) if code else None
    if code is None or coded is None:
        return True
    try:
        return hmac.compare_digest(_calculate(_kept_key(code.key), name, event.hash, value), str(coded))
    except KeyUnreadable:
        return True


@sensitive_variables()
def _sign_change(left: str, event_hash: str) -> dict[str, str]:
    try:
        return {LEFT: _calculate(_kept_key(left), LEFT, event_hash)} if left else {}
    except KeyUnreadable:
        return {}


def _kept_key(name: str) -> bytes:
    return _read_once(name, (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=8)
def _read_once(name: str, _secret_keys: tuple[str, ...]) -> bytes:
    """A key never changes; the keys that open it change only at a start, or in a test."""
    return read_key(name)


def _context(name: str) -> str:
    return f"audit key {name}"


@sensitive_variables()
def _sign_event(key: bytes, event_hash: str, people: Mapping[str, str]) -> str:
    return _calculate(key, "event", event_hash, json.dumps(people, sort_keys=True))


@sensitive_variables()
def _calculate(key: bytes, *parts: str) -> str:
    return hmac.new(key, json.dumps(parts).encode(), hashlib.sha256).hexdigest()
