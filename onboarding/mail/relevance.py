"""Whether a mail is still relevant when its turn to be sent comes; the rest are cancelled."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from onboarding import clock, policy
from onboarding.lifecycle import StarterState
from onboarding.mail import preferences
from onboarding.mail.digest import rewrite_digest
from onboarding.mail.kinds import BATCHED_KINDS, DIGESTS
from onboarding.models import EffectivePolicy, Mail, PassIssue, Starter

TO_MANAGERS = frozenset(BATCHED_KINDS)


@dataclass(frozen=True)
class RelevanceFacts:
    """What decides whether mails are still relevant, read once for all of them."""

    now: datetime
    policies: Mapping[str, EffectivePolicy]
    confirmed: frozenset[int]  # starters whose manager has asked for a pass
    wants_mail: Callable[[str], bool]

    @classmethod
    def read_for(cls, mails: Collection[Mail]) -> RelevanceFacts:
        starters = [mail.starter for mail in mails if mail.starter and mail.kind in TO_MANAGERS]
        escalated = {mail.starter_id for mail in mails if mail.kind == "escalation"}
        confirmed = PassIssue.objects.filter(starter__in=escalated).values_list("starter", flat=True)
        return cls(
            now=clock.now(),
            policies=policy.for_departments({starter.department for starter in starters}) if starters else {},
            confirmed=frozenset(confirmed),
            wants_mail=cache(preferences.still_wants_mail),
        )


def is_still_relevant(mail: Mail, facts: RelevanceFacts | None = None) -> bool:
    """Whether to send this mail. A link goes to the present confirmer, while the starter waits, for the right day."""
    facts = facts or RelevanceFacts.read_for([mail])
    starter = mail.starter
    if mail.recipient == Mail.Reader.HR and mail.reader_id and not facts.wants_mail(mail.reader_id):
        return False
    if starter is None:
        return True
    if mail.kind == "withdrawn":
        return starter.state == StarterState.WITHDRAWN
    if mail.kind == "not_asked":
        return mail.reader_id != starter.confirmer_id
    return mail.kind not in TO_MANAGERS or _is_starter_waiting(mail, starter, facts)


def _is_starter_waiting(mail: Mail, starter: Starter, facts: RelevanceFacts) -> bool:
    if starter.stopped_at is not None:
        return False
    if starter.state != StarterState.INVITED or mail.starts_at not in {None, starter.starts_at}:
        return False
    # After the window no pass can be created, so a mail about the first day is of no use.
    if facts.now > starter.starts_at + facts.policies[starter.department].closes_after:
        return False
    if mail.kind == "escalation":
        return starter.pk not in facts.confirmed
    return mail.reader_id in {"", starter.confirmer_id}


def keep_relevant_parts(mail: Mail) -> bool:
    """Whether to send this mail. A digest is written again without the parts that are no longer relevant."""
    if mail.kind not in DIGESTS:
        return is_still_relevant(mail)
    parts = list(mail.parts.select_related("starter").order_by("pk"))
    kept = keep_relevant([part for part in parts if part.dropped_at is None])
    if kept and len(kept) < len(parts):
        rewrite_digest(mail, kept)
    return bool(kept)


def keep_relevant(mails: Collection[Mail]) -> list[Mail]:
    """Return the mails that are still relevant, and cancel the others."""
    facts = RelevanceFacts.read_for(mails)
    kept = [mail for mail in mails if is_still_relevant(mail, facts)]
    _cancel_others(mails, kept)
    return kept


def keep_most_urgent(mails: list[Mail]) -> list[Mail]:
    """Return one mail a starter, the most urgent, and of two as urgent the later one; cancel the others.

    HR gets one mail of each kind a starter, the later one.
    """
    chosen: dict[tuple[object, str], Mail] = {}
    for mail in sorted(mails, key=_urgency_order):
        chosen[mail.starter_id, mail.kind if mail.recipient == Mail.Reader.HR else ""] = mail
    kept = sorted(chosen.values(), key=lambda mail: mail.pk)
    _cancel_others(mails, kept)
    return kept


def _urgency_order(mail: Mail) -> tuple[int, int]:
    return BATCHED_KINDS.index(mail.kind) if mail.kind in BATCHED_KINDS else 0, mail.pk


def _cancel_others(mails: Collection[Mail], kept: Collection[Mail]) -> None:
    kept_pks = {mail.pk for mail in kept}
    if others := [mail for mail in mails if mail.pk not in kept_pks]:
        cancel_mails(others)


def cancel_mails(mails: Collection[Mail]) -> None:
    """Mark these as not to be sent, and remove their texts."""
    rows = Mail.objects.filter(pk__in=[mail.pk for mail in mails])
    rows.update(dropped_at=clock.now(), text="", html="")
