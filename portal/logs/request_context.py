"""What a log line says of the request that caused it: its id, the client's address, the person and the session."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")
SESSION_HASH_LENGTH = 16
_current: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


@contextmanager
def logged_request(request: HttpRequest) -> Iterator[None]:
    """Every line that this thread logs in the block names this request."""
    request.log_id = choose_request_id(request)  # type: ignore[attr-defined]
    request.client_address = find_client_address(request)  # type: ignore[attr-defined]
    token = _current.set(request)
    try:
        yield
    finally:
        _current.reset(token)


def describe_request() -> dict[str, Any]:
    """The fields of the current request. Empty outside of one. Reads nothing from the database."""
    request = _current.get()
    if request is None:
        return {}
    found = {
        "http.request.id": getattr(request, "log_id", ""),
        "client.ip": getattr(request, "client_address", ""),
        "user.id": _find_person(request),
        "portal.application": getattr(request, "calling_application", ""),
        "portal.session": _hash_session(request),
    }
    return {name: value for name, value in found.items() if value}


def choose_request_id(request: HttpRequest) -> str:
    """The id from the proxy in front, if there is one and the id is short and plain; else a new id."""
    given = request.META.get("HTTP_X_REQUEST_ID", "") if settings.TRUSTED_PROXIES else ""
    return given if REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def find_client_address(request: HttpRequest) -> str:
    """The address that the outermost trusted proxy saw.

    Each proxy adds the address of its own client at the end of `X-Forwarded-For`. What stands before the entries of
    the trusted proxies can be forged.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    trusted = settings.TRUSTED_PROXIES
    if 0 < trusted <= len(hops):
        return read_address(hops[-trusted]) or read_address(peer)
    return read_address(peer)


def read_address(text: str) -> str:
    """The network address in `text`, without a port; empty if there is none."""
    bare = re.sub(r"^\[(.+)\](:\d{1,5})?$|^([\d.]+):\d{1,5}$", lambda found: found[1] or found[3], text)
    try:
        return str(ip_address(bare))
    except ValueError:
        return ""


def _find_person(request: HttpRequest) -> str:
    """The object id of the person, if an earlier layer has found them. `request.user` would ask the database."""
    user = getattr(request, "_cached_user", None)
    return str(getattr(user, "oid", "") or getattr(request, "calling_person", ""))


def _hash_session(request: HttpRequest) -> str:
    key = getattr(getattr(request, "session", None), "session_key", None)
    return hash_session_key(key) if key else ""


def hash_session_key(key: str) -> str:
    """A keyed hash: it names one session, for example in its lines of the log. Nobody can make a cookie from it."""
    return salted_hmac("portal.logs.session", key, algorithm="sha256").hexdigest()[:SESSION_HASH_LENGTH]
