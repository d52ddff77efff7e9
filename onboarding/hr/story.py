"""An onboarding told as a story: what was done by whom, what comes next and when, and what to do if it does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.utils.formats import date_format
from django.utils.translation import gettext

from onboarding import corrections
from onboarding.hr import words
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import PolicyVersion, Starter

Stage = Literal["done", "now", "later", "stopped"]
# How far an onboarding is: the step that it waits for.
WAITS_FOR = {
    StarterState.RECORDED: 1,
    StarterState.INVITED: 2,
    StarterState.ISSUED: 3,
    StarterState.REGISTERED: 4,
}


@dataclass(frozen=True)
class Step:
    title: str
    told: str
    stage: Stage


def steps(starter: Starter, version: PolicyVersion) -> list[Step]:
    """The four steps of every onboarding; of a withdrawn one, those that were done, and that it was stopped."""
    opens, closes = starter.window(version.before, version.after)
    issue = starter.last_issue()
    told = (
        (
            gettext("Recorded"),
            gettext("%(moment)s, by %(name)s")
            % {"moment": _local(starter, starter.recorded_at), "name": starter.recorded_by.name},
            "",
        ),
        (
            gettext("Manager invited"),
            _local(starter, starter.invited_at),
            gettext("%(moment)s, or when you send the link")
            % {"moment": _local(starter, starter.starts_at - version.lead)},
        ),
        (
            gettext("Pass handed over"),
            _local(starter, issue.intended_at if issue else None),
            gettext("%(opens)s to %(closes)s")
            % {"opens": _local(starter, opens), "closes": _local(starter, closes)},
        ),
        (
            gettext("Can sign in"),
            _local(starter, starter.ended_at),
            gettext("when they have set up their own way of signing in"),
        ),
    )
    if starter.state == StarterState.WITHDRAWN:
        reached = [True, starter.invited_at is not None, starter.first_pass_at is not None, False]
        done = [Step(title, then, "done") for (title, then, _), was in zip(told, reached, strict=True) if was]
        return [*done, Step(gettext("Withdrawn"), _local(starter, starter.ended_at), "stopped")]
    at = WAITS_FOR[StarterState(starter.state)]
    return [
        Step(title, then if number < at else planned, _stage(number, at))
        for number, (title, then, planned) in enumerate(told)
    ]


def _stage(number: int, at: int) -> Stage:
    return "done" if number < at else "now" if number == at else "later"


def _local(starter: Starter, then: datetime | None) -> str:
    return words.moment(then.astimezone(starter.zone)) if then else ""


def if_not(starter: Starter, version: PolicyVersion, now: datetime) -> str:
    """What to do if that which comes next does not come; where something is in the way already, that is told instead."""
    issue = starter.open_issue()
    if issue is not None and issue.state != IssueState.HELD:
        return gettext(
            "If it still says so in ten minutes, tell IT. Nobody needs to press anything; security is told by itself."
        )
    if issue is not None:
        if issue.valid_until is None:
            return gettext(
                "If they do not, the pass stops working, and the manager can make another on the same page."
            )
        until = date_format(issue.valid_until.astimezone(starter.zone), "CLOCK")
        return gettext(
            "If they do not, the pass stops working at %(time)s, and the manager can make another on the same page."
        ) % {"time": until}
    match StarterState(starter.state):
        case StarterState.RECORDED:
            return gettext(
                "If the manager says that no mail came, send the link yourself; or tell them its address, which is the same."
            )
        case StarterState.INVITED if now < starter.starts_at - version.before:
            return gettext(
                "If the day is wrong, change it. If the manager has lost the mail, send the link again."
            )
        case StarterState.INVITED:
            return gettext(
                "If the starter does not come, change the first day. If the manager cannot go on, the history says why."
            )
        case StarterState.ISSUED:
            return gettext("If they do not, the manager can make another pass on the same page.")
        case StarterState.REGISTERED:
            return gettext(
                "If they cannot sign in after all, the service desk helps them: the portal’s part is done."
            )
        case _ if corrections.may_bring_back(starter):
            closes = _local(starter, starter.starts_at + version.after)
            return gettext("If that was a mistake, bring it back: until %(moment)s.") % {"moment": closes}
        case _:
            return gettext("If they start after all, record them anew.")
