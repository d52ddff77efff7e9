"""Whoever comes first to a row that everybody must change gets it first: nobody waits for longer than the crowd needs."""

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

CROWD = 10


@contextmanager
def an_event():
    with audit.transaction():
        yield
        audit.record("a test")


@contextmanager
def a_booking():
    with transaction.atomic():
        row = graph_quota._locked_row()
        yield
        row.save()


@pytest.mark.parametrize("change", [an_event, a_booking])
def test_locks_are_granted_in_order_of_arrival(change: Callable[[], AbstractContextManager[None]]):
    """SQLite has no order to keep, but there too each gets in."""
    got_in: list[int] = []
    leave = threading.Event()

    def comes(number: int) -> None:
        try:
            with change():
                got_in.append(number)
                if number == 0:
                    leave.wait(60)
                time.sleep(0.01)
        finally:
            connection.close()

    with ThreadPoolExecutor(CROWD) as threads:
        crowd = [threads.submit(comes, 0)]
        wait_for(lambda: got_in, "the first to be in")
        for number in range(1, CROWD):
            crowd.append(threads.submit(comes, number))
            wait_for(lambda number=number: has_come(number), "the next to have come")
        leave.set()
        for one in crowd:
            one.result()

    assert sorted(got_in) == list(range(CROWD))
    assert got_in == sorted(got_in) or connection.vendor == "sqlite"
    assert AuditHead.objects.get().seq == (CROWD if change is an_event else 0)
    assert GraphBudget.objects.count() == 1


def has_come(number: int) -> bool:
    """So many stand at the lock by now."""
    if connection.vendor == "sqlite":
        time.sleep(0.02)
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return bool(cursor.fetchone()[0] >= number)
