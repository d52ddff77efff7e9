"""The rule that accepts proposals: two admins agreed to it, and both count as those who added the starter."""

from __future__ import annotations

from collections.abc import Sequence

from onboarding import audit, clock, guards, jobs, policy
from onboarding.guards import daily_limits
from onboarding.models import Job, Starter, Ticket
from onboarding.starters.directory import FoundAccount
from onboarding.starters.duplicates import find_duplicates
from onboarding.transitions import move_starter

ACCEPTED = "starter.accepted_by_rule"
WAITS = "recorder_is_a_person"  # the refusal that the rule resolves


def accept_by_rule(starter: Starter, refusing: Sequence[guards.Guard], found: FoundAccount) -> bool:
    """Accept a proposal if the policy says so and nothing is doubtful. The others wait for HR.

    The two admins who agreed to the rule cannot confirm the starter, be the starter, or be the manager.
    """
    people = policy.find_two_people("accept_proposals")
    if people is None or {guard.code for guard in refusing} - {WAITS} or found.manager is None:
        return False
    author, second = people
    if {author.oid, second.oid} & {found.account.object_id, found.manager.object_id}:
        return False
    if any(other.starter.pk != starter.pk for other in find_duplicates(found.account)):
        return False
    with audit.transaction():
        if not daily_limits.is_recorder_below_limit(author, policy.for_starter(starter)):
            return False
        move_starter(
            starter,
            None,
            event=ACCEPTED,
            changes={
                "recorded_by": author,
                "recorded_at": clock.now(),
                "shaped_by": sorted({author.oid, second.oid}),
            },
            facts={"source": starter.source},
            personal={"author": author.oid, "second": second.oid},
        )
        Ticket.objects.filter(starter=starter).update(accepted_at=clock.now())
        jobs.enqueue_job(f"look:{starter.pk}", priority=Job.Priority.LOOK)
    return True
