"""Counts of what has no row of its own, such as calls to Microsoft. Each process adds them to the database now and then.

Counting never fails and never waits for the database. `onboarding/metrics/catalogue.py` lists the series. A label is one
of a few words: never an id, a name or a text from outside.
"""

from __future__ import annotations

import os
import threading
from collections import Counter

Series = tuple[str, ...]  # the name, then the values of the labels

_lock = threading.Lock()
_pending: Counter[Series] = Counter()


def count(name: str, *labels: str, amount: int = 1) -> None:
    """Add `amount` to one series."""
    with _lock:
        _pending[name, *labels] += amount


# Seconds. A time is counted in the first bucket that it fits into, or else in `+Inf`.
BUCKETS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


def observe(name: str, seconds: float) -> None:
    """Count one time: its bucket, and its milliseconds."""
    count(f"{name}_bucket", next((f"{limit:g}" for limit in BUCKETS if seconds <= limit), "+Inf"))
    count(f"{name}_milliseconds", amount=round(seconds * 1000))


def take_pending() -> Counter[Series]:
    """Return what was counted since the last time, and begin at zero."""
    global _pending
    with _lock:
        taken, _pending = _pending, Counter()
    return taken


def put_back(taken: Counter[Series]) -> None:
    """Keep counts that could not be stored for the next time."""
    with _lock:
        _pending.update(taken)


def _forget() -> None:
    """A new process starts at zero: the counts of its parent are the parent's to store."""
    global _lock, _pending
    _lock, _pending = threading.Lock(), Counter()


os.register_at_fork(after_in_child=_forget)
