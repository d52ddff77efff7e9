"""Add the rows that HR wants, as a job. Each row is checked again and recorded by the services of HR's own form."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext_lazy as _

from onboarding import audit, clock, jobs
from onboarding.errors import OnboardingError
from onboarding.guards.daily_limits import DailyLimitReached
from onboarding.i18n import Words
from onboarding.imports import comparison
from onboarding.imports.comparison import Candidate
from onboarding.imports.dry_run import (
    BATCH,
    MAX_FAILURES,
    RETRY_AFTER,
    DirectorySilent,
    check_rows,
    save_rows,
    set_findings,
)
from onboarding.imports.findings import ROW, Finding
from onboarding.imports.header_names import NOTE
from onboarding.jobs import job_handler
from onboarding.models import ImportRow, Job, Starter, StarterImport
from onboarding.permissions import may_record
from onboarding.sessions.freshness import ActorDisabled, require_enabled_account
from onboarding.starters import directory, recording, rescheduling
from onboarding.starters.accounts import AccountEntry
from onboarding.starters.errors import OwnStarter, UnacknowledgedDuplicate

Phase, Status = StarterImport.Phase, ImportRow.Status
ADDABLE = (Status.GOOD, Status.QUESTION)
# The worker checks the starters of an import later, because the next rows would wait until it has checked those before.
CHECK_AFTER = timedelta(minutes=1)
# Why adding stopped early.
STOPS: dict[str, Words] = {
    "daily_limit": _(
        "The portal did not add all rows, because you have reached the daily limit for adding starters. Add the "
        "rest tomorrow, or ask an admin to raise the limit."
    ),
    "not_permitted": _(
        "The portal did not add all rows, because your account is disabled or you no longer have the HR role."
    ),
    "no_answer": _(
        "The portal did not add all rows, because Microsoft Entra does not respond. Try again later."
    ),
}


def add_rows(*, stored: StarterImport, chosen: Iterable[int], by: Any) -> int:
    """Queue these rows for adding, and return how many. Raises PermissionDenied for somebody else's import."""
    return _want(stored, by, pk__in=list(chosen), status__in=ADDABLE)


def add_group(*, stored: StarterImport, status: str, question: str, by: Any) -> int:
    """Queue all good rows, or all rows with one kind of question. Raises PermissionDenied for somebody else's import."""
    return _want(stored, by, status=status, question=question)


def _want(stored: StarterImport, by: Any, **rows: Any) -> int:
    if by.pk != stored.uploaded_by_id:
        raise PermissionDenied("The person who imports a list counts as the recorder.")
    with audit.transaction():
        wanted = stored.rows.filter(**rows).update(is_wanted=True)
        if wanted:
            _queue(stored)
    return wanted


def _queue(stored: StarterImport) -> None:
    stored.phase, stored.failures, stored.stopped, stored.touched_at = Phase.ADDING, 0, "", clock.now()
    stored.save()
    jobs.enqueue_job(f"import-add:{stored.pk}", priority=Job.Priority.LOOK)


@job_handler("import-add")
def add_next_rows(import_id: str) -> datetime | None:
    """Add the next rows, and return when to go on. A row that is not what HR saw gets its new findings instead."""
    stored = (
        StarterImport.objects.select_related("uploaded_by").filter(pk=import_id, phase=Phase.ADDING).first()
    )
    if stored is None:
        return None
    rows = list(stored.rows.filter(is_wanted=True)[:BATCH])
    if not rows:
        _finish(stored)
        return None
    try:
        _require_permission(stored)
        _add_batch(stored, rows)
    except (ActorDisabled, DailyLimitReached) as error:
        _finish(stored, stopped="not_permitted" if isinstance(error, ActorDisabled) else "daily_limit")
        return None
    except (DirectorySilent, directory.DirectoryError):
        return _retry(stored)
    stored.failures = 0
    stored.save(update_fields=["failures"])
    return clock.now()


def _retry(stored: StarterImport) -> datetime | None:
    if stored.failures >= MAX_FAILURES:
        _finish(stored, stopped="no_answer")
        return None
    stored.failures += 1
    stored.save(update_fields=["failures"])
    return clock.now() + RETRY_AFTER


