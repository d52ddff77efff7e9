"""How long a receiver asks the portal to wait (RFC 9110, 10.2.3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

STATUSES = (429, 503)  # the answers that ask for a pause
NONE, LONGEST = timedelta(0), timedelta(hours=1)
MOST_DIGITS, MOST_CHARACTERS = 9, 64


def read_retry_after(header: str | None, now: datetime) -> timedelta:
    """Return the pause that the header asks for: seconds or a date. At most an hour; none if it is not readable."""
    return min(max(_parse(header.strip(), now), NONE), LONGEST) if header else NONE


def _parse(value: str, now: datetime) -> timedelta:
    if value.isascii() and value.isdigit():
        return timedelta(seconds=int(value[:MOST_DIGITS]))
    if len(value) > MOST_CHARACTERS:
        return NONE
    try:
        date = parsedate_to_datetime(value)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)) - now  # each date of HTTP is in UTC
    except (ValueError, OverflowError):
        return NONE
