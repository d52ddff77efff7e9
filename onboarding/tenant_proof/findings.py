"""What a check of the tenant is, and what it found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    ANSWERED = "answered"  # the tenant answered, and the portal can work with the answer
    ATTENTION = "attention"  # the tenant answered, and somebody must do something about it
    OPEN = "no answer"  # the question was asked and is open, as `words` says: run the check again
    SKIPPED = "skipped"  # nobody asked this question, or there is nothing to ask about: `words` says which
    PERSON = "for a person"  # only a person can find this out


@dataclass(frozen=True)
class Finding:
    """`answer` is one word for a machine. `facts` hold codes, ids, counts and times, never a code of a pass or a name."""

    state: State
    answer: str
    words: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One question about the tenant. `run` gets the run, asks the tenant, and may raise GraphError."""

    name: str
    question: str
    run: Callable[[Any], Finding]
    group: str  # reads, probes, mail or person


def skipped(words: str) -> Finding:
    return Finding(State.SKIPPED, "skipped", words)
