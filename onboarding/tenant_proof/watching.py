"""What a person does and the command only watches: a new permission, and a real hand-over to a test starter."""

from __future__ import annotations

from datetime import datetime

from onboarding import clock
from onboarding.graph.diagnostics.probes import Diagnosis
from onboarding.lifecycle import StarterState
from onboarding.models import AuditEvent, Starter
from onboarding.tenant_proof.findings import Check, Finding, State
from onboarding.tenant_proof.run import ProofRun

LOOK_EVERY = 15.0  # seconds
HAND_OVER = (
    "Three testers do a real hand-over: one as HR, one as manager, one as starter, with Conditional Access as on a first "
    "day. Run the command with --watch-handover and the starter's account."
)
SEEN = ("issue.intent", "issue.shown", "issue.held", "issue.used", "starter.registered")
ENDED = (StarterState.REGISTERED, StarterState.WITHDRAWN, StarterState.LAPSED)


def check_grant(run: ProofRun) -> Finding:
    """Wait until a fresh token contains a permission that somebody grants now."""
    permission = run.watched_permission
    if not permission:
        words = "To measure it, run the command with --watch-grant PERMISSION, then grant that permission."
        return Finding(State.PERSON, "not measured", words)
    began = clock.now()
    run.say(f"Grant {permission} now. Waiting until a token contains it.")
    while (seconds := (clock.now() - began).total_seconds()) <= run.watch_seconds:
        if permission in Diagnosis(run.client).read_identity().permissions:
            facts = {"permission": permission, "seconds": round(seconds)}
            words = f"A token contains {permission} {seconds:.0f} s after the command began."
            return Finding(State.ANSWERED, "counts", words, facts)
        run.pause(LOOK_EVERY)
    words = f"After {run.watch_seconds:.0f} s no token contains {permission}. Run the command again later."
    return Finding(State.OPEN, "not yet", words, {"permission": permission})


def check_handover(run: ProofRun) -> Finding:
    """Watch one starter: was the pass used, and did Conditional Access let the starter register a method?"""
    if not run.watched_starter:
        return Finding(State.PERSON, "not done", HAND_OVER)
    began, seen = clock.now(), set[str]()
    while True:
        starter = Starter.objects.filter(account_id=run.watched_starter).order_by("-recorded_at").first()
        for event in _new_events(starter, seen):
            seen.add(event)
            run.say(f"Seen: {event}.")
        if starter is not None and starter.state in ENDED:
            break
        if (clock.now() - began).total_seconds() > run.watch_seconds:
            break
        run.pause(LOOK_EVERY)
    return _result(seen, began)


def _new_events(starter: Starter | None, seen: set[str]) -> list[str]:
    if starter is None:
        return []
    events = AuditEvent.objects.filter(starter=starter.public_id, event__in=SEEN).order_by("seq")
    return [name for name in dict.fromkeys(events.values_list("event", flat=True)) if name not in seen]


def _result(seen: set[str], began: datetime) -> Finding:
    facts = {
        "seen": [name for name in SEEN if name in seen],
        "seconds": round((clock.now() - began).total_seconds()),
    }
    if "starter.registered" in seen:
        words = (
            "The starter used the pass and registered a sign-in method. Conditional Access lets a starter in."
        )
        return Finding(State.ANSWERED, "registered", words, facts)
    if "issue.used" in seen:
        words = (
            "The pass was used, but no sign-in method was registered. Check the Conditional Access policy for “Register "
            "security information”, also for Windows Hello and macOS."
        )
        return Finding(State.ATTENTION, "used, not registered", words, facts)
    if "issue.held" in seen:
        words = (
            "The pass reached the manager, but was not used. Look at the starter's sign-in error in Entra."
        )
        return Finding(State.ATTENTION, "not used", words, facts)
    return Finding(State.OPEN, "no pass", "Nobody created a pass while the command watched.", facts)


WATCHED = (
    Check("grant", "How long does a new permission really take?", check_grant, "person"),
    Check("handover", "Does Conditional Access let a starter register?", check_handover, "person"),
)
# What neither the command nor the portal finds out. The report lists it each time.
FOR_A_PERSON = (
    "Open the portal's mailbox, and another one that got an email of the portal: did both arrive?",
    "Delete a pass while its starter is signed in: does the session end? The portal never counts on it.",
    "Ask for a sign-in with max_age=0 for a step-up: does Conditional Access ask each time?",
    "Is a POST for an administrator refused? The portal sends none. Put them into a restricted management administrative unit.",
)
