"""Decide which starters need HR's attention, why, and how to fix it, and who must act next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from onboarding import guards, obstacles, policy
from onboarding.guards import CANNOT
from onboarding.guards.emergency_stop import find_kept_stops
from onboarding.i18n import Words, join_sentences
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import EffectivePolicy, PassIssue, Starter

Problem, Reason = Starter.Problem, PassIssue.Reason
HR, PORTAL, MANAGERS, STARTERS, DONE, STOPPED, LAPSED = (
    "HR",
    "the portal",
    "managers",
    "starters",
    "nobody",
    "withdrawn",
    "lapsed",
)


OPEN_IT = _("Open the starter’s page")


@dataclass(frozen=True)
class ActionNeeded:
    """What HR has to do: the problem and its fix. `page` is the URL name of the page for the fix."""

    why: Words
    fix: Words
    page: str = "starter"
    label: Words = OPEN_IT


LATE = ActionNeeded(
    _("It is too late to create a pass for this starter."),
    _("If this person is still going to start, change the start date. If not, withdraw the starter."),
    "edit",
    _("Change the start date"),
)
USED_UP = ActionNeeded(
    _("The maximum number of passes for this starter has been reached."),
    _("Call the manager. If the starter is with the manager, allow another pass."),
    label=_("Allow another pass"),
)
UNCONFIRMED = _(
    "The portal created a pass, but the page of the manager or stand-in did not confirm that the pass "
    "arrived."
)
# The pass may still work until Microsoft's list no longer shows it.
NOT_ACKNOWLEDGED = ActionNeeded(
    UNCONFIRMED,
    _(
        "You do not need to do anything. The portal will delete the pass. Until then, the pass may still "
        "work. The starter’s page will show the manager or stand-in what to do next."
    ),
)
NOT_REGISTERED = ActionNeeded(
    _("The pass was used, but no sign-in method was registered."),
    _(
        "Ask the manager or stand-in to create another pass with the same link, while the starter is with "
        "them. The starter must set up a sign-in method, such as a passkey, within ten minutes of signing "
        "in. An email address or a phone number is not enough."
    ),
)
EMERGENCY_STOP = ActionNeeded(
    _("An emergency stop is in force."),
    _(
        "Someone reported that something is wrong. Ask the security team and the manager what happened. When "
        "the security team says that the account is safe, two people in HR can end the emergency stop."
    ),
    "restart",
    _("End the emergency stop…"),
)
FIXES: dict[str, ActionNeeded] = {
    Problem.STOPPED: EMERGENCY_STOP,
    Problem.ACCOUNT_MISSING: ActionNeeded(
        _("The account does not exist yet."),
        _(
            "Ask IT whether they will create the account under this name. If the name is wrong, choose another "
            "account."
        ),
        "account",
        _("Choose another account"),
    ),
    Problem.ACCOUNT_FOUND: ActionNeeded(
        _("An account with the expected name now exists."),
        _(
            "Check that the account belongs to the starter, then accept it. Until then, the portal does "
            "not invite the manager."
        ),
        label=_("View details"),
    ),
    Problem.ACCOUNT_GONE: ActionNeeded(
        _("The account is no longer in Entra."),
        _("Ask IT whether the account was deleted by mistake. If there is a new account, choose it."),
        "account",
        _("Choose another account"),
    ),
    Problem.ACCOUNT_CHANGED: ActionNeeded(
        _("The account has changed since HR checked it."),
        _(
            "Check what changed. If this is still the right person, confirm the changes. If not, choose "
            "another account."
        ),
        label=_("View details"),
    ),
    Problem.MANAGER_CHANGED: ActionNeeded(
        _("The manager in Entra has changed since HR checked the account."),
        _(
            "If the new manager is right, confirm the changes. The portal will then send the new manager the "
            "link. If not, ask IT to correct the manager in Entra."
        ),
        label=_("View details"),
    ),
    Problem.NO_MANAGER: ActionNeeded(
        _("No manager is set in Entra."),
        _(
            "Ask IT to set the manager in Entra. The portal will then find the manager automatically. You "
            "can also send the link yourself as soon as IT has set the manager."
        ),
    ),
    Problem.NO_MAILBOX: ActionNeeded(
        _("The manager has no mailbox, so the portal cannot email the link."),
        _(
            "Give the manager the link yourself. The starter is also on the manager’s home page in the portal."
        ),
        label=_("Show the link"),
    ),
    Problem.MANAGER_RECORDED: ActionNeeded(
        _("The manager added or changed this starter."),
        _(
            "HR, manager and starter must be three different people. Withdraw this starter, then ask an HR "
            "colleague to add the starter again."
        ),
        "withdraw",
        _("Withdraw"),
    ),
    Problem.NOT_REGISTERED: NOT_REGISTERED,
    Problem.REFUSED: ActionNeeded(CANNOT, _("See the reason in the history."), label=_("View the history")),
    Problem.MAIL_FAILED: ActionNeeded(
        _("The email to the manager could not be sent."),
        _(
            "The portal will keep trying. In the meantime, give the manager the link yourself. IT can find the "
            "cause on the portal’s “Doctor” page."
        ),
        label=_("Show the link"),
    ),
    Problem.MAIL_REFUSED: ActionNeeded(
        _("The manager’s email address does not accept emails."),
        _(
            "Ask IT to correct the address in Entra. The portal will then send the link automatically. In the "
            "meantime, give the manager the link yourself."
        ),
        label=_("Show the link"),
    ),
    Problem.NO_STAND_IN: ActionNeeded(
        _("The stand-in is no longer the manager’s manager."),
        _(
            "Nobody can create the pass now. Remove the stand-in. If you still need a stand-in, assign a new one."
        ),
        "stand-in",
        _("View the stand-in"),
    ),
}


def is_stopped(starter: Starter) -> bool:
    """Return whether a stop is in force that HR can end on this starter's page.

    Also one of an earlier starter with the same account, whose details were erased: the last check found it.
    """
    if starter.erased_at is not None or starter.stopped_at is not None:
        return starter.erased_at is None
    return "not_stopped" in starter.refused_for and find_kept_stops(starter.account_id).exists()


def find_action_needed(starter: Starter, rules: EffectivePolicy, now: datetime) -> ActionNeeded | None:
    """Return what HR has to do for this starter, or None."""
    if not starter.is_unfinished:
        return None
    if is_stopped(starter):
        return EMERGENCY_STOP
    issue = starter.open_issue()
    if issue is not None and issue.state in {IssueState.SHOWN, IssueState.REVOKING}:
        return NOT_ACKNOWLEDGED if _is_unconfirmed(issue, now) else None
    if issue is None and now > starter.starts_at + rules.closes_after:
        return LATE
    if starter.problem == Problem.REFUSED:
        return _action_for_refusal(starter)
    if starter.problem == Problem.NOT_REGISTERED and policy.attempts_left(starter, rules) <= 0:
        return USED_UP
    if starter.problem:
        return FIXES[starter.problem]
    if starter.state == StarterState.INVITED and issue is None:
        return _action_after_attempt(starter, rules)
    return None


def _is_unconfirmed(issue: PassIssue, now: datetime) -> bool:
    """Return whether no page confirmed the pass. HR has nothing to do if the manager reported that they did not see it."""
    if issue.state == IssueState.SHOWN:
        return issue.receipt_until is not None and now > issue.receipt_until
    return issue.reason == Reason.NO_RECEIPT


def _action_for_refusal(starter: Starter) -> ActionNeeded:
    """Show the same text as the manager's page and the emails."""
    usual, reasons = FIXES[Problem.REFUSED], obstacles.stored_reasons(starter)
    if [reason.code for reason in reasons] == [guards.HANDLED_BY_IT]:
        return ActionNeeded(
            usual.why,
            guards.describe_it_referral(starter.answer_event),
            "account",
            _("Choose another account"),
        )
    fix = join_sentences(reason.for_hr for reason in reasons) if reasons else usual.fix
    return ActionNeeded(usual.why, fix, usual.page, usual.label)


def _action_after_attempt(starter: Starter, rules: EffectivePolicy) -> ActionNeeded | None:
    if policy.attempts_left(starter, rules) <= 0:
        return USED_UP
    last = starter.last_issue()
    if last and last.reason == Reason.USED:
        return NOT_REGISTERED
    return _action_for_unconfirmed(last)


def _action_for_unconfirmed(last: PassIssue | None) -> ActionNeeded | None:
    if last is None or last.reason != Reason.NO_RECEIPT or last.state != IssueState.REVOKED:
        return None
    return ActionNeeded(
        UNCONFIRMED,
        _("The pass was deleted. The manager or stand-in can create another one with the same link."),
    )


def find_next_actor(starter: Starter, action: ActionNeeded | None) -> str:
    """Return who must act next: one of the constants above."""
    if action is not None:
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
        case StarterState.LAPSED:
            return LAPSED
        case _:
            return STOPPED


def url_of_fix(starter: Starter, action: ActionNeeded) -> str:
    """Return the URL of the page on which HR can fix it."""
    return reverse(f"hr:{action.page}", args=[starter.public_id])
