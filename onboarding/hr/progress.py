"""The steps of an onboarding: what is done, what comes next, and what to do if it does not happen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding.hr import labels, mail_log
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import EffectivePolicy, Starter
from onboarding.starters import withdrawal

Stage = Literal["done", "now", "later", "stopped"]
# The step that an onboarding waits for, by state.
CURRENT_STEP = {
    StarterState.RECORDED: 1,
    StarterState.INVITED: 2,
    StarterState.ISSUED: 3,
    StarterState.REGISTERED: 4,
}
# The last step of an onboarding that ended without a result.
ENDS = {StarterState.WITHDRAWN: _("Withdrawn"), StarterState.LAPSED: _("Not completed")}


@dataclass(frozen=True)
class Step:
    title: str
    description: str
    stage: Stage


def _recorder_name(starter: Starter) -> str:
    """Return the person in HR, or the system whose ticket waits for HR."""
    return starter.recorded_by.name if starter.recorded_by else str(starter.ticket)


def list_steps(starter: Starter, rules: EffectivePolicy) -> list[Step]:
    """Return the four steps; for a starter that ended without a result, the completed steps and the end."""
    opens, closes = starter.pass_window(rules.opens_before, rules.closes_after)
    issue = starter.last_issue()
    planned_steps = (
        (
            gettext("Added"),
            gettext("%(moment)s, by %(name)s")
            % {"moment": _format_local(starter, starter.recorded_at), "name": _recorder_name(starter)},
            "",
        ),
        (
            gettext("Manager invited"),
            _link_status(starter),
            gettext("%(moment)s, or earlier if you send the link yourself")
            % {"moment": _format_local(starter, starter.starts_at - rules.invite_before)},
        ),
        (
            gettext("Pass handed over"),
            _format_local(starter, issue.intended_at if issue else None),
            gettext("%(opens)s to %(closes)s")
            % {"opens": _format_local(starter, opens), "closes": _format_local(starter, closes)},
        ),
        (
            gettext("Can sign in"),
            _format_local(starter, starter.ended_at),
            gettext("when the starter has registered a sign-in method"),
        ),
    )
    if starter.state in ENDS:
        reached = [True, starter.invited_at is not None, starter.first_pass_at is not None, False]
        done = [
            Step(title, when, "done")
            for (title, when, _), was_reached in zip(planned_steps, reached, strict=True)
            if was_reached
        ]
        return [
            *done,
            Step(str(ENDS[StarterState(starter.state)]), _format_local(starter, starter.ended_at), "stopped"),
        ]
    current = CURRENT_STEP[StarterState(starter.state)]
    return [
        Step(title, when if number < current else planned, _stage_of(number, current))
        for number, (title, when, planned) in enumerate(planned_steps)
    ]


def _stage_of(number: int, current: int) -> Stage:
    return "done" if number < current else "now" if number == current else "later"


def _link_status(starter: Starter) -> str:
    """Return when the link was sent to the manager, or the status of its email."""
    words, at = mail_log.link_status(starter)
    return ": ".join(part for part in (words, _format_local(starter, at)) if part)


def _format_local(starter: Starter, moment: datetime | None) -> str:
    return labels.format_time(moment.astimezone(starter.zone_info)) if moment else ""


def describe_fallback(starter: Starter, rules: EffectivePolicy, now: datetime) -> str:
    """Describe what to do if the next step does not happen."""
    issue = starter.open_issue()
    if issue is not None and issue.state != IssueState.HELD:
        return gettext(
            "You do not need to do anything. Reload this page after ten minutes. If nothing has changed, "
            "contact IT."
        )
    if issue is not None:
        if issue.valid_until is None:
            return gettext(
                "If the starter does not use the pass in time, the pass expires. This page then shows the next step."
            )
        until = date_format(issue.valid_until.astimezone(starter.zone_info), "CLOCK")
        return gettext(
            "If the starter does not use the pass by %(time)s, the pass expires. This page then shows the next step."
        ) % {"time": until}
    match StarterState(starter.state):
        case StarterState.RECORDED:
            return gettext(
                "If the manager does not get the email, send the link from this page. You can also give "
                "them the link yourself."
            )
        case StarterState.INVITED if now < starter.starts_at - rules.opens_before:
            return gettext(
                "If the start date is wrong, change it. If the manager lost the email, send the link again."
            )
        case StarterState.INVITED:
            return gettext(
                "If the start is postponed, change the start date. If this person will not start, withdraw "
                "the starter. If the manager cannot continue, see the reason in the history."
            )
        case StarterState.ISSUED:
            return gettext(
                "If the starter does not register a sign-in method, this page will show the next step."
            )
        case StarterState.REGISTERED:
            return gettext("If the starter cannot sign in, the service desk can help.")
        case _ if withdrawal.can_restore(starter):
            closes = _format_local(starter, starter.starts_at + rules.closes_after)
            return gettext(
                "If the withdrawal was a mistake, you can restore the starter until %(moment)s."
            ) % {"moment": closes}
        case _:
            return gettext("If this person is still going to start, add them again.")
