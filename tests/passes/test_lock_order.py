"""A row lock that everybody needs is granted first-come, first-served."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import pytest
from django.db import connection, transaction

from onboarding import audit
from onboarding.models import AuditHead, GraphBudget
from onboarding.passes import graph_quota
from portal.demo.process import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 10


@contextmanager
def write_event():
    with audit.transaction():
        yield
        audit.record("a test")


@contextmanager
def book_calls():
    with transaction.atomic():
        row = graph_quota._locked_row()
        yield
        row.save()


@pytest.mark.parametrize("change", [write_event, book_calls])
def test_locks_are_granted_in_order_of_arrival(change: Callable[[], AbstractContextManager[None]]):
    """SQLite keeps no order, but there too every thread gets the lock."""
    order: list[int] = []
    release = threading.Event()

    def run(number: int) -> None:
        try:
            with change():
                order.append(number)
                if number == 0:
                    release.wait(60)
                time.sleep(0.01)
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as threads:
        waiting = [threads.submit(run, 0)]
        wait_for(lambda: order, "the first thread to have the lock")
        for number in range(1, THREADS):
            waiting.append(threads.submit(run, number))
            wait_for(lambda number=number: is_waiting(number), "the next thread to wait")
        release.set()
        for future in waiting:
            future.result()

    assert sorted(order) == list(range(THREADS))
    assert order == sorted(order) or connection.vendor == "sqlite"
    assert AuditHead.objects.get().seq == (THREADS if change is write_event else 0)
    assert GraphBudget.objects.count() == 1


def is_waiting(number: int) -> bool:
    """Whether this many threads wait for the lock."""
    if connection.vendor == "sqlite":
        time.sleep(0.02)
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return bool(cursor.fetchone()[0] >= number)
