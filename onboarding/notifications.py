"""One function a message. Each writes the mail and its job into the transaction of the change it tells of.

No mail holds a pass, or anything personal beyond the starter's name. A message that was written once under a
key is not written again; its Message-ID is made from the key, so that even a mail sent twice is known as one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from onboarding import clock, graph, letters, policy
from onboarding.guards import Guard
from onboarding.language import Words, sentences
from onboarding.letters import Haste, Reader
from onboarding.models import PassIssue, Starter


def invitation(starter: Starter, *, number: int, haste: Haste = Haste.IN_TURN) -> None:
    """To who may confirm: the link, and what to do on the day. `number` tells a repeated sending from the first."""
    _to_who_may_confirm("invitation", starter, key=f"{starter.in_charge_id}:{number}", haste=haste)


def hurry_invitation(starter: Starter) -> bool:
    """Let the link that waits for others leave at once. False: there is none that has not left."""
    return letters.hurry("invitation", starter, _who_may_confirm(starter))


def reminder(starter: Starter) -> None:
    """To who may confirm, when the window opens: today is the day."""
    _to_who_may_confirm("reminder", starter, key=f"{starter.start_date}:{starter.schedule}")


def reminder_ahead(starter: Starter) -> None:
    """To who may confirm, some days before: somebody starts, and this is what to do on the day."""
    _to_who_may_confirm("reminder_ahead", starter, key=f"{starter.start_date}:{starter.schedule}")


def _to_who_may_confirm(kind: str, starter: Starter, *, key: str, haste: Haste = Haste.IN_TURN) -> None:
    """The manager, or who stands in for them."""
    letters.write(
        kind,
        starter,
        to=starter.in_charge_mail,
        key=key,
        recipient=_who_may_confirm(starter),
        reader_id=starter.in_charge_id,
        haste=haste,
    )


def _who_may_confirm(starter: Starter) -> Reader:
    return Reader.STAND_IN if starter.is_routed else Reader.MANAGER


def escalation(starter: Starter, above: graph.Manager | None) -> None:
    """To others, on the first day: nobody has confirmed. `above` is the manager's manager, if they are to be told."""
    rules = policy.for_starter(starter)
    key = f"{starter.start_date}:{starter.schedule}"
    if above is not None:
        to, reader, reader_id = above.mail, Reader.ABOVE, above.object_id
    elif rules.duty_address:
        to, reader, reader_id = rules.duty_address, Reader.DUTY, ""
    else:
        to, reader, reader_id = hr_address(starter), Reader.HR, ""
    letters.write("escalation", starter, to=to, key=key, recipient=reader, reader_id=reader_id)


def not_asked_any_more(starter: Starter, *, to: str, reader_id: str) -> None:
    """To who was sent the link and may not confirm any more: another was chosen, or the manager confirms again."""
    key = f"{reader_id}:{starter.version}"
    letters.write("not_asked", starter, to=to, key=key, recipient=Reader.FORMER, reader_id=reader_id)


def account_replaced(starter: Starter) -> None:
    """To the manager who was invited for the account that turned out to be the wrong one."""
    letters.write(
        "account_replaced",
        starter,
        to=starter.in_charge_mail,
        key=str(starter.version),
        recipient=Reader.FORMER,
    )


def drop_unsent(starter: Starter, kinds: Collection[str] = letters.GATHERED) -> None:
    """What was not sent yet is no longer true."""
    waiting = starter.mails.filter(sent_at=None, dropped_at=None, kind__in=kinds)
    waiting.update(dropped_at=clock.now(), text="", html="")


def open_again(issue: PassIssue) -> None:
    """To the manager: there is no pass now, why, and what to do."""
    letters.write(
        "taken_back",
        issue.starter,
        to=issue.starter.in_charge_mail,
        key=f"{issue.pk}:{issue.state}",
        recipient=Reader.STAND_IN if issue.starter.is_routed else Reader.MANAGER,
        reason=PassIssue.Reason(issue.reason).label,
        may_go_on=policy.attempts_left(issue.starter, policy.for_starter(issue.starter)) > 0,
    )


def used_early(issue: PassIssue) -> None:
    """To security and HR: the pass was used before the person was to start."""
    _unexpected(
        issue, "early", _("The pass was used before the start. Who used it, and was the starter there?")
    )


def replaced_elsewhere(issue: PassIssue) -> None:
    """To security and HR: while our pass was out, somebody made another with another tool."""
    reason = _(
        "Another tool made a pass for the same account, which ended the portal’s own. Who made it, and for whom?"
    )
    _unexpected(issue, "replaced", reason)


