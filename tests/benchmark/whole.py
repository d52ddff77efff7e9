"""`make bench`: every benchmark one after the other, and at the end each figure that has a bar, beside it.

A benchmark that fails does not stop the others. Then the exit status is 1.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass

WITH_BAR = "(bar "


@dataclass(frozen=True)
class Stage:
    what: str
    command: tuple[str, ...]

    def run(self) -> tuple[int, list[str]]:
        """Run it and print what it prints. Returns its exit status, and the lines that compare a figure with its bar."""
        say(f"== {self.what}")
        environment = {**os.environ, "DATABASE_URL": ""}
        child = subprocess.Popen(
            [sys.executable, *self.command], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        found = []
        for line in child.stdout:
            say(line.rstrip())
            if WITH_BAR in line:
                found.append(line.strip())
        return child.wait(), found


def stages(wanted: argparse.Namespace) -> list[Stage]:
    click = ("manage.py", "bench", "--passes", wanted.passes, "--rush", wanted.rush)
    pages = ("-m", "tests.benchmark", "--sizes", *wanted.sizes)
    on_postgresql = ("-m", "tests.support.with_postgresql", "--durable")
    shell = f'{sys.executable} {" ".join(click)} --database "$DATABASE_URL"'
    return [
        Stage("SQLite: a click", click),
        Stage("PostgreSQL: a click", (*on_postgresql, "sh", "-c", shell)),
        Stage("SQLite: HR's pages in one process", ("-m", "tests.benchmark.profiled")),
        Stage("SQLite: pages, lists, memory, start-up, the API", pages),
        Stage(
            "PostgreSQL: pages, lists, memory, start-up, the API", (*on_postgresql, sys.executable, *pages)
        ),
        Stage("SQLite: an imported list", ("-m", "tests.benchmark.imported")),
        Stage("SQLite: a long import with the site live", ("-m", "tests.benchmark.long_import", wanted.rows)),
    ]


def main(wanted: argparse.Namespace) -> int:
    failed, summary = [], []
    for stage in stages(wanted):
        status, found = stage.run()
        summary += [f"  {stage.what.partition(':')[0]}: {line}" for line in found]
        if status:
            failed.append(stage.what)
    say("== Figures that have a bar")
    for line in summary:
        say(line)
    say(f"Load of the machine at the end: {', '.join(f'{load:.1f}' for load in os.getloadavg())}")
    for what in failed:
        say(f"This benchmark failed: {what}")
    return 1 if failed else 0


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--passes", default="30", help="clicks, one after the other")
    words.add_argument("--rush", default="96", help="clicks, sixteen at a time")
    words.add_argument(
        "--sizes", nargs="*", default=["10000", "1000000"], help="numbers of starters in the lists"
    )
    words.add_argument("--rows", default="10000", help="rows of the long import")
    sys.exit(main(words.parse_args()))
