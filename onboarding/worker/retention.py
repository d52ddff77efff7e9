"""Retention: once a day, erase personal details that have been kept long enough. The audit chain stays verifiable."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.management import call_command
from django.db.models import Exists, OuterRef, Q

from onboarding import audit, clock, jobs, policy
from onboarding.directory_log import findings
from onboarding.guards import look_up_limit, step_up
from onboarding.jobs import job_handler
from onboarding.mail.kinds import DIGESTS
from onboarding.models import (
    ApiUsage,
    Approval,
    AuditDetail,
    Hook,
    HookDelivery,
    Job,
    Mail,
    PassIssue,
    Starter,
    StarterImport,
    Ticket,
    Turn,
    starter_search,
)
from onboarding.starters import directory

MAIL_TEXT_KEPT = timedelta(days=7)
JOBS_KEPT = timedelta(days=7)
IMPORTS_KEPT = timedelta(days=7)  # after the last change
HOOK_BODIES_KEPT, HOOK_ROWS_KEPT = timedelta(days=7), timedelta(days=30)


@job_handler("daily")
def run_retention(_: str) -> datetime:
    """Erase what has been kept long enough, and return when to run again: in a day."""
    now, rules = clock.now(), policy.for_site()
    Mail.objects.filter(sent_at__lt=now - MAIL_TEXT_KEPT).exclude(text="").update(text="", html="", reason="")
    # A digest is erased sooner, because each mail in it keeps its own row until its starter is erased. A digest that
    # waits because the mail set-up is refused keeps its text until it is sent.
    digests = Mail.objects.filter(kind__in=DIGESTS, written_at__lt=now - MAIL_TEXT_KEPT)
    ended = ~Q(sent_at=None, dropped_at=None, refused_at=None)
    digests.filter(ended).exclude(box="").update(to="", box="", subject="", text="", html="")
    Job.objects.filter(done_at__lt=now - JOBS_KEPT).delete()
    _delete_old_deliveries(now)
    StarterImport.objects.filter(touched_at__lt=now - IMPORTS_KEPT).delete()
    Turn.objects.filter(lapses_at__lt=now).delete()
    ApiUsage.objects.filter(day__lt=now.date() - timedelta(days=2)).delete()
    step_up.delete_used_proofs(now)
    findings.delete_old_rows(now)
    call_command("clearsessions")
    starter_search.index_all_starters()
    finished = Starter.objects.filter(ended_at__lt=now - rules.retention_period, erased_at=None)
    for starter in finished.order_by("pk")[:500]:
        erase_starter(starter)
    audit.index_erased_starters()
    kept = AuditDetail.objects.filter(event__starter=OuterRef("public_id")).exclude(values={})
    old = Starter.objects.filter(Exists(kept), ended_at__lt=now - timedelta(days=rules.audit_days))
    for starter in old.order_by("pk")[:500]:
        audit.erase_details(starter, kept_days=rules.audit_days)
    counted = (look_up_limit.COUNTED_EVENT, look_up_limit.REFUSED_EVENT)
    found = (*findings.EVENTS.values(), findings.CLOSED)
    for event in (directory.LOOK_UP_EVENT, *counted, *found, *audit.READING_EVENTS):
        audit.erase_details_of_event(event, kept_days=rules.audit_days)
    return now + timedelta(days=1)


def _delete_old_deliveries(now: datetime) -> None:
    """The content of ended deliveries first, then their rows, and webhooks that ended as long ago."""
    ended = HookDelivery.objects.filter(ended_at__lt=now - HOOK_BODIES_KEPT)
    ended.exclude(body="").update(body="")
    HookDelivery.objects.filter(ended_at__lt=now - HOOK_ROWS_KEPT).delete()
    Hook.objects.filter(ended_at__lt=now - HOOK_ROWS_KEPT, deliveries=None).delete()


@audit.transaction()
def erase_starter(starter: Starter) -> None:
    """Erase who the starter was. That somebody started, when, and how it went, is kept."""
    blank = dict.fromkeys(Starter.PERSONAL_FIELDS, "")
    account_name = f"erased-{starter.public_id}"
    Starter.objects.filter(pk=starter.pk).update(
        **blank, seen={}, account_name=account_name, hire_date=None, stop_code_hash="", erased_at=clock.now()
    )
    Approval.objects.filter(starter=starter).update(reason="")
    Ticket.objects.filter(starter=starter).update(**dict.fromkeys(Ticket.PERSONAL_FIELDS, ""))
    PassIssue.objects.filter(starter=starter).update(account_id="", methods_before=[])
    Mail.objects.filter(starter=starter).update(
        to="", reader_id="", box="", subject="", text="", html="", reason="", answer=""
    )
    audit.record("starter.erased", starter=starter)


def enqueue_retention() -> None:
    jobs.enqueue_job("daily:forget", priority=Job.Priority.LOOK)
