"""Sign-ins in progress, each in an encrypted cookie of the browser that began it.

A visitor who is not signed in so leaves no row in the database, however often they ask. The cookie holds for ten
minutes, and each sign-in has a cookie of its own, so that two tabs can both finish.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from portal.models import SignIn

PURPOSE = b"starter pass portal: sign-ins in progress, 1"
# A browser sends all cookies with every request, and gunicorn reads 8,190 bytes of them. One sign-in needs up to 3,300.
MOST_BYTES = 3500  # that earlier sign-ins of the same browser may keep


def store_flow(request: HttpRequest, response: HttpResponse, flow_id: str, flow: dict[str, Any]) -> None:
    """Let the browser keep the flow. If it keeps too many, the oldest are dropped."""
    for name in _list_surplus(request):
        response.delete_cookie(name)
    response.set_cookie(
        cookie_name(flow_id),
        _cipher().encrypt(_pack(flow)).decode(),
        max_age=SignIn.LASTS,
        secure=not settings.LOOPBACK,
        httponly=True,
        samesite="Lax",
    )


def _pack(flow: dict[str, Any]) -> bytes:
    return json.dumps(flow, ensure_ascii=False, separators=(",", ":")).encode()


def read_flow(request: HttpRequest, flow_id: str) -> dict[str, Any] | None:
    """The flow as it was stored. None if this browser did not begin it, or began it too long ago."""
    sealed = request.COOKIES.get(cookie_name(flow_id), "")
    try:
        opened = _cipher().decrypt(sealed, ttl=int(SignIn.LASTS.total_seconds()))
    except (InvalidToken, ValueError):
        return None
    flow: dict[str, Any] = json.loads(opened)
    return flow


def forget_flow(response: HttpResponse, flow_id: str) -> None:
    response.delete_cookie(cookie_name(flow_id))


def cookie_name(flow_id: str) -> str:
    return f"{_prefix()}{flow_id[:16]}"


def _prefix() -> str:
    """Browsers keep a `__Host-` cookie from being set by a neighbour, and take it over TLS only."""
    return "signin-" if settings.LOOPBACK else "__Host-signin-"


def _list_surplus(request: HttpRequest) -> list[str]:
    """The names of the oldest cookies that exceed the space for earlier sign-ins, and of unreadable ones."""
    kept, surplus = 0, []
    flows = {name: value for name, value in request.COOKIES.items() if name.startswith(_prefix())}
    for name in sorted(flows, key=lambda name: _began_at(flows, name), reverse=True):
        kept += len(name) + len(flows[name])
        if kept > MOST_BYTES:
            surplus.append(name)
    return surplus


def _began_at(flows: Mapping[str, str], name: str) -> int:
    """Seconds since 1970; 0 for a cookie that cannot be read."""
    try:
        return _cipher().extract_timestamp(flows[name])
    except (InvalidToken, ValueError):
        return 0


def _cipher() -> MultiFernet:
    return _ciphers((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=4)
def _ciphers(secret_keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_derive_key(secret_key)) for secret_key in secret_keys])


def _derive_key(secret_key: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(secret_key.encode())
    return urlsafe_b64encode(derived)
