"""The outbox: mails that are written and not sent yet, each a row of its own.

A mail is written in the transaction of the change that causes it. Mails for one reader that become due within a short
time are sent as one digest; each keeps its row, so that a starter's page shows each mail and when it was sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import QuerySet

from onboarding import clock
from onboarding.i18n import Words
from onboarding.inputs.addresses import single_address
from onboarding.jobs import enqueue_job
from onboarding.mail.calendar_entries import calendar_method, has_calendar_entry, number_calendar_entry
from onboarding.mail.kinds import BATCHED_KINDS, CONFIGURED_READERS, Reader
from onboarding.mail.rendering import (
    common_context,
    in_organisation_language,
    render_mail,
    starter_context,
)
from onboarding.mail.send_times import Urgency, earliest_send_time
from onboarding.models import Mail, Starter
from onboarding.models.job import Job


def write_mail(
    kind: str,
    starter: Starter,
    *,
    to: str,
    key: str,
    recipient: Reader,
    reader_id: str = "",
    reason: Words = "",
    may_go_on: bool = True,
    urgency: Urgency = Urgency.NORMAL,
    occasion: str = "",
    details: Mapping[str, Any] | None = None,
) -> datetime | None:
    """Write one mail as it will be sent, and queue it. Call this in the transaction of the change that causes it.

    A mail is written once for each kind, starter and `key`. `occasion` is what the mail says has happened, where its
    kind has several, and `details` is what else its templates need. Returns when the mail was written, now or before;
    None without an address.
    """
    to = to if recipient in CONFIGURED_READERS else single_address(to)
    if not to:
        return None
    context = starter_context(starter, recipient, reason) | dict(details or {})
    context |= {"may_go_on": may_go_on, "occasion": occasion}
    has_entry = has_calendar_entry(starter, reader_id)
    # A digest carries no calendar file, so what changes an entry is sent alone.
    is_batched = recipient == Reader.HR or (kind in BATCHED_KINDS and not (kind == "moved" and has_entry))
    mail, is_new = Mail.objects.get_or_create(
        message_id=message_id(f"{kind}:{starter.public_id}:{key}"),
        defaults={
            "kind": kind,
            "starter": starter,
            "to": to,
            "recipient": recipient,
            "reader_id": reader_id,
            "box": batch_key(to, recipient) if is_batched else "",
            "reason": in_organisation_language(reason)[:500],
            "starts_at": starter.starts_at,
            "calendar": calendar_method(kind, has_entry=has_entry),
            **render_mail(kind, context),
            "written_at": clock.now(),
        },
    )
    if is_new:
        if mail.calendar:
            number_calendar_entry(mail, starter)
        _queue_mail(mail, urgency)
    return mail.written_at


def write_notice(
    kind: str,
    *,
    to: str,
    key: str,
    recipient: Reader,
    details: Mapping[str, Any],
    reader_id: str = "",
) -> None:
    """Write one mail about no starter, and queue it at once. Call this in the transaction of the change."""
    to = to if recipient in CONFIGURED_READERS else single_address(to)
    if not to:
        return
    mail, is_new = Mail.objects.get_or_create(
        message_id=message_id(f"{kind}:{key}"),
        defaults={
            "kind": kind,
            "to": to,
            "recipient": recipient,
            "reader_id": reader_id,
            **render_mail(kind, {**common_context(), "recipient": recipient, **details}),
            "written_at": clock.now(),
        },
    )
    if is_new:
        release_mail(mail)


def _queue_mail(mail: Mail, urgency: Urgency) -> None:
    now = clock.now()
    send_time = earliest_send_time(mail, urgency, now) if mail.box else now
    if send_time > now:
        enqueue_job(f"post:{mail.box}", priority=Job.Priority.MAIL, due_at=send_time)
    else:
        release_mail(mail)


def release_mail(mail: Mail) -> None:
    """Send this mail now, without waiting for a digest."""
    Mail.objects.filter(pk=mail.pk).update(released_at=clock.now())
    enqueue_job(f"mail:{mail.pk}", priority=Job.Priority.MAIL)


def send_now(kind: str, starter: Starter, recipient: Reader) -> bool:
    """Let the mail that waits for the confirmer leave now, outside the batch. False: none waits."""
    unsent = _unsent_mails(kind, starter, recipient)
    waiting = unsent.filter(released_at=None, digest=None).exclude(box="").order_by("pk")
    mail = waiting.last()
    if mail is None:
        return False
    waiting.exclude(pk=mail.pk).update(dropped_at=clock.now(), text="", html="")
    release_mail(mail)
    return True


def is_unsent(kind: str, starter: Starter, recipient: Reader) -> bool:
    """Whether such a mail to the confirmer waits or is being sent."""
    return _unsent_mails(kind, starter, recipient).exists()


def _unsent_mails(kind: str, starter: Starter, recipient: Reader) -> QuerySet[Mail]:
    theirs = starter.mails.filter(kind=kind, recipient=recipient, reader_id=starter.confirmer_id)
    return theirs.filter(sent_at=None, dropped_at=None, refused_at=None)


def message_id(key: str) -> str:
    """The same key gives the same Message-ID, so that a mail server recognises a duplicate."""
    host = urlsplit(settings.PORTAL_URL).hostname
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{host}>"


def batch_key(address: str, recipient: str = "") -> str:
    """Mails with the same key are sent together. It hides the address; mails to HR are kept apart from a manager's."""
    part = "hr " if recipient == Reader.HR else ""
    return hashlib.sha256(f"{part}{address.casefold()}".encode()).hexdigest()[:40]
