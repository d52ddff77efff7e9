"""`python -m tests.benchmark`: lists, pages, memory and start-up, on the kind of database that DATABASE_URL names."""

from __future__ import annotations

import argparse
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from portal.management.commands.bench import beside_bar  # noqa: E402  (Django comes first)
from tests.benchmark import crowd, lists, pages, pasted, tickets  # noqa: E402  (Django comes first)
from tests.benchmark.many import fill  # noqa: E402
from tests.faults.replicas import Portal, portal  # noqa: E402
from tests.support.databases import KIND  # noqa: E402

SIZES = (10_000, 1_000_000)
MEMORY_BAR, START_BAR = 250.0, 1.5  # megabytes, seconds


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def main(sizes: tuple[int, ...]) -> None:
    with portal() as site:
        say(
            f"On {KIND}: pages, milliseconds (median of {pages.ROUNDS}), and how many bare views of Django that is"
        )
        for what, taken, ratio in pages.measure(site):
            say(f"  {what:<44} {taken:7.1f} {ratio:7.1f}")
        say(f"An imported and a pasted list, seconds, with Graph at {pasted.GRAPH_SECONDS} s a round trip")
        for measured in (pasted.measure_imported(site), pasted.measure(site)):
            for what, seconds in measured:
                say(f"  {what:<70} {seconds:7.1f}")
        say("Memory, megabytes (each process's share)")
        weights = list(pages.weights(site))
        for what, weight in weights:
            say(f"  {what:<44} {weight:7.1f}")
        total = sum(weight for _, weight in weights)
        say(f"  memory of the whole installation, MB {total:.0f} {beside_bar(total, MEMORY_BAR)}")
        answers, ready = pages.start_up(site)
        say(f"  cold start until the site answers, s {answers:.1f} {beside_bar(answers, START_BAR)}")
        say(f"  cold start until it is ready, worker and all, s {ready:.1f} {beside_bar(ready, START_BAR)}")
        if site.database.url:
            say(f"{crowd.CROWD} who want one row for {crowd.HELD_SECONDS} s each, seconds: median, longest")
            for figure in crowd.measure(site.database.url):
                say(f"  {figure.what:<44} {figure.median:7.2f} {figure.longest:7.2f}")
        say(
            f"The API, milliseconds (median of {tickets.PAIRS}), and the ratio to HR's save, which renders nothing: waited,"
            " and processor time"
        )
        for what, taken, waited, worked in tickets.compare(site):
            say(f"  {what:<44} {taken:7.1f} {waited:7.2f} {worked:7.2f}")
        measure_many(site, sizes)


def measure_many(site: Portal, sizes: tuple[int, ...]) -> None:
    """HR's list and search, and the API, among so many starters."""
    hanna, made, few = site.person("hanna"), 0, dict[str, float]()
    by = site.database.one("SELECT min(id) FROM portal_user")
    for size in sizes:
        fill(site.database, made, size, by)
        say(
            "HR's list and search, milliseconds (median of 5): waited, processor time, its ratio to the first size"
        )
        for what, cost in lists.measure(site, hanna):
            ratio = cost.worked / few.setdefault(what, cost.worked)
            bar = beside_bar(ratio, lists.BARS[bool(site.database.url)]) if made else ""
            figures = f"{cost.waited * 1000:7.1f} {cost.worked * 1000:7.1f} {ratio:7.2f}"
            say(f"  {size:>9,} starters  {what:<40} {figures} {bar}".rstrip())
        tickets.give_tickets(site, made, size)
        say(
            f"The API, milliseconds (median of {tickets.ROUNDS}): waited, processor time, its ratio to the first size"
        )
        for what, cost in tickets.measure_reads(site, size):
            ratio = cost.worked / few.setdefault(what, cost.worked)
            say(
                f"  {size:>9,} starters  {what:<36} {cost.waited * 1000:7.1f} {cost.worked * 1000:7.1f} {ratio:7.2f}"
            )
        made = size


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--sizes", type=int, nargs="*", default=list(SIZES))
    main(tuple(words.parse_args().sizes))
