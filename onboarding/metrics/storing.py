"""Adding the counts of this process to the rows that all processes share."""

from __future__ import annotations

import logging

from django.db import DatabaseError, connection, transaction
from django.db.models import F

from onboarding import counters
from onboarding.models import MetricCount

log = logging.getLogger(__name__)


def store_counts() -> bool:
    """Store what was counted since the last time. False: the database failed, and the counts wait for the next time.

    A connection that breaks during the commit can count something twice. A process that is killed loses some seconds.
    """
    taken = counters.take_pending()
    if not taken:
        return True
    try:
        with transaction.atomic():
            # In order, so that two processes never wait for each other.
            for series, amount in sorted(taken.items()):
                _add(" ".join(series), amount)
    except DatabaseError:
        counters.put_back(taken)
        log.warning("counts could not be stored; they are kept for the next try", exc_info=True)
        return False
    return True


def store_and_disconnect() -> bool:
    """The same, for a thread that has no other use for its connection."""
    try:
        return store_counts()
    finally:
        connection.close()


def _add(series: str, amount: int) -> None:
    rows = MetricCount.objects.filter(series=series)
    if not rows.update(value=F("value") + amount):
        MetricCount.objects.get_or_create(series=series)
        rows.update(value=F("value") + amount)
