"""Step-up: a manager's sign-in for one pass. The policy can require it, and each proof is used once.

The portal's sign-in asks here which authentication context a purpose needs, and stores the proof in the session. The
purpose is a starter: a proof for one starter is not valid for another.
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

KEEP_USED_PROOFS = timedelta(days=1)  # no policy accepts a proof that is older than an hour


class ProofAlreadyUsed(Exception):
    """This proof was already used for a pass."""


@dataclass(frozen=True)
class Proof:
    """The proof that a person signed in for one starter: when, and with which authentication contexts."""

    id: str
    starter: str  # the public id
    oid: str
    contexts: tuple[str, ...]
    at: datetime


def context_for(purpose: str, *, person: Any) -> str:
    """Return the authentication context that a pass for this starter needs, empty if the policy asks for none.

    Raises Http404 if the person is not the manager, as for a starter that does not exist.
    """
    starter = starter_of_manager(person, purpose, guarded=True)  # the confirmation asks the directory itself
    return policy.for_starter(starter).step_up_context


def proof_for(starter: Starter, kept: Mapping[str, Any]) -> Proof | None:
    """Return the session's proof for this starter, or None if there is none or it is malformed."""
    try:
        found = kept[starter.public_id]
        moment = datetime.fromtimestamp(found["at"], UTC)
        return Proof(found["id"], found["for"], found["oid"], tuple(found["contexts"]), moment)
    except (LookupError, TypeError, ValueError, OverflowError, OSError):
        return None


def is_valid_proof(
    proof: Proof | None, *, starter: Starter, person: Any, rules: EffectivePolicy, now: datetime
) -> bool:
    """Return whether the proof is this person's, for this starter, recent and unused, or the policy asks for none."""
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
    """Return whether the sign-in is recent. Up to two minutes of clock difference are allowed."""
    return timedelta(minutes=-2) <= now - moment <= rules.sign_in_max_age


def consume_proof(
    proof: Proof | None, *, starter: Starter, person: Any, rules: EffectivePolicy, now: datetime
) -> None:
    """Use up the proof. Call this in the transaction that claims the pass. Raises ProofAlreadyUsed."""
    if not rules.step_up_context:
        return
    if proof is None or not is_valid_proof(proof, starter=starter, person=person, rules=rules, now=now):
        raise ProofAlreadyUsed
    try:
        StepUpUsed.objects.create(proof=proof.id, used_at=now)
    except IntegrityError:
        raise ProofAlreadyUsed from None


def delete_used_proofs(now: datetime) -> None:
    StepUpUsed.objects.filter(used_at__lt=now - KEEP_USED_PROOFS).delete()
