"""Step 6 of the hand-over: the page reports that the pass is on a screen."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from onboarding import audit, clock, jobs
from onboarding.errors import ConcurrentUpdate
from onboarding.lifecycle import IssueState
from onboarding.models import PassIssue
from onboarding.models.job import Job
from onboarding.transitions import move_issue


@audit.transaction()
def confirm_receipt(issue: PassIssue, *, by: Any) -> bool:
    """Record that the page shows the pass. Returns False if it is too late, and the page must wipe itself."""
    if issue.state == IssueState.HELD:
        return True
    if issue.state != IssueState.SHOWN:
        return False
    now = clock.now()
    try:
        move_issue(
            issue,
            IssueState.HELD,
            event="issue.held",
            by=by,
            provided=Q(receipt_until__gte=now),
            changes={"held_at": now},
        )
    except ConcurrentUpdate:
        issue.refresh_from_db()
        return issue.state == IssueState.HELD
    jobs.enqueue_job(f"issue:{issue.pk}", priority=Job.Priority.WATCH)
    return True
