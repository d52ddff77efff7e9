"""A manager's sign-in of its own for one pass: when policy asks for it, what makes it good, and that it is used once.

The site's sign-in asks here what a purpose needs, and leaves the proof in the session. A purpose is a starter: what
was proven for one opens nothing for another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import IntegrityError

from onboarding import policy
from onboarding.models import EffectivePolicy, Starter, StepUpUsed
from onboarding.permissions import starter_of_manager

FORGOTTEN_AFTER = timedelta(days=1)  # no policy lets a proof live longer than an hour


class ProofAlreadyUsed(Exception):
    """This proof has given a pass already."""


@dataclass(frozen=True)
class Proof:
    """That a person signed in for one starter, when, and which authentication contexts they met."""

    id: str
    starter: str  # the public id
    oid: str
    contexts: tuple[str, ...]
    at: datetime


def context_for(purpose: str, *, person: Any) -> str:
    """The authentication context that a pass for this starter needs; empty where policy asks for none.

    Raises Http404 for whoever is not the manager, as for a starter that does not exist.
    """
    starter = starter_of_manager(person, purpose, guarded=True)  # the confirmation asks the directory itself
    return policy.for_starter(starter).step_up_context


def proof_for(starter: Starter, kept: Mapping[str, Any]) -> Proof | None:
    """The session's proof for this starter, if it makes sense."""
    try:
        found = kept[starter.public_id]
        moment = datetime.fromtimestamp(found["at"], UTC)
        return Proof(found["id"], found["for"], found["oid"], tuple(found["contexts"]), moment)
    except (LookupError, TypeError, ValueError, OverflowError, OSError):
        return None


def is_valid_proof(
    proof: Proof | None, *, starter: Starter, person: Any, rules: EffectivePolicy, now: datetime
) -> bool:
    """Whether policy asks for none, or this one is of this person for this starter, recent and unused."""
    if not rules.step_up_context:
        return True
    return (
        proof is not None
        and rules.step_up_context in proof.contexts
        and proof.starter == starter.public_id
        and proof.oid == person.oid
        and is_recent(proof.at, rules, now)
        and not StepUpUsed.objects.filter(proof=proof.id).exists()
    )


def is_recent(moment: datetime, rules: EffectivePolicy, now: datetime) -> bool:
    """Two minutes of clock difference are forgiven, a time far ahead is not."""
    return timedelta(minutes=-2) <= now - moment <= rules.sign_in_max_age


def consume_proof(
    proof: Proof | None, *, starter: Starter, person: Any, rules: EffectivePolicy, now: datetime
) -> None:
    """Spend it, in the transaction that claims the pass: with that it is spent, or neither is. Raises Used."""
    if not rules.step_up_context:
        return
    if proof is None or not is_valid_proof(proof, starter=starter, person=person, rules=rules, now=now):
        raise ProofAlreadyUsed
    try:
        StepUpUsed.objects.create(proof=proof.id, used_at=now)
    except IntegrityError:
        raise ProofAlreadyUsed from None


def delete_used_proofs(now: datetime) -> None:
    StepUpUsed.objects.filter(used_at__lt=now - FORGOTTEN_AFTER).delete()
