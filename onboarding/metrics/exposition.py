"""The text that Prometheus reads (its text format, version 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from onboarding.metrics.catalogue import METRICS, Kind, Metric
from onboarding.metrics.samples import Sample

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class UnknownLabel(Exception):
    """A sample has a label that the catalogue does not have. It could be an id, so nothing is shown."""


def render_samples(samples: Iterable[Sample]) -> str:
    """All samples in the order of the catalogue. Raises UnknownLabel."""
    by_metric: dict[str, list[Sample]] = {}
    for sample in samples:
        by_metric.setdefault(sample.metric.name, []).append(sample)
    lines = [line for metric in METRICS for line in _render_metric(metric, by_metric.get(metric.name, []))]
    return "\n".join([*lines, ""])


def _render_metric(metric: Metric, samples: list[Sample]) -> Iterator[str]:
    if not samples:
        return
    yield f"# HELP {metric.full_name} {metric.help}"
    yield f"# TYPE {metric.full_name} {metric.kind}"
    if metric.kind == Kind.HISTOGRAM:
        yield from _render_histogram(metric, samples)
        return
    for sample in samples:
        _check_labels(sample)
        pairs = ",".join(
            f'{name}="{value}"' for name, value in zip(metric.labels, sample.labels, strict=True)
        )
        yield (
            f"{metric.full_name}{{{pairs}}} {_number(sample.value)}"
            if pairs
            else (f"{metric.full_name} {_number(sample.value)}")
        )


def _check_labels(sample: Sample) -> None:
    allowed = sample.metric.labels.values()
    if not all(value in values for value, values in zip(sample.labels, allowed, strict=True)):
        raise UnknownLabel(sample.metric.name)


def _render_histogram(metric: Metric, samples: list[Sample]) -> Iterator[str]:
    """The samples have the number in each bucket; Prometheus wants the number up to the limit of each."""
    total = 0.0
    values = {sample.labels[0]: sample.value for sample in samples}
    seconds = values.pop("sum")
    for limit, number in values.items():
        total += number
        yield f'{metric.full_name}_bucket{{le="{limit}"}} {_number(total)}'
    yield f"{metric.full_name}_sum {_number(seconds)}"
    yield f"{metric.full_name}_count {_number(total)}"


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(round(value, 3))
