"""HR's list and search among few and many starters, measured from HR's browser, and by the processor time of the site.

What else runs on the machine changes the processor time less than the time until the answer.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import astuple
from functools import partial
from urllib.parse import urlencode

from tests.benchmark.tickets import Cost, database_sessions, measure_cost
from tests.faults.replicas import Person, Portal

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


# How many times as much a list may cost among a million starters as among ten thousand (on PostgreSQL, on SQLite).
BARS = {True: 1.2, False: 2.0}


def measure(site: Portal, hanna: Person, rounds: int = 5) -> Iterator[tuple[str, Cost]]:
    """Each look at HR's list among the starters that are there, and what it costs (medians)."""
    costs: dict[str, list[Cost]] = {what: [] for what in LOOKS}
    for _ in range(rounds):
        processes = site.serving() + database_sessions(site)
        for what, query in LOOKS.items():
            costs[what].append(measure_cost(processes, partial(hanna.get, f"/hr/?{urlencode(query)}"), 200))
    for what, found in costs.items():
        yield what, Cost(*(statistics.median(column) for column in zip(*map(astuple, found), strict=True)))
