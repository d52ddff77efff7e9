"""Limit the concurrency of calls to Microsoft Graph, so that threads are always free for other requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from onboarding.graph.errors import Overloaded

SLOT_TIMEOUT = 10.0  # seconds that a thread waits for a slot
SLOW = 5.0  # seconds of Microsoft's time in one slot; Graph at its usual speed needs less
CHECK_INTERVAL = 0.5  # seconds between checks of how slow the requests in progress are


class Slot:
    """One thread's slot, with the time that it waited for Microsoft.

    Time that a slow machine needs itself does not count: rejecting people for that would only make them come back.
    """

    def __init__(self) -> None:
        # Seconds that Microsoft took, and when the request in progress began. One tuple, because other threads read it.
        self._asked: tuple[float, float | None] = 0.0, None

    @contextmanager
    def count_time(self) -> Iterator[None]:
        """Count the time inside the block as Microsoft's."""
        self._asked = self._asked[0], time.monotonic()
        try:
            yield
        finally:
            self._asked = self.seconds_waited(time.monotonic()), None

    def seconds_waited(self, now: float) -> float:
        """Return the seconds that Microsoft took until now."""
        before, since = self._asked
        return before + (0.0 if since is None else now - since)


class _OfThread(threading.local):
    slot: Slot | None = None


class ConcurrencyLimiter:
    """A semaphore for calls to Graph: a number of threads at once, in order of arrival.

    While Microsoft is quick, all other threads wait for a slot. If a thread with a slot has waited long for Microsoft, at
    most `max_waiting` threads may wait, and all others get an error at once. A thread keeps its slot until it has
    finished, so that nothing is rejected half-way.
    """

    def __init__(
        self, slots: int, *, max_waiting: int, slow: float = SLOW, timeout: float = SLOT_TIMEOUT
    ) -> None:
        """`slow` and `timeout` are seconds."""
        self._limit, self._max_waiting = slots, max_waiting
        self._slow, self._timeout = slow, timeout
        self._changed = threading.Condition()
        self._slots: set[Slot] = set()
        self._waiting: list[int] = []
        self._of_thread = _OfThread()

    @contextmanager
    def acquire(self) -> Iterator[Slot]:
        """Hold a slot. A thread that already has one uses that. Raises Overloaded."""
        if (held := self._of_thread.slot) is not None:
            yield held
            return
        slot = Slot()
        with self._changed:
            self._wait_for_slot(threading.get_ident())
            self._slots.add(slot)
        self._of_thread.slot = slot
        try:
            yield slot
        finally:
            self._of_thread.slot = None
            with self._changed:
                self._slots.remove(slot)
                self._changed.notify_all()

    @contextmanager
    def acquire_for_request(self) -> Iterator[None]:
        """Hold a slot during one request to Microsoft, and count its time. Raises Overloaded."""
        with self.acquire() as slot, slot.count_time():
            yield

    def _wait_for_slot(self, thread: int) -> None:
        if len(self._slots) < self._limit and not self._waiting:
            return
        until = time.monotonic() + self._timeout
        self._waiting.append(thread)
        try:
            while len(self._slots) >= self._limit or self._waiting[0] != thread:
                now = time.monotonic()
                if now > until:
                    raise Overloaded(f"No slot became free in {self._timeout:.0f} s to ask Microsoft Graph.")
                if self._is_slow(now) and self._waiting.index(thread) >= self._max_waiting:
                    raise Overloaded(
                        "Microsoft Graph is slow, and enough requests are waiting for it already."
                    )
                self._changed.wait(CHECK_INTERVAL)
        finally:
            self._waiting.remove(thread)
            self._changed.notify_all()

    def _is_slow(self, now: float) -> bool:
        return max((slot.seconds_waited(now) for slot in self._slots), default=0.0) >= self._slow
