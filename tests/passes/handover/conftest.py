"""A stopped clock, and an issue whose intent is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from onboarding.models import PassIssue
from onboarding.passes import graph_quota
from onboarding.passes.claim import claim_issue
from onboarding.passes.handover import check_ready


@pytest.fixture(autouse=True)
def moment() -> Iterator[Any]:
    """Stops the clock, so that a test can set a time to the second."""
    with time_machine.travel(datetime.now(UTC).replace(microsecond=0), tick=False) as traveller:
        yield traveller


@pytest.fixture
def claimed(invite: Any, confirmation: Any) -> Callable[..., PassIssue]:
    """Writes the intent. Nothing has been sent yet."""

    def claim(key: str = "noor") -> PassIssue:
        click = confirmation(invite(key))
        return claim_issue(click, *check_ready(click, graph_quota.IssueCalls()))

    return claim
