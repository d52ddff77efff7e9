"""The doctor's frame: what a check is, which there are, and how a round of them goes.

A check that rests on another is only looked at where that one is well, so that exactly what is broken is named.
The modules with the checks are named by the setting DOCTOR_CHECKS; those of the site give plain tuples, and need to
import nothing of this.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Literal, NamedTuple

from django.conf import settings
from django.utils.translation import gettext

from onboarding.doctor.visit import Visit
from onboarding.language import Words

log = logging.getLogger(__name__)

State = Literal["ok", "wrong", "unknown", "skipped"]


class Finding(NamedTuple):
    """What a check found. `fix` says in plain words what to do, where something is wrong."""

    state: State
    detail: str
    fix: str = ""


class Check(NamedTuple):
    """`id` never changes: whoever watches the doctor by machine goes by it. `needs` names checks before this one."""

    id: str
    title: Words
    look: Callable[[Visit], Finding]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """One line of the report."""

    id: str
    title: str
    state: State
    detail: str
    fix: str = ""


def checks() -> tuple[Check, ...]:
    """All of them, in the order in which they are looked at."""
    modules = (import_module(name) for name in settings.DOCTOR_CHECKS)
    return tuple(Check(*entry) for module in modules for entry in module.CHECKS)


def examine(*, account: str = "") -> tuple[Told, ...]:
    """One round of all checks; with the name or object id of a test account also those that need one."""
    visit, titles = Visit(account), dict[str, str]()
    for check in checks():
        # In the language of whoever looks, as what was found: a report is data, and nothing in it waits for a reader.
        titles[check.id] = str(check.title)
        found = _found(check, visit, titles)
        visit.states[check.id] = found.state
        visit.told.append(Told(check.id, titles[check.id], *found))
    return tuple(visit.told)


def all_is_well(told: tuple[Told, ...]) -> bool:
    """Nothing is wrong. What nobody can know yet, and what was not needed, is not wrong."""
    return not any(one.state == "wrong" for one in told)


def _found(check: Check, visit: Visit, titles: dict[str, str]) -> Finding:
    broken = next((need for need in check.needs if visit.states[need] != "ok"), None)
    if broken is not None:
        words = gettext("Not looked at: it rests on “%(title)s”.")
        return Finding("skipped", words % {"title": titles[broken]})
    try:
        return Finding(*check.look(visit))
    except Exception as error:  # one check that fails must not keep the others from being looked at
        # Only its kind: the text of some errors is a whole answer.
        log.error("a check of the doctor failed: %s", type(error).__name__, extra={"check": check.id})
        return Finding(
            "wrong",
            gettext("The check itself failed (%(error)s).") % {"error": type(error).__name__},
            gettext("The log says where. Tell the people who maintain the portal."),
        )
