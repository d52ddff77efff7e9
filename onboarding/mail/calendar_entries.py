"""Calendar entries of the first day: which mail carries one, and its version in the reader's calendar."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import F

from onboarding.mail.calendar_file import CalendarEvent, write_calendar_file
from onboarding.mail.kinds import CALENDAR_METHODS, MAY_HAVE_ARRIVED, Reader
from onboarding.mail.rendering import page_link
from onboarding.models import Mail, Starter


def calendar_method(kind: str, *, has_entry: bool) -> str:
    """What a mail of this kind does to the reader's calendar; nothing where it would cancel an entry that is not there."""
    method = CALENDAR_METHODS.get(kind, "")
    return "" if method == Mail.Calendar.CANCEL and not has_entry else method


def has_calendar_entry(starter: Starter, reader_id: str) -> bool:
    """Whether this reader got the first day for their calendar. A digest carries no calendar file."""
    theirs = starter.mails.filter(reader_id=reader_id, calendar=Mail.Calendar.REQUEST).exclude(reader_id="")
    return theirs.filter(MAY_HAVE_ARRIVED, digest=None).exists()


def number_calendar_entry(mail: Mail, starter: Starter) -> None:
    """Give the entry a higher SEQUENCE (RFC 5545), unless it says what the last one said."""
    entry = f"{mail.calendar}:{mail.reader_id or mail.to}:{starter.starts_at.isoformat()}"
    entry_hash = hashlib.sha256(entry.encode()).hexdigest()
    rows = Starter.objects.filter(pk=starter.pk)
    changed = rows.exclude(calendar_said=entry_hash)
    changed.update(calendar_said=entry_hash, calendar_sequence=F("calendar_sequence") + 1)
    number = rows.values_list("calendar_sequence", flat=True).get()
    Mail.objects.filter(pk=mail.pk).update(calendar_sequence=number)


def build_calendar_file(mail: Mail, to: str) -> str:
    """The calendar file of a mail, for the reader with this address."""
    assert mail.starter is not None and mail.starts_at is not None  # noqa: S101 (only such a mail has one)
    host = urlsplit(settings.PORTAL_URL).hostname
    return write_calendar_file(
        CalendarEvent(
            method=mail.calendar,
            uid=f"{mail.starter.public_id}@{host}",
            sequence=mail.calendar_sequence,
            starts_at=mail.starts_at,
            written_at=mail.written_at,
            attendee=to,
            link=page_link(Reader(mail.recipient), mail.starter),
        )
    )
