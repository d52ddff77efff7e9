"""The state machines of a starter and of a pass issue, as tables. This module imports no other module of the portal.

`transitions.py` is the only writer of a state and follows these tables. The diagrams in
`docs/explanation/hand-over.md` are generated from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

State = TypeVar("State", bound=StrEnum)


class StarterState(StrEnum):
    RECORDED = "recorded"
    INVITED = "invited"
    ISSUED = "issued"
    REGISTERED = "registered"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class IssueState(StrEnum):
    ISSUING = "issuing"
    SHOWN = "shown"
    HELD = "held"
    CLOSED = "closed"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    VOID = "void"
    REVOKING = "revoking"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Move(Generic[State]):
    """One permitted move: who makes it, and in which case."""

    source: State
    target: State
    who: str
    when: str


STARTER_MOVES: tuple[Move[StarterState], ...] = (
    Move(StarterState.RECORDED, StarterState.INVITED, "portal or HR", "the link is due, or HR sends it now"),
    Move(
        StarterState.INVITED,
        StarterState.ISSUED,
        "portal",
        "the manager confirmed, and the pass was recorded",
    ),
    Move(
        StarterState.ISSUED, StarterState.REGISTERED, "portal", "the directory shows the starter's own method"
    ),
    Move(
        StarterState.ISSUED,
        StarterState.INVITED,
        "portal",
        "the pass was cancelled, lost, has expired or led to nothing",
    ),
    Move(StarterState.RECORDED, StarterState.WITHDRAWN, "HR", "HR withdraws the starter"),
    Move(StarterState.INVITED, StarterState.WITHDRAWN, "HR", "HR withdraws the starter"),
    Move(
        StarterState.ISSUED,
        StarterState.WITHDRAWN,
        "HR",
        "HR withdraws the starter, and its pass is deleted first",
    ),
    *(
        Move(state, StarterState.LAPSED, "portal", "the window closed 30 days ago without a result")
        for state in (StarterState.RECORDED, StarterState.INVITED, StarterState.ISSUED)
    ),
    Move(
        StarterState.INVITED,
        StarterState.RECORDED,
        "HR",
        "HR chooses another account, or another system changes what HR accepted, and everything is checked again",
    ),
    Move(
        StarterState.WITHDRAWN,
        StarterState.RECORDED,
        "HR",
        "HR undoes the withdrawal in time, and everything starts again",
    ),
)

ISSUE_MOVES: tuple[Move[IssueState], ...] = (
    Move(IssueState.ISSUING, IssueState.SHOWN, "portal", "Graph's answer was checked and recorded"),
    Move(IssueState.ISSUING, IssueState.REJECTED, "portal", "nothing was sent"),
    Move(
        IssueState.ISSUING,
        IssueState.UNKNOWN,
        "portal",
        "Graph said no, or nothing clear, or the lease ran out: its list decides",
    ),
    Move(IssueState.SHOWN, IssueState.HELD, "manager's page", "the receipt: the pass is on a screen"),
    Move(
        IssueState.SHOWN,
        IssueState.REVOKING,
        "portal or manager",
        "no receipt in time, or not seen, or stopped",
    ),
    Move(
        IssueState.HELD,
        IssueState.REVOKING,
        "manager or HR",
        "the pass was lost, the starter withdrawn, or the emergency stop used",
    ),
    Move(IssueState.HELD, IssueState.CLOSED, "portal", "used, expired, or replaced by another tool"),
    Move(IssueState.REVOKING, IssueState.REVOKED, "portal", "the pass is gone from the account"),
    Move(
        IssueState.UNKNOWN,
        IssueState.REJECTED,
        "portal",
        "Graph had said no, and its list shows no pass of ours",
    ),
    Move(IssueState.UNKNOWN, IssueState.VOID, "portal", "twice nothing was found: no pass was made"),
    Move(IssueState.UNKNOWN, IssueState.REVOKED, "portal", "a pass was found and deleted"),
)

UNFINISHED = frozenset({StarterState.RECORDED, StarterState.INVITED, StarterState.ISSUED})
# A pass of ours may be alive in these; an account has at most one such issue.
OPEN_ISSUE = frozenset(
    {IssueState.ISSUING, IssueState.UNKNOWN, IssueState.SHOWN, IssueState.HELD, IssueState.REVOKING}
)
# From here on an issue counts against the attempts that policy allows, unless Graph said no.
COUNTED_ON = frozenset({IssueState.SHOWN, IssueState.UNKNOWN})


class NotPermitted(Exception):
    """A move that the tables do not have."""

    def __init__(self, source: StrEnum, target: StrEnum) -> None:
        super().__init__(f"{type(source).__name__}: {source} cannot become {target}")


def check_starter_move(source: StarterState, target: StarterState) -> None:
    """Raise NotPermitted unless the table of starters has this move."""
    _require_permitted(STARTER_MOVES, source, target)


def check_issue_move(source: IssueState, target: IssueState) -> None:
    """Raise NotPermitted unless the table of pass issues has this move."""
    _require_permitted(ISSUE_MOVES, source, target)


def _require_permitted(table: tuple[Move[State], ...], source: State, target: State) -> None:
    if not any(move.source == source and move.target == target for move in table):
        raise NotPermitted(source, target)


def draw_diagram(table: tuple[Move[State], ...]) -> str:
    """The table as a Mermaid state diagram, for the documents."""
    sources = {move.source for move in table}
    lines = ["stateDiagram-v2", f"    [*] --> {table[0].source}"]  # a table begins where all begin
    # Mermaid ends a label at a colon or a semicolon, so it gets a comma.
    labels = (f"{move.when} ({move.who})".replace(":", ",") for move in table)
    lines += [
        f"    {move.source} --> {move.target} : {label}" for move, label in zip(table, labels, strict=True)
    ]
    lines += [
        f"    {end} --> [*]" for end in dict.fromkeys(move.target for move in table) if end not in sources
    ]
    return "\n".join(lines)
