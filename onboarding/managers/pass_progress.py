"""What happened to a pass while its page is open: the text that the page shows instead of the pass.

The page polls every few seconds. Each answer uses only the stored issue, so it costs one query, sends no request to
Microsoft, and claims only what is recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding.lifecycle import IssueState, StarterState
from onboarding.managers.page_state import Tone
from onboarding.models import PassIssue

Reason = PassIssue.Reason


@dataclass(frozen=True)
class Progress:
    """`code` is `open` while the pass can be used; then there is no text. `is_final` if nothing more will happen."""

    code: str
    title: str = ""
    lines: tuple[str, ...] = ()
    tone: Tone = "wait"
    is_final: bool = False


OPEN = Progress("open")
_WHY_CANCELLED: dict[str, Promise] = {
    Reason.NO_RECEIPT: _("We could not confirm that the pass reached you."),
    Reason.NOT_SEEN: _("You did not see the pass."),
    Reason.LOST: _("You cancelled the pass."),
    Reason.TAKEN_BACK: _("HR cancelled the pass."),
    Reason.WITHDRAWN: _("HR or another system withdrew this starter."),
    Reason.STOPPED: _("Someone used the emergency stop."),
    Reason.FROZEN: _("Someone stopped all new passes."),
    Reason.SESSIONS_ENDED: _("An admin ended your sessions."),
    Reason.OWN_SESSION_ENDED: _("You ended another of your sessions."),
}


def describe_progress(issue: PassIssue, now: datetime) -> Progress:
    """Describe what happened to a pass that its manager was shown."""
    state = IssueState(issue.state)
    if issue.starter.state == StarterState.REGISTERED and state not in {IssueState.SHOWN, IssueState.HELD}:
        return _progress_registered(issue)
    match state:
        case IssueState.SHOWN | IssueState.HELD:
            return _progress_while_valid(issue, now)
        case IssueState.REVOKING | IssueState.REVOKED:
            return _progress_cancelled(issue)
        case _:
            return _progress_closed(issue)


def _progress_while_valid(issue: PassIssue, now: datetime) -> Progress:
    if issue.used_at is not None:
        return _progress_after_use(issue)
    if issue.valid_until is not None and now >= issue.valid_until:
        line = gettext("The pass is no longer on this page. Choose “Done” to continue.")
        return Progress("expired", gettext("The pass has expired"), (line,), "problem")
    return OPEN


def _progress_after_use(issue: PassIssue) -> Progress:
    name = {"name": issue.starter.name}
    lines = (
        gettext("The starter must finish within ten minutes of signing in. This page updates automatically."),
        gettext("The pass works only once, so this page no longer shows it."),
        gettext("If %(name)s did not use the pass, tell IT at once.") % name,
    )
    title = gettext("The pass was used. %(name)s must now set up a sign-in method") % name
    return Progress("used", title, lines, "wait")


def _progress_registered(issue: PassIssue) -> Progress:
    line = gettext("%(name)s now has their own sign-in method. There is nothing left for you to do.")
    lines = (line % {"name": issue.starter.name},)
    return Progress("registered", gettext("You are done"), lines, "done", is_final=True)


def _progress_cancelled(issue: PassIssue) -> Progress:
    why = str(_WHY_CANCELLED.get(issue.reason, ""))
    is_withdrawn = issue.reason == Reason.WITHDRAWN
    code, tone = "withdrawn" if is_withdrawn else "cancelled", _tone_of(issue)
    if issue.state == IssueState.REVOKING:
        words = gettext("Do not use the pass. The portal is deleting it.")
        return Progress(code, gettext("The pass is being cancelled"), (why, words), tone)
    words = gettext("The pass is no longer on the account, so nobody can use it.")
    onward = "" if is_withdrawn else gettext("Choose “Done” to continue.")
    return Progress(code, gettext("The pass was cancelled"), (why, words, onward), tone, is_final=True)


def _tone_of(issue: PassIssue) -> Tone:
    return "stopped" if issue.reason == Reason.WITHDRAWN else "problem"


def _progress_closed(issue: PassIssue) -> Progress:
    onward = gettext("Choose “Done” to continue.")
    match issue.reason:
        case Reason.REGISTERED:
            return _progress_registered(issue)
        case Reason.USED:
            title = gettext("The pass was used, but no sign-in method was set up")
        case Reason.EXPIRED:
            title = gettext("The pass has expired")
        case Reason.REPLACED:
            title = gettext("A pass created outside the portal replaced this one")
        case _:
            title = gettext("This pass is no longer valid")
    why = gettext("Nobody can use this pass now.")
    return Progress("closed", title, (why, onward), "problem", is_final=True)
