"""Points that network addresses have used up in the last minute. Each process counts for itself, and stores nothing.

There are two counts of each address, so that one kind of request never uses up what the other needs: see `middleware.py`.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from threading import Lock

MINUTE = 60.0  # seconds
# 500 managers behind one address sign in within a minute: that many sign-ins can be in progress, and some never finish.
MOST_POINTS = 1000  # of each count
MOST_ADDRESSES = 20_000  # that are remembered; the one whose minute began first is forgotten first


@dataclass(slots=True)
class Usage:
    """What one address used in its minute, which began with its first point."""

    began_at: float
    points: int = 0


class PointsLimiter:
    def __init__(self) -> None:
        self._lock = Lock()
        self._usage: OrderedDict[str, Usage] = OrderedDict()

    def clear(self) -> None:
        with self._lock:
            self._usage.clear()

    def seconds_to_wait(self, address: str) -> int:
        """Return 0 while the address has points left, else the seconds until its minute ends."""
        with self._lock:
            usage = self._current(address_group(address), time.monotonic())
            if usage is None or usage.points < MOST_POINTS:
                return 0
            return max(1, math.ceil(usage.began_at + MINUTE - time.monotonic()))

    def add(self, address: str, points: int) -> bool:
        """Count points, or give some back if they are negative. Return whether these were the last that the address had."""
        group, now = address_group(address), time.monotonic()
        with self._lock:
            usage = self._current(group, now)
            if usage is None:
                if points <= 0:
                    return False
                usage = self._usage[group] = Usage(now)
                if len(self._usage) > MOST_ADDRESSES:
                    self._usage.popitem(last=False)
            had_points = usage.points < MOST_POINTS
            usage.points = max(0, usage.points + points)
            return had_points and usage.points >= MOST_POINTS

    def _current(self, group: str, now: float) -> Usage | None:
        usage = self._usage.get(group)
        if usage is not None and now - usage.began_at >= MINUTE:
            del self._usage[group]
            return None
        return usage


def address_group(address: str) -> str:
    """The address, or the network of an IPv6 address: one visitor has a whole /64."""
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((found, 64), strict=False))
    return str(found)


sign_ins_begun, failures = PointsLimiter(), PointsLimiter()
