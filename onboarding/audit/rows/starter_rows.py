"""What the audit log says of each starter: account, manager, start, state, recorder, and who took part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from onboarding.audit import codes
from onboarding.audit.rows.expectations import (
    Difference,
    Expectations,
    actor_oid,
    is_actor,
    is_erased_person,
    is_personal_value,
    salt_of,
)
from onboarding.models import AuditEvent, Starter

RECORDED = "starter.recorded"
ACCEPTED_BY_RULE = "starter.accepted_by_rule"
KEPT_STOP_ENDED = "starter.kept_stop_ended"
FINISHED = frozenset({"registered", "withdrawn", "lapsed"})
# Who does one of these took part, and can neither confirm nor approve.
CONTRIBUTIONS = frozenset(
    {
        RECORDED, "starter.accepted", "starter.account_accepted", "starter.account_replaced", "starter.looked_again",
        "starter.rescheduled", "starter.requester_changed", "starter.routed", "starter.routing_ended",
        "starter.another_allowed", "starter.brought_back", "starter.restart_asked", "starter.started_again",
    }
)  # fmt: skip


def compare_starter(starter: Starter, events: Sequence[AuditEvent]) -> list[Difference]:
    """Compare a starter with their events, in their order. The first is `starter.recorded`."""
    told = Expectations()
    extra = 0
    for event in events:
        if "state" in event.facts and (event.event.startswith("starter.") or event.event == "issue.intent"):
            _add_state(told, event)
        if add := EVENTS.get(event.event):
            add(told, event)
        extra = _count_extra(extra, event)
        told.expect(event, extra_attempts=extra)
    if starter.source and starter.recorded_by_id is None:
        told.forget("manager_id")  # a page that HR opens reads the manager again, without an event
    if starter.account_id:
        told.forget("account_name")  # a renamed account keeps its object id
    if starter.erased_at is not None:
        _expect_erased(told, starter, events)
    return [*told.differences(starter), *_missing_contributors(starter, events)]


def _count_extra(extra: int, event: AuditEvent) -> int:
    if event.event == "starter.another_allowed":
        return extra + 1
    return 0 if event.event in {"starter.brought_back", "starter.account_replaced"} else extra


def _add_state(told: Expectations, event: AuditEvent) -> None:
    told.expect(event, state=event.facts["state"])
    if event.facts["state"] not in FINISHED:
        told.expect(event, ended_at=None)
    elif event.event in {"starter.withdrawn", "starter.registered", "starter.lapsed"}:
        told.expect_time(event, "ended_at")


def _recorded(told: Expectations, event: AuditEvent) -> None:
    facts = event.facts
    told.expect(
        event,
        state=Starter.State.RECORDED,
        source=facts.get("source", ""),
        stand_in_id="",
        **dict.fromkeys(("ended_at", "erased_at", "invited_at", "first_pass_at", "stopped_at")),
    )
    _rescheduled(told, event)
    told.expect_personal(event, account_id="account", account_name="account_name", manager_id="manager")
    if "source" not in facts:
        told.expect_that(event, "recorded_by", lambda person: is_actor(event, person))
    elif facts.get("trusted"):
        told.expect_that(
            event,
            "recorded_by",
            lambda person: person is not None and _is_requester(event, person),
        )
    else:
        told.expect(event, recorded_by=None)


def _is_requester(event: AuditEvent, person: Any) -> bool:
    is_the_same = is_personal_value(event, "requested_by", person.oid)
    is_the_same = is_the_same and codes.may_be(event, codes.REQUESTED_BY, person.oid)
    return is_the_same or is_erased_person(person)


def _rescheduled(told: Expectations, event: AuditEvent) -> None:
    start, zone = event.facts["start"], event.facts["zone"]
    told.expect_that(event, "start_date", lambda day: str(day) == start[:10])
    told.expect_that(event, "start_time", lambda time: f"{time:%H:%M}" == start[11:])
    told.expect(event, time_zone=zone)


def _accepted(told: Expectations, event: AuditEvent) -> None:
    told.expect_personal(event, manager_id="manager")
    told.expect_that(event, "recorded_by", lambda person: person is not None and is_actor(event, person))
    # With no account yet, the event has the name under which IT will create it.
    told.expect_that(
        event,
        "account_id",
        lambda account: not account or is_personal_value(event, "account", account),
    )


def _accepted_by_rule(told: Expectations, event: AuditEvent) -> None:
    """Expect the rule's author as recorder."""
    told.expect_that(
        event,
        "recorded_by",
        lambda person: person is not None and is_personal_value(event, "author", person.oid),
    )


