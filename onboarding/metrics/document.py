"""Writes docs/reference/metrics.md from the catalogue (`make metrics`)."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from onboarding.metrics.catalogue import METRICS, Metric

MOST_NAMED = 30  # values of a label
HEAD = """# Metrics

<!-- Written by `make metrics` from onboarding/metrics/catalogue.py. -->

What monitoring reads at `METRICS_ADDRESS`, path `/metrics`, as Prometheus text.
[How to scrape it](../how-to/operate.md#scrape-metrics).

The numbers are about the whole portal, not about one process: they come from the database. So each process that is scraped
shows the same numbers. Take the greatest (`max`), never the sum. What has no row, such as calls to Microsoft, is counted in
each process and added to the database every 15 seconds; a process that is killed loses those seconds.

No metric has personal data, an id or an address. Each label has a few values.

| metric | type | labels | meaning |
|---|---|---|---|
"""


def build_page() -> str:
    return HEAD + "".join(map(_build_row, METRICS))


def page_path() -> Path:
    return Path(settings.BASE_DIR) / "docs/reference/metrics.md"


def save_page() -> None:
    page_path().write_text(build_page())


def _build_row(metric: Metric) -> str:
    labels = "; ".join(f"`{name}`: {_list_values(values)}" for name, values in metric.labels.items())
    return f"| `{metric.full_name}` | {metric.kind} | {labels} | {metric.help} |\n"


def _list_values(values: tuple[str, ...]) -> str:
    named = ", ".join(values[:MOST_NAMED])
    return named if len(values) <= MOST_NAMED else f"{named} and {len(values) - MOST_NAMED} more"
