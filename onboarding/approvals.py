"""Where policy asks for one more person of HR: what is still to be approved, by whom it can be, and approving it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError

from onboarding import audit, clock, policy
from onboarding.lifecycle import UNFINISHED
from onboarding.models import PolicyVersion, Starter
from onboarding.models.approval import Approval
from onboarding.moves import Changed

Why = Approval.Why


class NotAnother(Exception):
    """Who approves must have had no part in this starter, and is neither their manager nor the starter."""


@dataclass(frozen=True)
class Need:
    """Something that another person of HR must agree to."""

    why: Why
    occasion: str

    @property
    def words(self) -> str:
        return str(self.why.label)


def needed(starter: Starter, rules: PolicyVersion) -> list[Need]:
    """All that policy asks for, given or not."""
    asked = [
        (rules.approve_all, Need(Why.STARTER, starter.account_id)),
        (
            rules.approve_manager and bool(starter.first_manager_id) and starter.manager_was_changed,
            Need(Why.MANAGER, starter.seen.get("manager_id", "")),
        ),
        (rules.approve_manager and starter.is_routed, Need(Why.MANAGER, routing(starter))),
        (rules.approve_beyond and starter.extra_attempts > 0, Need(Why.BEYOND, str(starter.extra_attempts))),
    ]
    return [need for wanted, need in asked if wanted]


def routing(starter: Starter) -> str:
    """What a routing is approved as: past whom, and to whom."""
    return f"{starter.stand_in_for} {starter.stand_in_id}"


def void_routing(starter: Starter) -> None:
    """Whoever agreed to it agreed to that one; the same again is another matter."""
    given = starter.approvals.filter(why=Why.MANAGER, occasion=routing(starter), voided_at=None)
    given.update(voided_at=clock.now())


def missing(starter: Starter, rules: PolicyVersion) -> list[Need]:
    """What nobody has approved yet."""
    asked = needed(starter, rules)
    if not asked:
        return []
    given = {(one.why, one.occasion) for one in starter.approvals.filter(voided_at=None)}
    return [need for need in asked if (need.why, need.occasion) not in given]


def given_by(starter: Starter) -> set[str]:
    """Object ids of all who approved: they take part, and so cannot confirm or receive."""
    if starter._state.adding:  # still being recorded
        return set()
    return {one.by.oid for one in starter.approvals.select_related("by")}


def void(starter: Starter) -> None:
    """Everything begins anew: what was agreed to must be agreed to again. Who agreed has taken part all the same."""
    starter.approvals.filter(voided_at=None).update(voided_at=clock.now())


def may_approve(starter: Starter, person: Any) -> bool:
    """Somebody of HR who neither recorded nor changed this starter, is not their manager and not the starter."""
    took_part = {starter.recorded_by.oid, *starter.shaped_by}
    theirs = {starter.manager_id, starter.stand_in_id, starter.account_id}
    return bool(person.is_hr) and person.oid not in took_part | theirs


@audit.change()
def approve(*, starter: Starter, by: Any, reason: str) -> None:
    """Agree to all that is waiting for it. Raises NotAnother, Changed when nothing is, or is no longer."""
    if not may_approve(starter, by):
        raise NotAnother
    waiting = missing(starter, policy.for_starter(starter))
    if not waiting or starter.state not in UNFINISHED:
        raise Changed("nothing waits for an approval")
    moment = clock.now()
    try:
        Approval.objects.bulk_create(
            Approval(starter=starter, why=need.why, occasion=need.occasion, by=by, reason=reason, at=moment)
            for need in waiting
        )
    except IntegrityError:
        raise Changed("somebody else has just approved it") from None
    if (
        Starter.objects.filter(pk=starter.pk, version=starter.version).update(version=starter.version + 1)
        != 1
    ):
        raise Changed("the starter has changed meanwhile")
    starter.version += 1
    audit.record(
        "starter.approved",
        by=by,
        starter=starter,
        facts={"why": [str(need.why) for need in waiting]},
        personal={"reason": reason},
    )
