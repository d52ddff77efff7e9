"""What the directory says of an account, in HR's words. Doors ask here and never learn that Graph exists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import time
from typing import Any

from django.utils.translation import gettext

from onboarding import clock, graph, guards, policy
from onboarding.models import Starter

# What can go wrong while asking: an alias, so that a door can catch it without knowing where it comes from.
Trouble = graph.GraphError


@dataclass(frozen=True)
class Found:
    account: graph.Account
    manager: graph.Manager | None
    facts: graph.Facts | None = None  # what the guards look at; None where it could not all be read


@dataclass(frozen=True)
class Looked:
    """The answer to a look: found, not found, or a trouble in words."""

    found: Found | None = None
    trouble: str = ""


def look_up(account_name_or_id: str) -> Looked:
    try:
        account, manager = graph.client().look_up(account_name_or_id)
    except graph.NotFound:
        return Looked()
    except graph.GraphError:
        return Looked(
            trouble=gettext(
                "The directory does not answer. Nothing you typed is lost; try again in a minute."
            )
        )
    try:
        return Looked(Found(account, manager, graph.client().issue_facts(account.object_id, scarce=False)))
    except graph.GraphError:
        return Looked(Found(account, manager))


def sight() -> str:
    """What this process's last questions showed: `answers`, `silent` or `not asked`. It asks nothing itself."""
    return graph.client().sight.words


def look_up_several(names: Sequence[str]) -> dict[str, Looked]:
    """Look for many at once, each with an answer of its own."""
    return {name: _looked(answer) for name, answer in graph.client().look_up_several(names).items()}


def check_several(found: Sequence[Found], *, seconds: float) -> list[Found]:
    """The same, each with what the guards look at, as far as that can be read within so many seconds or soon after."""
    ids = [one.account.object_id for one in found]
    facts = graph.client().issue_facts_several(ids, seconds=seconds)
    return [replace(one, facts=facts.get(one.account.object_id)) for one in found]


def _looked(answer: tuple[graph.Account, graph.Manager | None] | graph.GraphError) -> Looked:
    if isinstance(answer, graph.NotFound):
        return Looked()
    if isinstance(answer, graph.GraphError):
        return Looked(trouble=gettext("The directory did not answer for this one. Try it again in a minute."))
    return Looked(Found(*answer))


def in_words(found: Found, *, recorder: Any, when: dict[str, Any] | None) -> dict[str, Any]:
    """Facts for HR to check, and warnings about what will be refused on the day, as far as `when` is known.

    Without `when` the guards have no say: the worker asks them as soon as the starter is recorded.
    """
    account, manager = found.account, found.manager
    return {
        "account_name": account.user_principal_name,
        "name": account.display_name,
        "job_title": account.job_title,
        "department": account.department,
        "hire_date": account.hire_date,
        "manager_name": manager.display_name if manager else "",
        "warnings": [
            *_warnings(account, manager, recorder),
            *([] if when is None else _refusals(found, recorder, when)),
        ],
    }


def refusals(starter: Starter, found: Found) -> tuple[guards.Guard, ...]:
    """What the guards say of a starter who is about to be saved."""
    if found.facts is None:
        return ()
    rules = policy.of_department(found.account.department)
    return guards.refusals(
        guards.Question(starter, found.facts, None, None, rules, clock.now(), place=guards.Place.RECORDED)
    )


def _refusals(found: Found, recorder: Any, when: dict[str, Any]) -> list[str]:
    if found.facts is None:
        return [
            gettext(
                "The portal could not check everything just now. It checks again before the link is sent."
            )
        ]
    dated = {"start_date", "start_time", "time_zone"} <= set(when)
    start = when if dated else {"start_date": clock.now().date(), "start_time": time(9), "time_zone": "UTC"}
    starter = Starter(
        account_id=found.account.object_id,
        recorded_by=recorder,
        shaped_by=[recorder.oid],
        seen=guards.seen_of(found.account, found.manager),
        **{name: start[name] for name in ("start_date", "start_time", "time_zone")},
    )
    starter.starts_at = starter.start_local
    told = SAID_ABOVE | (set() if found.manager else ABOUT_MANAGERS) | (set() if dated else ABOUT_DATES)
    return [str(guard.for_hr) for guard in refusals(starter, found) if guard.code not in told]


SAID_ABOVE = {"enabled", "internal_member", "three_people"}  # by `_warnings`, in kinder words
ABOUT_MANAGERS = {"manager_enabled", "same_manager"}
ABOUT_DATES = {"is_new", "hire_date_agrees"}


def _warnings(account: graph.Account, manager: graph.Manager | None, recorder: Any) -> list[str]:
    told = [
        (
            account.enabled is not True,
            gettext("The account is disabled. It must be enabled before the first day."),
        ),
        (account.kind != "member", gettext("This is a guest account. It cannot get a pass.")),
        (
            manager is None,
            gettext("The directory names no manager. Without one nobody can confirm on the first day."),
        ),
        (
            manager is not None and not manager.mail,
            gettext("The manager has no mailbox. They find the starter on their own page."),
        ),
        (
            manager is not None and manager.object_id == recorder.oid,
            gettext("You are this person's manager: somebody else in HR must record them."),
        ),
        (account.object_id == recorder.oid, gettext("This is your own account.")),
    ]
    return [words for holds, words in told if holds]