def _unexpected(issue: PassIssue, what: str, reason: Words) -> None:
    starter = issue.starter
    for reader, to in ((Reader.SECURITY, security_address()), (Reader.HR, hr_address(starter))):
        key = f"{what}:{reader}:{issue.pk}"
        letters.write("unexpected", starter, to=to, key=key, recipient=reader, reason=reason)


def cannot_take_back(issue: PassIssue) -> None:
    """To security: a pass should be gone for ten minutes, and it is not, or nobody can say."""
    reason = _(
        "For ten minutes the portal could not make sure that a pass is gone. "
        "It keeps trying; IT can delete it in Entra."
    )
    letters.write(
        "problem",
        issue.starter,
        to=security_address(),
        key=f"stuck:{issue.pk}",
        recipient=Reader.SECURITY,
        reason=reason,
    )


def refused(starter: Starter, guards: Iterable[Guard]) -> None:
    """To HR, and to security where a guard is alarming: no pass was made, and why."""
    guards = tuple(guards)
    key = f"hr:{starter.version}:{'+'.join(guard.code for guard in guards)}"
    reason = sentences(guard.for_hr for guard in guards)
    letters.write("refused", starter, to=hr_address(starter), key=key, recipient=Reader.HR, reason=reason)
    alarm(starter, guards)


def alarm(starter: Starter, guards: Iterable[Guard]) -> None:
    """To security, once for the same cause: somebody recorded a privileged or existing account, or asked for its pass."""
    alarming = [guard for guard in guards if guard.alarming]
    if alarming:
        letters.write(
            "refused",
            starter,
            to=security_address(),
            key=f"security:{starter.version}:{'+'.join(guard.code for guard in alarming)}",
            recipient=Reader.SECURITY,
            reason=sentences(guard.for_hr for guard in alarming),
        )


MICROSOFT_REFUSALS: dict[str, Words] = {
    "lifetime": _(
        "Microsoft does not allow the lifetime in the portal's policy. An admin must bring the two together."
    ),
    "once": _(
        "Microsoft's settings about single use refused it. IT must look at the Temporary Access Pass policy."
    ),
    "policy": _(
        "Passes are switched off for this account. IT must add it to the Temporary Access Pass policy."
    ),
    "guest": _("The account is a guest of another organisation."),
    "exists": _("There is already a pass on the account."),
    "forbidden": _("The portal lacks the right to make a pass for this account."),
    "unauthorised": _("The portal could not sign in to Microsoft."),
}


def microsoft_refused(issue: PassIssue, refusal: str) -> None:
    """To HR: Microsoft said no, or gave a pass that cannot be used."""
    unknown = format_lazy(_("Microsoft refused. IT can look for request {id}."), id=issue.pk)
    reason = MICROSOFT_REFUSALS.get(refusal, unknown)
    letters.write(
        "refused",
        issue.starter,
        to=hr_address(issue.starter),
        key=f"graph:{issue.pk}",
        recipient=Reader.HR,
        reason=reason,
    )


def registered(starter: Starter) -> None:
    """To the manager and HR: the starter can sign in by their own means; nothing is left to do."""
    key = str(starter.version)
    reader = Reader.STAND_IN if starter.is_routed else Reader.MANAGER
    letters.write("registered", starter, to=starter.in_charge_mail, key=f"manager:{key}", recipient=reader)
    letters.write("registered", starter, to=hr_address(starter), key=f"hr:{key}", recipient=Reader.HR)


def account_found(starter: Starter) -> None:
    """To HR: the expected account has appeared; is it the right one?"""
    letters.write(
        "account_found", starter, to=hr_address(starter), key=starter.found_account_id, recipient=Reader.HR
    )


def problem(starter: Starter) -> None:
    """To HR: something keeps this onboarding from going on."""
    key = f"{starter.problem}:{starter.start_date}"
    letters.write(
        "problem",
        starter,
        to=hr_address(starter),
        key=key,
        recipient=Reader.HR,
        reason=Starter.Problem(starter.problem).label,
    )


def hr_address(starter: Starter) -> str:
    """Where HR reads of this starter: as policy says, else as it was installed."""
    return policy.for_starter(starter).hr_address or settings.HR_ADDRESS


def security_address() -> str:
    return policy.in_force().security_address or settings.SECURITY_ADDRESS
