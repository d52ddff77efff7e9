"""One function a message. Each writes the mail and its job into the transaction of the change it tells of.

No mail holds a pass, or anything personal beyond the starter's name. A message that was written once under a
key is not written again; its Message-ID is made from the key, so that even a mail sent twice is known as one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from onboarding import clock, policy
from onboarding.guards import Guard
from onboarding.jobs import ask
from onboarding.models import Mail, PassIssue, Starter
from onboarding.models.work import Job


def invitation(starter: Starter, *, number: int) -> None:
    """To the manager: the link, and what to do on the day. `number` tells a repeated sending from the first."""
    _write(
        "invitation",
        starter,
        to=starter.manager_mail,
        key=f"{starter.manager_id}:{number}",
        recipient="manager",
    )


def reminder(starter: Starter) -> None:
    """To the manager, when the window opens: today is the day."""
    _write("reminder", starter, to=starter.manager_mail, key=str(starter.start_date), recipient="manager")


def reminder_ahead(starter: Starter) -> None:
    """To the manager, some days before: somebody starts, and this is what to do on the day."""
    key = f"ahead:{starter.start_date}"
    _write("reminder_ahead", starter, to=starter.manager_mail, key=key, recipient="manager")


def account_replaced(starter: Starter) -> None:
    """To the manager who was invited for the account that turned out to be the wrong one."""
    _write(
        "account_replaced",
        starter,
        to=starter.manager_mail,
        key=str(starter.version),
        recipient="former manager",
    )


def drop_unsent(starter: Starter) -> None:
    """What a manager has not been sent yet is no longer true."""
    waiting = starter.mails.filter(sent_at=None, dropped_at=None, kind__in=["invitation", "reminder"])
    waiting.update(dropped_at=clock.now(), text="", html="")


def open_again(issue: PassIssue) -> None:
    """To the manager: there is no pass now, why, and what to do."""
    _write(
        "taken_back",
        issue.starter,
        to=issue.starter.manager_mail,
        key=f"{issue.pk}:{issue.state}",
        recipient="manager",
        reason=issue.get_reason_display(),
        may_go_on=policy.attempts_left(issue.starter, policy.for_starter(issue.starter)) > 0,
    )


def cannot_take_back(issue: PassIssue) -> None:
    """To security: a pass should be gone for ten minutes, and it is not, or nobody can say."""
    reason = (
        "For ten minutes the portal could not make sure that a pass is gone. "
        "It keeps trying; IT can delete it in Entra."
    )
    _write(
        "problem",
        issue.starter,
        to=security_address(),
        key=f"stuck:{issue.pk}",
        recipient="security",
        reason=reason,
    )


def refused(starter: Starter, guards: Iterable[Guard]) -> None:
    """To HR, and to security where a guard is alarming: no pass was made, and why."""
    guards = tuple(guards)
    reason = " ".join(guard.for_hr for guard in guards)
    key = f"{starter.version}:{'+'.join(guard.code for guard in guards)}"
    _write("refused", starter, to=hr_address(starter), key=f"hr:{key}", recipient="hr", reason=reason)
    if any(guard.alarming for guard in guards):
        _write(
            "refused",
            starter,
            to=security_address(),
            key=f"security:{key}",
            recipient="security",
            reason=reason,
        )


def recorded_in_spite(starter: Starter, guards: Iterable[Guard]) -> None:
    """To security: somebody recorded a privileged or existing account as a starter. No pass can be made for it."""
    reason = " ".join(guard.for_hr for guard in guards if guard.alarming)
    key = f"recorded:{starter.version}"
    _write("refused", starter, to=security_address(), key=key, recipient="security", reason=reason)


MICROSOFT_REFUSALS = {
    "lifetime": "Microsoft does not allow the lifetime in the portal's policy. An admin must bring the two together.",
    "once": "Microsoft's settings about single use refused it. IT must look at the Temporary Access Pass policy.",
    "policy": "Passes are switched off for this account. IT must add it to the Temporary Access Pass policy.",
    "guest": "The account is a guest of another organisation.",
    "exists": "There is already a pass on the account.",
    "forbidden": "The portal lacks the right to make a pass for this account.",
    "unauthorised": "The portal could not sign in to Microsoft.",
}


def microsoft_refused(issue: PassIssue, refusal: str) -> None:
    """To HR: Microsoft said no, or gave a pass that cannot be used."""
    reason = MICROSOFT_REFUSALS.get(refusal, f"Microsoft refused. IT can look for request {issue.pk}.")
    _write(
        "refused",
        issue.starter,
        to=hr_address(issue.starter),
        key=f"graph:{issue.pk}",
        recipient="hr",
        reason=reason,
    )


def registered(starter: Starter) -> None:
    """To the manager and HR: the starter can sign in by their own means; nothing is left to do."""
    key = str(starter.version)
    _write("registered", starter, to=starter.manager_mail, key=f"manager:{key}", recipient="manager")
    _write("registered", starter, to=hr_address(starter), key=f"hr:{key}", recipient="hr")


def account_found(starter: Starter) -> None:
    """To HR: the expected account has appeared; is it the right one?"""
    _write("account_found", starter, to=hr_address(starter), key=starter.found_account_id, recipient="hr")


def problem(starter: Starter) -> None:
    """To HR: something keeps this onboarding from going on."""
    key = f"{starter.problem}:{starter.start_date}"
    _write(
        "problem",
        starter,
        to=hr_address(starter),
        key=key,
        recipient="hr",
        reason=starter.get_problem_display(),
    )


def hr_address(starter: Starter) -> str:
    """Where HR reads of this starter: as policy says, else as it was installed."""
    return policy.for_starter(starter).hr_address or settings.HR_ADDRESS


def security_address() -> str:
    return policy.in_force().security_address or settings.SECURITY_ADDRESS


def _write(
    kind: str,
    starter: Starter,
    *,
    to: str,
    key: str,
    recipient: str,
    reason: str = "",
    may_go_on: bool = True,
) -> None:
    if not to:
        return
    context = {**_context(starter, recipient, reason), "may_go_on": may_go_on}
    mail, made = Mail.objects.get_or_create(
        message_id=_message_id(f"{kind}:{starter.public_id}:{key}"),
        defaults={
            "kind": kind,
            "starter": starter,
            "to": to,
            "subject": " ".join(render_to_string(f"emails/{kind}.subject.txt", context).split())[:200],
            "text": render_to_string(f"emails/{kind}.txt", context),
            "html": render_to_string(f"emails/{kind}.html", context),
            "written_at": clock.now(),
        },
    )
    if made:
        ask(f"mail:{mail.pk}", priority=Job.Priority.MAIL)


def _context(starter: Starter, recipient: str, reason: str) -> dict[str, str]:
    return {
        "starter_name": starter.name,
        "link": settings.PORTAL_URL + _page_of(recipient, starter),
        "portal_host": str(urlsplit(settings.PORTAL_URL).netloc),
        "organisation_name": settings.ORGANISATION_NAME,
        "support_contact": settings.SUPPORT_CONTACT,
        "recipient": recipient,
        "reason": reason,
    }


def _page_of(recipient: str, starter: Starter) -> str:
    """Where the reader can go: manager and HR to the starter, security to its audit trail, others to their own list."""
    if recipient == "security":
        return f"{reverse('admin:onboarding_auditevent_changelist')}?q={starter.public_id}"
    if recipient == "former manager":
        return reverse("home")
    return reverse("managers:starter" if recipient == "manager" else "hr:starter", args=[starter.public_id])


def _message_id(key: str) -> str:
    host = urlsplit(settings.PORTAL_URL).hostname
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{host}>"
