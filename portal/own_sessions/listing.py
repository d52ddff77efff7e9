"""The sessions in which one person is signed in now.

Who is signed in stands only inside each session, so all of them are read: those that were used in the last half hour. The
page is opened seldom, and a thousand take 0.04 seconds of a processor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from portal.logs.request_context import hash_session_key
from portal.models import User
from portal.signin.session_times import is_too_old, session_time


@dataclass(frozen=True)
class OwnSession:
    """One session of a person. `mark` identifies it in a form without revealing its key."""

    key: str = field(repr=False)
    mark: str
    browser: str
    system: str
    address: str
    signed_in_at: datetime
    last_used_at: datetime  # to the minute
    is_this: bool


def list_sessions(person: User, *, this: str | None) -> list[OwnSession]:
    """The person's sessions that still open pages: the one with the key `this` first, then the last used first."""
    now = timezone.now()
    rows = Session.objects.filter(expire_date__gt=now).iterator()
    stored = ((row, row.get_decoded()) for row in rows)
    found = [_describe(row, data, this) for row, data in stored if _is_open(data, person, now)]
    return sorted(found, key=lambda session: (not session.is_this, -session.last_used_at.timestamp()))


def _is_open(data: Mapping[str, Any], person: User, now: datetime) -> bool:
    """Whether Django and the portal's own limits would let this session open a page as this person."""
    if data.get(SESSION_KEY) != str(person.pk) or BACKEND_SESSION_KEY not in data or is_too_old(data, now):
        return False
    kept = str(data.get(HASH_SESSION_KEY, ""))
    hashes = (person.get_session_auth_hash(), *person.get_session_auth_fallback_hash())
    return any(constant_time_compare(kept, good) for good in hashes)


def _describe(row: Session, data: Mapping[str, Any], this: str | None) -> OwnSession:
    client = data.get("client")
    client = client if isinstance(client, dict) else {}  # a session of an earlier release has none
    return OwnSession(
        key=row.session_key,
        mark=hash_session_key(row.session_key),
        browser=client.get("browser", ""),
        system=client.get("system", ""),
        address=client.get("address", ""),
        signed_in_at=session_time(data.get("signed_in_at")) or row.expire_date,
        last_used_at=row.expire_date - timedelta(seconds=settings.SESSION_COOKIE_AGE),
        is_this=row.session_key == this,
    )
