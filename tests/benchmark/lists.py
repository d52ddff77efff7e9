"""HR's list and search with ten thousand and a million starters, measured from HR's browser."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from tests.faults.replicas import Person

LOOKS = {
    "the list": {},
    "all starters": {"state": "all"},
    "a department": {"state": "all", "department": "Legal"},
    "this week": {"state": "all", "day": "week"},
    "sorted by name": {"sort": "name"},
    "all who need a hand": {"state": "problem"},
    # One starter in forty, and one manager in forty, has each first name.
    "search: an account, which one has": {"q": "quirine.post1016@contoso.example"},
    "search: a first name, which 50,000 have": {"q": "sanne"},
    "search: the same among the unfinished": {"q": "sanne", "state": "unfinished"},
    "search: two words, which 2,000 have": {"q": "femke lindqvist"},
    "search: two words, which 27,000 have": {"q": "sanne care"},
    "search: a word that all have": {"q": "contoso"},
    "search: two words, with accents; nobody": {"q": "Müller O’Brien"},
    "search: nobody": {"q": "zzyzx"},
}


@dataclass(frozen=True)
class Line:
    what: str
    count: int
    milliseconds: float
    status: int


def measure(hanna: Person, size: int, rounds: int = 5) -> Iterator[Line]:
    """HR's list and search among this many starters, which are there already."""
    for what, query in LOOKS.items():
        yield time_request(hanna, what, size, f"/hr/?{urlencode(query)}", rounds)


def time_request(visitor: Person, what: str, count: int, address: str, rounds: int) -> Line:
    times, status = [], 0
    for _ in range(rounds):
        began = time.perf_counter()
        status = visitor.get(address).status_code
        times.append(time.perf_counter() - began)
    return Line(what, count, statistics.median(times) * 1000, status)
