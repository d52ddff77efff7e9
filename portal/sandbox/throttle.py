"""Graph's throttling of the scarce resources: so many calls in so many seconds, then 429."""

from __future__ import annotations

import math
import time
from collections import deque

from portal.sandbox.options import Limit

SIGN_IN_ACTIVITY_LIMIT: Limit = (10, 60.0)


class Window:
    """A sliding window, by the time of day, so that tests can move the clock. A refused call does not count."""

    def __init__(self, limit: Limit | None) -> None:
        self.limit = limit
        self._calls: deque[float] = deque()

    def take_slot(self) -> int:
        """Use one call and return 0, or return the whole seconds to wait."""
        if self.limit is None:
            return 0
        calls, seconds = self.limit
        now = time.time()
        while self._calls and not now - seconds < self._calls[0] <= now:  # the clock may have been set back
            self._calls.popleft()
        if len(self._calls) >= calls:
            return max(1, math.ceil(self._calls[0] + seconds - now))
        self._calls.append(now)
        return 0


class Throttle:
    def __init__(self, limit: Limit | None) -> None:
        self.limit = limit
        self.methods = Window(limit)
        self.sign_in_activity = Window(SIGN_IN_ACTIVITY_LIMIT if limit else None)
