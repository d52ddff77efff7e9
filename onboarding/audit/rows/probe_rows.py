"""What the audit log says of each probe pass: for which account, under which policy, what Microsoft answered, and its end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from onboarding.audit.rows.expectations import TOLERANCE, Difference, Expectations
from onboarding.models import AuditEvent, ProbePass
from onboarding.models.tenant_proof.probe_pass import PROBES_KEPT

CLAIMED, FOUND, GONE, NOT_SENT = "probe.intent", "probe.found", "probe.gone", "probe.not_sent"
ANSWERS = {f"probe.{answer}": answer for answer in ProbePass.Answer if answer}


def compare_probe(probe: ProbePass, events: Sequence[AuditEvent]) -> list[Difference]:
    """Compare a probe pass with its events, in their order. The first is `probe.intent`."""
    told = Expectations()
    for event in events:
        _add(told, event)
    return told.differences(probe)


def may_be_deleted(events: Sequence[AuditEvent], now: datetime) -> bool:
    """Whether retention has deleted the row of these events: the pass is gone for as long as such rows are kept."""
    if not events or events[-1].event not in {GONE, NOT_SENT}:
        return False
    return datetime.fromisoformat(events[-1].at) <= now - PROBES_KEPT + TOLERANCE


def _add(told: Expectations, event: AuditEvent) -> None:
    facts = event.facts
    if event.event == CLAIMED:
        told.expect(
            event,
            check_name=facts.get("check"),
            policy_id=facts.get("policy"),
            lifetime_minutes=facts.get("lifetime_minutes"),
            answer=ProbePass.Answer.NONE,
            method_id="",
            answered_at=None,
            ended_at=None,
        )
        told.expect_time(event, "intended_at")
        told.expect_personal(event, account_id="account")
    elif event.event in ANSWERS:
        told.expect(event, answer=ANSWERS[event.event], method_id=facts.get("method_id", ""))
        if event.event == "probe.refused":
            told.forget("answered_at")  # the time is of Microsoft's clock
    elif event.event == FOUND:
        told.expect(event, method_id=facts.get("method_id"), ended_at=None)
    if event.event in {GONE, NOT_SENT}:
        told.expect_time(event, "ended_at")
