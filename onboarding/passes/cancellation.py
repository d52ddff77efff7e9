"""Cancelling a pass: the decision. The reconciler then deletes it at Microsoft."""

from __future__ import annotations

from typing import Any

from onboarding import audit, clock, jobs
from onboarding.lifecycle import IssueState
from onboarding.models import PassIssue
from onboarding.models.job import Job
from onboarding.transitions import move_issue


@audit.transaction()
def cancel_pass(issue: PassIssue, *, reason: str, by: Any | None = None) -> None:
    """Cancel a pass. The worker deletes it until it is gone. Raises ConcurrentUpdate, NotPermitted."""
    move_issue(
        issue,
        IssueState.REVOKING,
        event="issue.revoking",
        by=by,
        changes={"reason": reason, "revoking_at": clock.now()},
    )
    jobs.enqueue_job(f"issue:{issue.pk}", priority=Job.Priority.PASS)
