"""What each audit event says in words: in HR's history of a starter, and on the auditors' pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding import guards
from onboarding.i18n import Words
from onboarding.models import AuditEvent, PassIssue, Starter
from onboarding.models.pass_issue import IdentityCheck

EVENTS: dict[str, Words] = {
    "starter.recorded": _("Added"),
    "starter.account_found": _("The portal found an account with the expected name"),
    "starter.account_accepted": _("HR accepted the account"),
    "starter.rescheduled": _("Start date or note changed"),
    "starter.invited": _("The portal queued the email with the link"),
    "starter.link_sent": _("The portal queued another email with the link"),
    "starter.manager_changed": _("The manager in Entra changed"),
    "starter.looked_again": _("HR confirmed that the changes in Entra are right"),
    "starter.refused": _("A check found a problem that prevents a pass"),
    "starter.blocked": _("A check found a problem, so the starter needs attention"),
    "starter.cleared": _("A check found that the problem is fixed"),
    "starter.routed": _("HR assigned the manager’s manager as stand-in"),
    "starter.routing_ended": _("HR removed the stand-in"),
    "starter.routing_void": _("The portal removed the stand-in, because the manager changed"),
    "starter.escalated": _("On the first day, nobody requested a pass in time"),
    "mail.refused": _("The mail server refused an email to the manager or stand-in"),
    "starter.approved": _("A second person in HR approved"),
    "starter.another_allowed": _("HR allowed another pass"),
    "starter.issued": _("A pass was created"),
    "starter.opened_again": _("A new pass is needed"),
    "starter.registered": _("A sign-in method was registered"),
    "starter.withdrawal_asked": _("Withdrawal requested"),
    "starter.withdrawn": _("Withdrawn"),
    "starter.lapsed": _(
        "The starter did not complete the first sign-in in time, so the portal ended the onboarding"
    ),
    "starter.brought_back": _("HR undid the withdrawal"),
    "starter.account_replaced": _("HR chose another account"),
    "starter.acceptance_cancelled": _(
        "The other system changed the starter’s details, so HR must accept the starter again"
    ),
    "starter.accepted": _("HR accepted the starter that another system added"),
    "starter.accepted_by_rule": _(
        "The portal proposed this starter and accepted it without HR, because two admins allowed this in the policy"
    ),
    "starter.requester_changed": _(
        "The requester in the other system changed, so HR must accept the starter again"
    ),
    "starter.stopped": _("Someone used the emergency stop"),
    "starter.stop_code_made": _("HR created a stop code for the starter"),
    "starter.stop_kept": _("The pass no longer exists, and the emergency stop stays in force"),
    "starter.restart_asked": _("HR asked to end the emergency stop"),
    "starter.started_again": _("A second person in HR agreed, and the emergency stop ended"),
    "starter.erased": _("Personal details erased"),
    "starter.kept_stop_ended": _("The emergency stop ended for a starter whose details were erased"),
    "audit.details_erased": _("Names erased from the audit log"),
    "issue.refused": _("No pass was created"),
    "issue.replaced_foreign": _(
        "The portal deleted a pass that was created outside the portal, to replace it"
    ),
    "issue.intent": _("Identity confirmed and pass requested"),
    "issue.shown": _("The portal sent the pass to the page that requested it"),
    "issue.held": _("The page confirmed that the pass arrived"),
    "issue.rejected": _("Microsoft did not create a pass"),
    "issue.unknown": _("The portal started to check whether a pass was created"),
    "issue.used_early": _("The pass was used before the start time"),
    "issue.replaced_elsewhere": _("A pass created outside the portal replaced the portal’s pass"),
    "issue.used": _("The pass was used to sign in"),
    "issue.closed": _("The pass is no longer valid"),
    "issue.revoking": _("The pass is being cancelled"),
    "issue.revoked": _("The pass no longer exists"),
    "issue.found": _("The portal found a pass that it had never shown"),
    "issue.listed_otherwise": _("Microsoft now lists this pass with a different ID than in its first answer"),
    "issue.void": _("Checked: no pass was created"),
    "issue.made_late": _("Microsoft created a pass late, and the portal started to delete it"),
    "issue.orphan_deleted": _("The portal deleted a pass that Microsoft created late"),
    "probe.intent": _("The test of the tenant requested a test pass"),
    "probe.created": _("Microsoft created a test pass (its code is never shown)"),
    "probe.refused": _("Microsoft refused a test pass"),
    "probe.unknown": _("The portal started to check whether a test pass was created"),
    "probe.not_sent": _("The request for a test pass was not sent"),
    "probe.found": _("The portal found a test pass and started to delete it"),
    "probe.gone": _("The test pass no longer exists"),
    "account.looked_up": _("HR looked up an account that only IT can help with"),
    "directory.pass_without_trail": _(
        "According to Entra’s audit log, the portal’s identity created a pass that this audit log does not have"
    ),
    "directory.pass_by_another": _(
        "According to Entra’s audit log, someone created a pass for a starter outside the portal"
    ),
    "directory.pass_after_restore": _("Entra has a pass that the restored database does not know"),
    "directory.pass_not_logged": _("A pass that the portal created is missing from Entra’s audit log"),
    "directory.finding_closed": _(
        "An admin marked a difference between Entra’s audit log and this audit log as resolved"
    ),
    "directory.not_read": _("A part of Entra’s audit log was not compared, because Entra no longer has it"),
    "import.checked": _("HR imported a list, and the portal looked up its accounts"),
    "import.added": _("HR added starters from an imported list"),
    "account.look_ups_counted": _("HR looked up accounts"),
    "account.look_ups_refused": _("Someone in HR reached the daily limit of look-ups"),
    "hook.subscribed": _("Another system added a webhook"),
    "hook.removed": _("A webhook ended"),
    "hook.replayed": _("An admin queued a webhook delivery again"),
    "hook.given_up": _("The portal stopped trying to send a webhook delivery"),
    "policy.changed": _("The policy was changed"),
    "policy.proposed": _("A draft of the policy was written"),
    "policy.activated": _("A draft of the policy was activated"),
    "policy.scheduled": _(
        "On the server’s console, someone activated a policy version that comes into force later"
    ),
    "policy.stopped": _("Someone stopped a policy version before it came into force"),
    "person.searched": _("An admin searched for everything about a person"),
    "person.exported": _("An admin exported everything about a person"),
    "person.erasure_asked": _("An admin asked to erase a person’s data"),
    "person.erasure_done": _("A second admin erased a person’s data"),
    "person.erased": _("The portal erased the sign-in data of a person"),
    "list.exported": _("HR downloaded a list of starters"),
    "session.ended_all": _("An admin ended all sessions of a person"),
    "session.ended_own": _("A person ended their other sessions"),
    "audit.key_changed": _("A new key for the authentication codes of the audit log came into use"),
    "audit.searched": _("An auditor searched the audit log"),
    "audit.exported": _("The audit log was exported"),
    "audit.starter_opened": _("An auditor opened the events of a starter"),
    "database.adopted": _("A moved or restored database was put into use"),
    "database.suspended": _("An operator marked the database as restored"),
}


# How somebody used the emergency stop: `way` of the event (`onboarding/stops/stopping.py`).
STOP_WAYS = {
    "mail": _("from an email about the starter"),
    "former_mail": _("from an email about the account that HR later replaced"),
    "code": _("with the stop code from the starter’s letter"),
}


def describe_event(event: AuditEvent, personal: Mapping[str, str]) -> str:
    """Describe an event for HR. It hides why IT handles an account."""
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
    if event.event == "starter.stopped" and (way := STOP_WAYS.get(event.facts.get("way", ""))):
        return f"{words}: {way}"
    if reason and reason in PassIssue.Reason.values:
        words += f": {PassIssue.Reason(reason).label}"
    return f"{words}: {personal['reason']}" if "reason" in personal else words


def name_event(event: AuditEvent) -> str:
    """Name an event for an auditor, without its reason."""
    return str(EVENTS.get(event.event, event.event))


def explain_event(event: AuditEvent, personal: Mapping[str, str]) -> list[str]:
    """Return why an event happened, for an auditor: one sentence each, empty if it has no reason."""
    facts = event.facts
    found = [
        *_describe_codes(facts.get("codes", ())),
        _label(Starter.Problem.choices, facts.get("problem", "")),
        _label(PassIssue.Reason.choices, facts.get("reason", "")),
        _describe_count(facts),
        _describe_check(facts.get("identity_check", "")),
        _describe_start(event),
        personal.get("reason", ""),
    ]
    return [sentence for sentence in found if sentence]


def _describe_codes(codes: Iterable[str]) -> list[str]:
    """Name the guards that refused. An auditor may read every reason."""
    return [str(guards.BY_CODE[code].for_hr) if code in guards.BY_CODE else code for code in codes]


def _label(choices: Iterable[tuple[str, Words]], code: str) -> str:
    text = str(dict(choices).get(code, code))
    return text[:1].upper() + text[1:]


def _describe_count(facts: Mapping[str, Any]) -> str:
    if not {"count", "today"} <= set(facts):
        return ""
    return gettext("Accounts in this request: %(count)s. Accounts looked up today: %(today)s.") % dict(facts)


def _describe_check(code: str) -> str:
    if not code:
        return ""
    return gettext("Identity check: %(check)s") % {"check": _label(IdentityCheck.choices, code)}


def _describe_start(event: AuditEvent) -> str:
    if not (event.event == "starter.rescheduled" and event.facts.get("start")):
        return ""
    day = date_format(datetime.fromisoformat(event.facts["start"]), "STAMP")
    return gettext("Start: %(day)s (%(zone)s)") % {"day": day, "zone": event.facts.get("zone", "")}
