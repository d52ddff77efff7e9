"""A starter's state, next step and history in HR's words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.utils.translation.trans_real import catalog

from onboarding import obstacles, policy
from onboarding.history.event_words import describe_event
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import AuditDetail, AuditEvent, EffectivePolicy, PassIssue, Starter
from onboarding.starters.duplicates import Duplicate
from onboarding.stops import restarting

TONES = {
    StarterState.RECORDED: "wait",
    StarterState.INVITED: "todo",
    StarterState.ISSUED: "wait",
    StarterState.REGISTERED: "done",
    StarterState.WITHDRAWN: "stopped",
    StarterState.LAPSED: "stopped",
}


ISSUE_IN_PROGRESS = {
    IssueState.ISSUING: _("The portal is creating a pass now."),
    IssueState.UNKNOWN: _(
        "The portal does not know whether Microsoft created a pass. The portal is checking this and will "
        "delete any pass that it finds. This takes a few minutes."
    ),
    IssueState.SHOWN: _(
        "The portal sent the pass to the page of the manager or stand-in. That page has not confirmed yet "
        "that the pass arrived."
    ),
    IssueState.REVOKING: _("The portal is deleting the pass."),
}
ISSUE_DENIED = _(
    "Microsoft answered that it did not create a pass. The portal is checking this. After that, this page "
    "shows the next step."
)


def state_badge(starter: Starter) -> dict[str, str]:
    tone = "problem" if starter.problem and starter.is_unfinished else TONES[StarterState(starter.state)]
    return {"word": starter.get_state_display(), "tone": tone}


def format_time(local: datetime) -> str:
    """Format a time in its own zone."""
    return date_format(local, "MOMENT")


def format_start(starter: Starter) -> str:
    # Without its zone: two starts at one moment in different zones are equal otherwise.
    return _format_listed(catalog(), starter.start_local.replace(tzinfo=None))


@lru_cache(maxsize=4096)
def _format_listed(_language: object, local: datetime) -> str:
    """Many starters begin at the same moment, and formatting one takes longer than showing a row."""
    return date_format(local, "LISTED")


DUPLICATE_MATCHES = {
    "account": _("Same account"),
    "employee": _("Same employee number, different account"),
    "name": _("Same name, different account"),
}


def describe_duplicates(duplicates: Iterable[Duplicate]) -> list[dict[str, str]]:
    """Describe earlier starters for HR to compare before they add another one."""
    return [
        {
            "public_id": duplicate.starter.public_id,
            "name": duplicate.starter.name,
            "account_name": duplicate.starter.account_name,
            "why": str(DUPLICATE_MATCHES[duplicate.match]),
            "when": format_start(duplicate.starter),
            "state": duplicate.starter.get_state_display(),
            "url": reverse("hr:starter", args=[duplicate.starter.public_id]),
        }
        for duplicate in duplicates
    ]


def describe_next_step(starter: Starter, rules: EffectivePolicy, now: datetime) -> str:
    """Describe the next step and its time."""
    issue = starter.open_issue()
    if issue is not None and issue.state in ISSUE_IN_PROGRESS:
        return _next_step_of_issue(issue)
    if starter.stopped_at is not None or starter.erased_at is not None:
        return _next_step_after_stop(starter) if starter.erased_at is None else _next_step_of_erased(starter)
    _, closes = starter.pass_window(rules.opens_before, rules.closes_after)
    if starter.is_unfinished and now > closes and issue is None:
        return gettext("It is too late to create a pass. Change the start date, or withdraw the starter.")
    match StarterState(starter.state):
        case StarterState.RECORDED:
            return _next_step_before_link(starter, rules, now)
        case StarterState.INVITED:
            return _next_step_after_link(starter, rules, now)
        case StarterState.ISSUED:
            return gettext("The starter signs in with the pass and registers a sign-in method.")
        case StarterState.REGISTERED:
            return gettext("Nothing. The starter can sign in.")
        case StarterState.LAPSED:
            return gettext("Nothing. The starter did not complete the first sign-in in time.")
        case _:
            return gettext("Nothing. HR or another system withdrew the starter.")


def _next_step_of_erased(starter: Starter) -> str:
    if starter.stopped_at is not None and starter.account_id:
        return gettext(
            "Nothing. The personal details of this starter were erased, but the emergency stop for the "
            "account is still in force. If HR adds the account again, two people in HR can end the stop on "
            "the page of the new starter."
        )
    return gettext("Nothing. The personal details of this starter were erased.")


def _next_step_after_stop(starter: Starter) -> str:
    if asked := restarting.find_request(starter):
        return gettext(
            "%(name)s asked to end the emergency stop. An HR colleague who has not added or changed this "
            "starter must agree."
        ) % {"name": asked.by.name}
    return gettext("Two people in HR must end the emergency stop before anyone can create a pass.")


def _next_step_of_issue(issue: PassIssue) -> str:
    going_on = str(
        ISSUE_DENIED if issue.is_denied_by_microsoft else ISSUE_IN_PROGRESS[IssueState(issue.state)]
    )
    if issue.reason != PassIssue.Reason.WITHDRAWN:
        return going_on
    then = gettext("When no pass is left, the portal will withdraw the starter.")
    return f"{going_on} {then}"


def _next_step_before_link(starter: Starter, rules: EffectivePolicy, now: datetime) -> str:
    if not starter.account_id:
        return gettext(
            "The portal looks for the account every 15 minutes and notifies HR when the account appears."
        )
    if starter.problem:
        return gettext("The manager will get the link when the problem is fixed.")
    due = starter.starts_at - rules.invite_before
    if now >= due:
        return gettext("The manager will get the link in a few minutes.")
    return gettext("The manager will get the link on %(moment)s.") % {"moment": _format_local(due, starter)}


def _next_step_after_link(starter: Starter, rules: EffectivePolicy, now: datetime) -> str:
    if obstacles.stops_a_pass(starter):
        return gettext("The manager or stand-in can create the pass when the problem is fixed.")
    if policy.attempts_left(starter, rules) <= 0:
        return gettext(
            "The maximum number of passes for this starter has been reached. If the starter is with the "
            "manager, allow another pass."
        )
    opens, closes = starter.pass_window(rules.opens_before, rules.closes_after)
    if now >= opens:
        return gettext(
            "The manager or stand-in can create the pass now, until %(closes)s. The starter must be with them."
        ) % {"closes": _format_local(closes, starter)}
    return gettext(
        "The manager or stand-in can create the pass from %(opens)s to %(closes)s. The starter must be with them."
    ) % {"opens": _format_local(opens, starter), "closes": _format_local(closes, starter)}


def _format_local(moment: datetime, starter: Starter) -> str:
    return format_time(moment.astimezone(starter.zone_info))


def describe_issues(starter: Starter) -> list[dict[str, Any]]:
    return [
        {
            "number": issue.number,
            "when": issue.intended_at.astimezone(starter.zone_info),
            "words": _issue_words(issue),
        }
        for issue in sorted(starter.issues.all(), key=lambda issue: -issue.number)
    ]


def _issue_words(issue: PassIssue) -> str:
    reason = f": {issue.get_reason_display()}" if issue.reason else ""
    return f"{capfirst(issue.get_state_display())}{reason}. {issue.get_identity_check_display()}."


def _name_actor(event: AuditEvent) -> str:
    """Name who acted if the event names no person. A stop code says nothing about who entered it."""
    is_code = event.event == "starter.stopped" and event.facts.get("way") == "code"
    return gettext("Not known") if is_code else gettext("The portal")


def describe_history(starter: Starter) -> list[dict[str, Any]]:
    """Return the audit events of a starter, newest first."""
    events = list(AuditEvent.objects.filter(starter=starter.public_id).order_by("-seq")[:200])
    details = {detail.event_id: detail.values for detail in AuditDetail.objects.filter(event__in=events)}
    return [
        {
            "at": datetime.fromisoformat(event.at),
            "who": details.get(event.seq, {}).get("by_name") or _name_actor(event),
            "words": describe_event(event, details.get(event.seq, {})),
        }
        for event in events
    ]
