"""What the audit log says of a starter's approvals: who gave each, for what, when, and since when it no longer counts.

An event names the rows that it added, and commits to the occasion of each. Earlier releases did neither: of their approvals
the person, the kind and the time are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from onboarding.audit.rows.expectations import Expectations, is_about, is_actor, is_personal_value
from onboarding.models import AuditEvent, Starter
from onboarding.models.approval import Approval

APPROVED = "starter.approved"
# Each of these adds rows. The two people who end an emergency stop count as approvers too.
ADD_ROWS = frozenset({APPROVED, "starter.restart_asked", "starter.started_again"})
# After these all approvals are void, or those for a stand-in.
VOID_ALL = frozenset(
    {"starter.accepted", "starter.acceptance_cancelled", "starter.account_replaced", "starter.brought_back"}
)
VOID_STAND_IN = frozenset({"starter.routed", "starter.routing_ended", "starter.routing_void"})


@dataclass(frozen=True)
class ApprovalFault:
    """`pk` is the row, `field` what differs; without a field, the event has no row, or the row no event."""

    pk: int
    seq: int = 0
    field: str = ""


def compare_approvals(
    starter: Starter, approvals: Sequence[Approval], events: Sequence[AuditEvent]
) -> Iterator[ApprovalFault]:
    """Compare a starter's approvals with the starter's events, in their order."""
    named = _named_rows(events)
    unnamed = [event for event in events if event.event == APPROVED and "approvals" not in event.facts]
    existing = {approval.pk for approval in approvals}
    yield from (ApprovalFault(pk, event.seq) for pk, (event, _) in named.items() if pk not in existing)
    left = [(event, why) for event in unnamed for why in event.facts.get("why", ())]
    for approval in approvals:
        event, why = named.get(approval.pk) or _find_unnamed(approval, left) or (None, "")
        if event is None:
            yield ApprovalFault(approval.pk)
        else:
            yield from _differences(starter, approval, event, why, events)
    yield from (ApprovalFault(0, event.seq) for event, _ in left)


def list_occasions(approvals: Sequence[Approval]) -> str:
    """What was approved, a line for each row. Only a commitment to it is in the chain."""
    return "\n".join(f"{approval.why} {approval.occasion}" for approval in approvals)


def _named_rows(events: Sequence[AuditEvent]) -> dict[int, tuple[AuditEvent, str]]:
    return {
        pk: (event, why)
        for event in events
        if event.event in ADD_ROWS
        for pk, why in zip(event.facts.get("approvals", ()), event.facts.get("why", ()), strict=False)
    }


def _find_unnamed(approval: Approval, left: list[tuple[AuditEvent, str]]) -> tuple[AuditEvent, str] | None:
    """Take the event of an earlier release that added this row, by its kind and time."""
    for found in left:
        event, why = found
        if why == approval.why and is_about(approval.at, datetime.fromisoformat(event.at)):
            left.remove(found)
            return found
    return None


def _differences(
    starter: Starter, approval: Approval, event: AuditEvent, why: str, events: Sequence[AuditEvent]
) -> Iterator[ApprovalFault]:
    told = Expectations()
    told.expect(event, why=why)
    told.expect_time(event, "at")
    told.expect_that(event, "by", lambda person: is_actor(event, person))
    if starter.erased_at is None:
        told.expect_personal(event, reason="reason")
    else:
        told.expect(event, reason="")
    if not _may_be_void(approval, event, events):
        told.expect(event, voided_at=None)
        for later in events:
            if later.seq > event.seq and _voids(later, approval):
                told.expect_time(later, "voided_at")
                break
    yield from (ApprovalFault(approval.pk, found.seq, found.field) for found in told.differences(approval))


def _may_be_void(approval: Approval, event: AuditEvent, events: Sequence[AuditEvent]) -> bool:
    """Whether an erased occasion no longer says if it was for a stand-in, who was later taken off."""
    later = {one.event for one in events if one.seq > event.seq}
    return _is_erased(approval) and approval.why == Approval.Why.MANAGER and bool(later & VOID_STAND_IN)


def _voids(event: AuditEvent, approval: Approval) -> bool:
    is_for_stand_in = approval.why == Approval.Why.MANAGER and " " in approval.occasion
    return event.event in VOID_ALL or (event.event in VOID_STAND_IN and is_for_stand_in)


def find_changed_occasions(
    approvals: Sequence[Approval], events: Sequence[AuditEvent]
) -> Iterator[ApprovalFault]:
    """Approvals whose occasions are not those that their event committed to."""
    rows = {approval.pk: approval for approval in approvals}
    for event in events:
        if event.event not in ADD_ROWS or "occasions" not in event.commitments:
            continue
        added = [rows[pk] for pk in event.facts.get("approvals", ()) if pk in rows]
        complete = len(added) == len(event.facts.get("approvals", ()))
        if all(_is_erased(approval) for approval in added):
            continue
        if complete and not is_personal_value(event, "occasions", list_occasions(added)):
            yield ApprovalFault(added[0].pk, event.seq, "occasion")


def _is_erased(approval: Approval) -> bool:
    """Whether the occasion was erased with its starter, as `onboarding/privacy/starters.py` does it."""
    return approval.starter.erased_at is not None and approval.occasion == f"erased-{approval.pk}"
