"""The state of a manager's page: a title, a few sentences, and at most one action."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

from django.conf import settings
from django.utils.formats import date_format
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding import clock, guards
from onboarding import policy as rules
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import EffectivePolicy, Mail, PassIssue, Starter
from onboarding.passes import graph_quota, sign_ins
from onboarding.passes.confirmation import ForeignPass

SIGN_IN_BEFORE = timedelta(minutes=1)
POLL_SECONDS_READING = 5  # how often a page that waits for the worker polls
# How often a refused page polls, in seconds: until HR was notified, and then until the cause is fixed.
POLL_SECONDS_UNTIL_NOTIFIED, POLL_SECONDS_AFTER_NOTIFIED = 15, 60
POLL_SECONDS_READY = 30  # how often a page with the button polls, in seconds

Tone = Literal["todo", "wait", "done", "problem", "stopped"]
Action = Literal["", "confirm", "replace", "sign_in", "wait", "not_seen", "lost"]


@dataclass(frozen=True)
class PageState:
    code: str
    title: str
    lines: tuple[str, ...] = ()
    tone: Tone = "wait"
    action: Action = ""
    refresh_seconds: int = 0
    wait: graph_quota.Wait | None = field(default=None)
    method_id: str = ""  # the pass of another tool that may be replaced

    @property
    def fingerprint(self) -> str:
        """Return a value that changes when the page changes. The waiting time is not part of it."""
        return sha256(f"{self.code} {self.title} {' '.join(self.lines)}".encode()).hexdigest()[:16]

    @property
    def poll_headers(self) -> dict[str, str]:
        """Return the headers that poll_page.js reads: the fingerprint, when to poll again, and the queue position."""
        headers = {"Page-State": self.fingerprint, "Poll-Seconds": str(self.refresh_seconds)}
        if self.wait:
            seconds, position = self.wait.seconds_left(clock.now()), self.wait.ahead + 1
            headers |= {"Queue-Seconds": str(seconds), "Queue-Position": str(position)}
        return headers


def build_page_state(
    starter: Starter,
    policy: EffectivePolicy,
    now: datetime,
    *,
    signed_in_at: datetime | None,
    proven: bool = True,
    waiting: graph_quota.Wait | None = None,
    reasons: tuple[guards.Reason, ...] = (),
    hr_notified_at: datetime | None = None,
) -> PageState:
    """Return what the page shows now.

    `waiting` is the person's place in the queue, if any. `reasons` are those of the guards that refuse before the click;
    HR was notified of them at `hr_notified_at`. `proven` says whether the sign-in that policy asks for was made for this
    starter and is still valid at the time of `sign_in_needed_at`.
    """
    over = _state_when_over(starter)
    if over is not None:
        return over
    issue = starter.open_issue()
    if issue is not None:
        if issue.is_throttled and waiting and not waiting.is_over(now):
            return queue_state(waiting, now)
        return _state_of_issue(issue, starter)
    signed_in = proven and guards.is_sign_in_fresh(signed_in_at, policy, sign_in_needed_at(waiting, now))
    return _state_without_issue(starter, policy, now, signed_in, waiting, reasons, hr_notified_at)


def _state_when_over(starter: Starter) -> PageState | None:
    """Return the state of a starter for whom there is nothing to do, or who is stopped."""
    if starter.state == StarterState.WITHDRAWN:
        return PageState(
            "withdrawn",
            gettext("This starter has been withdrawn"),
            (gettext("There is nothing for you to do."),),
            "stopped",
        )
    if starter.stopped_at is not None and starter.open_issue() is None:
        return _stopped_state()
    if starter.state == StarterState.LAPSED:
        return PageState(
            "lapsed",
            gettext("The time to create a pass for this starter is over"),
            (gettext("If this person is still going to start, ask HR to add them again."),),
            "stopped",
        )
    if starter.state == StarterState.REGISTERED:
        return PageState(
            "registered",
            gettext("%(name)s can sign in") % {"name": starter.name},
            (gettext("The starter now has their own sign-in method. There is nothing left for you to do."),),
            "done",
        )
    return None


def sign_in_needed_at(waiting: graph_quota.Wait | None, now: datetime) -> datetime:
    """Return the time at which the sign-in must be valid: the manager's turn in the queue, or now."""
    return max(waiting.until, now) if waiting else now


