"""Encrypts what must be stored but never shown: secrets and callback addresses of webhooks, and keys of the audit log.

AES-256-GCM under a key that HKDF derives from SECRET_KEY. SECRET_KEY_FALLBACKS still open what an earlier key sealed.
A sealed text belongs to one row and one purpose, so a copy in another row does not open.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.views.decorators.debug import sensitive_variables

PURPOSE = b"starter pass portal: webhooks, 1"
NONCE_BYTES = 12


class Unreadable(Exception):
    """The text was sealed under a key that the portal no longer has, or was changed."""


@sensitive_variables()
def seal(text: str, *, context: str) -> str:
    """Return the text encrypted. `context` says what it is for, and is needed to open it."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = _cipher(settings.SECRET_KEY).encrypt(nonce, text.encode(), context.encode())
    return b64encode(nonce + sealed).decode()


@sensitive_variables()
def unseal(sealed: str, *, context: str) -> tuple[str, bool]:
    """Return the text, and whether it is sealed under today's SECRET_KEY. Raises Unreadable."""
    try:
        raw = b64decode(sealed, validate=True)
    except ValueError:
        raise Unreadable from None
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            text = _cipher(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], context.encode()).decode()
        except (InvalidTag, ValueError):
            continue
        return text, key == settings.SECRET_KEY
    raise Unreadable


@lru_cache(maxsize=8)
def _cipher(secret_key: str) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(secret_key.encode()))
