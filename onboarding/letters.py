"""How a mail is written and kept, and when it may leave: one manager gets one mail in ten minutes at most.

What becomes due for one reader within a short while goes in one mail, with a line for each starter. Each of them
keeps its own row, so that a starter's page says who was told what, and when.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import F, Max, Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import to_locale

from onboarding import clock, language, policy
from onboarding.jobs import GIVE_UP, ask
from onboarding.language import Words
from onboarding.lifecycle import StarterState
from onboarding.models import Mail, Starter
from onboarding.models.work import Job

Reader = Mail.Reader

PAUSE = timedelta(minutes=10)  # between two mails to one reader
GATHER = timedelta(minutes=2)  # so long the first waits for others that are about to be due
MOST = 500  # starters in one mail

# What goes through the digest, the most urgent last.
GATHERED = ("invitation", "reminder_ahead", "reminder", "escalation")
# Those that speak of a day: when it moves they are no longer true.
DATED = ("reminder_ahead", "reminder", "escalation")
DIGEST = "digest"
# To who may confirm: one of these that does not arrive keeps the onboarding from going on.
CONFIRMERS = frozenset({Reader.MANAGER, Reader.STAND_IN})


class Haste(Enum):
    """When a mail may leave that goes with others."""

    IN_TURN = "together with what is due soon, and ten minutes after the one before"
    SOON = "at once, unless the reader was written to a moment ago: the first day is here, and there was no link yet"
    NOW = "at once: somebody in HR pressed for it, and may have the manager on the telephone"


def write(
    kind: str,
    starter: Starter,
    *,
    to: str,
    key: str,
    recipient: Reader,
    reader_id: str = "",
    reason: Words = "",
    may_go_on: bool = True,
    haste: Haste = Haste.IN_TURN,
) -> None:
    """Keep one mail as it will be sent, and ask for its sending, in the transaction of what it tells of."""
    if not to:
        return
    told = {**context(starter, recipient, reason), "may_go_on": may_go_on}
    mail, made = Mail.objects.get_or_create(
        message_id=message_id(f"{kind}:{starter.public_id}:{key}"),
        defaults={
            "kind": kind,
            "starter": starter,
            "to": to,
            "recipient": recipient,
            "reader_id": reader_id,
            "box": box_of(to) if kind in GATHERED else "",
            **rendered(kind, told),
            "written_at": clock.now(),
        },
    )
    if made:
        _hand_in(mail, haste)


def _hand_in(mail: Mail, haste: Haste) -> None:
    now = clock.now()
    leaves = _leaves_at(mail, haste, now) if mail.box else now
    if leaves > now:
        ask(f"post:{mail.box}", priority=Job.Priority.MAIL, due_at=leaves)
    else:
        release(mail)


def _leaves_at(mail: Mail, haste: Haste, now: datetime) -> datetime:
    """At once, unless the reader was written to a moment ago, or others are waiting or about to be due."""
    if haste is Haste.NOW or (haste is Haste.SOON and not _was_written_to(mail.box, since=now - GATHER)):
        return now
    waiting = waiting_in(mail.box).exclude(pk=mail.pk).exists()
    gathered = now + GATHER if waiting or _others_are_due(mail, now) else now
    return max(not_before(mail.box, now), gathered)


def _was_written_to(box: str, *, since: datetime) -> bool:
    return Mail.objects.filter(box=box, released_at__gt=since).exists()


def release(mail: Mail) -> None:
    """From here on this mail is on its way, by itself."""
    Mail.objects.filter(pk=mail.pk).update(released_at=clock.now())
    ask(f"mail:{mail.pk}", priority=Job.Priority.MAIL)


def hurry(kind: str, starter: Starter, recipient: Reader) -> bool:
    """Let what waits for who may confirm leave now, by itself. False: nothing waits, and nothing is on its way."""
    theirs = Mail.objects.filter(
        kind=kind, starter=starter, recipient=recipient, reader_id=starter.in_charge_id
    )
    unsent = theirs.filter(sent_at=None, dropped_at=None, refused_at=None)
    waiting = unsent.filter(released_at=None, digest=None).exclude(box="").order_by("pk")
    mail = waiting.last()
    if mail is None:
        return unsent.exists()
    waiting.exclude(pk=mail.pk).update(dropped_at=clock.now(), text="", html="")
    release(mail)
    return True


def waiting_in(box: str) -> Any:
    """What is written for one reader and not on its way yet."""
    waits = Mail.objects.filter(box=box, digest=None).exclude(box="")
    return waits.filter(released_at=None, sent_at=None, dropped_at=None, refused_at=None)


def not_before(box: str, now: datetime) -> datetime:
    """The moment from which the reader may be written to again. What is still on its way is waited for."""
    theirs = Mail.objects.filter(box=box, dropped_at=None, refused_at=None).exclude(box="")
    if theirs.filter(released_at__gt=now - GIVE_UP, sent_at=None).exists():
        return now + PAUSE
    last = theirs.filter(sent_at__gt=now - PAUSE).aggregate(last=Max("sent_at"))["last"]
    return last + PAUSE if last else now


def _others_are_due(mail: Mail, now: datetime) -> bool:
    """Whether the worker is about to write to the same reader about somebody else."""
    starter = mail.starter
    if starter is None or not mail.reader_id:
        return False
    rules, soon = policy.for_starter(starter), now + GATHER
    due = Q(state=StarterState.RECORDED, problem="", starts_at__lte=soon + rules.lead)
    if rules.remind_on_day:
        reminded = Q(reminded_for=F("start_date"), reminded_for__isnull=False)
        opened = Q(starts_at__lte=soon + rules.before, starts_at__gte=now - rules.after)
        # Whoever was invited within the hour is not reminded on top of it.
        invited = Q(state=StarterState.INVITED) & ~Q(invited_at__gt=now - timedelta(hours=1))
        due |= invited & opened & ~reminded
    theirs = Starter.objects.of_manager(mail.reader_id).exclude(account_id="")
    return theirs.filter(due, starts_at__gte=now - rules.after).exclude(pk=starter.pk).exists()


# --- Several in one ---------------------------------------------------------------------------------------------


def gather(mails: Sequence[Mail], *, to: str) -> Mail:
    """Put several mails for one reader into one, which then is on its way; each stays as a row of its own."""
    readers = [mail.recipient for mail in mails]
    digest = Mail.objects.create(
        kind=DIGEST,
        to=to,
        recipient=next((reader for reader in readers if reader in CONFIRMERS), readers[0]),
        box=mails[0].box,
        message_id=message_id(f"{DIGEST}:{':'.join(str(mail.pk) for mail in mails)}"),
        written_at=clock.now(),
        **together(mails),
    )
    Mail.objects.filter(pk__in=[mail.pk for mail in mails]).update(digest=digest)
    release(digest)
    return digest


def write_again(digest: Mail, mails: Sequence[Mail]) -> None:
    """Some of those in it need no mail any more: it tells of the others."""
    for name, value in together(mails).items():
        setattr(digest, name, value)
    digest.save(update_fields=["subject", "text", "html"])


def together(mails: Sequence[Mail]) -> dict[str, str]:
    """The words of one mail about several: by what is to be done, the most urgent first."""
    groups = [
        {"kind": kind, "lines": [_line(mail) for mail in mails if mail.kind == kind]}
        for kind in reversed(GATHERED)
    ]
    groups = [group for group in groups if group["lines"]]
    return rendered(DIGEST, {**_letterhead(), "count": len(mails), "groups": groups})


def urgency(mail: Mail) -> tuple[int, int]:
    return GATHERED.index(mail.kind), mail.pk


def _line(mail: Mail) -> dict[str, str]:
    assert mail.starter is not None  # noqa: S101 (a mail that is gathered is about a starter)
    return {"name": mail.starter.name, "link": _link(Reader(mail.recipient), mail.starter)}


# --- What stands in it -------------------------------------------------------------------------------------------


def rendered(kind: str, told: dict[str, Any]) -> dict[str, str]:
    """A kind of mail as it is written, in the organisation's own language: its `subject`, `text` and `html`."""
    told = {**told, "language": to_locale(settings.ORGANISATION_LANGUAGE).replace("_", "-")}
    with language.ours():
        return {
            "subject": " ".join(render_to_string(f"emails/{kind}.subject.txt", told).split())[:200],
            "text": render_to_string(f"emails/{kind}.txt", told),
            "html": render_to_string(f"emails/{kind}.html", told),
        }


