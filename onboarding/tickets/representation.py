"""A starter as other systems see it: its state, who acts next and what is in the way. Of a person only what was sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import reverse

from onboarding import guards, obstacles
from onboarding.guards import Guard
from onboarding.lifecycle import StarterState
from onboarding.models import Starter, Ticket

NEXT_AFTER = {
    StarterState.INVITED: "manager",
    StarterState.ISSUED: "starter",
    StarterState.REGISTERED: "nobody",
    StarterState.WITHDRAWN: "nobody",
    StarterState.LAPSED: "nobody",
}
FOR_IT = frozenset({guards.HANDLED_BY_IT, Starter.Problem.ACCOUNT_MISSING, Starter.Problem.ACCOUNT_GONE})


def describe(ticket: Ticket, refusing: Iterable[Guard] = ()) -> dict[str, Any]:
    """Return the JSON of one starter. `refusing` are guards that were asked for this very answer."""
    starter = ticket.starter
    in_the_way = list_obstacles(starter, refusing)
    return {
        "source": ticket.source,
        "ticket": ticket.number,
        "state": starter.state,
        "version": starter.version,
        "acceptance": "waiting" if starter.awaits_acceptance else "accepted",
        "nextActor": next_actor(starter, in_the_way),
        "obstacles": in_the_way,
        "account": ticket.account,
        "startDate": f"{starter.start_date:%Y-%m-%d}",
        "startTime": f"{starter.start_time:%H:%M}",
        "timeZone": starter.time_zone,
        "startsAt": f"{starter.starts_at:%Y-%m-%dT%H:%M:%SZ}",
        "note": ticket.note,
        "requestedBy": ticket.requested_by,
        "changedAt": f"{ticket.changed_at:%Y-%m-%dT%H:%M:%SZ}",
        "url": url_of(ticket),
    }


def url_of(ticket: Ticket) -> str:
    return reverse("api:starter", args=[ticket.source, ticket.number])


def etag_of(starter: Starter) -> str:
    """The version of what other systems and HR can change. A check of the directory does not change it."""
    return f'"{starter.version}"'


def list_obstacles(starter: Starter, refusing: Iterable[Guard] = ()) -> list[dict[str, str]]:
    """Return what is in the way, each with a code and a text for HR. Privileged accounts of every kind have one code."""
    if not starter.is_unfinished:
        return []
    found: dict[str, str] = {}
    if starter.awaits_acceptance:
        waiting = guards.BY_CODE["recorder_is_a_person"]
        found[waiting.code] = str(waiting.for_hr)
    reasons = [
        *guards.reasons_for_guards(refusing, reference=starter.answer_event),
        *obstacles.stored_reasons(starter),
    ]
    found |= {reason.code: str(reason.for_hr) for reason in reasons}
    if starter.problem not in {"", Starter.Problem.REFUSED}:
        found[starter.problem] = str(Starter.Problem(starter.problem).label)
    return [{"code": code, "text": text} for code, text in found.items()]


def next_actor(starter: Starter, in_the_way: list[dict[str, str]]) -> str:
    """Return who has to act: `hr`, `it`, `portal`, `manager`, `starter` or `nobody`."""
    state = StarterState(starter.state)
    if starter.awaits_acceptance and starter.is_unfinished:
        return "hr"
    codes = {obstacle["code"] for obstacle in in_the_way}
    if codes & FOR_IT:
        return "it"
    if obstacles.stops_a_pass(starter) or starter.problem == Starter.Problem.ACCOUNT_FOUND:
        return "hr"
    return NEXT_AFTER.get(state, "portal")