def _require_permission(stored: StarterImport) -> None:
    """The person clicked some time ago. Raises ActorDisabled, GraphError."""
    by, ended = stored.uploaded_by, getattr(stored.uploaded_by, "sessions_ended_at", None)
    if not may_record(by) or (ended is not None and ended > stored.touched_at):
        raise ActorDisabled
    require_enabled_account(by)


def _finish(stored: StarterImport, *, stopped: str = "") -> None:
    with audit.transaction():
        stored.rows.filter(is_wanted=True).update(is_wanted=False)
        stored.phase, stored.stopped, stored.touched_at = Phase.CHECKED, stopped, clock.now()
        is_still_adding = StarterImport.objects.filter(pk=stored.pk, phase=Phase.ADDING).update(
            phase=stored.phase, stopped=stopped, touched_at=stored.touched_at
        )
        if not is_still_adding:  # HR has deleted the list, or changed its columns
            return
        counts = {
            status: stored.rows.filter(status=status).count() for status in (Status.ADDED, Status.MOVED)
        }
        facts = {"import": stored.public_id, **{str(name): count for name, count in counts.items()}}
        audit.record("import.added", by=stored.uploaded_by, facts=facts)


def _add_batch(stored: StarterImport, rows: list[ImportRow]) -> None:
    """Raises DailyLimitReached, DirectorySilent."""
    before = {row.pk: (row.status, row.findings, row.shown, row.values) for row in rows}
    candidates = check_rows(stored, rows)
    for first in range(0, len(candidates), recording.SAVED_TOGETHER):
        together = candidates[first : first + recording.SAVED_TOGETHER]
        _add_together(together, before, stored.uploaded_by)


def _add_together(candidates: list[Candidate], before: dict[int, Any], by: Any) -> None:
    """Add rows in one transaction. Each has a savepoint, so the others stay if one fails. Raises DailyLimitReached."""
    reached: DailyLimitReached | None = None
    entries = [_entry_of(candidate) for candidate in candidates]
    with recording.save_together(entries, check_after=CHECK_AFTER) as together:
        for candidate in candidates:
            row = candidate.row
            row.is_wanted = False
            if (row.status, row.findings, row.shown, row.values) != before[
                row.pk
            ] or row.status not in ADDABLE:
                save_rows([row])
                continue
            try:
                _add_row(candidate, by, together)
            except DailyLimitReached as error:
                reached = error
                break
    if reached:
        raise reached


def _add_row(candidate: Candidate, by: Any, together: recording.Together) -> None:
    """Record the row and its result together, or neither. Raises DailyLimitReached."""
    row = candidate.row
    try:
        with audit.transaction():
            row.status = Status.MOVED if row.starter_id else Status.ADDED
            if row.starter_id:
                _move_starter(candidate, by)
            else:
                row.starter_id = _record_starter(candidate, by, together).public_id
            row.question, row.findings = "", []
            save_rows([row])
    except OwnStarter:
        _refuse(row, Finding(candidate.column, "you_manage"))
    except (UnacknowledgedDuplicate, OnboardingError):
        _refuse(row, Finding(ROW, "changed"))


def _refuse(row: ImportRow, finding: Finding) -> None:
    set_findings(row, [finding])
    save_rows([row])


def _entry_of(candidate: Candidate) -> AccountEntry:
    return AccountEntry.from_look_up(candidate.found, typed=candidate.typed)


def _record_starter(candidate: Candidate, by: Any, together: recording.Together) -> Starter:
    return recording.record_starter(
        entry=_entry_of(candidate),
        schedule=comparison.schedule_of(candidate.values),
        note=candidate.values.get(NOTE, ""),
        by=by,
        acknowledged_ids=candidate.row.shown["known"],
        together=together,
    )


def _move_starter(candidate: Candidate, by: Any) -> None:
    starter = Starter.objects.get(public_id=candidate.row.starter_id)
    rescheduling.reschedule_starter(
        starter=starter,
        schedule=comparison.schedule_of(candidate.values),
        note=candidate.values.get(NOTE) or starter.note,
        by=by,
    )
