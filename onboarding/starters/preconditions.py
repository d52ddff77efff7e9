"""Preconditions of HR's changes to a starter."""

from __future__ import annotations

from typing import Any

from onboarding.errors import ConcurrentUpdate
from onboarding.lifecycle import StarterState
from onboarding.models import Starter
from onboarding.starters.errors import OwnStarter

CHANGEABLE = frozenset({StarterState.RECORDED, StarterState.INVITED})  # before the manager requests a pass


def require_no_pass_yet(starter: Starter) -> None:
    """Raise ConcurrentUpdate if the manager has requested a pass, or the onboarding is finished."""
    if starter.state not in CHANGEABLE:
        raise ConcurrentUpdate("the onboarding has gone further, or is finished")


def require_other_manager(starter: Starter, by: Any) -> None:
    """Raise OwnStarter for the manager or stand-in: HR people who change a starter cannot confirm it."""
    if by.oid in {starter.manager_id, starter.stand_in_id}:
        raise OwnStarter


def contributors_with(starter: Starter, by: Any) -> list[str]:
    """Return the stored contributor ids with this person added. An application is not a person."""
    return sorted({*starter.shaped_by, *([by.oid] if is_person(by) else [])})


def is_person(by: Any) -> bool:
    """Return whether a person acts, and not an application by itself."""
    return bool(getattr(by, "is_person", True))