def _clock_time(moment: datetime | None, starter: Starter) -> str:
    return date_format(moment.astimezone(starter.zone_info), "CLOCK") if moment else ""


def _state_of_issue(issue: PassIssue, starter: Starter) -> PageState:
    match IssueState(issue.state):
        case IssueState.ISSUING:
            return _issuing_state(issue, starter)
        case IssueState.UNKNOWN if issue.is_denied_by_microsoft:
            return _denied_state(issue, starter)
        case IssueState.UNKNOWN:
            return _unknown_state(issue, starter)
        case IssueState.SHOWN:
            return _shown_state(issue, starter)
        case IssueState.HELD:
            return _handed_over_state(issue, starter)
        case _ if starter.stopped_at is not None:
            words = gettext("Do not use the pass. The portal is deleting it.")
            return PageState(
                "revoking", gettext("An emergency stop is in force"), (words,), "stopped", refresh_seconds=5
            )
        case _:
            lines: tuple[str, ...] = (
                gettext(
                    "Do not use this pass. The portal is deleting it. When it is gone, this page shows "
                    "what you can do."
                ),
                gettext("Reason: %(reason)s.") % {"reason": issue.get_reason_display()}
                if issue.reason
                else "",
            )
            return PageState("revoking", gettext("The pass is being cancelled"), lines, refresh_seconds=5)


def _issuing_state(issue: PassIssue, starter: Starter) -> PageState:
    lines = (
        gettext(
            "The pass was requested at %(time)s. Do not request it again. This page updates automatically."
        )
        % {"time": _clock_time(issue.intended_at, starter)},
    )
    return PageState("issuing", gettext("The pass is being created"), lines, refresh_seconds=3)


def _unknown_state(issue: PassIssue, starter: Starter) -> PageState:
    lines = (
        gettext(
            "Microsoft gave no clear answer to the request at %(time)s. If a pass was created, the portal will "
            "delete it."
        )
        % {"time": _clock_time(issue.intended_at, starter)},
        gettext(
            "The check takes about three minutes, or longer if Microsoft does not respond. After that, "
            "this page shows what you can do."
        ),
    )
    return PageState("unknown", gettext("We are checking what happened"), lines, refresh_seconds=10)


def _shown_state(issue: PassIssue, starter: Starter) -> PageState:
    lines = (
        gettext("The pass was shown at %(time)s and cannot be shown again.")
        % {"time": _clock_time(issue.shown_at, starter)},
    )
    return PageState("shown", gettext("The pass was shown"), lines, "wait", "not_seen", refresh_seconds=15)


def _handed_over_state(issue: PassIssue, starter: Starter) -> PageState:
    used = issue.used_at is not None
    lines = (
        gettext("The pass was shown at %(time)s. It works once, until %(until)s.")
        % {"time": _clock_time(issue.held_at, starter), "until": _clock_time(issue.valid_until, starter)},
        (
            gettext(
                "The pass was used. %(name)s must set up a sign-in method within ten minutes of signing in."
            )
            if used
            else gettext(
                "Next, %(name)s signs in and sets up a sign-in method. This page updates automatically."
            )
        )
        % {"name": starter.name},
    )
    return PageState("held", gettext("The pass was handed over"), lines, "wait", "lost", refresh_seconds=15)


def _denied_state(issue: PassIssue, starter: Starter) -> PageState:
    """Microsoft refused, and its list of passes has not confirmed that yet."""
    lines = (
        gettext("The request at %(time)s did not create a pass: %(reason)s.")
        % {"time": _clock_time(issue.intended_at, starter), "reason": issue.get_reason_display()},
        gettext("The portal is making sure that no pass exists. This page updates automatically."),
    )
    return PageState("checking", gettext("We are checking Microsoft’s answer"), lines, refresh_seconds=3)


