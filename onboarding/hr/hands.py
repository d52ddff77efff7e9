"""What needs a hand, why, and what puts it right; and for whom an onboarding waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from onboarding import guards, policy
from onboarding.language import Words
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import PassIssue, PolicyVersion, Starter

Problem, Reason = Starter.Problem, PassIssue.Reason
HR, PORTAL, MANAGERS, STARTERS, DONE, STOPPED = (
    "HR",
    "the portal",
    "managers",
    "starters",
    "nobody",
    "withdrawn",
)


OPEN_IT = _("Open the record")


@dataclass(frozen=True)
class Hand:
    """`place` names HR's page where it is put right."""

    why: Words
    fix: Words
    place: str = "starter"
    label: Words = OPEN_IT


LATE = Hand(
    _("The time for a pass has passed."),
    _("If they start after all, change the first day. If not, withdraw the record."),
    "edit",
    _("Change the first day"),
)
USED_UP = Hand(
    _("All passes are used up."),
    _("Ring the manager. If the starter is really there, allow another."),
    label=_("Allow another"),
)
NOT_ACKNOWLEDGED = Hand(
    _("A pass was made, and no screen said that it had arrived."),
    _("Nobody can use it: it is taken back by itself. Then the manager can make another on the same page."),
)
FIXES: dict[str, Hand] = {
    Problem.ACCOUNT_MISSING: Hand(
        _("The account does not exist yet."),
        _("Ask IT whether it will be made under this name. If the name is wrong, choose another account."),
        "account",
        _("Choose another account"),
    ),
    Problem.ACCOUNT_FOUND: Hand(
        _("An account was found under the expected name."),
        _("Compare it with whom you expect, and accept it. Nobody is invited before."),
        label=_("Look at it"),
    ),
    Problem.ACCOUNT_GONE: Hand(
        _("The account is no longer in the directory."),
        _("Ask IT whether it was deleted by mistake. If there is a new one, choose it."),
        "account",
        _("Choose another account"),
    ),
    Problem.ACCOUNT_CHANGED: Hand(
        _("The account is no longer what HR saw."),
        _("Compare what changed. If it is still the right person, say so; if not, choose another account."),
        label=_("Look at it"),
    ),
    Problem.MANAGER_CHANGED: Hand(
        _("The directory names another manager than HR saw."),
        _(
            "Compare the two. If the new manager is right, say so: they are sent the link. If not, ask who keeps the directory."
        ),
        label=_("Look at it"),
    ),
    Problem.NO_MANAGER: Hand(
        _("The directory names no manager."),
        _(
            "Ask whoever keeps the directory to enter one. The portal looks again by itself, and at once if you send the link."
        ),
    ),
    Problem.NO_MAILBOX: Hand(
        _("The manager has no mailbox, so no mail reached them."),
        _("Give them the address of the starter’s page yourself; it also stands on their own first page."),
        label=_("The address"),
    ),
    Problem.MANAGER_RECORDED: Hand(
        _("The manager took part in recording the starter."),
        _("Three people are needed: withdraw the record, and let somebody else in HR record them."),
        "withdraw",
        _("Withdraw"),
    ),
    Problem.REFUSED: Hand(
        _("The portal refused to make a pass."), _("The history says why."), label=_("Read the history")
    ),
    Problem.MAIL_FAILED: Hand(
        _("The mail to the manager could not be sent."),
        _(
            "The portal keeps trying for a day. Give them the address yourself, and ask an admin to look at the job."
        ),
        label=_("The address"),
    ),
    Problem.MAIL_REFUSED: Hand(
        _("The manager’s address takes no mail."),
        _(
            "Ask whoever keeps the directory to put the address right: then the link is sent by itself. Until then give them "
            "the address of the starter’s page yourself."
        ),
        label=_("The address"),
    ),
    Problem.NO_STAND_IN: Hand(
        _("Whoever stands in is not the manager’s manager any more."),
        _("Nobody can confirm. Take the routing back, or route it anew to who is above the manager now."),
        "stand-in",
        _("Look at the routing"),
    ),
}


def hand_of(starter: Starter, version: PolicyVersion, now: datetime) -> Hand | None:
    """What somebody has to do, if anything: else it goes on by itself."""
    if not starter.is_unfinished:
        return None
    issue = starter.open_issue()
    if issue is not None and issue.state in {IssueState.SHOWN, IssueState.REVOKING}:
        return NOT_ACKNOWLEDGED if _is_unseen(issue, now) else None
    if issue is None and now > starter.starts_at + version.after:
        return LATE
    if starter.problem == Problem.REFUSED:
        return _refused(starter.refused_for)
    if starter.problem:
        return FIXES[starter.problem]
    if starter.state == StarterState.INVITED and issue is None:
        return _tried(starter, version)
    return None


def _is_unseen(issue: PassIssue, now: datetime) -> bool:
    if issue.state == IssueState.SHOWN:
        return issue.receipt_until is not None and now > issue.receipt_until
    return issue.reason in {Reason.NO_RECEIPT, Reason.NOT_SEEN}


def _refused(codes: list[str]) -> Hand:
    known = [str(guards.BY_CODE[code].for_hr) for code in codes if code in guards.BY_CODE]
    usual = FIXES[Problem.REFUSED]
    return Hand(usual.why, " ".join(known) or usual.fix, usual.place, usual.label)


def _tried(starter: Starter, version: PolicyVersion) -> Hand | None:
    if policy.attempts_left(starter, version) <= 0:
        return USED_UP
    last = starter.last_issue()
    return NOT_ACKNOWLEDGED if last and last.reason in {Reason.NO_RECEIPT, Reason.NOT_SEEN} else None


def waits_for(starter: Starter, hand: Hand | None) -> str:
    """For whom an onboarding waits: one of the words at the top."""
    if hand is not None:
        return HR
    match StarterState(starter.state):
        case StarterState.RECORDED:
            return PORTAL
        case StarterState.INVITED:
            return MANAGERS
        case StarterState.ISSUED:
            issue = starter.open_issue()
            return STARTERS if issue is not None and issue.state == IssueState.HELD else PORTAL
        case StarterState.REGISTERED:
            return DONE
        case _:
            return STOPPED


def place_of(starter: Starter, hand: Hand) -> str:
    return reverse(f"hr:{hand.place}", args=[starter.public_id])
