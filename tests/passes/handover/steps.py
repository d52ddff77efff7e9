"""What the tests of the hand-over share: its records, its errors, and a database that refuses an event."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from onboarding import audit
from onboarding.models import AuditEvent, GraphBudget, Job, PassIssue
from onboarding.passes.errors import PassNotIssued

PASSES = "temporaryAccessPassMethods"


SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


Reason = PassIssue.Reason


def used_calls() -> int:
    """How many calls of the quota are used."""
    return len(GraphBudget.objects.get().recent)


def get_event(event: str) -> AuditEvent:
    return AuditEvent.objects.select_related("detail").get(event=event)


def job_of(issue: PassIssue, priority: Job.Priority = Job.Priority.PASS) -> Job:
    return Job.objects.get(key=f"issue:{issue.pk}", done_at=None, priority=priority)


def reload(issue: PassIssue) -> PassIssue:
    return PassIssue.objects.get(pk=issue.pk)


def error_of(step: Callable[..., Any], *args: Any) -> Any:
    """The error with which this step ends the confirmation."""
    with pytest.raises(PassNotIssued) as stop:
        step(*args)
    return stop.value


def fail_event(monkeypatch: pytest.MonkeyPatch, event: str, error: type[Exception]) -> None:
    """From now on the database refuses this event."""
    write = audit.record

    def refuses(name: str, **kwargs: Any) -> Any:
        if name == event:
            raise error("disk I/O error")
        return write(name, **kwargs)

    monkeypatch.setattr(audit, "record", refuses)


def raise_always(error: type[Exception]) -> Callable[..., None]:
    def fails(*args: Any, **kwargs: Any) -> None:
        raise error("a fault")

    return fails
