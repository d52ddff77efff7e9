"""HR's list and search with ten thousand and with a million starters, as HR's browser meets them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from tests.benchmark.many import fill
from tests.replicas import Person, Portal

SIZES = (10_000, 1_000_000)
LOOKS = {
    "the list": {},
    "its page 100": {"state": "all", "page": "100"},
    "all who need a hand": {"state": "problem"},
    "search: one name in full": {"q": "femke lindqvist"},
    "search: a common first name": {"q": "anna"},
    "search: an account": {"q": "quirine.okafor1016@contoso"},
    "search: the middle of a word": {"q": "indqv"},
    "search: nothing there": {"q": "zzyzx"},
}


@dataclass(frozen=True)
class Line:
    what: str
    count: int
    milliseconds: float
    status: int


def measure(site: Portal, sizes: tuple[int, ...] = SIZES, rounds: int = 5) -> Iterator[Line]:
    hanna, made = site.person("hanna"), 0
    by = site.database.one("SELECT min(id) FROM portal_user")
    for size in sizes:
        fill(site.database, made, size, by)
        made = size
        for what, query in LOOKS.items():
            yield looked(hanna, what, size, f"/hr/?{urlencode(query)}", rounds)


def looked(visitor: Person, what: str, count: int, address: str, rounds: int) -> Line:
    times, status = [], 0
    for _ in range(rounds):
        began = time.perf_counter()
        status = visitor.get(address).status_code
        times.append(time.perf_counter() - began)
    return Line(what, count, statistics.median(times) * 1000, status)
