"""Rules for values that HR or another system enters."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from importlib.resources import files
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext

EARLIEST, LATEST = timedelta(days=31), timedelta(days=730)
DEFAULT_START_TIME = time(9)
# All names that are accepted, with legacy ones such as US/Eastern: they are stored, imported, or sent by other systems.
TIME_ZONES = [name for name in sorted(available_timezones()) if "/" in name or name == "UTC"]
OBJECT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# The characters that Entra allows in a user principal name, so that an expected account can appear under it.
ACCOUNT_NAME = re.compile(r"[a-z0-9'_!#^~-]+(\.[a-z0-9'_!#^~+&=-]+)*@[a-z0-9-]+(\.[a-z0-9-]+)+")
MAX_LENGTH = 120  # characters of an account name


def list_current_zones() -> list[str]:
    """Return UTC and the names in `zone.tab`: one for each country and zone, and no legacy name."""
    lines = files("tzdata.zoneinfo").joinpath("zone.tab").read_text().splitlines()
    current = {"UTC", *(line.split("\t")[2] for line in lines if line and not line.startswith("#"))}
    return [name for name in TIME_ZONES if name in current]


def is_known_zone(name: str) -> bool:
    """Return whether a starter can have this zone. The organisation's own can have any name, such as Japan."""
    return name in TIME_ZONES or name == settings.TIME_ZONE


def is_account(name: str) -> bool:
    return bool(OBJECT_ID.fullmatch(name) or ACCOUNT_NAME.fullmatch(name)) and len(name) <= MAX_LENGTH


def check_start_date(start: date) -> date:
    today = timezone.localdate()
    if start < today - EARLIEST:
        raise ValidationError(
            gettext("The start date can be at most 31 days ago. Check the year."), code="too_early"
        )
    if start > today + LATEST:
        raise ValidationError(
            gettext("The start date can be at most two years ahead. Check the year."), code="too_late"
        )
    return start
