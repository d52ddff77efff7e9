"""What the audit log says of each pass issue: who confirmed, how, under which policy, and how it went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from onboarding.audit.rows.expectations import Difference, Expectations, is_actor
from onboarding.models import AuditEvent, PassIssue

CLAIMED = "issue.intent"
ENDED = frozenset({"closed", "revoked", "rejected", "void"})
# Microsoft refused, and the starter has lost no attempt.
FREE_REASONS = frozenset({"throttled", "refused", "not_known_yet"})


def compare_pass(issue: PassIssue, events: Sequence[AuditEvent]) -> list[Difference]:
    """Compare a pass issue with its events, in their order. The first is `issue.intent`."""
    told = Expectations()
    for event in events:
        _add(told, event)
    claimed = next(event for event in events if event.event == CLAIMED)
    told.expect_that(claimed, "starter", lambda starter: bool(starter.public_id == claimed.starter))
    if issue.starter.erased_at is not None:
        told.expect(claimed, account_id="", methods_before=[])
    return told.differences(issue)


def _add(told: Expectations, event: AuditEvent) -> None:
    if event.event == CLAIMED:
        _add_claim(told, event)
    elif event.event == "starter.withdrawal_asked":
        told.expect(event, reason=PassIssue.Reason.WITHDRAWN)
    elif event.event in {"issue.found", "issue.listed_otherwise"}:
        told.expect(event, method_id=event.facts.get("method_id", ""))
        if event.event == "issue.found":
            told.expect(event, counted=True)
    elif event.event == "issue.made_late":
        told.forget("method_id")
    elif event.event in {"issue.used", "issue.used_early"}:
        told.expect_time(event, "used_at")
    elif event.event.startswith("issue.") and "state" in event.facts:
        _add_move(told, event)


def _add_claim(told: Expectations, event: AuditEvent) -> None:
    facts = event.facts
    told.expect(
        event,
        state=PassIssue.State.ISSUING,
        reason="",
        counted=False,
        number=facts.get("number"),
        identity_check=facts.get("identity_check"),
        policy_id=facts.get("policy"),
        override_id=facts.get("department_policy"),
        lifetime_minutes=facts.get("lifetime_minutes"),
        **dict.fromkeys(("shown_at", "held_at", "used_at", "revoking_at", "ended_at", "valid_until")),
    )
    told.expect_time(event, "intended_at")
    told.expect_personal(event, account_id="account")
    told.expect_that(event, "actor", lambda person: is_actor(event, person))


def _add_move(told: Expectations, event: AuditEvent) -> None:
    state, reason = event.facts["state"], event.facts.get("reason", "")
    told.expect(event, state=state, reason=reason)
    if state == "shown":
        told.expect(
            event,
            counted=True,
            method_id=event.facts.get("method_id"),
            valid_until=datetime.fromisoformat(event.facts["valid_until"]),
        )
        told.expect_time(event, "shown_at")
    elif state == "unknown":
        told.forget("method_id")
        if reason not in FREE_REASONS:
            told.expect(event, counted=True)
    elif state == "held":
        told.expect_time(event, "held_at")
    elif state == "revoking":
        told.expect_time(event, "revoking_at")
    if state in ENDED:
        told.expect_time(event, "ended_at")
