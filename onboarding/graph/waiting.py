"""How many threads of this process may wait for Microsoft at once: some are always left for everything else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from onboarding.graph.errors import Crowded

PATIENCE = 5.0  # seconds at the door, which a Graph of the usual speed never needs


class _Inside(threading.local):
    already = False


class Room:
    """So many inside, so few at the door; whoever comes after them is told so at once.

    A thread that is inside stays inside for all that it does there: what was begun is never turned away half-way.
    """

    def __init__(self, inside: int, *, at_the_door: int, patience: float = PATIENCE) -> None:
        self._places = threading.BoundedSemaphore(inside)
        self._door = threading.BoundedSemaphore(at_the_door)
        self._patience = patience
        self._inside = _Inside()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be inside. Raises Crowded."""
        if self._inside.already:
            yield
            return
        self._enter()
        self._inside.already = True
        try:
            yield
        finally:
            self._inside.already = False
            self._places.release()

    def _enter(self) -> None:
        if self._places.acquire(blocking=False):
            return
        if not self._door.acquire(blocking=False):
            raise Crowded("Too many are waiting for Microsoft Graph already.")
        try:
            if not self._places.acquire(timeout=self._patience):
                raise Crowded("Those who wait for Microsoft Graph get no answer.")
        finally:
            self._door.release()
