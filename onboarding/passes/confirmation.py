"""What goes into a hand-over and what comes out of it: the manager's confirmation, and the pass to show."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from onboarding import graph
from onboarding.guards.step_up import Proof
from onboarding.models import PassIssue, Starter


@dataclass(frozen=True)
class Confirmation:
    """What the manager saw and chose, as the form sent it."""

    starter: Starter
    person: Any
    signed_in_at: datetime | None
    identity_check: str
    starter_version: int
    policy_key: int
    replacing: frozenset[str] = frozenset()  # passes of other tools, by method id
    proof: Proof | None = None  # of a sign-in for this starter, if the policy asks for one
    session_key: str | None = None  # of the click; None if it came from no browser


@dataclass(frozen=True, slots=True)
class Shown:
    """The pass for the one response that may carry it. Its `repr` hides the code."""

    issue: PassIssue
    code: graph.PassCode = field(repr=False)
    valid_until: datetime
    # When it was last read that nobody has signed in, if the click could not read it again.
    sign_ins_read_at: datetime | None = None


@dataclass(frozen=True)
class ForeignPass:
    """A live pass that the portal did not create: the details that a manager needs to decide about it."""

    method_id: str
    made_at: datetime
    ends_at: datetime
    once: bool

    @classmethod
    def from_live_pass(cls, live: graph.LivePass) -> ForeignPass:
        return cls(live.method_id, live.created_at, live.ends_at, live.usable_once is True)