def context(starter: Starter, recipient: Reader, reason: Words) -> dict[str, Words]:
    """What a mail about one starter can say to this reader."""
    return {
        **_letterhead(),
        "starter_name": starter.name,
        "link": _link(recipient, starter),
        "recipient": recipient,
        "reason": reason,
    }


def _letterhead() -> dict[str, Words]:
    return {
        "portal_host": str(urlsplit(settings.PORTAL_URL).netloc),
        "organisation_name": settings.ORGANISATION_NAME,
        "support_contact": settings.SUPPORT_CONTACT,
    }


def _link(recipient: Reader, starter: Starter) -> str:
    page = _page_of(recipient, starter)
    return settings.PORTAL_URL + page if page else ""


def _page_of(recipient: Reader, starter: Starter) -> str:
    """Where the reader can go: who may confirm and HR to the starter, security to its audit trail, others to their
    own list. The manager's manager, who is told and cannot confirm, has no page of this starter."""
    match recipient:
        case Reader.SECURITY:
            return f"{reverse('admin:onboarding_auditevent_changelist')}?q={starter.public_id}"
        case Reader.FORMER:
            return reverse("home")
        case Reader.ABOVE:
            return ""
        case Reader.MANAGER | Reader.STAND_IN:
            return reverse("managers:starter", args=[starter.public_id])
    return reverse("hr:starter", args=[starter.public_id])


def message_id(key: str) -> str:
    host = urlsplit(settings.PORTAL_URL).hostname
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{host}>"


def box_of(address: str) -> str:
    """One name for one address, which does not say it."""
    return hashlib.sha256(address.casefold().encode()).hexdigest()[:40]
