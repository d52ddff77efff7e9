"""Sending: each mail under one Message-ID and never lost; mails that wait for one reader leave as one digest.

HR learns at once of an address that takes no mail.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import Min, Q, QuerySet

from onboarding import audit, clock, counters, graph
from onboarding.inputs.addresses import single_address
from onboarding.jobs import JobPostponed, job_handler
from onboarding.lifecycle import UNFINISHED
from onboarding.mail import digest, outbox, send_times
from onboarding.mail.answers import Answer, Kind, classify_failure
from onboarding.mail.calendar_entries import build_calendar_file
from onboarding.mail.kinds import CONFIRMERS, DIGEST
from onboarding.mail.relevance import (
    TO_MANAGERS,
    cancel_mails,
    keep_most_urgent,
    keep_relevant,
    keep_relevant_parts,
)
from onboarding.models import Mail, Starter

log = logging.getLogger(__name__)

# A mail set-up may be refused over a long weekend: no mail is given up before an installer can fix it.
GIVES_UP_AFTER = timedelta(days=14)
FAILURE_SHOWN_AFTER = timedelta(hours=1)
Problem = Starter.Problem
FIXED_BY_A_MAIL = [Problem.MAIL_FAILED, Problem.MAIL_REFUSED]


class MailNotAccepted(Exception):
    """The server did not take the mail; the portal tries again. The text is the answer, without addresses."""


@job_handler("post")
def release_waiting_mails(batch_key: str) -> datetime | None:
    """Let the mails that wait for one reader leave, as one digest; or return when they may."""
    with audit.transaction():
        now = clock.now()
        waiting, has_more = _next_batch(batch_key)
        if not waiting:
            return None
        earliest = send_times.end_of_rate_limit(batch_key, now)
        if earliest > now:
            return earliest
        if len(waiting) == 1:
            outbox.release_mail(waiting[0])
        else:
            digest.build_digest(waiting, to=_current_address(waiting[-1]))
        return now + send_times.RATE_LIMIT if has_more else None


def _next_batch(batch_key: str) -> tuple[list[Mail], bool]:
    """The mails that go next to one reader, about at most `MAX_STARTERS`, and whether more wait.

    Thousands may wait, so they are not all read. All mails about one starter are read together, because the most
    urgent replaces the others.
    """
    limit = digest.MAX_STARTERS
    while True:
        waiting = send_times.waiting_mails(batch_key)
        oldest = waiting.order_by().values("starter").annotate(first=Min("pk")).order_by("first")
        starters = [row["starter"] for row in oldest[: limit + 1]]
        some = waiting.filter(starter__in=starters[:limit]).select_related("starter")
        kept = keep_most_urgent(keep_relevant(list(some.defer("text", "html").order_by("pk"))))
        if kept or len(starters) <= limit:
            return kept[:limit], len(starters) > limit or len(kept) > limit


@job_handler("mail", gives_up_after=GIVES_UP_AFTER)
def send_mail(mail_id: str) -> None:
    """Send one mail. A worker that is killed after the last dot sends it again, under the same Message-ID."""
    mail = Mail.objects.select_related("starter").get(pk=mail_id)
    if mail.sent_at or mail.dropped_at or mail.refused_at:
        return
    if not keep_relevant_parts(mail):
        cancel_mails([mail])
        counters.count("mails", "dropped")
        return
    try:
        _build_message(mail).send()
    except graph.Throttled as error:
        raise JobPostponed(error.retry_after) from None
    except Exception as error:
        answer = classify_failure(error)
        _save_answer(mail, answer)
        counters.count("mails", "refused" if answer.kind == Kind.ADDRESS else "failed")
        if answer.kind == Kind.ADDRESS:
            _mark_refused(mail)
            return
        _show_failure_to_hr(mail)
        raise MailNotAccepted(str(answer)) from error
    _mail_and_parts(mail).update(sent_at=clock.now(), fault="")
    counters.count("mails", "sent")
    if mail.recipient in {"", *CONFIRMERS}:  # that HR got a mail proves nothing about the manager's address
        _starters_of(mail).filter(problem__in=FIXED_BY_A_MAIL).update(problem=Problem.NONE)


def _build_message(mail: Mail) -> EmailMultiAlternatives:
    to = _current_address(mail)
    message = EmailMultiAlternatives(
        subject=mail.subject,
        body=mail.text,
        from_email=settings.MAIL_FROM,
        to=[to],
        headers={"Message-ID": mail.message_id, "Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(mail.html, "text/html")
    if mail.calendar:
        message.attach_alternative(build_calendar_file(mail, to), f"text/calendar; method={mail.calendar}")
    return message


def _current_address(mail: Mail) -> str:
    """The confirmer's present address: it may have changed since the mail was written."""
    if mail.starter is not None and mail.recipient in CONFIRMERS and mail.kind in TO_MANAGERS:
        return single_address(mail.starter.confirmer_mail) or mail.to
    return mail.to


# --- When it cannot be sent ---------------------------------------------------------------------------------------


def _save_answer(mail: Mail, answer: Answer) -> None:
    """Keep the server's last answer: the doctor shows it, and HR reads that mail is delayed."""
    fault = "" if answer.kind == Kind.ADDRESS else Mail.Fault(answer.kind)
    Mail.objects.filter(pk=mail.pk).update(fault=fault, fault_at=clock.now(), answer=str(answer))
    log.warning(
        "a mail was not accepted", extra={"mail": mail.pk, "kind": answer.kind, "answer": str(answer)}
    )


def _mark_refused(mail: Mail) -> None:
    log.error(
        "a mail server takes no mail for this reader", extra={"mail": mail.pk, "reader": mail.recipient}
    )
    with audit.transaction():
        _mail_and_parts(mail).update(refused_at=clock.now())
        if mail.recipient not in CONFIRMERS:
            return
        waiting = _starters_of(mail).filter(state__in=UNFINISHED)
        for starter in waiting.filter(problem__in=["", Problem.MAIL_FAILED]):
            Starter.objects.filter(pk=starter.pk).update(problem=Problem.MAIL_REFUSED)
            audit.record("mail.refused", starter=starter, facts={"kind": mail.kind}, personal={"to": mail.to})


def _show_failure_to_hr(mail: Mail) -> None:
    """Put a manager's mail that has failed for an hour on HR's list. The portal keeps trying."""
    about_starters = mail.kind in {*TO_MANAGERS, DIGEST} and mail.recipient in {"", *CONFIRMERS}
    if about_starters and clock.now() > mail.written_at + FAILURE_SHOWN_AFTER:
        _starters_of(mail).filter(problem="").update(problem=Problem.MAIL_FAILED)


def _mail_and_parts(mail: Mail) -> QuerySet[Mail]:
    return Mail.objects.filter(Q(pk=mail.pk) | Q(digest=mail, dropped_at=None))


def _starters_of(mail: Mail) -> QuerySet[Starter]:
    about = _mail_and_parts(mail).exclude(starter=None).values("starter")
    return Starter.objects.filter(pk__in=about)
