"""The emails about a starter: recipient, time, and whether each was sent, waits or failed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext, ngettext

from onboarding.models import Job, Mail, Starter

MAX_MAILS = 50


def list_mails(starter: Starter) -> list[dict[str, Any]]:
    """Return the newest emails first, with the time when each was sent, dropped or will be tried next."""
    rows = list(starter.mails.select_related("digest")[:MAX_MAILS])
    keys = {key for mail in rows for key in (f"mail:{_mail_to_send(mail).pk}", f"post:{mail.box}")}
    jobs = {job.key: job for job in Job.objects.filter(key__in=keys)}
    return [_describe_mail(mail, jobs) for mail in rows]


def link_status(starter: Starter) -> tuple[str, datetime | None]:
    """Return the status of the manager's link, and the time when it was sent or will be tried.

    It reads the same rows as the list of emails, so that a page cannot contradict itself.
    """
    if starter.invited_at is None:
        return "", None
    mails = starter.mails.filter(kind="invitation", written_at__gte=starter.invited_at - timedelta(minutes=1))
    rows = list(mails.select_related("digest").order_by("pk"))
    sent = [mail.sent_at for mail in rows if mail.sent_at]
    if sent:
        return "", min(sent)
    if not rows:
        return (gettext("no email was sent"), None) if starter.is_unfinished else ("", starter.invited_at)
    last = rows[-1]
    keys = (f"mail:{_mail_to_send(last).pk}", f"post:{last.box}")
    words, at = _delivery_status(last, {job.key: job for job in Job.objects.filter(key__in=keys)})
    return words, None if at == last.written_at else at


def _mail_to_send(mail: Mail) -> Mail:
    """Return the mail that is sent: this one, or the digest that contains it."""
    return mail.digest or mail


def _describe_mail(mail: Mail, jobs: dict[str, Job]) -> dict[str, Any]:
    words, at = _delivery_status(mail, jobs)
    reader = mail.get_recipient_display()
    return {"subject": mail.subject, "reader": reader, "to": mail.to, "words": words, "at": at}


def _delivery_status(mail: Mail, jobs: dict[str, Job]) -> tuple[str, datetime]:
    if mail.sent_at:
        return gettext("sent as part of a digest email") if mail.digest_id else gettext("sent"), mail.sent_at
    if mail.refused_at:
        return gettext("not sent: the address does not accept emails"), mail.refused_at
    if mail.dropped_at:
        return gettext("not sent: no longer needed"), mail.dropped_at
    sending = jobs.get(f"mail:{_mail_to_send(mail).pk}")
    if sending is not None and sending.failed_at:
        return gettext("not sent: the portal stopped trying after %(count)s attempts") % {
            "count": sending.attempts
        }, sending.failed_at
    if sending is not None and sending.attempts:
        failed = ngettext(
            "not sent yet: one attempt failed. The next attempt is at the time shown",
            "not sent yet: %(count)s attempts failed. The next attempt is at the time shown",
            sending.attempts,
        )
        return failed % {"count": sending.attempts}, sending.due_at
    digest_job = jobs.get(f"post:{mail.box}") if mail.box and sending is None else None
    if digest_job is not None and digest_job.done_at is None:
        return gettext(
            "not sent yet: the portal sends each person at most one email every ten minutes. This email "
            "will be sent at the time shown"
        ), digest_job.due_at
    return gettext("not sent yet"), mail.written_at
