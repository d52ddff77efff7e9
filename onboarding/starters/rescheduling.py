"""HR changes the start or the note."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, time
from typing import Any

from onboarding import audit, jobs
from onboarding.lifecycle import StarterState
from onboarding.mail import notifications
from onboarding.models import Starter
from onboarding.models.job import Job
from onboarding.starters import invitations
from onboarding.starters.preconditions import contributors_with, require_no_pass_yet, require_other_manager
from onboarding.transitions import move_starter


@dataclass(frozen=True)
class Schedule:
    """When a starter begins: local date and time, and the name of the time zone."""

    start_date: date
    start_time: time
    time_zone: str

    @classmethod
    def of_starter(cls, starter: Starter) -> Schedule:
        return cls(starter.start_date, starter.start_time, starter.time_zone)


def reschedule_starter(*, starter: Starter, schedule: Schedule, note: str, by: Any) -> None:
    """Change the start or the note. Mails and jobs follow the new start. Raises OwnStarter, ConcurrentUpdate."""
    require_no_pass_yet(starter)
    require_other_manager(starter, by)
    moved = Starter(**asdict(schedule))
    reset: dict[str, Any] = {}
    notified = False
    with audit.transaction():
        if moved.start_local != starter.starts_at or schedule.start_date != starter.start_date:
            notified = notifications.is_confirmer_notified(starter)
            notifications.cancel_unsent(starter)
            reset = {"reminded_for": None, "escalated_for": None, "schedule": starter.schedule + 1}
        move_starter(
            starter,
            None,
            event="starter.rescheduled",
            by=by,
            changes={
                **asdict(schedule),
                "starts_at": moved.start_local,
                **reset,
                "shaped_by": contributors_with(starter, by),
                "note": note,
            },
            facts=schedule_facts(moved),
        )
        if reset and starter.state == StarterState.INVITED:
            _notify_of_move(starter, notified=notified)
        jobs.enqueue_job(f"look:{starter.pk}", priority=Job.Priority.LOOK)


def _notify_of_move(starter: Starter, *, notified: bool) -> None:
    """Email the new start to the person who knows the old one. An unsent link is written again, with the new start."""
    if notified:
        notifications.write_start_moved(starter)
    else:
        notifications.write_invitation(starter, number=invitations.next_invitation_number(starter))


def schedule_facts(starter: Starter) -> dict[str, str]:
    """Return the start for an audit event."""
    return {"start": f"{starter.start_date} {starter.start_time:%H:%M}", "zone": starter.time_zone}
