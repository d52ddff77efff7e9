"""The outcome of a confirmation: the pass that is shown, or the exception with the reason why there is none."""

from __future__ import annotations

from onboarding.passes import handover
from onboarding.passes.confirmation import Confirmation, Shown
from onboarding.passes.errors import PassNotIssued


def outcome_of(confirmation: Confirmation) -> Shown | PassNotIssued:
    """Confirm, and return the exception instead of raising it."""
    try:
        return handover.confirm(confirmation)
    except PassNotIssued as error:
        return error