def _state_without_issue(
    starter: Starter,
    policy: EffectivePolicy,
    now: datetime,
    is_signed_in_for_this: bool,
    waiting: graph_quota.Wait | None,
    reasons: tuple[guards.Reason, ...],
    hr_notified_at: datetime | None,
) -> PageState:
    if policy.frozen:
        return _frozen_state()
    if (outside := _state_outside_window(starter, policy, now)) is not None:
        return outside
    if rules.attempts_left(starter, policy) <= 0:
        return _used_up_state()
    if reasons:
        title = gettext("You cannot create a pass yet")
        seconds = POLL_SECONDS_AFTER_NOTIFIED if hr_notified_at else POLL_SECONDS_UNTIL_NOTIFIED
        return replace(refused_state(starter, reasons, hr_notified_at), title=title, refresh_seconds=seconds)
    if sign_ins.is_unread(starter):
        return not_read_yet_state()
    before = _describe_last_pass(starter)
    is_queued = waiting is not None and not waiting.is_over(now)
    # A manager who must sign in again does so while waiting: at their turn it would hold up the queue.
    asks_before = min(SIGN_IN_BEFORE, policy.sign_in_max_age / 2)
    if waiting and is_queued and (is_signed_in_for_this or waiting.until - now > asks_before):
        return queue_state(waiting, now)
    if not is_signed_in_for_this:
        return _sign_in_state(before, is_queued=is_queued)
    return _ready_state(starter, before)


def _state_outside_window(starter: Starter, policy: EffectivePolicy, now: datetime) -> PageState | None:
    opens, closes = starter.pass_window(policy.opens_before, policy.closes_after)
    if starter.state == StarterState.RECORDED and now >= opens:
        return _not_ready_state()
    if now < opens:
        return _too_early_state(starter, opens)
    if now > closes:
        return _too_late_state(starter, closes)
    return None


def _frozen_state() -> PageState:
    lines = (
        gettext(
            "Nobody can create passes at the moment. The notice at the top of this page has the reason. Try again "
            "later."
        ),
    )
    return PageState("frozen", gettext("You cannot create a pass at the moment"), lines, "problem")


def _stopped_state() -> PageState:
    lines = (
        gettext("Nobody can create a pass for this starter until two people in HR end the emergency stop."),
        gettext("If you do not know why, call HR."),
    )
    return PageState("stopped", gettext("An emergency stop is in force"), lines, "stopped")


def _not_ready_state() -> PageState:
    lines = (gettext("HR has not finished adding this starter. Ask HR to finish."),)
    return PageState("early", gettext("HR has not finished yet"), lines)


def _too_early_state(starter: Starter, opens: datetime) -> PageState:
    local = opens.astimezone(starter.zone_info)
    lines = (
        gettext("You can create the pass from %(moment)s (%(zone)s).")
        % {"moment": date_format(local, "MOMENT"), "zone": starter.time_zone},
        gettext("Open this page again at that time, together with %(name)s. If the date is wrong, tell HR.")
        % {"name": starter.name},
    )
    return PageState("early", gettext("It is too early"), lines)


def _too_late_state(starter: Starter, closes: datetime) -> PageState:
    lines = (
        gettext("The time to create the pass ended on %(moment)s.")
        % {"moment": date_format(closes.astimezone(starter.zone_info), "ENDED")},
        gettext("Ask HR to change the start date. This page then shows when you can create the pass."),
    )
    return PageState("late", gettext("It is too late to create the pass"), lines, "stopped")


def _used_up_state() -> PageState:
    lines = (gettext("This person has had the maximum number of passes. Ask HR to allow another one."),)
    return PageState("used_up", gettext("HR must allow another pass"), lines, "problem")


def _sign_in_state(before: tuple[str, ...], *, is_queued: bool) -> PageState:
    lines: tuple[str, ...] = (
        gettext("Sign in again before you create the pass. You will return to this page."),
    )
    if is_queued:
        lines = (*lines, gettext("Your turn comes within a minute. You keep your place in the queue."))
    return PageState("sign_in", gettext("First, confirm it is you"), (*before, *lines), "todo", "sign_in")


def _ready_state(starter: Starter, before: tuple[str, ...]) -> PageState:
    return PageState(
        "ready",
        gettext("Is %(name)s with you?") % {"name": starter.name},
        before,
        "todo",
        "confirm",
        refresh_seconds=POLL_SECONDS_READY,
    )


