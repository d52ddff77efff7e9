"""How many threads of this process may wait for Microsoft at once: some are always left for everything else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from onboarding.graph.errors import Crowded

PATIENCE = 10.0  # seconds at the door
SLOW = 5.0  # seconds of Microsoft's in one turn, which a Graph of the usual speed never needs
GLANCE = 0.5  # seconds between looks at how it goes inside


class Stay:
    """One thread's turn inside, and how much of it was Microsoft's time. A machine that is slow itself is no reason to
    turn anybody away: it would only come back and ask for more."""

    def __init__(self) -> None:
        # Seconds that Microsoft took, and since when it is asked again. Replaced as one: others read it meanwhile.
        self._asked: tuple[float, float | None] = 0.0, None

    @contextmanager
    def asking(self) -> Iterator[None]:
        self._asked = self._asked[0], time.monotonic()
        try:
            yield
        finally:
            self._asked = self.waited(time.monotonic()), None

    def waited(self, now: float) -> float:
        """Seconds that Microsoft took until now."""
        before, since = self._asked
        return before + (0.0 if since is None else now - since)


class _Inside(threading.local):
    stay: Stay | None = None


class Room:
    """So many inside. Who comes beyond that waits at the door while Microsoft is quick, as it mostly is.

    When somebody inside has waited long for it, Microsoft is slow or silent: then only a few may stand at the door,
    and all others are told at once. A thread that is inside stays inside for all that it does there: what was begun
    is never turned away half-way.
    """

    def __init__(
        self, inside: int, *, at_the_door: int, slow: float = SLOW, patience: float = PATIENCE
    ) -> None:
        self._places, self._at_the_door = inside, at_the_door
        self._slow, self._patience = slow, patience
        self._changed = threading.Condition()
        self._stays: set[Stay] = set()
        self._door: list[int] = []
        self._inside = _Inside()

    @contextmanager
    def turn(self) -> Iterator[Stay]:
        """Be inside. Raises Crowded."""
        if (here := self._inside.stay) is not None:
            yield here
            return
        stay = Stay()
        with self._changed:
            self._wait(threading.get_ident())
            self._stays.add(stay)
        self._inside.stay = stay
        try:
            yield stay
        finally:
            self._inside.stay = None
            with self._changed:
                self._stays.remove(stay)
                self._changed.notify_all()

    @contextmanager
    def trip(self) -> Iterator[None]:
        """Be inside, on the way to Microsoft and back. Raises Crowded."""
        with self.turn() as stay, stay.asking():
            yield

    def _wait(self, me: int) -> None:
        if len(self._stays) < self._places and not self._door:
            return
        until = time.monotonic() + self._patience
        self._door.append(me)
        try:
            while len(self._stays) >= self._places or self._door[0] != me:
                now = time.monotonic()
                if now > until:
                    raise Crowded(f"No place became free in {self._patience:.0f} s to ask Microsoft Graph.")
                if self._is_slow(now) and self._door.index(me) >= self._at_the_door:
                    raise Crowded("Microsoft Graph is slow, and enough are waiting for it already.")
                self._changed.wait(GLANCE)
        finally:
            self._door.remove(me)
            self._changed.notify_all()

    def _is_slow(self, now: float) -> bool:
        return max((stay.waited(now) for stay in self._stays), default=0.0) >= self._slow
