"""The reader's time zone: a script of the page keeps the browser's zone in a cookie. Without it, the organisation's."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

COOKIE = "time_zone"  # set by static/js/time_zone.js
_KNOWN = frozenset(available_timezones())


def in_readers_zone(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Show and read all times of this view in the reader's zone."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        name = request.COOKIES.get(COOKIE, "")
        zone = ZoneInfo(name) if name in _KNOWN else timezone.get_default_timezone()
        with timezone.override(zone):
            return view(request, *args, **kwargs)

    return wrapper
