"""A starter's state, next step and history in HR's words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding import guards, obstacles, policy
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import AuditDetail, AuditEvent, EffectivePolicy, PassIssue, Starter
from onboarding.starters.duplicates import Duplicate

TONES = {
    StarterState.RECORDED: "wait",
    StarterState.INVITED: "todo",
    StarterState.ISSUED: "wait",
    StarterState.REGISTERED: "done",
    StarterState.WITHDRAWN: "stopped",
}


ISSUE_IN_PROGRESS = {
    IssueState.ISSUING: _("The portal is creating a pass now."),
    IssueState.UNKNOWN: _(
        "The portal does not know whether Microsoft created a pass. The portal is checking this and will "
        "delete any pass that it finds. This takes a few minutes."
    ),
    IssueState.SHOWN: _(
        "The pass was sent to the manager's page. The portal is waiting for the page to confirm that the "
        "pass arrived."
    ),
    IssueState.REVOKING: _("The portal is deleting the pass."),
}
ISSUE_DENIED = _(
    "Microsoft answered that it did not create a pass. The portal is checking this. The manager can "
    "then try again."
)


def state_badge(starter: Starter) -> dict[str, str]:
    tone = "problem" if starter.problem and starter.is_unfinished else TONES[StarterState(starter.state)]
    return {"word": starter.get_state_display(), "tone": tone}


def format_time(local: datetime) -> str:
    """Format a time in its own zone."""
    return date_format(local, "MOMENT")


def format_start(starter: Starter) -> str:
    return date_format(starter.start_local, "LISTED")


def problem_label(starter: Starter, rules: EffectivePolicy, now: datetime) -> str:
    """Return the problem in a few words; empty once the onboarding is finished."""
    if not starter.is_unfinished:
        return ""
    is_late = now > starter.starts_at + rules.closes_after
    late = gettext("It is too late to create a pass") if is_late else ""
    return starter.get_problem_display() or late


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
        case _:
            return gettext("Nothing. The onboarding was stopped.")


def _next_step_of_issue(issue: PassIssue) -> str:
    going_on = str(
        ISSUE_DENIED if issue.is_denied_by_microsoft else ISSUE_IN_PROGRESS[IssueState(issue.state)]
    )
    if issue.reason != PassIssue.Reason.WITHDRAWN:
        return going_on
    then = gettext("The portal will withdraw the starter when the last pass is gone.")
    return f"{going_on} {then}"


def _next_step_before_link(starter: Starter, rules: EffectivePolicy, now: datetime) -> str:
    if not starter.account_id:
        return gettext("The portal looks for the account every 15 minutes and notifies HR when it appears.")
    if starter.problem:
        return gettext("The manager will get the link when the problem is fixed.")
    due = starter.starts_at - rules.invite_before
    if now >= due:
        return gettext("The manager will get the link in a few minutes.")
    return gettext("The manager will get the link on %(moment)s.") % {"moment": _format_local(due, starter)}


def _next_step_after_link(starter: Starter, rules: EffectivePolicy, now: datetime) -> str:
    if obstacles.stops_a_pass(starter):
        return gettext("The manager can create the pass when the problem is fixed.")
    if policy.attempts_left(starter, rules) <= 0:
        return gettext(
            "The manager has used all the passes allowed for this starter. If the starter is present, allow "
            "another pass."
        )
    opens, closes = starter.pass_window(rules.opens_before, rules.closes_after)
    if now >= opens:
        return gettext(
            "The manager can create the pass now, until %(closes)s. The starter must be with them."
        ) % {"closes": _format_local(closes, starter)}
    return gettext(
        "The manager can create the pass from %(opens)s to %(closes)s. The starter must be with them."
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
        for issue in starter.issues.select_related("actor").order_by("-number")
    ]


def _issue_words(issue: PassIssue) -> str:
    reason = f": {issue.get_reason_display()}" if issue.reason else ""
    return f"{issue.get_state_display().capitalize()}{reason}. {issue.get_identity_check_display()}."


EVENTS = {
    "starter.recorded": _("Added"),
    "starter.account_found": _("The portal found an account with the expected name"),
    "starter.account_accepted": _("HR accepted the account"),
    "starter.rescheduled": _("Start date or note changed"),
    "starter.invited": _("The link was queued for the manager"),
    "starter.link_sent": _("The link was queued again"),
    "starter.manager_changed": _("The manager in Entra changed"),
    "starter.looked_again": _("HR confirmed the changes in Entra"),
    "starter.refused": _("A check found a problem that prevents a pass"),
    "starter.blocked": _("A check found a problem with the onboarding"),
    "starter.cleared": _("A check found that the problem is fixed"),
    "starter.routed": _("HR assigned the manager’s manager as stand-in"),
    "starter.routing_ended": _("HR removed the stand-in"),
    "starter.routing_void": _("The stand-in ended, because the manager changed"),
    "starter.escalated": _("On the first day, nobody requested a pass in time"),
    "mail.refused": _("An email address did not accept an email"),
    "starter.approved": _("An HR colleague approved"),
    "starter.another_allowed": _("HR allowed another pass"),
    "starter.issued": _("The manager received the pass"),
    "starter.opened_again": _("The manager can create a new pass"),
    "starter.registered": _("The starter registered a sign-in method"),
    "starter.withdrawal_asked": _("HR requested the withdrawal"),
    "starter.withdrawn": _("Withdrawn"),
    "starter.brought_back": _("HR restored the starter"),
    "starter.account_replaced": _("HR chose another account"),
    "starter.acceptance_cancelled": _(
        "The other system changed the starter’s details, so HR must accept the starter again"
    ),
    "starter.accepted": _("HR accepted what another system added"),
    "starter.requester_changed": _(
        "The other system named another requester, so HR must accept the starter again"
    ),
    "starter.erased": _("Personal details erased"),
    "session.ended_all": _("An admin ended all sessions of a person"),
    "audit.details_erased": _("Names erased from the audit log"),
    "issue.refused": _("No pass was created"),
    "issue.replaced_foreign": _(
        "The manager chose to replace a pass created outside the portal, and the portal deleted it"
    ),
    "issue.intent": _("The manager confirmed and requested a pass"),
    "issue.shown": _("The portal sent the pass to the manager’s page"),
    "issue.held": _("The manager’s page confirmed that the pass arrived"),
    "issue.rejected": _("Microsoft did not create a pass"),
    "issue.unknown": _("The portal is checking whether a pass was created"),
    "issue.used_early": _("The pass was used before the start time"),
    "issue.replaced_elsewhere": _("A pass created outside the portal replaced the portal’s pass"),
    "issue.used": _("The pass was used to sign in"),
    "issue.closed": _("The pass is finished"),
    "issue.revoking": _("The pass is being cancelled"),
    "issue.revoked": _("The pass no longer exists"),
    "issue.found": _("The portal found a pass that it had not shown to the manager"),
    "issue.listed_otherwise": _("Microsoft now lists this pass with a different ID than in its first answer"),
    "issue.void": _("Checked: no pass was created"),
    "issue.made_late": _("Microsoft created a pass late, and the portal is deleting it"),
    "issue.orphan_deleted": _("The portal deleted a pass that appeared late"),
}


def describe_history(starter: Starter) -> list[dict[str, Any]]:
    """Return the audit events of a starter, newest first."""
    events = list(AuditEvent.objects.filter(starter=starter.public_id).order_by("-seq")[:200])
    details = {detail.event_id: detail.values for detail in AuditDetail.objects.filter(event__in=events)}
    return [
        {
            "at": datetime.fromisoformat(event.at),
            "who": details.get(event.seq, {}).get("by_name", gettext("The portal")),
            "words": _describe_event(event, details.get(event.seq, {})),
        }
        for event in events
    ]


def _describe_event(event: AuditEvent, personal: dict[str, str]) -> str:
    words = str(EVENTS.get(event.event, event.event))
    reason = event.facts.get("reason", "")
    if event.event in {"issue.refused", "starter.refused"}:
        found = guards.reasons_for_codes(event.facts["codes"], reference=event.seq)
        why = " ".join(str(reason.for_hr) for reason in found) or gettext(
            "The portal could not check the account."
        )
        return f"{words}. {why}"
    if event.event == "starter.blocked":
        return f"{words}. {Starter.Problem(event.facts['problem']).label}."
    if event.event == "starter.rescheduled" and event.facts.get("start"):
        start = date_format(datetime.fromisoformat(event.facts["start"]), "STAMP")
        details = {"what": words, "day": start, "zone": event.facts.get("zone", "")}
        return gettext("%(what)s. Start: %(day)s (%(zone)s)") % details
    if reason and reason in PassIssue.Reason.values:
        words += f": {PassIssue.Reason(reason).label}"
    return f"{words}: {personal['reason']}" if "reason" in personal else words