def _describe_last_pass(starter: Starter) -> tuple[str, ...]:
    """Describe what happened to the pass before, if there was one."""
    last = starter.last_issue()
    if last is None:
        return ()
    details = {"time": _clock_time(last.intended_at, starter), "reason": last.get_reason_display()}
    if last.state == IssueState.VOID:
        return (
            gettext("The request at %(time)s did not create a pass: %(reason)s. You can create one now.")
            % details,
        )
    if last.state == IssueState.REJECTED:
        tried = gettext("The request at %(time)s did not create a pass: %(reason)s. You can try again.")
        return (
            (tried % details, gettext("HR has been notified."))
            if _hr_was_notified(last)
            else (tried % details,)
        )
    gone = gettext("The pass from %(time)s no longer works: %(reason)s. You can create a new one.")
    if last.reason != PassIssue.Reason.USED:
        return (gone % details,)
    return (
        gone % details,
        gettext(
            "This time, make sure that the starter sets up a sign-in method, such as a passkey, within ten "
            "minutes. An email address or a phone number is not enough."
        ),
    )


def _hr_was_notified(refused: PassIssue) -> bool:
    """Return whether the portal emailed HR that Microsoft refused this pass."""
    written = refused.starter.mails.filter(
        kind="refused", recipient=Mail.Reader.HR, written_at__gte=refused.ended_at
    )
    return refused.reason == PassIssue.Reason.REFUSED and written.exists()


def queue_state(wait: graph_quota.Wait, now: datetime) -> PageState:
    lines = (
        gettext("Microsoft creates only a few passes at a time."),
        gettext(
            "Keep this page open to keep your place. When it is your turn, a button appears here to "
            "create the pass."
        ),
    )
    return PageState(
        "waiting",
        gettext("Please wait a moment"),
        lines,
        "wait",
        "wait",
        refresh_seconds=min(wait.seconds_left(now), 15),
        wait=wait,
    )


# --- Answers to a confirmation ----------------------------------------------------------------------------------------

_WHY_UNAVAILABLE = {
    "frozen": _(
        "Nobody can create passes at the moment. The notice at the top of this page has the reason. Try again "
        "later."
    ),
    "not_in_use": _("This portal’s database was restored or moved, and the portal is not in use yet."),
    "no_worker": format_lazy(
        _("Part of the portal is not running, so nobody can create passes at the moment. Tell {contact}."),
        contact=settings.SUPPORT_CONTACT,
    ),
    "unreachable": _("Microsoft cannot be reached at the moment. Try again in a minute."),
    "not_checkable": _("The portal could not check the account. Try again in a minute."),
    "account_gone": _("Microsoft did not find the account. Try again in a minute."),
    "queue_limit": _(
        "You are already in the queue for three starters. Wait until it is your turn for one of them."
    ),
    "refusal_limit": format_lazy(
        _(
            "The portal refused so many of your requests that you cannot create a pass until tomorrow. Ask HR or "
            "{contact} to fix the cause."
        ),
        contact=settings.SUPPORT_CONTACT,
    ),
    "clearing": _(
        "An earlier request created a pass after all. The portal is deleting that pass. This page updates "
        "automatically."
    ),
    "busy": _(
        "The portal could not save your request, so it sent nothing to Microsoft. Try again in a minute."
    ),
}


def not_read_yet_state() -> PageState:
    """The worker has not read the last sign-in to the account yet."""
    lines = (
        gettext("The portal is still checking this account."),
        gettext(
            "This page updates automatically. The button to create the pass appears when the check is complete."
        ),
    )
    return PageState(
        "not_read_yet", gettext("One moment"), lines, "wait", refresh_seconds=POLL_SECONDS_READING
    )


def unavailable_state(code: str) -> PageState:
    if code == "not_read_yet":
        return not_read_yet_state()
    return PageState(
        code,
        gettext("No pass was created"),
        (str(_WHY_UNAVAILABLE[code]),),
        "problem",
        refresh_seconds=10 if code == "clearing" else 0,
    )


def foreign_pass_state(live: ForeignPass, starter: Starter) -> PageState:
    """The account has a pass that the portal did not create. Only the manager can choose to replace it."""
    made, until = (moment.astimezone(starter.zone_info) for moment in (live.made_at, live.ends_at))
    lines = (
        (
            gettext(
                "This pass was created outside the portal on %(day)s at %(time)s. It works once, until %(until)s."
            )
            if live.once
            else gettext(
                "This pass was created outside the portal on %(day)s at %(time)s. It works more than once, "
                "until %(until)s."
            )
        )
        % {
            "day": date_format(made, "WEEKDAY_DAY"),
            "time": date_format(made, "CLOCK"),
            "until": date_format(until, "CLOCK"),
        },
        gettext(
            "If the starter has received this pass, let them use it. Replace the pass only if nobody has it."
        ),
    )
    return PageState(
        "foreign_pass",
        gettext("%(name)s already has a pass") % {"name": starter.name},
        lines,
        "problem",
        "replace",
        method_id=live.method_id,
    )


