"""A starter's state, next step and history in HR's words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

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
    IssueState.ISSUING: _("A pass is being made at this moment."),
    IssueState.UNKNOWN: _(
        "The answer about a pass was lost. The portal makes sure that none is left; it takes some minutes."
    ),
    IssueState.SHOWN: _(
        "The pass was shown. The portal waits for the manager's page to say that it arrived."
    ),
    IssueState.REVOKING: _("The pass is being deleted."),
}


def badge(starter: Starter) -> dict[str, str]:
    tone = "problem" if starter.problem and starter.is_unfinished else TONES[StarterState(starter.state)]
    return {"word": starter.get_state_display(), "tone": tone}


def moment(there: datetime) -> str:
    """A moment in the zone it is given in."""
    return date_format(there, "MOMENT")


def when(starter: Starter) -> str:
    return date_format(starter.start_local, "LISTED")


def trouble(starter: Starter, lapsed_before: datetime) -> str:
    """What is in the way, in a few words; nothing, once the onboarding is over."""
    if not starter.is_unfinished:
        return ""
    late = gettext("The time for this has passed") if starter.starts_at < lapsed_before else ""
    return starter.get_problem_display() or late


BEFORE = {
    "account": _("The same account"),
    "employee": _("The same employee number, under another account"),
    "name": _("The same name, under another account"),
}


def recorded_before(found: Iterable[Earlier]) -> list[dict[str, str]]:
    """Earlier records, for HR to compare before they record somebody."""
    return [
        {
            "public_id": one.starter.public_id,
            "name": one.starter.name,
            "account_name": one.starter.account_name,
            "why": str(BEFORE[one.why]),
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
        told, then = str(GOING_ON[IssueState(issue.state)]), gettext("Then the starter is withdrawn.")
        return f"{told} {then}" if withdrawn else told
    opens, closes = starter.window(version.before, version.after)
    if starter.is_unfinished and now > closes and issue is None:
        return gettext("Nothing: the time for this has passed. Change the start, or withdraw the starter.")

    def local(then: datetime) -> str:
        return moment(then.astimezone(starter.zone))

    match StarterState(starter.state):
        case StarterState.RECORDED if not starter.account_id:
            return gettext(
                "The portal looks for the account every quarter of an hour and tells HR when it appears."
            )
        case StarterState.RECORDED if starter.problem:
            return gettext("The manager gets the link as soon as what is in the way is put right.")
        case StarterState.RECORDED if now >= starter.starts_at - version.lead:
            return gettext("The manager gets the link in a moment.")
        case StarterState.RECORDED:
            return gettext("The manager gets the link on %(moment)s.") % {
                "moment": local(starter.starts_at - version.lead)
            }
        case StarterState.INVITED if policy.attempts_left(starter, version) <= 0:
            return gettext("All passes are used up. Allow another, if the starter is really there.")
        case StarterState.INVITED if now >= opens:
            return gettext(
                "The manager can create the pass now, until %(closes)s, with the starter present."
            ) % {"closes": local(closes)}
        case StarterState.INVITED:
            return gettext(
                "The manager can create the pass from %(opens)s to %(closes)s, with the starter present."
            ) % {
                "opens": local(opens),
                "closes": local(closes),
            }
        case StarterState.ISSUED:
            return gettext(
                "The portal waits for the starter to sign in and set up their own way of signing in."
            )
        case StarterState.REGISTERED:
            return gettext("Nothing: the starter can sign in.")
        case _:
            return gettext("Nothing: the onboarding was stopped.")


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
    "starter.recorded": _("Recorded"),
    "starter.account_found": _("An account with the expected name appeared"),
    "starter.account_accepted": _("The account was accepted"),
    "starter.rescheduled": _("Start or note changed"),
    "starter.invited": _("The manager was sent the link"),
    "starter.link_sent": _("The link was sent again"),
    "starter.manager_changed": _("The directory names another manager"),
    "starter.looked_again": _("HR looked at what had changed in the directory"),
    "starter.refused": _("The link was not sent"),
    "starter.routed": _("Routed to the manager’s manager, who stands in"),
    "starter.routing_ended": _("The routing was taken back: the manager confirms again"),
    "starter.routing_void": _("The routing ended: the manager is not the same any more"),
    "starter.escalated": _("Others were told that nobody has confirmed"),
    "mail.refused": _("An address took no mail"),
    "starter.approved": _("Another person of HR approved"),
    "starter.another_allowed": _("Another pass was allowed"),
    "starter.issued": _("A pass was handed over"),
    "starter.opened_again": _("A new pass can be made"),
    "starter.registered": _("The starter set up their own way of signing in"),
    "starter.withdrawal_asked": _("Withdrawal asked for; the pass is taken back first"),
    "starter.withdrawn": _("Withdrawn"),
    "starter.brought_back": _("Brought back, to begin anew"),
    "starter.account_replaced": _("Another account was chosen; everything about it is judged anew"),
    "starter.erased": _("Personal details erased"),
    "issue.refused": _("No pass was made"),
    "issue.replaced_foreign": _("A pass of another tool was removed, as the manager chose"),
    "issue.intent": _("The manager confirmed; a pass was asked for"),
    "issue.shown": _("The pass was shown"),
    "issue.held": _("The pass is on the manager's screen"),
    "issue.rejected": _("Microsoft made no pass"),
    "issue.unknown": _("The outcome is not known; it is being checked"),
    "issue.used_early": _("The pass was used before the start; security was told"),
    "issue.replaced_elsewhere": _("Another tool made a pass in the place of ours; security was told"),
    "issue.used": _("The pass was used to sign in"),
    "issue.closed": _("The pass is finished"),
    "issue.revoking": _("The pass is being taken back"),
    "issue.revoked": _("The pass is gone"),
    "issue.void": _("No pass had been made"),
    "issue.made_late": _("A pass was made after it had been given up; it is being deleted"),
    "issue.orphan_deleted": _("A pass that appeared late was deleted"),
}


def history(starter: Starter) -> list[dict[str, Any]]:
    """Who did what, newest first; from the audit trail, as it was written."""
    events = list(AuditEvent.objects.filter(starter=starter.public_id).order_by("-seq")[:200])
    details = {detail.event_id: detail.values for detail in AuditDetail.objects.filter(event__in=events)}
    return [
        {
            "at": datetime.fromisoformat(event.at),
            "who": details.get(event.seq, {}).get("by_name", gettext("The portal")),
            "words": _told(event, details.get(event.seq, {})),
        }
        for event in events
    ]


def _told(event: AuditEvent, personal: dict[str, str]) -> str:
    words = str(EVENTS.get(event.event, event.event))
    reason = event.facts.get("reason", "")
    if event.event in {"issue.refused", "starter.refused"}:
        known = [str(guards.BY_CODE[code].for_hr) for code in event.facts["codes"] if code in guards.BY_CODE]
        why = " ".join(known) or gettext("The account could not be checked.")
        return f"{words}. {why}"
    if event.event == "starter.rescheduled" and event.facts.get("start"):
        told = {"what": words, "day": event.facts["start"], "zone": event.facts.get("zone", "")}
        return gettext("%(what)s: the first day is %(day)s (%(zone)s)") % told
    if reason and reason in PassIssue.Reason.values:
        words += f": {PassIssue.Reason(reason).label}"
    return f"{words}: {personal['reason']}" if "reason" in personal else words
