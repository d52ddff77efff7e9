"""The allowed transitions are exactly those of the tables, for every pair of states."""

from __future__ import annotations

from itertools import product

import pytest

from onboarding.lifecycle import (
    COUNTED_ON,
    ISSUE_MOVES,
    OPEN_ISSUE,
    STARTER_MOVES,
    UNFINISHED,
    IssueState,
    NotPermitted,
    StarterState,
    check_issue_move,
    check_starter_move,
)
from onboarding.models import PassIssue, Starter

STARTER = {
    ("recorded", "invited"), ("invited", "issued"), ("issued", "registered"), ("issued", "invited"),
    ("recorded", "withdrawn"), ("invited", "withdrawn"), ("issued", "withdrawn"),
    ("recorded", "lapsed"), ("invited", "lapsed"), ("issued", "lapsed"),
    ("invited", "recorded"), ("withdrawn", "recorded"),
}  # fmt: skip
ISSUE = {
    ("issuing", "shown"), ("shown", "held"), ("held", "closed"), ("issuing", "rejected"), ("issuing", "unknown"),
    ("shown", "revoking"), ("held", "revoking"), ("revoking", "revoked"), ("unknown", "void"), ("unknown", "revoked"),
    ("unknown", "rejected"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "target"), product(StarterState, StarterState))
def test_only_the_listed_starter_transitions_are_allowed(source, target):
    if (source.value, target.value) in STARTER:
        check_starter_move(source, target)
    else:
        with pytest.raises(NotPermitted, match=f"{source} cannot become {target}"):
            check_starter_move(source, target)


@pytest.mark.parametrize(("source", "target"), product(IssueState, IssueState))
def test_only_the_listed_issue_transitions_are_allowed(source, target):
    if (source.value, target.value) in ISSUE:
        check_issue_move(source, target)
    else:
        with pytest.raises(NotPermitted):
            check_issue_move(source, target)


def test_every_state_is_reachable_and_every_open_state_has_exits():
    assert {move.target for move in STARTER_MOVES} == set(StarterState)
    assert {move.target for move in ISSUE_MOVES} == set(IssueState) - {"issuing"}
    assert {move.source for move in STARTER_MOVES} == UNFINISHED | {"withdrawn"}
    assert {move.source for move in ISSUE_MOVES} == OPEN_ISSUE


def test_a_finished_starter_stays_finished():
    assert {state for state in StarterState if state not in UNFINISHED} == {
        "registered",
        "withdrawn",
        "lapsed",
    }


def test_throttled_and_refused_attempts_do_not_count():
    assert {"shown", "unknown"} == COUNTED_ON


def test_the_models_have_the_same_states():
    assert set(Starter.State.values) == {state.value for state in StarterState}
    assert set(PassIssue.State.values) == {state.value for state in IssueState}
