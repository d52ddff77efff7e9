"""Runs the checks in order. Whatever happens, the probe passes are deleted, or left to the worker."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from onboarding import graph
from onboarding.graph.diagnostics.tenant_answers import Reply
from onboarding.tenant_proof import probes
from onboarding.tenant_proof.findings import Check, Finding, State
from onboarding.tenant_proof.mail_check import MAIL
from onboarding.tenant_proof.probes import PROBES
from onboarding.tenant_proof.reads import READS
from onboarding.tenant_proof.run import ProofRun, QuotaUnavailable
from onboarding.tenant_proof.watching import WATCHED

CHECKS: tuple[Check, ...] = (*READS, *PROBES, *MAIL, *WATCHED)
Result = tuple[Check, Finding]


def choose_checks(names: Collection[str]) -> tuple[Check, ...]:
    """Return the checks with these names, all without any. Raises ValueError for an unknown name."""
    known = {check.name for check in CHECKS}
    if unknown := sorted(set(names) - known):
        raise ValueError(f"There is no check {unknown[0]}. --list shows all.")
    return tuple(check for check in CHECKS if not names or check.name in names)


def run_checks(
    run: ProofRun,
    names: Collection[str] = (),
    *,
    follow: Callable[[Check, Finding], object] = lambda *_: None,
) -> list[Result]:
    """Run the checks, and tell `follow` of each result. Probe passes of an earlier run are deleted first."""
    results: list[Result] = []
    probes.delete_all(run)
    try:
        for check in choose_checks(names):
            finding = run_check(check, run)
            results.append((check, finding))
            follow(check, finding)
    finally:
        probes.delete_all(run)
    return results


def run_check(check: Check, run: ProofRun) -> Finding:
    """Run one check. An error of Graph becomes a finding without an answer."""
    try:
        return check.run(run)
    except QuotaUnavailable:
        words = "The portal needed all calls that Microsoft allows. Run the check when fewer people wait."
        return Finding(State.OPEN, "no call free", words)
    except graph.GraphError as error:
        reply = Reply.of_error(error)
        facts = {"status": reply.status, "code": reply.code, "request_id": reply.request_id}
        words = f"There was no usable answer ({type(error).__name__} {reply.status} {reply.code}).".replace(
            " )", ")"
        )
        return Finding(State.OPEN, type(error).__name__, words, facts)


def is_proven(results: Collection[Result]) -> bool:
    """Whether nothing needs attention and every question that was asked has an answer."""
    return all(finding.state not in {State.ATTENTION, State.OPEN} for _, finding in results)


def list_checks() -> Iterator[str]:
    """Return one line for each check."""
    width = max(len(check.name) for check in CHECKS)
    return (f"{check.name:<{width}}  {check.group:<6}  {check.question}" for check in CHECKS)
