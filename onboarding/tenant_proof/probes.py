"""Checks with probe passes: what a POST, a second POST, a wrong lifetime and a DELETE do in this tenant."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from onboarding import clock, graph
from onboarding.jobs import JobPostponed
from onboarding.models import AuditEvent, ProbePass
from onboarding.passes.recognition import is_of_probe
from onboarding.tenant_proof import cleaning, guarding
from onboarding.tenant_proof.findings import Check, Finding, State, skipped
from onboarding.tenant_proof.requests import ProbeRefused, request_pass
from onboarding.tenant_proof.run import ProofRun

Answer = ProbePass.Answer
FIRST = "the first test pass"
NEEDS_FIRST = "The check `creation` created no pass in this run."
NO_PROBE = "Name a test account for test passes with --probe."
TOO_SHORT = 5  # minutes: less than Microsoft allows anywhere
LOOK_AGAIN, LOOKS = 2.0, 30


def check_eligibility(run: ProofRun) -> Finding:
    """Ask the guards for each account whether a pass is refused. Sends only reads to Microsoft."""
    if not run.all_accounts:
        return skipped("Name accounts with --account.")
    refused: dict[str, list[str]] = {}
    for account in run.all_accounts:
        question = guarding.build_question(
            guarding.read_facts(run, account), guarding.live_probe_ids(account)
        )
        refused[account] = guarding.find_refusals(question)
    lines = [
        f"{account}: {'refused. ' + guarding.describe(codes) if codes else 'a pass is possible.'}"
        for account, codes in refused.items()
    ]
    answer = "; ".join(",".join(codes) or "none" for codes in refused.values())
    return Finding(State.ANSWERED, answer, " ".join(lines), {"refused": refused})


Run = Callable[[ProofRun], Finding]


def needs_probe_account(check: Run) -> Run:
    """Skip the check without a test account. Where the portal itself refuses, the question has no answer: say why."""

    @wraps(check)
    def checked(run: ProofRun) -> Finding:
        if not run.probe_account:
            return skipped(NO_PROBE)
        try:
            return check(run)
        except ProbeRefused as refusal:
            words = f"The portal refuses a test pass. {guarding.describe(refusal.codes)}"
            return Finding(State.OPEN, "refused by the portal", words, {"refused_by": refusal.codes})

    return checked


@needs_probe_account
def check_creation(run: ProofRun) -> Finding:
    probe = request_pass(run, run.probe_account, check="creation")
    if probe.answer == Answer.CREATED:
        run.notes[FIRST] = probe
        return Finding(State.ANSWERED, "created", "Microsoft created the pass.", _facts_of(probe))
    return Finding(State.ATTENTION, _answer_of(probe), _words_of(probe), _facts_of(probe))


@needs_probe_account
def check_listing(run: ProofRun) -> Finding:
    """How long until the list shows a new pass?

    The portal then waits longer before it reads the list after a refusal, and never shorter than without this answer.
    """
    probe = run.notes.get(FIRST)
    if not isinstance(probe, ProbePass):
        return Finding(State.OPEN, "no pass", NEEDS_FIRST)
    for _ in range(LOOKS):
        with run.method_calls():
            listed = run.client.list_passes(probe.account_id)
        seconds = (clock.now() - probe.intended_at).total_seconds()
        mine = next((live for live in listed if is_of_probe(probe, live)), None)
        if mine is not None:
            ProbePass.objects.filter(pk=probe.pk).update(listed_seconds=round(seconds))
            facts = {
                **_facts_of(probe),
                "seconds": round(seconds),
                "usable": mine.usable,
                "reason": mine.reason,
            }
            return Finding(
                State.ANSWERED, "listed", f"The list shows the pass after {seconds:.0f} s or less.", facts
            )
        run.pause(LOOK_AGAIN)
    words = "The list did not show the pass. The worker keeps looking for it."
    return Finding(State.ATTENTION, "not listed", words, _facts_of(probe))


@needs_probe_account
def check_second_post(run: ProofRun) -> Finding:
    """Microsoft's documents and field reports differ: does a second POST replace the pass, or is it refused?"""
    first = run.notes.get(FIRST)
    if not isinstance(first, ProbePass):
        return Finding(State.OPEN, "no pass", NEEDS_FIRST)
    second = request_pass(run, run.probe_account, check="second_post")
    if second.answer == Answer.REFUSED:
        words = f"While a pass is valid, a second POST is refused. {_words_of(second)}"
        return Finding(State.ANSWERED, "refused", words, _facts_of(second))
    if second.answer != Answer.CREATED:
        return Finding(State.ATTENTION, _answer_of(second), _words_of(second), _facts_of(second))
    with run.method_calls():
        listed = {live.method_id for live in run.client.list_passes(second.account_id)}
    if first.method_id in listed:
        words = (
            "A second POST created a second pass beside the first. Tell the maintainers: no document says so."
        )
        return Finding(State.ATTENTION, "both live", words, _facts_of(second))
    return Finding(State.ANSWERED, "replaced", "A second POST replaced the first pass.", _facts_of(second))


