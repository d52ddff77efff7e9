"""Whether mail is delayed by the set-up or the server: how many mails wait, since when, and the last answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from onboarding import clock
from onboarding.models import Mail

Fault = Mail.Fault
SHOWN_AFTER = timedelta(minutes=15)  # a server that asks to try again is normal before that


@dataclass(frozen=True, slots=True)
class Delay:
    """Delayed mail. `answer` is the newest answer, without addresses, for IT; `since` is when the oldest mail was written."""

    fault: str
    count: int
    since: datetime
    answer: str

    @property
    def is_refused(self) -> bool:
        return self.fault == Fault.SETUP


def read_delay() -> Delay | None:
    """Why mail is delayed now, or None; a refused set-up counts before a busy server."""
    if not _waiting_mails().filter(fault__in=(Fault.SETUP, Fault.LATER)).exists():
        return None
    return _read_delay_by(Fault.SETUP) or _read_delay_by(Fault.LATER)


def _waiting_mails() -> QuerySet[Mail]:
    return Mail.objects.filter(sent_at=None, dropped_at=None, refused_at=None)


def _read_delay_by(fault: str) -> Delay | None:
    waiting = _waiting_mails().filter(fault=fault)
    oldest = waiting.order_by("written_at").first()
    if oldest is None or (fault == Fault.LATER and not _is_nothing_sent_since(oldest.written_at)):
        return None
    newest = waiting.order_by("fault_at").last() or oldest
    return Delay(fault, waiting.count(), oldest.written_at, newest.answer)


def _is_nothing_sent_since(moment: datetime) -> bool:
    """Whether no mail at all was sent since then: one full mailbox is no fault of the server."""
    return moment < clock.now() - SHOWN_AFTER and not Mail.objects.filter(sent_at__gt=moment).exists()
