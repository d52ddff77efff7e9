"""When a mail may leave: the rate limit of one mail in ten minutes to each reader, and the wait for others to batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum
from functools import reduce
from operator import or_

from django.db.models import F, Max, Q, QuerySet

from onboarding import clock, policy
from onboarding.jobs import GIVE_UP_AFTER
from onboarding.lifecycle import StarterState
from onboarding.mail.kinds import Reader
from onboarding.models import EffectivePolicy, Mail, Starter

RATE_LIMIT = timedelta(minutes=10)  # between two mails to one reader
BATCH_WAIT = timedelta(minutes=2)  # the first mail waits so long for others that are about to be due


class Urgency(Enum):
    """How soon a batched mail leaves."""

    NORMAL = "with others that are due soon, ten minutes after the last mail to this reader"
    SOON = (
        "at once, unless the reader got a mail a moment ago: the first day is here, and they have no link yet"
    )
    NOW = "at once: an emergency stop, or somebody in HR asked for it and may be on the telephone with the manager"


def earliest_send_time(mail: Mail, urgency: Urgency, now: datetime) -> datetime:
    """When this mail may leave, given the rate limit and others that wait or are about to be due."""
    if urgency is Urgency.NOW:
        return now
    if urgency is Urgency.SOON and not _was_mailed_since(mail.box, now - BATCH_WAIT):
        return now
    has_others = waiting_mails(mail.box).exclude(pk=mail.pk).exists() or is_another_due(mail, now)
    batched = now + BATCH_WAIT if has_others else now
    return max(end_of_rate_limit(mail.box, now), batched)


def end_of_rate_limit(batch_key: str, now: datetime) -> datetime:
    """When the reader may get the next mail. A mail that is being sent counts as sent now."""
    theirs = Mail.objects.filter(box=batch_key, dropped_at=None, refused_at=None).exclude(box="")
    if theirs.filter(released_at__gt=now - GIVE_UP_AFTER, sent_at=None).exists():
        return now + RATE_LIMIT
    last = theirs.filter(sent_at__gt=now - RATE_LIMIT).aggregate(last=Max("sent_at"))["last"]
    return last + RATE_LIMIT if last else now


def recently_sent_at(kind: str, starter: Starter) -> datetime | None:
    """When the confirmer was sent such a mail at their present address, if within the rate limit."""
    theirs = Mail.objects.filter(
        kind=kind, starter=starter, reader_id=starter.confirmer_id, to=starter.confirmer_mail
    )
    last: datetime | None = theirs.aggregate(last=Max("sent_at"))["last"]
    return last if last is not None and last > clock.now() - RATE_LIMIT else None


def waiting_mails(batch_key: str) -> QuerySet[Mail]:
    """The mails for one reader that wait to be sent."""
    waiting = Mail.objects.filter(box=batch_key, digest=None).exclude(box="")
    return waiting.filter(released_at=None, sent_at=None, dropped_at=None, refused_at=None)


def _was_mailed_since(batch_key: str, moment: datetime) -> bool:
    return Mail.objects.filter(box=batch_key, released_at__gt=moment).exists()


def is_another_due(mail: Mail, now: datetime) -> bool:
    """Whether the worker is about to write to the same reader about another starter."""
    starter = mail.starter
    if mail.recipient == Reader.HR:
        return True  # an import causes many mails at once, so HR always gets a digest
    if starter is None or not mail.reader_id:
        return False
    theirs = Starter.objects.unfinished().of_confirmer(mail.reader_id).exclude(pk=starter.pk)
    departments = theirs.order_by().values_list("department", flat=True).distinct()
    due = [_is_due(rules, now) & Q(department__in=names) for rules, names in _by_timetable(departments)]
    return bool(due) and theirs.exclude(account_id="").filter(reduce(or_, due)).exists()


def _by_timetable(departments: Iterable[str]) -> list[tuple[EffectivePolicy, list[str]]]:
    """Group the departments whose policies set the same times."""
    groups: defaultdict[tuple[object, ...], list[str]] = defaultdict(list)
    policies = policy.for_departments(departments)
    for name, rules in policies.items():
        reminds = _reminds_now(rules)
        groups[rules.invite_before, rules.opens_before, rules.closes_after, reminds].append(name)
    return [(policies[names[0]], names) for names in groups.values()]


def _reminds_now(rules: EffectivePolicy) -> bool:
    """Whether reminders of the day go out. During a freeze they wait."""
    return rules.remind_on_day and not rules.frozen


def _is_due(rules: EffectivePolicy, now: datetime) -> Q:
    """The starters, under this policy, whose manager the worker is about to write to."""
    soon = now + BATCH_WAIT
    due = Q(state=StarterState.RECORDED, problem="", starts_at__lte=soon + rules.invite_before)
    if _reminds_now(rules):
        reminded = Q(reminded_for=F("start_date"), reminded_for__isnull=False)
        # A manager who was invited within the hour gets no reminder on top.
        invited = Q(state=StarterState.INVITED, problem="") & ~Q(invited_at__gt=now - timedelta(hours=1))
        due |= invited & Q(starts_at__lte=soon + rules.opens_before) & ~reminded
    return due & Q(starts_at__gte=now - rules.closes_after)