@needs_probe_account
def check_refused_lifetime(run: ProofRun) -> Finding:
    """Does the portal still recognise why Microsoft refuses? A lifetime below ten minutes is allowed nowhere."""
    probe = request_pass(run, run.probe_account, check="refused_lifetime", minutes=TOO_SHORT)
    if probe.answer == Answer.CREATED:
        words = f"Microsoft created a pass of {TOO_SHORT} minutes, less than its documents allow."
        return Finding(State.ATTENTION, "created", words, _facts_of(probe))
    reason = _refusal_of(probe)
    words = f"{_words_of(probe)} The portal reads the reason as: {reason or 'unknown'}."
    state = State.ANSWERED if reason == "lifetime" else State.ATTENTION
    return Finding(state, reason or _answer_of(probe), words, _facts_of(probe))


@needs_probe_account
def check_deletion(run: ProofRun) -> Finding:
    """Delete every probe pass, and look until Microsoft's list no longer shows it."""
    asked = ProbePass.objects.filter(account_id=run.probe_account, ended_at=None).count()
    began, left = clock.now(), delete_all(run)
    seconds = round((clock.now() - began).total_seconds())
    facts = {"asked": asked, "left": [str(probe.pk) for probe in left], "seconds": seconds}
    if not asked:
        return skipped("There is no test pass to delete.")
    if left:
        words = "Microsoft's list does not show yet that all test passes are gone. The worker continues."
        return Finding(State.ATTENTION, "not seen", words, facts)
    return Finding(
        State.ANSWERED, "seen", f"All are deleted. The list shows none of them after {seconds} s.", facts
    )


def delete_all(run: ProofRun) -> list[ProbePass]:
    """Delete the probe passes of this and of earlier runs. Returns those still listed; the worker continues."""
    for _ in range(LOOKS):
        left = [probe for probe in cleaning.open_probes() if not _is_gone(run, probe)]
        # A pass of a request without an answer may appear for a quarter of an hour: that is for the worker.
        if all(not probe.method_id and probe.answer in {Answer.NONE, Answer.UNKNOWN} for probe in left):
            return left
        run.pause(LOOK_AGAIN)
    return left


def _is_gone(run: ProofRun, probe: ProbePass) -> bool:
    try:
        for _ in range(LOOKS):
            try:
                return cleaning.clean_up(probe)
            except JobPostponed as later:  # no call is free
                run.pause(later.delay.total_seconds())
    except graph.Throttled as error:
        run.pause(error.retry_after)
    except graph.GraphError:
        run.pause(LOOK_AGAIN)
    return False


def _answer_of(probe: ProbePass) -> str:
    return _refusal_of(probe) or str(probe.answer)


def _refusal_of(probe: ProbePass) -> str:
    return str(_event_of(probe).get("refusal", ""))


def _event_of(probe: ProbePass) -> dict[str, object]:
    """Return the facts of what Microsoft answered, as the audit log has them."""
    found = AuditEvent.objects.filter(event=f"probe.{probe.answer}", issue=str(probe.pk)).last()
    return dict(found.facts) if found else {}


def _words_of(probe: ProbePass) -> str:
    facts = _event_of(probe)
    match probe.answer:
        case Answer.REFUSED:
            return f"Microsoft answered {facts.get('status')} {facts.get('graph')}."
        case Answer.NOT_SENT:
            return "Microsoft could not be reached, so nothing was sent."
    return "Microsoft's answer does not show a usable pass. The worker looks for it and deletes it."


def _facts_of(probe: ProbePass) -> dict[str, object]:
    facts = _event_of(probe)
    kept = {
        name: facts[name] for name in ("status", "graph", "graph_request_id", "refusal") if facts.get(name)
    }
    return {"client_request_id": str(probe.pk), **kept}


PROBES = (
    Check("eligibility", "For which accounts does the portal refuse a pass?", check_eligibility, "reads"),
    # First, because with a valid pass on the account Microsoft might refuse for that.
    Check("refused_lifetime", "Does the portal recognise why Microsoft refuses?", check_refused_lifetime, "probes"),
    Check("creation", "Does Microsoft create a pass?", check_creation, "probes"),
    Check("listing", "How long until the list shows a new pass?", check_listing, "probes"),
    Check("second_post", "What does a second POST do?", check_second_post, "probes"),
    Check("deletion", "Does the list stop showing a deleted pass?", check_deletion, "probes"),
)  # fmt: skip
