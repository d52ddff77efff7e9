"""After a restored copy was adopted: find passes that it does not know, for every starter who waits.

Until a starter was checked, nobody can create a pass for them. A pass that the copy does not know is an alarm: HR and
security read about it, and no further pass is created until an admin resolves it (the guard `no_unknown_pass`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import Q

from onboarding import clock, graph, jobs
from onboarding.directory_log.findings import Kind, record_finding
from onboarding.jobs import JobPostponed, job_handler
from onboarding.models import Installation, Job, PassIssue, ProbePass, Starter
from onboarding.passes import graph_quota
from onboarding.passes.recognition import SKEW, is_ours
from onboarding.passes.reconciler.reading import spend_quota

# "Not found" means a deleted account only so long after the adoption: replicas may not know a new one.
BELIEVED_AFTER = timedelta(minutes=10)
IS_CHECK = Q(key__startswith="restored:")


@job_handler("restored", is_retried=True)
def check_starter(subject: str) -> datetime | None:
    """Check one starter, by number and account. Raises JobPostponed, and GraphError: then it is checked again."""
    starter = Starter.objects.filter(pk=subject.partition(":")[0]).first()
    if starter is None or not starter.is_unfinished or not starter.account_id:
        return None
    try:
        with spend_quota():
            listed = graph.client().list_passes(starter.account_id)
    except graph.NotFound:
        if not _was_adopted_before(clock.now() - BELIEVED_AFTER):
            raise JobPostponed(30) from None
        return None
    except graph.Throttled as error:
        graph_quota.back_off(error.retry_after)
        raise JobPostponed(error.retry_after) from None
    unknown = [live for live in listed if _is_unknown(starter, live)]
    for live in unknown:
        record_finding(
            Kind.RESTORED,
            key=f"pass:{live.method_id}",
            at=live.created_at,
            starter=starter,
            facts={"method_id": live.method_id},
            personal={"account": starter.account_id},
        )
    if unknown:  # this check asks the guards, and mails HR
        jobs.enqueue_job(f"look:{starter.pk}", priority=Job.Priority.LOOK)
    return None


def _is_unknown(starter: Starter, live: graph.LivePass) -> bool:
    """Whether it was created since HR added the starter, and no attempt in the database explains it.

    HR may have added a starter again who was added after the backup: a pass of before the adoption counts then too.
    """
    readded = Installation.objects.filter(
        id=1, adopted_at__lte=starter.recorded_at, adopted_at__gte=live.created_at - SKEW
    )
    if live.created_at < starter.recorded_at - SKEW and not readded.exists():
        return False
    if ProbePass.objects.filter(method_id=live.method_id).exists():
        return False
    attempts = PassIssue.objects.filter(account_id=starter.account_id).select_related("starter", "policy")
    return not any(is_ours(issue, live) for issue in attempts)


def _was_adopted_before(moment: datetime) -> bool:
    return Installation.objects.filter(id=1, adopted_at__lt=moment).exists()


def check_all(pause: Callable[[float], None]) -> int:
    """Do the waiting checks now, as the worker does them. Returns how many are left because they failed."""
    while True:
        job = jobs.claim_job(clock.now(), IS_CHECK)
        if job is not None:
            jobs.run_job(job)
            continue
        waiting = Job.objects.filter(IS_CHECK, done_at=None, failed_at=None)
        if not waiting.filter(attempts=0).exists():
            return waiting.count()
        pause(1.0)
