"""HR allows one more pass after all passes that the policy allows were used."""

from __future__ import annotations

from typing import Any

from onboarding import policy
from onboarding.errors import ConcurrentUpdate
from onboarding.lifecycle import StarterState
from onboarding.models import Starter
from onboarding.sessions.freshness import require_enabled_account, require_fresh_sign_in
from onboarding.starters.preconditions import contributors_with, require_other_manager
from onboarding.transitions import move_starter


def allow_another(*, starter: Starter, by: Any, reason: str) -> None:
    """Allow one more pass. Raises SignInNotFresh, ActorDisabled, OwnStarter, ConcurrentUpdate, GraphError."""
    require_fresh_sign_in(by, starter)
    if not can_allow_another(starter):
        raise ConcurrentUpdate("no other pass is needed, or none can be made for this starter")
    require_other_manager(starter, by)
    require_enabled_account(by)
    move_starter(
        starter,
        None,
        event="starter.another_allowed",
        by=by,
        changes={"extra_attempts": starter.extra_attempts + 1, "shaped_by": contributors_with(starter, by)},
        personal={"reason": reason},
    )


def can_allow_another(starter: Starter) -> bool:
    """Return whether the manager waits and has no passes left."""
    return (
        starter.state == StarterState.INVITED
        and policy.attempts_left(starter, policy.for_starter(starter)) <= 0
    )
