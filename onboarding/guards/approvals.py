"""Approvals by a second HR person: which ones are missing, which people may approve, and approving."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from onboarding import audit, clock, policy
from onboarding.errors import ConcurrentUpdate, OnboardingError
from onboarding.lifecycle import UNFINISHED
from onboarding.models import EffectivePolicy, Starter
from onboarding.models.approval import Approval

Why = Approval.Why


class NotAnotherPerson(OnboardingError):
    """The approver was involved with the starter, or is their manager or the starter."""

    message = _(
        "You cannot do this now. Possible reasons: you added, changed or approved this starter, you are the "
        "manager or stand-in, or HR has not accepted this starter yet. Ask an HR colleague to do it."
    )


@dataclass(frozen=True)
class Need:
    """An approval that a second HR person must give."""

    why: Why
    occasion: str

    @property
    def why_label(self) -> str:
        return str(self.why.label)


def list_needed_approvals(starter: Starter, rules: EffectivePolicy) -> list[Need]:
    """Return all approvals that the policy needs, given or not."""
    asked = [
        (rules.approve_all, Need(Why.STARTER, starter.account_id)),
        (
            rules.approve_manager and bool(starter.first_manager_id) and starter.is_manager_changed,
            Need(Why.MANAGER, starter.seen.get("manager_id", "")),
        ),
        (rules.approve_manager and starter.has_stand_in, Need(Why.MANAGER, stand_in_occasion(starter))),
        (rules.approve_beyond and starter.extra_attempts > 0, Need(Why.BEYOND, str(starter.extra_attempts))),
    ]
    return [need for wanted, need in asked if wanted]


def stand_in_occasion(starter: Starter) -> str:
    """Return the occasion of an approval for a stand-in: the manager and the stand-in."""
    return f"{starter.stand_in_for} {starter.stand_in_id}"


def void_stand_in_approval(starter: Starter) -> None:
    """Void the approval of this stand-in: assigning the same person again needs a new one."""
    given = starter.approvals.filter(why=Why.MANAGER, occasion=stand_in_occasion(starter), voided_at=None)
    given.update(voided_at=clock.now())


def list_missing_approvals(
    starter: Starter, rules: EffectivePolicy, *, counts: Callable[[str], bool] | None = None
) -> list[Need]:
    """Return the missing approvals. `counts` tells whether an approver's object id is another person."""
    asked = list_needed_approvals(starter, rules)
    if not asked:
        return []
    valid = starter.approvals.filter(voided_at=None).select_related("by")
    given = {
        (approval.why, approval.occasion) for approval in valid if counts is None or counts(approval.by.oid)
    }
    return [need for need in asked if (need.why, need.occasion) not in given]


def void_approvals(starter: Starter) -> None:
    """Void all approvals: the onboarding starts again. People who approved stay involved."""
    starter.approvals.filter(voided_at=None).update(voided_at=clock.now())


def can_approve(starter: Starter, person: Any) -> bool:
    """Return whether this HR person was not involved, and is neither the manager nor the starter.

    What another system added must be accepted first: until then it has no recorder to differ from.
    """
    return not starter.awaits_acceptance and is_uninvolved(starter, person)


def is_uninvolved(starter: Starter, person: Any) -> bool:
    """Return whether this HR person had no part in the starter, and is neither the manager nor the starter.

    An emergency stop also ends before HR accepts the starter: the second person must differ from the one who asked, who
    is a contributor, and not from a recorder.
    """
    took_part = starter.contributor_ids
    theirs = {starter.manager_id, starter.stand_in_id, starter.account_id}
    return bool(person.is_hr) and person.oid not in took_part | theirs


@audit.transaction()
def approve_missing(*, starter: Starter, by: Any, reason: str) -> None:
    """Approve everything that is missing. Raises NotAnotherPerson, or ConcurrentUpdate when nothing is missing."""
    if not can_approve(starter, by):
        raise NotAnotherPerson
    waiting = list_missing_approvals(starter, policy.for_starter(starter))
    if not waiting or starter.state not in UNFINISHED:
        raise ConcurrentUpdate("nothing waits for an approval")
    moment = clock.now()
    try:
        given = Approval.objects.bulk_create(
            Approval(starter=starter, why=need.why, occasion=need.occasion, by=by, reason=reason, at=moment)
            for need in waiting
        )
    except IntegrityError:
        raise ConcurrentUpdate("somebody else has just approved it") from None
    if (
        Starter.objects.filter(pk=starter.pk, version=starter.version).update(version=starter.version + 1)
        != 1
    ):
        raise ConcurrentUpdate("the starter has changed meanwhile")
    starter.version += 1
    audit.record(
        "starter.approved",
        by=by,
        starter=starter,
        facts={
            "why": [str(need.why) for need in waiting],
            "approvals": [approval.pk for approval in given],
        },
        personal={"reason": reason, "occasions": audit.list_occasions(given)},
    )
