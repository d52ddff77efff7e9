"""Five tries of a stop code for each address and hour, in a table that strangers cannot make larger."""

from __future__ import annotations

import math
from datetime import timedelta
from ipaddress import ip_address, ip_network

from django.db.models import F
from django.utils.crypto import salted_hmac

from onboarding import clock
from onboarding.models import StopCodeTries

MOST_TRIES = 5
PAUSE = timedelta(hours=1)
IPV6_PREFIX = 64  # one household or office has at least that many addresses of IPv6


def take_try(address: str) -> int:
    """Count one try from this client address. Return the seconds to wait if none is left, else 0.

    After five tries there must be an hour without one, so no hour has more than five. Two addresses rarely share a
    group, and then they share the tries.
    """
    now, group = clock.now(), _group_of(address)
    rows = StopCodeTries.objects.filter(address_group=group)
    StopCodeTries.objects.get_or_create(address_group=group, defaults={"last_at": now})
    rows.filter(last_at__lte=now - PAUSE).update(count=0, last_at=now)
    if rows.filter(count__lt=MOST_TRIES).update(count=F("count") + 1, last_at=now):
        return 0
    last_at = rows.values_list("last_at", flat=True).get()
    return max(math.ceil((last_at + PAUSE - now).total_seconds()), 1)


def _group_of(address: str) -> int:
    digest = salted_hmac("onboarding.stops.tries", _network_of(address), algorithm="sha256").digest()
    return int.from_bytes(digest[:8]) % StopCodeTries.GROUPS


def _network_of(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    if parsed.version == 4:
        return str(parsed)
    return str(parsed.ipv4_mapped or ip_network((parsed, IPV6_PREFIX), strict=False))
