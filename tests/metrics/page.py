"""Reads the page that Prometheus reads."""

from __future__ import annotations

import re

LINE = re.compile(r'(?P<name>[a-z_]+)(?:\{(?P<labels>(?:[a-z]+="[^"\\\n]*",?)*)\})? (?P<value>[0-9.e+-]+)')
LABEL = re.compile(r'([a-z]+)="([^"]*)"')

Series = tuple[str, frozenset[tuple[str, str]]]


def parse_page(page: str) -> dict[Series, float]:
    """The value of each series: its name without the prefix, and its labels. Any other line is an error."""
    found: dict[Series, float] = {}
    for line in page.splitlines():
        if line.startswith(("# HELP ", "# TYPE ")):
            continue
        parts = LINE.fullmatch(line)
        assert parts, line
        series = (
            parts["name"].removeprefix("starter_portal_"),
            frozenset(LABEL.findall(parts["labels"] or "")),
        )
        assert series not in found, line
        found[series] = float(parts["value"])
    return found


def value_of(page: str, name: str, **labels: str) -> float | None:
    """The value of one series, or None if the page does not have it."""
    return parse_page(page).get((name, frozenset(labels.items())))
