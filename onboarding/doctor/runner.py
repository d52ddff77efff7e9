"""Runs the doctor's checks.

A check runs only if the checks that it depends on are OK, so that the report shows causes and not their consequences.
The setting DOCTOR_CHECKS lists the modules with checks. Those of the site use plain tuples, and import nothing from here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Literal, NamedTuple

from django.conf import settings
from django.utils.translation import gettext

from onboarding.doctor.context import DoctorRun
from onboarding.i18n import Words

log = logging.getLogger(__name__)

State = Literal["ok", "wrong", "unknown", "skipped"]


class Finding(NamedTuple):
    """What a check found. `fix` says what to do if something is wrong."""

    state: State
    detail: str
    fix: str = ""


class Check(NamedTuple):
    """One check. `id` never changes, because monitoring relies on it. `needs` has the ids of checks that must be OK first."""

    id: str
    title: Words
    function: Callable[[DoctorRun], Finding]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of the report."""

    id: str
    title: str
    state: State
    detail: str
    fix: str = ""


def list_checks() -> tuple[Check, ...]:
    """All checks, in the order in which they run."""
    modules = (import_module(name) for name in settings.DOCTOR_CHECKS)
    return tuple(Check(*entry) for module in modules for entry in module.CHECKS)


def run_checks(*, account: str = "") -> tuple[CheckResult, ...]:
    """Run all checks. `account` is the name or object id of a test account, for the checks that need one."""
    run, titles = DoctorRun(account), dict[str, str]()
    for check in list_checks():
        # Titles are translated now, like the findings: a report is plain data.
        titles[check.id] = str(check.title)
        finding = _run_check(check, run, titles)
        run.states[check.id] = finding.state
        run.results.append(CheckResult(check.id, titles[check.id], *finding))
    return tuple(run.results)


def is_all_ok(results: tuple[CheckResult, ...]) -> bool:
    """Whether no result is wrong. Unknown and skipped results are not wrong."""
    return not any(result.state == "wrong" for result in results)


def _run_check(check: Check, run: DoctorRun, titles: dict[str, str]) -> Finding:
    broken = next((need for need in check.needs if run.states[need] != "ok"), None)
    if broken is not None:
        words = gettext("Skipped, because the check “%(title)s” is not OK.")
        return Finding("skipped", words % {"title": titles[broken]})
    try:
        return Finding(*check.function(run))
    except Exception as error:  # the other checks must still run
        # Only the type: the text of some errors is a whole answer.
        log.error("a check of the doctor failed: %s", type(error).__name__, extra={"check": check.id})
        return Finding(
            "wrong",
            gettext("The check itself failed (%(error)s).") % {"error": type(error).__name__},
            gettext(
                "This is an error in the portal. Look for it in the log, and tell the person or team "
                "that maintains the portal."
            ),
        )
