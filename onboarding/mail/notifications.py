"""One function a mail. Each writes the mail and its job in the transaction of the change that causes it.

No mail holds a pass, or anything personal beyond the starter's name. A mail is written once for each key. Its
Message-ID is made from the key, so that a mail server recognises a duplicate.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.text import Truncator, format_lazy
from django.utils.translation import gettext_lazy as _

from onboarding import clock, graph, guards, policy
from onboarding.guards import Guard
from onboarding.i18n import Words, join_sentences
from onboarding.lifecycle import StarterState
from onboarding.mail import outbox, preferences, send_times
from onboarding.mail.kinds import BATCHED_KINDS, CONFIRMERS, MAY_HAVE_ARRIVED, Reader
from onboarding.mail.rendering import LONGEST_NAME, notice_link
from onboarding.mail.send_times import Urgency
from onboarding.models import DirectoryFinding, PassIssue, Starter


def write_invitation(starter: Starter, *, number: int, urgency: Urgency = Urgency.NORMAL) -> None:
    """To the confirmer: the link, and what to do on the day. `number` counts how often the link was sent."""
    _write_to_confirmer("invitation", starter, key=f"{starter.confirmer_id}:{number}", urgency=urgency)


def send_invitation_now(starter: Starter) -> bool:
    """Send the link that waits for its batch at once. False: none waits."""
    return outbox.send_now("invitation", starter, _confirmer_role(starter))


def is_invitation_unsent(starter: Starter) -> bool:
    """Whether a link waits or is being sent."""
    return outbox.is_unsent("invitation", starter, _confirmer_role(starter))


def invitation_recently_sent_at(starter: Starter) -> datetime | None:
    """When the link was last sent to the confirmer, if within the last ten minutes."""
    return send_times.recently_sent_at("invitation", starter)


def write_reminder(starter: Starter) -> None:
    """To the confirmer, when the window opens: today is the day."""
    _write_to_confirmer("reminder", starter, key=f"{starter.start_date}:{starter.schedule}")


def write_early_reminder(starter: Starter) -> None:
    """To the confirmer, some days before: somebody starts, and this is what to do on the day."""
    _write_to_confirmer("reminder_ahead", starter, key=f"{starter.start_date}:{starter.schedule}")


def _write_to_confirmer(kind: str, starter: Starter, *, key: str, urgency: Urgency = Urgency.NORMAL) -> None:
    """To the manager, or to their stand-in."""
    outbox.write_mail(
        kind,
        starter,
        to=starter.confirmer_mail,
        key=key,
        recipient=_confirmer_role(starter),
        reader_id=starter.confirmer_id,
        urgency=urgency,
    )


def _confirmer_role(starter: Starter) -> Reader:
    return Reader.STAND_IN if starter.has_stand_in else Reader.MANAGER


def write_escalation(starter: Starter, above: graph.Manager | None) -> None:
    """To others, on the first day: nobody has confirmed. `above` is the manager's manager, if policy notifies them."""
    rules = policy.for_starter(starter)
    key = f"{starter.start_date}:{starter.schedule}"
    if above is not None:
        to, reader, reader_id = above.mail, Reader.ABOVE, above.object_id
    elif rules.duty_address:
        to, reader, reader_id = rules.duty_address, Reader.DUTY, ""
    else:
        _write_to_hr("escalation", starter, key=key, urgent=True)
        return
    outbox.write_mail("escalation", starter, to=to, key=key, recipient=reader, reader_id=reader_id)


def write_not_asked(starter: Starter, *, to: str, reader_id: str) -> None:
    """To a former confirmer who was sent the link: somebody else confirms now."""
    key = f"{reader_id}:{starter.version}:{starter.mails.count()}"
    outbox.write_mail("not_asked", starter, to=to, key=key, recipient=Reader.FORMER, reader_id=reader_id)


def write_account_replaced(starter: Starter) -> None:
    """To the manager who was invited for the account that turned out to be the wrong one."""
    outbox.write_mail(
        "account_replaced",
        starter,
        to=starter.confirmer_mail,
        key=str(starter.version),
        recipient=Reader.FORMER,
        reader_id=starter.confirmer_id,
    )


def is_confirmer_notified(starter: Starter) -> bool:
    """Whether a mail about this starter has reached, or may have reached, the present confirmer."""
    theirs = starter.mails.filter(reader_id=starter.confirmer_id, recipient__in=CONFIRMERS)
    return bool(starter.confirmer_id) and theirs.filter(MAY_HAVE_ARRIVED).exists()


def write_start_moved(starter: Starter) -> None:
    """To a confirmer who was notified before: the start date has changed; the mail has the new one."""
    key = f"{starter.confirmer_id}:{starter.schedule}"
    _write_to_confirmer("moved", starter, key=key)


