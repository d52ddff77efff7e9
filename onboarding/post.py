"""Sending: each mail under one Message-ID, never lost; those that wait for one reader together, and not too often.

A mail that is no longer true when its turn comes is dropped. An address that takes no mail is told to HR at once.
"""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import Q, QuerySet

from onboarding import audit, clock, graph, letters
from onboarding.jobs import TryLater, handler
from onboarding.letters import CONFIRMERS
from onboarding.lifecycle import UNFINISHED, StarterState
from onboarding.models import Mail, Starter

log = logging.getLogger(__name__)

FAILURE_SHOWN = timedelta(hours=1)
Problem = Starter.Problem
TO_MANAGERS = set(letters.GATHERED)
MENDED_BY_A_MAIL = [Problem.MAIL_FAILED, Problem.MAIL_REFUSED]


@handler("post")
def post(box: str) -> datetime | None:
    """Let what waits for one reader leave, in one mail; or say when it may."""
    with audit.change():
        now = clock.now()
        waiting = _newest(_true_ones(letters.waiting_in(box).select_related("starter").order_by("pk")))
        if not waiting:
            return None
        earliest = letters.not_before(box, now)
        if earliest > now:
            return earliest
        some = waiting[: letters.MOST]
        if len(some) == 1:
            letters.release(some[0])
        else:
            letters.gather(some, to=_address(some[-1]))
        return now + letters.PAUSE if len(waiting) > len(some) else None


@handler("mail")
def send(mail_id: str) -> None:
    """Send one mail. Killed after the last dot, it is sent again under the same Message-ID: never lost."""
    mail = Mail.objects.select_related("starter").get(pk=mail_id)
    if mail.sent_at or mail.dropped_at or mail.refused_at:
        return
    if not _holds(mail):
        _drop([mail])
        return
    message = EmailMultiAlternatives(
        subject=mail.subject,
        body=mail.text,
        from_email=settings.MAIL_FROM,
        to=[_address(mail)],
        headers={"Message-ID": mail.message_id, "Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(mail.html, "text/html")
    try:
        message.send()
    except graph.Throttled as error:
        raise TryLater(error.retry_after) from None
    except Exception as error:
        if refuses_the_address(error):
            _refused(mail)
            return
        _tell_of_failure(mail)
        raise
    _and_its_parts(mail).update(sent_at=clock.now())
    _starters_of(mail).filter(problem__in=MENDED_BY_A_MAIL).update(problem=Problem.NONE)


# --- Is it still true? --------------------------------------------------------------------------------------------


def _holds(mail: Mail) -> bool:
    """Whether the mail is still true. One about several is written again without those of whom it is not."""
    if mail.kind != letters.DIGEST:
        return is_true(mail)
    parts = list(mail.parts.select_related("starter").order_by("pk"))
    kept = _true_ones([part for part in parts if part.dropped_at is None])
    if kept and len(kept) < len(parts):
        letters.write_again(mail, kept)
    return bool(kept)


def is_true(mail: Mail) -> bool:
    """A link is for who may confirm now, while the starter waits for them; who confirmed need not be chased."""
    starter = mail.starter
    if starter is None or mail.kind not in TO_MANAGERS:
        return True
    if starter.state != StarterState.INVITED:
        return False
    if mail.kind == "escalation":
        return not starter.issues.exists()
    return mail.reader_id in {"", starter.in_charge_id}


def _true_ones(mails: Collection[Mail]) -> list[Mail]:
    kept = [mail for mail in mails if is_true(mail)]
    _drop([mail for mail in mails if mail not in kept])
    return kept


def _newest(mails: list[Mail]) -> list[Mail]:
    """Of several about one starter only the most urgent, and of two that are as urgent the later, needs to be read."""
    by_starter = {mail.starter_id: mail for mail in sorted(mails, key=letters.urgency)}
    _drop([mail for mail in mails if by_starter[mail.starter_id] != mail])
    return sorted(by_starter.values(), key=lambda mail: mail.pk)


def _drop(mails: Collection[Mail]) -> None:
    gone = Mail.objects.filter(pk__in=[mail.pk for mail in mails])
    gone.update(dropped_at=clock.now(), text="", html="")


def _address(mail: Mail) -> str:
    """Where the reader gets mail now: it may have changed since this was written."""
    if mail.starter is not None and mail.recipient in CONFIRMERS and mail.kind in TO_MANAGERS:
        return mail.starter.in_charge_mail or mail.to
    return mail.to


# --- When it cannot be sent ---------------------------------------------------------------------------------------


def refuses_the_address(error: Exception) -> bool:
    """A definite no to this reader's address, by SMTP or by Graph: asking again changes nothing."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(500 <= code < 600 for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPDataError):  # said after the last dot: 5.1.x is about the address
        words = error.smtp_error if isinstance(error.smtp_error, bytes) else str(error.smtp_error).encode()
        return 500 <= error.smtp_code < 600 and words.lstrip().startswith(b"5.1.")
    return isinstance(error, graph.Refused) and error.code == "ErrorInvalidRecipients"


def _refused(mail: Mail) -> None:
    log.error(
        "a mail server takes no mail for this reader", extra={"mail": mail.pk, "reader": mail.recipient}
    )
    with audit.change():
        _and_its_parts(mail).update(refused_at=clock.now())
        if mail.recipient not in CONFIRMERS:
            return
        waiting = _starters_of(mail).filter(state__in=UNFINISHED)
        for starter in waiting.filter(problem__in=["", Problem.MAIL_FAILED]):
            Starter.objects.filter(pk=starter.pk).update(problem=Problem.MAIL_REFUSED)
            audit.record("mail.refused", starter=starter, facts={"kind": mail.kind}, personal={"to": mail.to})


def _tell_of_failure(mail: Mail) -> None:
    """A manager's mail that cannot be sent for an hour is put on HR's list; it is tried on all the same."""
    about_starters = mail.kind in {*TO_MANAGERS, letters.DIGEST} and mail.recipient in {"", *CONFIRMERS}
    if about_starters and clock.now() > mail.written_at + FAILURE_SHOWN:
        _starters_of(mail).filter(problem="").update(problem=Problem.MAIL_FAILED)


def _and_its_parts(mail: Mail) -> QuerySet[Mail]:
    return Mail.objects.filter(Q(pk=mail.pk) | Q(digest=mail, dropped_at=None))


def _starters_of(mail: Mail) -> QuerySet[Starter]:
    about = _and_its_parts(mail).exclude(starter=None).values("starter")
    return Starter.objects.filter(pk__in=about)