def sign_in_again_state(refusing: tuple[guards.Guard, ...]) -> PageState:
    """Only a new sign-in is missing: show one sentence and the button for it."""
    return PageState(
        "sign_in", gettext("First, confirm it is you"), (str(refusing[-1].for_manager),), "todo", "sign_in"
    )


def refused_state(
    starter: Starter, reasons: tuple[guards.Reason, ...], hr_notified_at: datetime | None
) -> PageState:
    """Show the first reason, which is the gravest. `hr_notified_at` is the time when HR was notified, if they were."""
    lines = (
        str(reasons[0].for_manager),
        _hr_notified_line(starter, hr_notified_at),
        gettext("Error code: %(codes)s.") % {"codes": ", ".join(reason.code for reason in reasons)},
    )
    return PageState("refused", gettext("No pass was created"), lines, "problem")


def _hr_notified_line(starter: Starter, hr_notified_at: datetime | None) -> str:
    """Return what the portal has recorded about notifying HR."""
    if hr_notified_at is None:
        return gettext("HR has not been notified yet.")
    moment = date_format(hr_notified_at.astimezone(starter.zone_info), "MOMENT")
    return gettext("HR was notified on %(moment)s.") % {"moment": moment}


def account_gone_state(starter: Starter) -> PageState:
    """The account is no longer in Entra, so the page shows nothing about the starter."""
    return PageState(
        "account_gone",
        gettext("This account no longer exists"),
        (
            _hr_notified_line(starter, starter.hr_notified_at),
            gettext("You cannot create a pass for this account."),
        ),
        "problem",
    )


_WHY_FAILED = {
    PassIssue.Reason.REFUSED: _("Microsoft refused to create a pass for this account."),
    PassIssue.Reason.NOT_KNOWN_YET: _("Microsoft does not know this account yet. Try again in a minute."),
    PassIssue.Reason.NOT_REPLACED: _(
        "The portal could not delete the existing pass, so it did not create a new one. Try again in a "
        "minute."
    ),
    PassIssue.Reason.UNREACHABLE: _(
        "Microsoft could not be reached, so no pass was created. Try again in a minute."
    ),
    PassIssue.Reason.STRANGE_ANSWER: _(
        "Microsoft created a pass that cannot be used. The portal is deleting it without showing it."
    ),
    PassIssue.Reason.CRASHED: _(
        "The request took too long. If Microsoft created a pass anyway, the portal will delete it without "
        "showing it."
    ),
    PassIssue.Reason.FROZEN: _(
        "Someone stopped all new passes while Microsoft was creating this pass. The portal is deleting this "
        "pass without showing it."
    ),
    PassIssue.Reason.STOPPED: _(
        "Someone used the emergency stop while Microsoft was creating this pass. The portal is deleting "
        "this pass without showing it."
    ),
    PassIssue.Reason.CHANGED: _(
        "Someone changed this starter’s details while Microsoft was creating the pass. The portal is "
        "deleting the pass without showing it."
    ),
    PassIssue.Reason.NOT_RECORDED: _(
        "Microsoft created the pass, but the portal could not save the result. The portal is deleting the "
        "pass without showing it."
    ),
}


def failed_state(issue: PassIssue, present: PageState) -> PageState:
    """The POST gave no pass to show: say why, then show the current state."""
    lost = _("Microsoft’s answer did not reach the portal. A pass may have been created.")
    why = str(_WHY_FAILED.get(PassIssue.Reason(issue.reason), lost))
    lines: tuple[str, ...] = (why,)
    if present.code in {"unknown", "revoking"}:
        lines = (why, *present.lines)
    elif present.code == "checking":  # the first line repeats Microsoft's answer
        lines = (why, *present.lines[1:])
    return replace(
        present, code="failed", title=gettext("There is no pass to show"), lines=lines, tone="problem"
    )