def write_withdrawal(starter: Starter) -> None:
    """To a confirmer who was notified before: the starter does not start, and there is nothing to do."""
    outbox.write_mail(
        "withdrawn",
        starter,
        to=starter.confirmer_mail,
        key=f"{starter.confirmer_id}:{starter.version}",
        recipient=Reader.FORMER,
        reader_id=starter.confirmer_id,
    )


def cancel_unsent(starter: Starter, kinds: Collection[str] = BATCHED_KINDS) -> None:
    """Cancel the mails that were not sent yet: they are no longer relevant."""
    waiting = starter.mails.filter(sent_at=None, dropped_at=None, kind__in=kinds)
    waiting.update(dropped_at=clock.now(), text="", html="")


def write_pass_cancelled(issue: PassIssue) -> None:
    """To the manager: there is no pass now, why, and what to do."""
    outbox.write_mail(
        "taken_back",
        issue.starter,
        to=issue.starter.confirmer_mail,
        key=f"{issue.pk}:{issue.state}",
        recipient=_confirmer_role(issue.starter),
        reader_id=issue.starter.confirmer_id,
        reason=PassIssue.Reason(issue.reason).label,
        may_go_on=policy.attempts_left(issue.starter, policy.for_starter(issue.starter)) > 0,
        occasion=STOPPED if issue.starter.stopped_at is not None else "",
    )


def write_used_early(issue: PassIssue) -> None:
    """To security and HR: the pass was used before the start."""
    _write_unexpected(
        issue, "early", _("Someone used the pass before the start date. Please find out who used it.")
    )


def write_replaced_elsewhere(issue: PassIssue) -> None:
    """To security and HR: another tool created a pass while the portal's pass was valid."""
    reason = _(
        "A pass for the same account was created outside the portal, so the portal’s pass no longer works. "
        "Please find out who created the other pass."
    )
    _write_unexpected(issue, "replaced", reason)


def write_sessions_ended(
    person: Any, *, address: str, by: Any, reason: str, passes: int, number: int
) -> None:
    """To the person and to security: an admin ended all sessions of the person. `number` is the audit event's."""
    name = Truncator(person.name).chars(LONGEST_NAME)  # it is in a subject
    details = {"person_name": name, "admin_name": by.name, "why": reason, "passes": passes}
    for recipient, to in ((Reader.PERSON, address), (Reader.SECURITY, security_address())):
        outbox.write_notice(
            "sessions_ended",
            to=to,
            key=f"{recipient}:{number}",
            recipient=recipient,
            reader_id=person.oid if recipient == Reader.PERSON else "",
            details=details | {"link": notice_link(recipient)},
        )


def write_directory_alarm(finding: DirectoryFinding) -> None:
    """To security: Entra's audit log has a pass that the portal did not create."""
    details = {
        "finding": str(finding.kind),
        "person_name": Truncator(finding.starter.name if finding.starter else "").chars(LONGEST_NAME),
        "at": finding.at,
        "zone": settings.TIME_ZONE,
        "number": finding.event,
    }
    outbox.write_notice(
        "directory_alarm",
        to=security_address(),
        key=finding.key,
        recipient=Reader.SECURITY,
        details=details | {"link": notice_link(Reader.SECURITY)},
    )


def write_erasure(*, number: int, by: Any, reason: str, is_done: bool) -> None:
    """To security: an admin asked for the erasure of a person, or another one carried it out.

    `number` is the audit event of the request. The mail does not name the person, because it outlives the erasure.
    """
    link = notice_link(Reader.SECURITY)
    details = {"admin_name": by.name, "why": reason, "number": number, "is_done": is_done, "link": link}
    key = f"{number}:{is_done}"
    outbox.write_notice("erasure", to=security_address(), key=key, recipient=Reader.SECURITY, details=details)


def _write_unexpected(issue: PassIssue, what: str, reason: Words) -> None:
    starter, security = issue.starter, Reader.SECURITY
    key = f"{what}:{security}:{issue.pk}"
    outbox.write_mail(
        "unexpected", starter, to=security_address(), key=key, recipient=security, reason=reason
    )
    _write_to_hr("unexpected", starter, key=f"{what}:{Reader.HR}:{issue.pk}", reason=reason, urgent=True)


def write_cannot_cancel(issue: PassIssue) -> None:
    """To security: for ten minutes the portal could not confirm that a pass is deleted."""
    reason = _(
        "For ten minutes, the portal has tried to delete a pass, but could not confirm that the pass is gone. "
        "The portal keeps trying."
    )
    outbox.write_mail(
        "problem",
        issue.starter,
        to=security_address(),
        key=f"stuck:{issue.pk}",
        recipient=Reader.SECURITY,
        reason=reason,
    )


