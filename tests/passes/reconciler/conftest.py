"""Issues for the reconciler, with a stopped clock and without a quota."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from onboarding.lifecycle import IssueState
from onboarding.models import PassIssue, Starter
from onboarding.passes.cancellation import cancel_pass
from onboarding.passes.errors import PassNotCreated
from tests.passes.reconciler.reconciling import Reason
from tests.support.outcomes import outcome_of


@pytest.fixture(autouse=True)
def traveller() -> Iterator[Any]:
    with time_machine.travel(datetime.now(UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def no_quota(settings: Any) -> None:
    """Lift the quota. `test_reading.py` and `test_graph_quota.py` test it."""
    settings.GRAPH_BUDGET_CALLS = 1000


@pytest.fixture
def unknown(
    fault: Any, invite: Callable[..., Starter], confirmation: Callable[..., Any]
) -> Callable[..., PassIssue]:
    """An issue whose response was lost. With `made`, there is a pass that nobody saw."""

    def lost(*, made: bool = True, **entry: Any) -> PassIssue:
        fault(method="POST", drop="after" if made else "before", **entry)
        outcome = outcome_of(confirmation(invite("noor")))
        assert isinstance(outcome, PassNotCreated)
        assert outcome.issue.state == IssueState.UNKNOWN
        return outcome.issue

    return lost


@pytest.fixture
def revoking(held: Callable[..., PassIssue]) -> PassIssue:
    issue = held()
    cancel_pass(issue, reason=Reason.LOST, by=issue.actor)
    return issue
