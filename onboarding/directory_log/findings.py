"""Differences between Entra's audit log and the trail: recorded once, shown until an admin closes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from onboarding import audit, clock
from onboarding.mail import notifications
from onboarding.models import DirectoryFinding, LoggedPass, PassIssue, Starter

Kind = DirectoryFinding.Kind
EVENTS = {
    Kind.NO_TRAIL: "directory.pass_without_trail",
    Kind.BY_ANOTHER: "directory.pass_by_another",
    Kind.RESTORED: "directory.pass_after_restore",
    Kind.NOT_LOGGED: "directory.pass_not_logged",
}
CLOSED = "directory.finding_closed"
KEPT = timedelta(days=90)
MOST_SHOWN = 50


class AlreadyClosed(Exception):
    """Somebody closed the finding before."""


@audit.transaction()
def record_finding(
    kind: Kind,
    *,
    key: str,
    at: datetime,
    starter: Starter | None,
    facts: Mapping[str, Any],
    personal: Mapping[str, str],
    issue: PassIssue | None = None,
) -> None:
    """Record a difference once, and mail security unless it is only a notice. `at` is when the pass was created."""
    if DirectoryFinding.objects.filter(key=key).exists():
        return
    event = audit.record(
        EVENTS[kind],
        starter=starter,
        issue=issue,
        facts={"at": at.astimezone(UTC).isoformat(timespec="seconds"), **facts},
        personal=personal,
    )
    finding = DirectoryFinding.objects.create(
        key=key, kind=kind, at=at, found_at=clock.now(), event=event.seq, starter=starter
    )
    if finding.is_alarm:
        notifications.write_directory_alarm(finding)


def list_open() -> list[DirectoryFinding]:
    """The findings that no admin has closed, alarms first, the newest of each first."""
    found = (
        DirectoryFinding.objects.filter(closed_at=None).select_related("starter").order_by("-found_at", "-pk")
    )
    alarms, notices = found.exclude(kind=Kind.NOT_LOGGED), found.filter(kind=Kind.NOT_LOGGED)
    return [*alarms[:MOST_SHOWN], *notices[:MOST_SHOWN]]


@audit.transaction()
def close_finding(number: int, *, by: Any, reason: str) -> None:
    """An admin closes a finding, with a reason. Raises AlreadyClosed."""
    finding = DirectoryFinding.objects.select_related("starter").filter(pk=number, closed_at=None).first()
    if finding is None:
        raise AlreadyClosed
    finding.closed_at, finding.closed_by = clock.now(), by
    finding.save(update_fields=["closed_at", "closed_by"])
    audit.record(
        CLOSED,
        by=by,
        starter=finding.starter,
        facts={"finding": finding.event, "kind": finding.kind},
        personal={"reason": reason},
    )


def delete_old_rows(now: datetime) -> None:
    """Delete what is no longer compared with anything: entries of the log, and closed findings. The events stay."""
    LoggedPass.objects.filter(at__lt=now - KEPT).delete()
    DirectoryFinding.objects.filter(closed_at__lt=now - KEPT).delete()
