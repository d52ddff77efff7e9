"""The page that Prometheus reads, in a bounded time: without the database it says so."""

from __future__ import annotations

import logging

from django.db import DatabaseError, OperationalError, ProgrammingError

from onboarding.metrics.catalogue import BY_NAME, PROBLEMS
from onboarding.metrics.exposition import render_samples
from onboarding.metrics.samples import Sample, read_samples
from onboarding.operations.shared_check import SharedCheck

log = logging.getLogger(__name__)


class Scrape(SharedCheck[str]):
    """Reads the numbers. Frequent readers, and readers of several processes of one server, share a result."""

    name = "metrics-scrape"
    timeout = 5.0  # Prometheus gives up after ten seconds
    cache_seconds = 2.0

    def __init__(self) -> None:
        super().__init__(describe_problem("no_answer"))

    def check(self) -> str:
        return render_samples([*_up_samples(""), *read_samples()])

    def describe_failure(self, error: Exception) -> str:
        log.warning("the metrics could not be read", exc_info=error)
        return describe_problem(classify_problem(error))


def describe_problem(reason: str) -> str:
    return render_samples(_up_samples(reason))


def _up_samples(reason: str) -> list[Sample]:
    problems = [Sample(BY_NAME["database_problem"], (name,), float(name == reason)) for name in PROBLEMS]
    return [Sample(BY_NAME["up"], (), float(not reason)), *problems]


def classify_problem(error: Exception) -> str:
    """One of PROBLEMS. The text of the error is not shown: it can have a host or a name."""
    text = str(error).casefold()
    if isinstance(error, ProgrammingError) or "no such table" in text:
        return "schema"
    if isinstance(error, OperationalError) and any(
        word in text for word in ("authentication", "password", "token", "pg_hba")
    ):
        return "login"
    return "no_answer" if isinstance(error, DatabaseError) else "error"