def _acceptance_cancelled(told: Expectations, event: AuditEvent) -> None:
    told.expect(event, recorded_by=None)
    if event.facts.get("was_invited"):
        told.expect(event, invited_at=None)


def _account_accepted(told: Expectations, event: AuditEvent) -> None:
    told.expect_personal(event, account_id="account", manager_id="manager")


def _account_found(told: Expectations, event: AuditEvent) -> None:
    told.expect_personal(event, manager_id="manager")


def _account_replaced(told: Expectations, event: AuditEvent) -> None:
    told.expect_personal(event, account_id="account", account_name="account_name", manager_id="manager")
    told.expect(event, stand_in_id="", invited_at=None)


def _looked_again(told: Expectations, event: AuditEvent) -> None:
    told.expect_personal(event, manager_id="manager_id_now")


def _manager_changed(told: Expectations, event: AuditEvent) -> None:
    told.expect_personal(event, manager_id="to")


def _routed(told: Expectations, event: AuditEvent) -> None:
    told.expect_personal(event, stand_in_id="stand_in", stand_in_for="manager")


def _routing_ended(told: Expectations, event: AuditEvent) -> None:
    told.expect(event, stand_in_id="", stand_in_for="")


def _invited(told: Expectations, event: AuditEvent) -> None:
    told.expect_time(event, "invited_at")


def _issued(told: Expectations, event: AuditEvent) -> None:
    told.expect_that(event, "first_pass_at", lambda moment: moment is not None)


def _brought_back(told: Expectations, event: AuditEvent) -> None:
    told.expect(event, stand_in_id="", stand_in_for="", invited_at=None)


def _stopped(told: Expectations, event: AuditEvent) -> None:
    told.expect_time(event, "stopped_at")


def _started_again(told: Expectations, event: AuditEvent) -> None:
    told.expect(event, stopped_at=None)


def _kept_stop_ended(told: Expectations, event: AuditEvent) -> None:
    told.expect(event, stopped_at=None)


def _erased(told: Expectations, event: AuditEvent) -> None:
    told.expect_time(event, "erased_at")


EVENTS: dict[str, Callable[[Expectations, AuditEvent], None]] = {
    RECORDED: _recorded,
    "starter.accepted": _accepted,
    ACCEPTED_BY_RULE: _accepted_by_rule,
    "starter.acceptance_cancelled": _acceptance_cancelled,
    "starter.account_accepted": _account_accepted,
    "starter.account_found": _account_found,
    "starter.account_replaced": _account_replaced,
    "starter.rescheduled": _rescheduled,
    "starter.looked_again": _looked_again,
    "starter.manager_changed": _manager_changed,
    "starter.routed": _routed,
    "starter.routing_ended": _routing_ended,
    "starter.routing_void": _routing_ended,
    "starter.invited": _invited,
    "starter.issued": _issued,
    "starter.brought_back": _brought_back,
    "starter.stopped": _stopped,
    "starter.started_again": _started_again,
    "starter.erased": _erased,
    KEPT_STOP_ENDED: _kept_stop_ended,
}


def _expect_erased(told: Expectations, starter: Starter, events: Sequence[AuditEvent]) -> None:
    """An erased starter has no personal values, but for the account's object id while an emergency stop is in force."""
    erased = next((event for event in reversed(events) if event.event == "starter.erased"), None)
    if erased is None:
        return  # `erased_at` differs, and that is reported
    told.expect(erased, account_name=f"erased-{starter.public_id}", seen={}, hire_date=None)
    told.expect(erased, **dict.fromkeys(Starter.PERSONAL_FIELDS, ""))
    if erased.facts.get("stop_kept") and not any(event.event == KEPT_STOP_ENDED for event in events):
        told.expect_that(
            erased, "account_id", lambda kept: bool(kept) and is_personal_value(erased, "account", kept)
        )


def _missing_contributors(starter: Starter, events: Sequence[AuditEvent]) -> list[Difference]:
    """People who took part by an event, and are not in the row: they could confirm or approve."""
    if starter.erased_at is not None:
        return []
    for event in events:
        if event.event in CONTRIBUTIONS and salt_of(event):
            oid = actor_oid(event)
            if oid and oid not in starter.shaped_by:
                return [Difference("shaped_by", event.seq)]
        if event.event == ACCEPTED_BY_RULE and salt_of(event):
            people = {event.detail.values[name] for name in ("author", "second")}
            if not people <= set(starter.shaped_by):
                return [Difference("shaped_by", event.seq)]
    return []
