"""A starter's state, next step and history in HR's words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.urls import reverse

from onboarding import guards, policy
from onboarding.earlier import Earlier
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import AuditDetail, AuditEvent, PassIssue, PolicyVersion, Starter

TONES = {
    StarterState.RECORDED: "wait",
    StarterState.INVITED: "todo",
    StarterState.ISSUED: "wait",
    StarterState.REGISTERED: "done",
    StarterState.WITHDRAWN: "stopped",
}


GOING_ON = {
    IssueState.ISSUING: "A pass is being made at this moment.",
    IssueState.UNKNOWN: "The answer about a pass was lost. The portal makes sure that none is left; it takes some minutes.",
    IssueState.SHOWN: "The pass was shown. The portal waits for the manager's page to say that it arrived.",
    IssueState.REVOKING: "The pass is being deleted.",
}


def badge(starter: Starter) -> dict[str, str]:
    tone = "problem" if starter.problem and starter.is_unfinished else TONES[StarterState(starter.state)]
    return {"word": starter.get_state_display(), "tone": tone}


def moment(there: datetime) -> str:
    """A moment in the zone it is given in."""
    return f"{there:%A} {there.day} {there:%B, %H:%M}"


def when(starter: Starter) -> str:
    return f"{starter.start_local:%a} {starter.start_local.day} {starter.start_local:%b %Y, %H:%M}"


def trouble(starter: Starter, lapsed_before: datetime) -> str:
    """What is in the way, in a few words; nothing, once the onboarding is over."""
    if not starter.is_unfinished:
        return ""
    late = "The time for this has passed" if starter.starts_at < lapsed_before else ""
    return starter.get_problem_display() or late


BEFORE = {
    "account": "The same account",
    "employee": "The same employee number, under another account",
    "name": "The same name, under another account",
}


def recorded_before(found: Iterable[Earlier]) -> list[dict[str, str]]:
    """Earlier records, for HR to compare before they record somebody."""
    return [
        {
            "public_id": one.starter.public_id,
            "name": one.starter.name,
            "account_name": one.starter.account_name,
            "why": BEFORE[one.why],
            "when": when(one.starter),
            "state": one.starter.get_state_display(),
            "url": reverse("hr:starter", args=[one.starter.public_id]),
        }
        for one in found
    ]


def next_step(starter: Starter, version: PolicyVersion, now: datetime) -> str:
    """What happens next, and when, if nobody does anything."""
    issue = starter.open_issue()
    if issue is not None and issue.state in GOING_ON:
        withdrawn = issue.reason == PassIssue.Reason.WITHDRAWN
        return GOING_ON[IssueState(issue.state)] + (" Then the starter is withdrawn." if withdrawn else "")
    opens, closes = starter.window(version.before, version.after)
    if starter.is_unfinished and now > closes and issue is None:
        return "Nothing: the time for this has passed. Change the start, or withdraw the starter."

    def local(then: datetime) -> str:
        return moment(then.astimezone(starter.zone))

    match StarterState(starter.state):
        case StarterState.RECORDED if not starter.account_id:
            return "The portal looks for the account every quarter of an hour and tells HR when it appears."
        case StarterState.RECORDED if starter.problem:
            return "The manager gets the link as soon as what is in the way is put right."
        case StarterState.RECORDED if now >= starter.starts_at - version.lead:
            return "The manager gets the link in a moment."
        case StarterState.RECORDED:
            return f"The manager gets the link on {local(starter.starts_at - version.lead)}."
        case StarterState.INVITED if policy.attempts_left(starter, version) <= 0:
            return "All passes are used up. Allow another, if the starter is really there."
        case StarterState.INVITED if now >= opens:
            return f"The manager can create the pass now, until {local(closes)}, with the starter present."
        case StarterState.INVITED:
            return f"The manager can create the pass from {local(opens)} to {local(closes)}, with the starter present."
        case StarterState.ISSUED:
            return "The portal waits for the starter to sign in and set up their own way of signing in."
        case StarterState.REGISTERED:
            return "Nothing: the starter can sign in."
        case _:
            return "Nothing: the onboarding was stopped."


def issues(starter: Starter) -> list[dict[str, Any]]:
    return [
        {
            "number": issue.number,
            "when": issue.intended_at.astimezone(starter.zone),
            "words": _issue_words(issue),
        }
        for issue in starter.issues.select_related("actor").order_by("-number")
    ]


def _issue_words(issue: PassIssue) -> str:
    reason = f": {issue.get_reason_display()}" if issue.reason else ""
    return f"{issue.get_state_display().capitalize()}{reason}. {issue.get_identity_check_display()}."


EVENTS = {
    "starter.recorded": "Recorded",
    "starter.account_found": "An account with the expected name appeared",
    "starter.account_accepted": "The account was accepted",
    "starter.rescheduled": "Start or note changed",
    "starter.invited": "The manager was sent the link",
    "starter.link_sent": "The link was sent again",
    "starter.manager_changed": "The directory names another manager",
    "starter.looked_again": "HR looked at what had changed in the directory",
    "starter.refused": "The link was not sent",
    "starter.routed": "Routed to the manager’s manager, who stands in",
    "starter.routing_ended": "The routing was taken back: the manager confirms again",
    "starter.routing_void": "The routing ended: the manager is not the same any more",
    "starter.escalated": "Others were told that nobody has confirmed",
    "mail.refused": "An address took no mail",
    "starter.approved": "Another person of HR approved",
    "starter.another_allowed": "Another pass was allowed",
    "starter.issued": "A pass was handed over",
    "starter.opened_again": "A new pass can be made",
    "starter.registered": "The starter set up their own way of signing in",
    "starter.withdrawal_asked": "Withdrawal asked for; the pass is taken back first",
    "starter.withdrawn": "Withdrawn",
    "starter.brought_back": "Brought back, to begin anew",
    "starter.account_replaced": "Another account was chosen; everything about it is judged anew",
    "starter.erased": "Personal details erased",
    "issue.refused": "No pass was made",
    "issue.replaced_foreign": "A pass of another tool was removed, as the manager chose",
    "issue.intent": "The manager confirmed; a pass was asked for",
    "issue.shown": "The pass was shown",
    "issue.held": "The pass is on the manager's screen",
    "issue.rejected": "Microsoft made no pass",
    "issue.unknown": "The outcome is not known; it is being checked",
    "issue.used_early": "The pass was used before the start; security was told",
    "issue.replaced_elsewhere": "Another tool made a pass in the place of ours; security was told",
    "issue.used": "The pass was used to sign in",
    "issue.closed": "The pass is finished",
    "issue.revoking": "The pass is being taken back",
    "issue.revoked": "The pass is gone",
    "issue.void": "No pass had been made",
    "issue.made_late": "A pass was made after it had been given up; it is being deleted",
    "issue.orphan_deleted": "A pass that appeared late was deleted",
}


def history(starter: Starter) -> list[dict[str, Any]]:
    """Who did what, newest first; from the audit trail, as it was written."""
    events = list(AuditEvent.objects.filter(starter=starter.public_id).order_by("-seq")[:200])
    details = {detail.event_id: detail.values for detail in AuditDetail.objects.filter(event__in=events)}
    return [
        {
            "at": datetime.fromisoformat(event.at),
            "who": details.get(event.seq, {}).get("by_name", "The portal"),
            "words": _told(event, details.get(event.seq, {})),
        }
        for event in events
    ]


def _told(event: AuditEvent, personal: dict[str, str]) -> str:
    words = EVENTS.get(event.event, event.event)
    reason = event.facts.get("reason", "")
    if event.event in {"issue.refused", "starter.refused"}:
        known = [guards.BY_CODE[code].for_hr for code in event.facts["codes"] if code in guards.BY_CODE]
        return f"{words}. {' '.join(known) or 'The account could not be checked.'}"
    if event.event == "starter.rescheduled" and event.facts.get("start"):
        return f"{words}: the first day is {event.facts['start']} ({event.facts.get('zone', '')})"
    if reason and reason in PassIssue.Reason.values:
        words += f": {PassIssue.Reason(reason).label}"
    return f"{words}: {personal['reason']}" if "reason" in personal else words
