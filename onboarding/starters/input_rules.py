"""Rules for values that HR or another system enters."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext

EARLIEST, LATEST = timedelta(days=31), timedelta(days=730)
DEFAULT_START_TIME = time(9)
TIME_ZONES = [name for name in sorted(available_timezones()) if "/" in name or name == "UTC"]
OBJECT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# The characters that Entra allows in a user principal name, so that an expected account can appear under it.
ACCOUNT_NAME = re.compile(r"[a-z0-9'_!#^~-]+(\.[a-z0-9'_!#^~+&=-]+)*@[a-z0-9-]+(\.[a-z0-9-]+)+")
MAX_LENGTH = 120  # characters of an account name


def is_account(name: str) -> bool:
    return bool(OBJECT_ID.fullmatch(name) or ACCOUNT_NAME.fullmatch(name)) and len(name) <= MAX_LENGTH


def check_start_date(start: date) -> date:
    today = timezone.localdate()
    if start < today - EARLIEST:
        raise ValidationError(
            gettext("This date is more than a month ago. Is the year right?"), code="too_early"
        )
    if start > today + LATEST:
        raise ValidationError(
            gettext("This date is more than two years ahead. Is the year right?"), code="too_late"
        )
    return start
