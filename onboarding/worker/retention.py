"""Retention: once a day, erase personal details that have been kept long enough. The audit chain stays verifiable.

`onboarding/privacy/rules.py` says what is kept and for how long. `tests/promises/test_11_personal_data_leaves_on_time.py`
shows that what happens here is what the rules say.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.module_loading import import_string

from onboarding import audit, clock, jobs, policy
from onboarding.directory_log import findings
from onboarding.guards import step_up
from onboarding.jobs import job_handler
from onboarding.mail.kinds import DIGESTS
from onboarding.models import (
    ApiUsage,
    AuditDetail,
    Hook,
    HookDelivery,
    Job,
    Mail,
    ProbePass,
    SitePolicy,
    Starter,
    StarterImport,
    Turn,
    starter_search,
)
from onboarding.models.tenant_proof.probe_pass import PROBES_KEPT
from onboarding.privacy.needed import find_needed_policy_events
from onboarding.privacy.people import erase_person, find_forgotten_people
from onboarding.privacy.starters import erase_mails, erase_more_of_erased_starters, erase_starter
from onboarding.stops import kept
from onboarding.worker import lapsing

MAIL_TEXT_KEPT = timedelta(days=7)
JOBS_KEPT, FAILED_JOBS_KEPT = timedelta(days=7), timedelta(days=30)
IMPORTS_KEPT = timedelta(days=7)  # after the last change
HOOK_BODIES_KEPT, HOOK_ROWS_KEPT = timedelta(days=7), timedelta(days=30)
MOST_AT_ONCE = 500
AGAIN_SOON = timedelta(minutes=1)  # when more is due than one run does


@job_handler("daily")
def run_retention(_: str) -> datetime:
    """Erase what has been kept long enough, and return when to run again: in a day, or soon if more is due."""
    now, rules = clock.now(), policy.for_site()
    _erase_mails(now, rules)
    _delete_jobs(now)
    _delete_old_deliveries(now)
    StarterImport.objects.filter(touched_at__lt=now - IMPORTS_KEPT).delete()
    Turn.objects.filter(lapses_at__lt=now).delete()
    ApiUsage.objects.filter(day__lt=now.date() - timedelta(days=2)).delete()
    step_up.delete_used_proofs(now)
    findings.delete_old_rows(now)
    ProbePass.objects.filter(ended_at__lt=now - PROBES_KEPT).delete()
    call_command("clearsessions")
    for step in map(import_string, settings.RETENTION_STEPS):
        step()
    starter_search.index_all_starters()
    erase_more_of_erased_starters()
    most = [
        lapsing.lapse_starters(now),
        _erase_starters(now, rules),
        _end_kept_stops(now, rules),
        _erase_details_of_starters(now, rules),
        _erase_other_details(now, rules),
        _erase_people(now),
    ]
    return now + (AGAIN_SOON if max(most) >= MOST_AT_ONCE else timedelta(days=1))


def _erase_mails(now: datetime, rules: SitePolicy) -> None:
    """Texts first, then everything of a digest, because each mail in it has its own row until its starter is erased.

    A digest that waits because the mail set-up is refused keeps its text until it is sent, or too old to be sent.
    """
    ended = ~Q(sent_at=None, dropped_at=None, refused_at=None)
    before = now - MAIL_TEXT_KEPT
    over = Q(sent_at__lt=before) | Q(dropped_at__lt=before) | Q(refused_at__lt=before)
    Mail.objects.filter(over).exclude(text="", html="", reason="").update(text="", html="", reason="")
    digests = Mail.objects.filter(ended, kind__in=DIGESTS, written_at__lt=before)
    erase_mails(digests.exclude(box="", to=""))
    about_nobody = Mail.objects.filter(starter=None, written_at__lt=now - rules.retention_period)
    erase_mails(about_nobody.exclude(to="", subject="", text=""))


def _delete_jobs(now: datetime) -> None:
    """Jobs that are done, and failed ones. A failed one that is tried again keeps its row, but not an old error."""
    Job.objects.filter(done_at__lt=now - JOBS_KEPT).delete()
    failed = Job.objects.filter(failed_at__lt=now - FAILED_JOBS_KEPT)
    retried = Q()
    for kind in jobs.list_retried_kinds():
        retried |= Q(key__startswith=f"{kind}:")
    failed.filter(retried).exclude(last_error="").update(last_error="")
    failed.exclude(retried).delete()


def _delete_old_deliveries(now: datetime) -> None:
    """The content of ended deliveries first, then their rows, and webhooks that ended as long ago."""
    ended = HookDelivery.objects.filter(ended_at__lt=now - HOOK_BODIES_KEPT)
    ended.exclude(body="").update(body="")
    HookDelivery.objects.filter(ended_at__lt=now - HOOK_ROWS_KEPT).delete()
    Hook.objects.filter(ended_at__lt=now - HOOK_ROWS_KEPT, deliveries=None).delete()


def _erase_starters(now: datetime, rules: SitePolicy) -> int:
    """Starters that ended long enough ago, and lapsed ones whose time was over long enough ago."""
    over = Q(ended_at__lt=now - rules.retention_period) | lapsing.overdue_since_lapse(
        now, rules.retention_period
    )
    return _each(Starter.objects.filter(over, erased_at=None), erase_starter)


def _end_kept_stops(now: datetime, rules: SitePolicy) -> int:
    """Stops whose starters were erased so long ago that the object id of the account goes too."""
    over = kept.find_over(now - timedelta(days=rules.audit_days))
    return _each(over, lambda starter: kept.end_kept_stop(starter, why=kept.Why.TIME))


def _erase_details_of_starters(now: datetime, rules: SitePolicy) -> int:
    audit.index_erased_starters()
    kept = AuditDetail.objects.filter(event__starter=OuterRef("public_id")).exclude(values={})
    old = Starter.objects.filter(Exists(kept), ended_at__lt=now - timedelta(days=rules.audit_days))
    return _each(old, lambda starter: audit.erase_details(starter, kept_days=rules.audit_days))


def _erase_other_details(now: datetime, rules: SitePolicy) -> int:
    """The details of events about no starter, but not those of policy versions that are still needed."""
    needed = find_needed_policy_events(now)
    return max(
        (
            audit.erase_details_of_event(event, kept_days=rules.audit_days, needed=needed)
            for event in audit.list_kinds_without_starter()
        ),
        default=0,
    )


def _erase_people(now: datetime) -> int:
    return _each(find_forgotten_people(now), erase_person)


def _each(rows: QuerySet[Any], act: Callable[[Any], object]) -> int:
    """Do it for the first rows, and return how many there were."""
    found = list(rows.order_by("pk")[:MOST_AT_ONCE])
    for row in found:
        act(row)
    return len(found)


def enqueue_retention() -> None:
    jobs.enqueue_job("daily:forget", priority=Job.Priority.LOOK)
