"""The only writers of a state: each checks the table, updates conditionally, and writes the audit event.

`select_for_update` does nothing on SQLite, and read-check-save makes two passes; an UPDATE that names the
expected state and version, and the number of rows it hit, is right on every database.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import F, Q

from onboarding import audit
from onboarding.audit import Person
from onboarding.errors import ConcurrentUpdate
from onboarding.lifecycle import (
    COUNTED_ON,
    IssueState,
    StarterState,
    check_issue_move,
    check_starter_move,
)
from onboarding.models import PassIssue, Starter


@audit.transaction()
def move_starter(
    starter: Starter,
    to: StarterState | None,
    *,
    event: str,
    by: Person | None = None,
    changes: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
    personal: Mapping[str, str] | None = None,
    issue: PassIssue | None = None,
) -> None:
    """Move a starter, or with `to=None` change what is kept of them. Raises NotPermitted, ConcurrentUpdate."""
    source = StarterState(starter.state)
    if to is not None:
        check_starter_move(source, to)
    values = {**(changes or {}), "state": to or source}
    _update_row(Starter.objects.filter(pk=starter.pk, state=source, version=starter.version), starter, values)
    starter.version += 1
    audit.record(
        event,
        by=by,
        starter=starter,
        issue=issue,
        facts={"state": str(to or source), **(facts or {})},
        personal=personal,
    )


@audit.transaction()
def move_issue(
    issue: PassIssue,
    to: IssueState,
    *,
    event: str,
    by: Person | None = None,
    provided: Q | None = None,
    counts: bool = True,
    changes: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Move a pass issue, provided that the row still meets `provided`. Raises NotPermitted, ConcurrentUpdate.

    With `counts=False` the move costs the starter no attempt.
    """
    source = IssueState(issue.state)
    check_issue_move(source, to)
    values = {**(changes or {}), "state": to, "counted": issue.counted or (counts and to in COUNTED_ON)}
    rows = PassIssue.objects.filter(pk=issue.pk, state=source).filter(provided or Q())
    _update_row(rows, issue, values)
    told = {"state": str(to), "number": issue.number, **({"reason": issue.reason} if issue.reason else {})}
    audit.record(event, by=by, starter=issue.starter, issue=issue, facts={**told, **(facts or {})})


def _update_row(rows: Any, instance: Starter | PassIssue, values: Mapping[str, Any]) -> None:
    counted = {"version": F("version") + 1} if isinstance(instance, Starter) else {}
    if rows.update(**values, **counted) != 1:
        raise ConcurrentUpdate(f"{type(instance).__name__} {instance.pk} has changed meanwhile")
    for name, value in values.items():
        setattr(instance, name, value)
