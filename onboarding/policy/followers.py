"""Functions that run at each change of the policy, in the transaction of the change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from onboarding.models import EffectivePolicy, PolicyVersion


class ChangeKind(StrEnum):
    """What happened to a version of the policy."""

    IN_FORCE = "in_force"  # added, and in force at once
    DRAFT = "draft"  # added, and waits for a second admin
    ACTIVATED = "activated"  # a draft is in force
    SCHEDULED = "scheduled"  # a draft comes into force later
    STOPPED = "stopped"  # it does not
    DUE = "due"  # its time has come, and it is in force


@dataclass(frozen=True)
class PolicyChange:
    """One change. `before` and `after` are the policies of the site or the department without and with it."""

    kind: ChangeKind
    version: PolicyVersion
    before: EffectivePolicy
    after: EffectivePolicy
    by_name: str
    reason: str
    in_force_at: datetime | None = None


Follower = Callable[[PolicyChange], None]
_followers: list[Follower] = []


def add_follower(follower: Follower) -> None:
    """Call this function with each change, in its transaction."""
    if follower not in _followers:
        _followers.append(follower)


def notify_followers(change: PolicyChange) -> None:
    for follower in _followers:
        follower(change)
