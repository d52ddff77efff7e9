"""One request for a probe pass: the intent is committed first, the request is sent once, and nobody reads the code."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings

from onboarding import audit, clock, graph, jobs, policy
from onboarding.graph.diagnostics.tenant_answers import Reply
from onboarding.lifecycle import OPEN_ISSUE
from onboarding.models import Job, PassIssue, ProbePass
from onboarding.models.tenant_proof.probe_pass import LONGEST_PROBE
from onboarding.passes import graph_quota
from onboarding.tenant_proof import guarding
from onboarding.tenant_proof.run import ProofRun

Answer = ProbePass.Answer
ANSWERED = {
    Answer.CREATED: "probe.created",
    Answer.REFUSED: "probe.refused",
    Answer.UNKNOWN: "probe.unknown",
    Answer.NOT_SENT: "probe.not_sent",
}


class ProbeRefused(Exception):
    """The portal itself refuses the probe pass. `codes` are those of the guards and rules that refuse."""

    def __init__(self, codes: list[str]) -> None:
        super().__init__(", ".join(codes))
        self.codes = codes


def require_guards(run: ProofRun, account_id: str) -> graph.Facts:
    """Read the facts again and ask every guard. Raises ProbeRefused, GraphError and QuotaUnavailable."""
    if codes := guarding.find_own_refusals(account_id, policy.for_department("")):
        raise ProbeRefused(codes)
    facts = guarding.read_facts(run, account_id)
    question = guarding.build_question(facts, guarding.live_probe_ids(account_id))
    if codes := guarding.find_refusals(question):
        raise ProbeRefused(codes)
    return facts


def request_pass(run: ProofRun, account_id: str, *, check: str, minutes: int = LONGEST_PROBE) -> ProbePass:
    """Ask the guards, commit the intent, send one request and record the answer.

    The worker deletes the pass if this process ends at any point. Raises ProbeRefused, GraphError and QuotaUnavailable
    before anything is sent; what Microsoft answered is in the row.
    """
    facts = require_guards(run, account_id)
    with run.method_calls():
        probe = _claim(facts, check, minutes)
        _send(run, probe)
    return probe


@audit.transaction()
def _claim(facts: graph.Facts, check: str, minutes: int) -> ProbePass:
    """Commit the intent, if the rules of probe passes still hold. The audit lock serialises claims of all passes."""
    account_id, rules = facts.account.object_id, guarding.rules_for(facts.account)
    codes = guarding.find_own_refusals(account_id, rules)
    open_states = [state.value for state in OPEN_ISSUE]
    if PassIssue.objects.filter(account_id=account_id, state__in=open_states).exists():
        codes.append(guarding.IS_A_STARTER)
    if codes:
        raise ProbeRefused(codes)
    now = clock.now()
    probe = ProbePass.objects.create(
        account_id=account_id,
        check_name=check,
        lifetime_minutes=min(minutes, LONGEST_PROBE),
        policy_id=rules.number,
        intended_at=now,
        lease_until=now + settings.PASS_LEASE,
        seen_before=[live.method_id for live in facts.passes or ()],
    )
    unchecked = guarding.list_unchecked_codes(guarding.build_question(facts))
    record_event(
        probe,
        "probe.intent",
        **({"not_checked": unchecked} if unchecked else {}),
        check=check,
        policy=rules.number,
        lifetime_minutes=probe.lifetime_minutes,
        single_use=True,
    )
    jobs.enqueue_job(f"probe:{probe.pk}", priority=Job.Priority.PASS, due_at=probe.lease_until)
    return probe


def _send(run: ProofRun, probe: ProbePass) -> None:
    """Send the one request. Its code is overwritten unread inside the Graph client."""
    margin = timedelta(seconds=settings.GRAPH_CONNECT_TIMEOUT + settings.GRAPH_READ_TIMEOUT + 5)
    if (
        clock.now() + min(margin, settings.PASS_LEASE / 2) > probe.lease_until
    ):  # this process was stopped for too long
        _record_answer(probe, Answer.NOT_SENT, ended_at=clock.now())
        return
    try:
        method_id = run.client.create_pass_unread(
            probe.account_id, lifetime_minutes=probe.lifetime_minutes, request_id=probe.pk
        )
    except graph.OutcomeUnknown as error:
        _record_answer(probe, Answer.UNKNOWN, error, method_id=error.method_id or "")
    except (graph.Throttled, graph.Refused) as error:
        if isinstance(error, graph.Throttled):
            graph_quota.back_off(error.retry_after)
        _record_answer(probe, Answer.REFUSED, error, answered_at=error.answered_at or clock.now())
    except graph.Unavailable as error:
        _record_answer(probe, Answer.NOT_SENT, error, ended_at=clock.now())
    else:
        _record_answer(probe, Answer.CREATED, method_id=method_id)


@audit.transaction()
def _record_answer(
    probe: ProbePass, answer: ProbePass.Answer, error: graph.GraphError | None = None, **changes: Any
) -> None:
    probe.answer = answer
    for name, value in changes.items():
        setattr(probe, name, value)
    probe.save(update_fields=["answer", *changes])
    facts: dict[str, Any] = {"method_id": probe.method_id} if probe.method_id else {}
    if error is not None:
        reply = Reply.of_error(error)
        facts |= {"graph": reply.code, "graph_request_id": reply.request_id, "status": reply.status}
        facts |= {"refusal": error.reason} if isinstance(error, graph.Refused) else {}
    record_event(probe, ANSWERED[answer], **facts)


def record_event(probe: ProbePass, event: str, **facts: Any) -> None:
    """Record an event of this probe pass. The account is a personal detail."""
    audit.record(event, issue=probe, facts=facts, personal={"account": probe.account_id})
