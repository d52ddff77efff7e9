"""A job that waits already runs after the change that needs it again, never before its commit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.utils import timezone

from onboarding import jobs
from onboarding.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "look:1"


def claimed_elsewhere() -> Job | None:
    """What a worker claims now, on a connection of its own."""

    def claim() -> Job | None:
        try:
            return jobs.claim_job(timezone.now())
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(claim).result(60)


def test_no_worker_claims_a_job_before_the_commit() -> None:
    jobs.enqueue_job(KEY, priority=Job.Priority.LOOK)

    with transaction.atomic():
        jobs.enqueue_job(KEY, priority=Job.Priority.LOOK)
        before_the_commit = claimed_elsewhere()
    after_the_commit = claimed_elsewhere()

    assert before_the_commit is None
    assert after_the_commit is not None and after_the_commit.key == KEY


def test_a_job_claimed_before_the_change_runs_again() -> None:
    jobs.enqueue_job(KEY, priority=Job.Priority.LOOK)
    running = claimed_elsewhere()
    assert running is not None

    with transaction.atomic():
        jobs.enqueue_job(KEY, priority=Job.Priority.LOOK)
    jobs._finish_job(running, due_at=None)

    assert Job.objects.get(key=KEY).done_at is None
