"""The diagrams of the tables, and the two functions that write a state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone

from onboarding import audit, policy
from onboarding.errors import ConcurrentUpdate
from onboarding.lifecycle import (
    ISSUE_MOVES,
    STARTER_MOVES,
    IssueState,
    Move,
    NotPermitted,
    StarterState,
    draw_diagram,
)
from onboarding.models import AuditEvent, PassIssue, Starter
from onboarding.transitions import move_issue, move_starter

# --- The tables ---------------------------------------------------------------------------------------------------


def test_a_diagram_shows_start_transitions_actors_and_end():
    table = (
        Move(StarterState.RECORDED, StarterState.INVITED, "HR", "now: or later"),
        Move(StarterState.INVITED, StarterState.RECORDED, "HR", "a mistake"),
        Move(StarterState.INVITED, StarterState.WITHDRAWN, "portal", "over"),
        Move(StarterState.RECORDED, StarterState.WITHDRAWN, "HR", "over"),
    )

    assert draw_diagram(table) == "\n".join(
        [
            "stateDiagram-v2",
            "    [*] --> recorded",
            "    recorded --> invited : now, or later (HR)",
            "    invited --> recorded : a mistake (HR)",
            "    invited --> withdrawn : over (portal)",
            "    recorded --> withdrawn : over (HR)",
            "    withdrawn --> [*]",
        ]
    )


@pytest.mark.parametrize(("table", "start"), [(STARTER_MOVES, "recorded"), (ISSUE_MOVES, "issuing")])
def test_a_table_starts_with_the_initial_state(table, start):
    assert table[0].source == start
    assert f"    [*] --> {start}" in draw_diagram(table).splitlines()


def test_transitions_are_immutable():
    with pytest.raises(FrozenInstanceError):
        STARTER_MOVES[0].target = StarterState.ISSUED  # type: ignore[misc]


# --- The writers --------------------------------------------------------------------------------------------------


@pytest.fixture
def starter(db: None, person: Callable[[str], Any]) -> Callable[..., Starter]:
    """Creates a starter in a state, without a tenant."""

    def create(state: StarterState = StarterState.INVITED, account_id: str = "one") -> Starter:
        now = timezone.now()
        return Starter.objects.create(
            account_id=account_id, state=state, start_date=now.date(), start_time=now.time(), time_zone="UTC",
            recorded_by=person("hanna"),
        )  # fmt: skip

    return create


@pytest.fixture
def issue(starter: Callable[..., Starter], person: Callable[[str], Any]) -> Callable[..., PassIssue]:
    """Creates an issue in a state, with its starter."""

    def create(state: IssueState = IssueState.ISSUING, account_id: str = "one", **values: Any) -> PassIssue:
        return PassIssue.objects.create(
            starter=starter(account_id=account_id), account_id=account_id, number=4, state=state,
            actor=person("maria"), policy=policy.for_site(), lifetime_minutes=60, lease_until=timezone.now(), **values,
        )  # fmt: skip

    return create


def get_event() -> AuditEvent:
    """The only event that was written."""
    return AuditEvent.objects.select_related("detail").get()


@pytest.mark.django_db
def test_a_starter_transition_raises_the_version_and_is_audited(starter, person):
    moved, other = starter(), starter(account_id="another")

    move_starter(
        moved,
        StarterState.WITHDRAWN,
        event="starter.withdrawn",
        by=person("hanna"),
        changes={"note": "Does not come"},
        facts={"asked": 1},
        personal={"reason": "Ill"},
    )

    for seen in (moved, Starter.objects.get(pk=moved.pk)):
        assert (seen.state, seen.version, seen.note) == (StarterState.WITHDRAWN, 2, "Does not come")
    kept = Starter.objects.get(pk=other.pk)
    assert (kept.state, kept.version, kept.note) == (StarterState.INVITED, 1, "")
    event, hanna = get_event(), person("hanna")
    assert (event.event, event.starter, event.issue) == ("starter.withdrawn", moved.public_id, "")
    assert event.facts == {"state": "withdrawn", "asked": 1}
    assert event.detail.values == {
        "by": f"{hanna.tid}/{hanna.oid}",
        "by_name": "Hanna Reuter",
        "reason": "Ill",
    }


@pytest.mark.django_db
def test_a_change_without_a_transition_raises_the_version(starter, issue):
    requested = issue()

    move_starter(requested.starter, None, event="issue.intent", issue=requested)

    seen = Starter.objects.get(pk=requested.starter.pk)
    assert (seen.state, seen.version, requested.starter.version) == (StarterState.INVITED, 2, 2)
    assert (get_event().facts, get_event().issue) == ({"state": "invited"}, str(requested.pk))


@pytest.mark.django_db
@pytest.mark.parametrize("meanwhile", [{"version": 2}, {"state": StarterState.ISSUED}])
def test_a_starter_changed_meanwhile_is_left_unchanged(starter, meanwhile):
    seen = starter()
    Starter.objects.update(**meanwhile)

    with pytest.raises(ConcurrentUpdate, match=f"Starter {seen.pk} has changed"):
        move_starter(seen, StarterState.WITHDRAWN, event="starter.withdrawn", changes={"note": "x"})

    assert Starter.objects.get().note == ""
    assert (seen.state, seen.version, seen.note) == (StarterState.INVITED, 1, "")
    assert not AuditEvent.objects.exists()


@pytest.mark.django_db
def test_a_transition_outside_the_tables_is_refused(starter, issue):
    invited, ended = starter(account_id="another"), issue(IssueState.VOID)

    with pytest.raises(NotPermitted, match="invited cannot become registered"):
        move_starter(invited, StarterState.REGISTERED, event="x")
    with pytest.raises(NotPermitted, match="void cannot become shown"):
        move_issue(ended, IssueState.SHOWN, event="x")

    assert not AuditEvent.objects.exists()


@pytest.mark.django_db
def test_an_issue_transition_is_audited_with_its_number(issue, person):
    moved, other = issue(), issue(account_id="another")

    move_issue(
        moved,
        IssueState.SHOWN,
        event="issue.shown",
        by=person("maria"),
        changes={"method_id": "m"},
        facts={"method_id": "m"},
    )

    for seen in (moved, PassIssue.objects.get(pk=moved.pk)):
        assert (seen.state, seen.method_id, seen.counted) == (IssueState.SHOWN, "m", True)
    kept = PassIssue.objects.get(pk=other.pk)
    assert (kept.state, kept.method_id) == (IssueState.ISSUING, "")
    assert Starter.objects.get(pk=moved.starter_id).version == 1
    event = get_event()
    assert (event.event, event.issue, event.starter) == (
        "issue.shown",
        str(moved.pk),
        moved.starter.public_id,
    )
    assert event.facts == {"state": "shown", "number": 4, "method_id": "m"}
    assert event.detail.values["by_name"] == "Maria Lindqvist"


@pytest.mark.django_db
def test_the_reason_of_an_issue_transition_is_audited(issue):
    moved = issue(IssueState.SHOWN)

    move_issue(moved, IssueState.REVOKING, event="issue.revoking", changes={"reason": "lost"})

    assert get_event().facts == {"state": "revoking", "number": 4, "reason": "lost"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("source", "to", "before", "after"),
    [
        (IssueState.ISSUING, IssueState.SHOWN, False, True),
        (IssueState.ISSUING, IssueState.UNKNOWN, False, True),
        (IssueState.ISSUING, IssueState.REJECTED, False, False),
        (IssueState.UNKNOWN, IssueState.VOID, True, True),
        (IssueState.HELD, IssueState.CLOSED, True, True),
    ],
)
def test_an_attempt_counts_once_a_pass_may_exist(issue, source, to, before, after):
    moved = issue(source, counted=before)

    move_issue(moved, to, event="x")

    assert PassIssue.objects.get().counted is after


@pytest.mark.django_db
def test_an_issue_changed_meanwhile_is_left_unchanged(issue):
    seen = issue()
    PassIssue.objects.update(state=IssueState.UNKNOWN)

    with pytest.raises(ConcurrentUpdate, match=f"PassIssue {seen.pk} has changed"):
        move_issue(seen, IssueState.SHOWN, event="issue.shown")

    assert PassIssue.objects.get().state == IssueState.UNKNOWN
    assert seen.state == IssueState.ISSUING


@pytest.mark.django_db
@pytest.mark.parametrize("holds", [True, False])
def test_an_issue_changes_only_while_its_condition_holds(issue, holds):
    seen = issue()
    condition = Q(lease_until__lte=timezone.now()) if holds else Q(lease_until__gt=timezone.now())

    if holds:
        move_issue(seen, IssueState.SHOWN, event="issue.shown", provided=condition)
    else:
        with pytest.raises(ConcurrentUpdate):
            move_issue(seen, IssueState.SHOWN, event="issue.shown", provided=condition)

    assert PassIssue.objects.get().state == (IssueState.SHOWN if holds else IssueState.ISSUING)


@pytest.mark.django_db(transaction=True)
def test_no_transition_is_committed_without_its_event(issue, monkeypatch):
    seen = issue()

    def full(*args: Any, **kwargs: Any) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr(audit, "record", full)

    with pytest.raises(DatabaseError):
        move_issue(seen, IssueState.SHOWN, event="issue.shown")
    with pytest.raises(DatabaseError):
        move_starter(seen.starter, StarterState.WITHDRAWN, event="starter.withdrawn")

    assert PassIssue.objects.get().state == IssueState.ISSUING
    assert Starter.objects.get().state == StarterState.INVITED
