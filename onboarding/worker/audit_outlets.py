"""What the worker sends of the audit log to places outside the database, and its daily look at the chain."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from copy import copy
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from onboarding import audit, clock, jobs, policy
from onboarding.audit import signed_heads, stream
from onboarding.hooks import sending
from onboarding.jobs import job_handler
from onboarding.models import AuditOutlet, Job

log = logging.getLogger(__name__)

EVENTS_EVERY = timedelta(seconds=5)
HEAD_EVERY = timedelta(hours=1)
CHECK_EVERY, CHECKED_EVENTS = timedelta(days=1), 2000
NEW_FILE_MODE = 0o640


class HeadNotSent(Exception):
    """At least one place did not take the head. The worker tries again; the others get one more head."""


def enqueue_audit_jobs() -> None:
    """Queue what this installation has set up. Each job then queues itself again."""
    jobs.enqueue_job("audit_check:end", priority=Job.Priority.LOOK)
    if settings.AUDIT_TO_LOG:
        jobs.enqueue_job("audit_events:log", priority=Job.Priority.LOOK)
    if settings.AUDIT_SIGNING_KEY_FILE:
        jobs.enqueue_job("audit_head:send", priority=Job.Priority.LOOK)


@job_handler("audit_events")
def write_events(_: str) -> datetime | None:
    """Write new events to the log, and return when to look again: at once if there may be more."""
    if not settings.AUDIT_TO_LOG:
        return None
    written = stream.write_new_events()
    return clock.now() if written == stream.MOST_AT_ONCE else clock.now() + EVENTS_EVERY


@job_handler("audit_check")
def check_end(_: str) -> datetime:
    """Check the last events once a day, and log what is wrong. `manage.py verify_audit` checks all of them."""
    report_chain_faults(
        [f"event {fault.seq}: {fault.what}" for fault in audit.verify_last_events(CHECKED_EVENTS)]
    )
    return clock.now() + CHECK_EVERY


def report_chain_faults(faults: list[str]) -> None:
    """One line of level error, if there are faults. Alert rules wait for it."""
    if faults:
        fields = {
            "event.action": "audit-chain-broken",
            "portal.audit.faults": faults[:10],
            "portal.audit.count": len(faults),
        }
        log.error("the audit log is not as it was written", extra=fields)


# --- The signed checkpoint ----------------------------------------------------------------------------------------


@job_handler("audit_head")
def send_head_hourly(_: str) -> datetime | None:
    if not settings.AUDIT_SIGNING_KEY_FILE:
        return None
    send_head()
    return clock.now() + HEAD_EVERY


def send_head() -> dict[str, Any]:
    """Sign the present head and send it everywhere. Raises HeadNotSent after all places were tried."""
    key = signed_heads.read_private_key(Path(settings.AUDIT_SIGNING_KEY_FILE).read_bytes())
    head = signed_heads.sign_head(key)
    failed = []
    for name, send in list_outlets().items():
        try:
            send(head)
        except Exception as error:  # whatever is wrong with one place, the others get the head
            failed.append(name.value)
            _store(name, error=f"{type(error).__name__}: {error}"[:200])
        else:
            _store(name, seq=head["seq"], sent_at=clock.now(), error="")
    if failed:
        raise HeadNotSent(f"The signed checkpoint did not reach: {', '.join(failed)}.")
    return head


def list_outlets() -> dict[AuditOutlet.Name, Callable[[dict[str, Any]], None]]:
    """The places that this installation has set up."""
    outlets: dict[AuditOutlet.Name, Callable[[dict[str, Any]], None]] = {
        AuditOutlet.Name.HEAD_LOG: _send_to_log
    }
    if settings.AUDIT_HEAD_FILE:
        outlets[AuditOutlet.Name.HEAD_FILE] = _append_to_file
    if settings.AUDIT_HEAD_URL:
        outlets[AuditOutlet.Name.HEAD_URL] = _send_to_address
    return outlets


def _store(name: AuditOutlet.Name, **values: Any) -> None:
    AuditOutlet.objects.update_or_create(name=name, defaults=values)


def _send_to_log(head: dict[str, Any]) -> None:
    stream.log.info(
        "head of the audit log signed",
        extra={"event.action": "audit-head-signed", "event.sequence": head["seq"], "portal.audit.head": head},
    )


def _append_to_file(head: dict[str, Any]) -> None:
    """Append one line as a whole, and flush it to the disk. Raises OSError, and then leaves no part of the line."""
    line = f"{json.dumps(head, sort_keys=True)}\n".encode()
    file = os.open(settings.AUDIT_HEAD_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, NEW_FILE_MODE)
    try:
        before = os.fstat(file).st_size
        if os.write(file, line) != len(line):
            os.ftruncate(file, before)
            raise OSError("the disk is full")
        os.fsync(file)
    finally:
        os.close(file)


def _send_to_address(head: dict[str, Any]) -> None:
    """POST it as webhooks are posted: https, no redirects, time-outs, and only to a permitted network address."""
    rules = copy(policy.for_site())
    rules.hook_hosts = str(urlsplit(settings.AUDIT_HEAD_URL).hostname)
    outcome = sending.post(settings.AUDIT_HEAD_URL, json.dumps(head, sort_keys=True).encode(), {}, rules)
    if not outcome.is_delivered:
        raise HeadNotSent(f"answered {outcome.status}" if outcome.status else outcome.error)
