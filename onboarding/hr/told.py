"""Who was told what about a starter, and when: each mail with its reader, and whether it was sent, waits or failed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext, ngettext

from onboarding.models import Job, Mail, Starter

SHOWN = 50


def mails(starter: Starter) -> list[dict[str, Any]]:
    """The newest first. The time is of the sending, of its end, or of when it is tried next."""
    rows = list(starter.mails.select_related("digest")[:SHOWN])
    keys = {key for mail in rows for key in (f"mail:{_carrier(mail).pk}", f"post:{mail.box}")}
    jobs = {job.key: job for job in Job.objects.filter(key__in=keys)}
    return [_told(mail, jobs) for mail in rows]


def _carrier(mail: Mail) -> Mail:
    """The mail that is sent: this one, or the one in which it goes together with others."""
    return mail.digest or mail


def _told(mail: Mail, jobs: dict[str, Job]) -> dict[str, Any]:
    words, at = _stands(mail, jobs)
    reader = mail.get_recipient_display()
    return {"subject": mail.subject, "reader": reader, "to": mail.to, "words": words, "at": at}


def _stands(mail: Mail, jobs: dict[str, Job]) -> tuple[str, datetime]:
    if mail.sent_at:
        return gettext("sent, in one mail with others") if mail.digest_id else gettext("sent"), mail.sent_at
    if mail.refused_at:
        return gettext("not sent: the address takes no mail"), mail.refused_at
    if mail.dropped_at:
        return gettext("no longer needed, not sent"), mail.dropped_at
    sending = jobs.get(f"mail:{_carrier(mail).pk}")
    if sending is not None and sending.failed_at:
        return gettext("not sent: given up after %(count)s tries") % {
            "count": sending.attempts
        }, sending.failed_at
    if sending is not None and sending.attempts:
        failed = ngettext(
            "not yet sent: it failed once, and is tried again then",
            "not yet sent: it failed %(count)s times, and is tried again then",
            sending.attempts,
        )
        return failed % {"count": sending.attempts}, sending.due_at
    gathering = jobs.get(f"post:{mail.box}") if mail.box and sending is None else None
    if gathering is not None and gathering.done_at is None:
        return gettext(
            "not yet sent: one reader gets one mail in ten minutes, so it goes then"
        ), gathering.due_at
    return gettext("not yet sent"), mail.written_at
