"""`python -m tests.benchmark`: lists, pages, memory and start-up, on the kind of database that DATABASE_URL names."""

from __future__ import annotations

import argparse
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from tests.benchmark import crowd, lists, pages, pasted  # noqa: E402  (Django comes first)
from tests.faults.replicas import portal  # noqa: E402
from tests.support.databases import KIND  # noqa: E402


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
        say(f"A pasted list, seconds, with Graph at {pasted.GRAPH_SECONDS} s a round trip")
        for what, seconds in pasted.measure(site):
            say(f"  {what:<70} {seconds:7.1f}")
        say("Memory, megabytes (each process's share)")
        for what, weight in pages.weights(site):
            say(f"  {what:<44} {weight:7.1f}")
        answers, ready = pages.start_up(site)
        say(
            f"Start-up: the site answers after {answers:.1f} s and is ready, worker and all, after {ready:.1f} s"
        )
        if site.database.url:
            say(f"{crowd.CROWD} who want one row for {crowd.HELD_SECONDS} s each, seconds: median, longest")
            for figure in crowd.measure(site.database.url):
                say(f"  {figure.what:<44} {figure.median:7.2f} {figure.longest:7.2f}")
        say("HR's list and search, milliseconds (median of 5)")
        for line in lists.measure(site, sizes):
            say(f"  {line.count:>9,} starters  {line.what:<32} {line.milliseconds:8.0f}")
            if line.status != 200:
                say(f"            that was an answer with status {line.status}")


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--sizes", type=int, nargs="*", default=list(lists.SIZES))
    main(tuple(words.parse_args().sizes))
