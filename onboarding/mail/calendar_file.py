"""A starter's first day as a calendar file (RFC 5545, sent by RFC 5546 and RFC 6047).

It has no names, because calendars are often shared. The entry is private, shown as free, and asks for no answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr

from django.conf import settings
from django.utils.translation import gettext

from onboarding import i18n

DURATION = timedelta(minutes=30)
MAX_LINE_OCTETS = 75  # octets, without the line break (RFC 5545, 3.1)


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """One version of a starter's event. `method` is REQUEST or CANCEL; a later version has a higher `sequence`."""

    method: str
    uid: str
    sequence: int
    starts_at: datetime
    written_at: datetime
    attendee: str
    link: str


def write_calendar_file(event: CalendarEvent) -> str:
    """The whole file, with CRLF and folded lines. Its title is in the organisation's language."""
    with i18n.default_language():
        title = gettext("Help a new colleague sign in")
    cancelled = event.method == "CANCEL"
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Starter pass portal//EN",
        "CALSCALE:GREGORIAN",
        f"METHOD:{event.method}",
        "BEGIN:VEVENT",
        f"UID:{event.uid}",
        f"SEQUENCE:{event.sequence}",
        f"DTSTAMP:{_format_utc(event.written_at)}",
        f"DTSTART:{_format_utc(event.starts_at)}",
        f"DTEND:{_format_utc(event.starts_at + DURATION)}",
        f"SUMMARY:{_escape_text(title)}",
        f"DESCRIPTION:{_escape_text(event.link)}",
        f"URL:{event.link}",
        f"ORGANIZER:mailto:{parseaddr(settings.MAIL_FROM)[1]}",
        f"ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=FALSE:mailto:{event.attendee}",
        f"STATUS:{'CANCELLED' if cancelled else 'CONFIRMED'}",
        "CLASS:PRIVATE",
        "TRANSP:TRANSPARENT",
        "X-MICROSOFT-CDO-BUSYSTATUS:FREE",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{_fold_line(line)}\r\n" for line in lines)


def _format_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _escape_text(text: str) -> str:
    """A value of the type TEXT (RFC 5545, 3.3.11)."""
    for sign, written in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\r\n", "\\n"), ("\n", "\\n")):
        text = text.replace(sign, written)
    return text


def _fold_line(line: str) -> str:
    """No line is longer than 75 octets, and no character is cut in two; each further line begins with a space."""
    lines, current = [], ""
    for character in line:
        if len((current + character).encode()) > MAX_LINE_OCTETS:
            lines.append(current)
            current = " "
        current += character
    return "\r\n".join([*lines, current])
