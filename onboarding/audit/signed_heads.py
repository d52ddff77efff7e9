"""The head of the audit chain, signed with a key that is not in the database, and the check of heads that were kept elsewhere.

A person who can change the whole database can rewrite the whole chain. They cannot sign a head of it.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from django.utils.translation import gettext

from onboarding import clock
from onboarding.audit.trail import GENESIS
from onboarding.models import AuditEvent, AuditHead, Installation

KIND = "starter-pass-portal audit head 1"  # signed too, so that no other signed text passes for a head
PAGE = 500


class UnusableKey(Exception):
    """The text says what is wrong with the file, without anything from it."""


@dataclass(frozen=True)
class HeadFault:
    """`line` counts from 1."""

    line: int
    what: str


def sign_head(key: Ed25519PrivateKey) -> dict[str, Any]:
    """Return the present head with its signature: a flat object, for one line of JSON."""
    head = AuditHead.objects.get(id=1)
    signed = {
        "kind": KIND,
        "seq": head.seq,
        "hash": head.hash,
        "at": clock.now().astimezone(UTC).isoformat(timespec="seconds"),
        "installation": str(Installation.objects.get(id=1)),
        "key": name_key(key.public_key()),
    }
    return signed | {"signature": b64encode(key.sign(canonical_bytes(signed))).decode()}


def canonical_bytes(head: dict[str, Any]) -> bytes:
    """What is signed: the object without its signature, as JSON with sorted keys and without spaces, in ASCII."""
    unsigned = {name: value for name, value in head.items() if name != "signature"}
    return json.dumps(unsigned, sort_keys=True, separators=(",", ":")).encode()


def name_key(key: Ed25519PublicKey) -> str:
    """The beginning of the SHA-256 of the public key: which key of several signed a head."""
    return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def read_private_key(pem: bytes) -> Ed25519PrivateKey:
    """Raises UnusableKey."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise UnusableKey("it has no private key in PEM, or the key has a password") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UnusableKey("its key is not an Ed25519 key")
    return key


def read_public_keys(pem: bytes) -> list[Ed25519PublicKey]:
    """All public keys of a file. After a change of the key, it has the earlier ones too. Raises UnusableKey."""
    end = b"-----END PUBLIC KEY-----"
    blocks = [block + end for block in pem.split(end)[:-1]]
    try:
        keys = [load_pem_public_key(block) for block in blocks]
    except ValueError as error:
        raise UnusableKey("it has a public key that cannot be read") from error
    found = [key for key in keys if isinstance(key, Ed25519PublicKey)]
    if not found or len(found) < len(keys):
        raise UnusableKey("it must have public keys of the kind Ed25519, in PEM, and nothing else")
    return found


# --- Checking heads -----------------------------------------------------------------------------------------------


def verify_signed_heads(lines: Iterable[str], keys: Sequence[Ed25519PublicKey]) -> Iterator[HeadFault]:
    """Check each line that is not empty: it must be signed by one of the keys, and its event must be in the chain.

    Call this together with `verify_chain`, which checks that the chain itself is whole.
    """
    named = {name_key(key): key for key in keys}
    page: list[tuple[int, dict[str, Any]]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        head = _read_head(line)
        if head is None:
            yield HeadFault(number, gettext("this line is not a signed checkpoint"))
        elif not _is_genuine(head, named):
            yield HeadFault(
                number, gettext("the signature of this line does not match any of the public keys")
            )
        else:
            page.append((number, head))
        if len(page) == PAGE:
            yield from _compare(page)
            page = []
    yield from _compare(page)


def parse_own_head(line: str, key: Ed25519PrivateKey) -> dict[str, Any] | None:
    """The checkpoint of this line if it was signed with this key; otherwise None."""
    head, public = _read_head(line), key.public_key()
    return head if head and _is_genuine(head, {name_key(public): public}) else None


def _read_head(line: str) -> dict[str, Any] | None:
    try:
        head = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(head, dict) or head.get("kind") != KIND:
        return None
    types = {"seq": int, "hash": str, "at": str, "installation": str, "key": str, "signature": str}
    return head if all(type(head.get(name)) is kind for name, kind in types.items()) else None


def _is_genuine(head: dict[str, Any], keys: dict[str, Ed25519PublicKey]) -> bool:
    key = keys.get(head["key"])
    if key is None:
        return False
    try:
        key.verify(b64decode(head["signature"], validate=True), canonical_bytes(head))
    except (InvalidSignature, ValueError):
        return False
    return True


def _compare(page: Sequence[tuple[int, dict[str, Any]]]) -> Iterator[HeadFault]:
    numbers = [head["seq"] for _, head in page]
    kept = dict(AuditEvent.objects.filter(seq__in=numbers).values_list("seq", "hash"))
    kept[0] = GENESIS
    last = AuditHead.objects.get(id=1).seq
    for line, head in page:
        if kept.get(head["seq"]) == head["hash"]:
            continue
        words = {"number": head["seq"], "at": head["at"], "last": last}
        if head["seq"] > last:
            what = gettext(
                "event %(number)s was the last on %(at)s, but the log now ends at event %(last)s: events were cut "
                "off, or an old backup was restored"
            )
        elif head["seq"] in kept:
            what = gettext(
                "event %(number)s no longer has the hash that it had on %(at)s: the log was rewritten"
            )
        else:
            what = gettext("event %(number)s was the last on %(at)s, but it is missing")
        yield HeadFault(line, what % words)