def write_refusal(
    starter: Starter, refusing: Iterable[Guard], *, reference: int | None = None
) -> datetime | None:
    """To HR, and to security where a guard is alarming: the manager asked for a pass, no pass was created, and why.

    `reference` is the number of the audit event. Returns when the mail to HR was written; None where HR has no address.
    """
    refusing = tuple(refusing)
    codes = _join_codes(refusing)
    alarming = [guard for guard in refusing if guard.alarming]
    if alarming:
        _write_refusal_to_security(
            starter, alarming, key=f"{starter.version}:{_join_codes(alarming)}", occasion=ASKED
        )
    return _write_refusal_to_hr(
        starter, refusing, key=f"{starter.version}:{codes}", occasion=ASKED, reference=reference
    )


def write_early_refusal(starter: Starter, refusing: Iterable[Guard], *, number: int) -> datetime | None:
    """To HR: a check found that a pass would be refused. `number` is the number of its audit event.

    Returns when the mail was written; None where HR has no address.
    """
    occasion = ADDED if starter.state == StarterState.RECORDED else CHANGED
    return _write_refusal_to_hr(
        starter, tuple(refusing), key=f"check:{number}", occasion=occasion, reference=number
    )


def alarm_security_when_added(starter: Starter, warned: Iterable[Guard]) -> None:
    """To security, once for the same cause: HR added a privileged account, or one that somebody has used."""
    alarming = [guard for guard in warned if guard.code in guards.ALARMING_WHEN_ADDED]
    if alarming:
        _write_refusal_to_security(starter, alarming, key=f"added:{_join_codes(alarming)}", occasion=ADDED)


def alarm_security_before_click(starter: Starter, alarming: Iterable[Guard], *, number: int) -> None:
    """To security: an alarming guard would refuse. `number` is the number of the audit event."""
    if starter.state == StarterState.RECORDED:
        alarm_security_when_added(starter, alarming)
    elif alarming := tuple(alarming):
        _write_refusal_to_security(starter, alarming, key=f"check:{number}", occasion=CHANGED)


# What a mail about a refusal says has happened: the manager asked, HR added the starter, or something changed later.
ASKED, ADDED, CHANGED = "asked", "added", "changed"
# What a mail about a cancelled pass says has happened, if not only the pass has ended.
STOPPED = "stopped"


def _write_refusal_to_hr(
    starter: Starter, refusing: tuple[Guard, ...], *, key: str, occasion: str, reference: int | None
) -> datetime | None:
    reason = join_sentences(
        reason.for_hr for reason in guards.reasons_for_guards(refusing, reference=reference)
    )
    return _write_to_hr("refused", starter, key=f"hr:{key}", reason=reason, occasion=occasion)


def _write_refusal_to_security(
    starter: Starter, alarming: Iterable[Guard], *, key: str, occasion: str
) -> None:
    """To security: what each guard itself found."""
    outbox.write_mail(
        "refused",
        starter,
        to=security_address(),
        key=f"security:{key}",
        recipient=Reader.SECURITY,
        reason=join_sentences(guard.for_hr for guard in alarming),
        occasion=occasion,
    )


def _join_codes(refusing: Iterable[Guard]) -> str:
    return "+".join(guard.code for guard in refusing)


def list_recipients(starter: Starter, *, hr: bool, security: bool) -> list[str]:
    """Which of the chosen recipients have an address, for the audit event that names them."""
    asked = (("hr", hr, hr_address(starter)), ("security", security, security_address()))
    return [name for name, wanted, address in asked if wanted and address]


MICROSOFT_REFUSALS: dict[str, Words] = {
    "lifetime": _(
        "Microsoft does not allow the pass lifetime that is set in the portal's policy. An admin must "
        "change the lifetime in the policy, or IT must change the limits in Entra."
    ),
    "once": _(
        "Microsoft refused to create a pass that works only once. IT must check the Temporary Access Pass "
        "policy."
    ),
    "policy": _(
        "The organisation’s settings in Entra do not allow passes for this account. IT must add the account "
        "to the Temporary Access Pass policy."
    ),
    "guest": _(
        "The account is a guest account from another organisation. Only internal accounts can get a pass."
    ),
    "exists": _("The account already has a pass. If nobody needs this pass, IT can delete it in Entra."),
    "forbidden": _(
        "The portal has no permission to create a pass for this account. IT must check the "
        "portal’s permissions."
    ),
    "unauthorised": _(
        "The portal could not sign in to Microsoft. IT must check the portal’s identity in Entra."
    ),
    "unusable": _(
        "Microsoft created a pass that nobody can use. The portal will delete it. IT must check the "
        "Temporary Access Pass policy."
    ),
}


