"""The times that a session keeps, and when a session is over because of its age."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase


def is_too_old(session: SessionBase | Mapping[str, Any], now: datetime) -> bool:
    """Whether the session began longer ago than a session may last, or does not say when it began."""
    began = session_time(session.get("signed_in_at"))
    return began is None or now - began >= settings.SESSION_ABSOLUTE_AGE


def session_time(seconds: object) -> datetime | None:
    """The time of a session value in seconds since 1970; None where it is invalid."""
    if not isinstance(seconds, int):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
