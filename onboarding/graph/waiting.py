"""How many threads of this process may wait for Microsoft at once: some are always left for everything else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from onboarding.graph.errors import Crowded

PATIENCE = 10.0  # seconds at the door
SLOW = 5.0  # seconds inside, which a Graph of the usual speed never needs
GLANCE = 0.5  # seconds between looks at how it goes inside


class _Inside(threading.local):
    already = False


class Room:
    """So many inside. Who comes beyond that waits at the door while it goes quickly inside, as it mostly does.

    When somebody has been inside for long, Microsoft is slow or silent: then only a few may stand at the door, and
    all others are told at once. A thread that is inside stays inside for all that it does there: what was begun is
    never turned away half-way.
    """

    def __init__(
        self, inside: int, *, at_the_door: int, slow: float = SLOW, patience: float = PATIENCE
    ) -> None:
        self._places, self._at_the_door = inside, at_the_door
        self._slow, self._patience = slow, patience
        self._changed = threading.Condition()
        self._entered: dict[int, float] = {}  # by thread, when
        self._door: list[int] = []
        self._inside = _Inside()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be inside. Raises Crowded."""
        if self._inside.already:
            yield
            return
        me = threading.get_ident()
        with self._changed:
            self._wait(me)
            self._entered[me] = time.monotonic()
        self._inside.already = True
        try:
            yield
        finally:
            self._inside.already = False
            with self._changed:
                del self._entered[me]
                self._changed.notify_all()

    def _wait(self, me: int) -> None:
        if len(self._entered) < self._places and not self._door:
            return
        until = time.monotonic() + self._patience
        self._door.append(me)
        try:
            while len(self._entered) >= self._places or self._door[0] != me:
                now = time.monotonic()
                if now > until or (self._is_slow(now) and self._door.index(me) >= self._at_the_door):
                    raise Crowded("Too many are waiting for Microsoft Graph already.")
                self._changed.wait(GLANCE)
        finally:
            self._door.remove(me)
            self._changed.notify_all()

    def _is_slow(self, now: float) -> bool:
        return bool(self._entered) and now - min(self._entered.values()) >= self._slow