def write_microsoft_refusal(issue: PassIssue, refusal: str) -> None:
    """To HR: Microsoft refused to create a pass, or created one that cannot be used."""
    unknown = format_lazy(
        _(
            "Microsoft refused to create the pass. IT can find the request in Microsoft’s logs by its ID: "
            "{id}."
        ),
        id=issue.pk,
    )
    reason = MICROSOFT_REFUSALS.get(refusal, unknown)
    _write_to_hr("refused", issue.starter, key=f"graph:{issue.pk}", reason=reason)


def write_registered(starter: Starter) -> None:
    """To the confirmer and HR: the starter can sign in; nothing is left to do."""
    key = str(starter.version)
    _write_to_confirmer("registered", starter, key=f"manager:{key}")
    _write_to_hr("registered", starter, key=f"hr:{key}", urgent=False)


def write_stop_to_hr(starter: Starter, *, by_name: str, is_former: bool) -> datetime | None:
    """To HR: somebody used the emergency stop. `by_name` is the manager, empty for the holder of the stop code.

    `is_former`: their mail was about the account before HR chose another one.
    """
    return _write_to_hr(
        STOPPED,
        starter,
        key=f"hr:{_stop_key(starter)}",
        reason=_("Someone used the emergency stop."),
        urgency=Urgency.NOW,
        details={"by_name": by_name, "is_former": is_former},
    )


def write_stop_to_security(
    starter: Starter, *, by_name: str, is_former: bool, methods: list[dict[str, str]] | None, key: str
) -> None:
    """To security: what Entra still needs. `methods` were registered in between; None if they could not be read.

    `by_name` and `is_former` are as in the mail to HR. `key` differs for each different list.
    """
    outbox.write_mail(
        STOPPED,
        starter,
        to=security_address(),
        key=f"security:{_stop_key(starter)}:{key}",
        recipient=Reader.SECURITY,
        details={
            "by_name": by_name,
            "is_former": is_former,
            "methods": methods,
            "account_name": starter.account_name,
        },
    )


def _stop_key(starter: Starter) -> str:
    return starter.stopped_at.isoformat() if starter.stopped_at else ""


def write_account_found(starter: Starter) -> None:
    """To HR: the expected account has appeared. Is it the right one?"""
    _write_to_hr("account_found", starter, key=starter.found_account_id)


def write_problem(starter: Starter, found: str = "", *, number: int | None = None) -> datetime | None:
    """To HR: the problem `found` blocks this onboarding. `number` is the number of its audit event.

    Returns when the mail was written; None where HR has no address.
    """
    found = found or starter.problem
    key = f"check:{number}" if number else f"{found}:{starter.start_date}"
    return _write_to_hr("problem", starter, key=key, reason=Starter.Problem(found).label)


def _write_to_hr(
    kind: str,
    starter: Starter,
    *,
    key: str,
    reason: Words = "",
    urgent: bool | None = None,
    urgency: Urgency | None = None,
    occasion: str = "",
    details: Mapping[str, Any] | None = None,
) -> datetime | None:
    """To HR's address, and to each person in HR who chose mail. A mail that is not urgent waits for its batch.

    `urgency` goes before `urgent`. By default a mail is urgent once the starter's window is open. Returns when the mail to
    HR's address was written.
    """
    if urgent is None:
        urgent = clock.now() >= starter.starts_at - policy.for_starter(starter).opens_before
    urgency = urgency or (Urgency.SOON if urgent else Urgency.NORMAL)
    address = hr_address(starter)
    written = outbox.write_mail(
        kind,
        starter,
        to=address,
        key=key,
        recipient=Reader.HR,
        reason=reason,
        urgency=urgency,
        occasion=occasion,
        details=details,
    )
    for choice in preferences.hr_readers():
        if choice.address.casefold() != address.casefold():
            outbox.write_mail(
                kind,
                starter,
                to=choice.address,
                key=f"{key}:{choice.user.oid}",
                recipient=Reader.HR,
                reader_id=choice.user.oid,
                reason=reason,
                urgency=urgency if choice.choice == preferences.Choice.URGENT else Urgency.NORMAL,
                occasion=occasion,
                details=details,
            )
    return written


def hr_address(starter: Starter) -> str:
    """HR's address for this starter: the policy's, else the installation's."""
    return policy.for_starter(starter).hr_address or settings.HR_ADDRESS


def security_address() -> str:
    return policy.for_site().security_address or settings.SECURITY_ADDRESS
