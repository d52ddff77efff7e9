"""What a manager sees of a starter, by the state it is in: a title, a few sentences, and at most one thing to do."""

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

from onboarding import budget, clock, guards
from onboarding import policy as rules
from onboarding.handover import ForeignPass
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import PassIssue, PolicyVersion, Starter

SIGN_IN_BEFORE = timedelta(minutes=1)

Tone = Literal["todo", "wait", "done", "problem", "stopped"]
Action = Literal["", "confirm", "replace", "sign_in", "wait", "not_seen", "lost"]


@dataclass(frozen=True)
class Situation:
    code: str
    title: str
    lines: tuple[str, ...] = ()
    tone: Tone = "wait"
    action: Action = ""
    refresh_seconds: int = 0
    wait: budget.Wait | None = field(default=None)
    method_id: str = ""  # the pass of another tool that may be replaced

    @property
    def mark(self) -> str:
        """Differs when there is news. How long somebody still waits is told beside it."""
        return sha256(f"{self.code} {self.title} {' '.join(self.lines)}".encode()).hexdigest()[:16]

    @property
    def news(self) -> dict[str, str]:
        """What a page that follows asks for: the mark to compare, when to ask again, and how the line stands."""
        told = {"Situation": self.mark, "Ask-Again": str(self.refresh_seconds)}
        if self.wait:
            told |= {"Turn": str(self.wait.seconds(clock.now())), "Place": str(self.wait.ahead + 1)}
        return told


def of(
    starter: Starter,
    policy: PolicyVersion,
    now: datetime,
    *,
    signed_in_at: datetime | None,
    proven: bool = True,
    waiting: budget.Wait | None = None,
    refusing: tuple[guards.Guard, ...] = (),
) -> Situation:
    """The situation that a look at the page finds; `waiting` is the person's place in the queue, if any, and
    `refusing` what the guards say that can be asked before the press. `proven` says whether the sign-in that policy
    asks for was made for this starter, and is good when it is `needed_at`.
    """
    if starter.state == StarterState.WITHDRAWN:
        return Situation(
            "withdrawn",
            gettext("This onboarding was withdrawn"),
            (gettext("HR stopped it. There is nothing for you to do."),),
            "stopped",
        )
    if starter.state == StarterState.REGISTERED:
        return Situation(
            "registered",
            gettext("%(name)s can sign in") % {"name": starter.name},
            (gettext("They registered their own way to sign in. There is nothing left for you to do."),),
            "done",
        )
    issue = starter.open_issue()
    if issue is not None:
        return _of_issue(issue, starter)
    signed_in = proven and guards.is_fresh(signed_in_at, policy, needed_at(waiting, now))
    return _open(starter, policy, now, signed_in, waiting, refusing)


def needed_at(waiting: budget.Wait | None, now: datetime) -> datetime:
    """The moment for which a sign-in must be good: the turn of who waits in line, else now."""
    return max(waiting.until, now) if waiting else now


def _at(moment: datetime | None, starter: Starter) -> str:
    return date_format(moment.astimezone(starter.zone), "CLOCK") if moment else ""


def _of_issue(issue: PassIssue, starter: Starter) -> Situation:
    match IssueState(issue.state):
        case IssueState.ISSUING:
            lines: tuple[str, ...] = (
                gettext("It was asked for at %(time)s. Do not press again; this page follows.")
                % {"time": _at(issue.intended_at, starter)},
            )
            return Situation("issuing", gettext("The pass is being prepared"), lines, refresh_seconds=3)
        case IssueState.UNKNOWN:
            lines = (
                gettext("The answer of %(time)s was lost. A pass that nobody saw is deleted.")
                % {"time": _at(issue.intended_at, starter)},
                gettext(
                    "That takes about three minutes, longer while Microsoft is silent. Then you can create a new one here."
                ),
            )
            return Situation("unknown", gettext("We are checking what happened"), lines, refresh_seconds=10)
        case IssueState.SHOWN:
            lines = (
                gettext("It was shown to you at %(time)s. It cannot be shown a second time.")
                % {"time": _at(issue.shown_at, starter)},
                gettext("If you did not see it, take it back: it is deleted, and you can create a new one."),
            )
            return Situation(
                "shown", gettext("The pass was shown"), lines, "wait", "not_seen", refresh_seconds=15
            )
        case IssueState.HELD:
            used = issue.used_at is not None
            lines = (
                gettext("You handed it over at %(time)s. It works once, until %(until)s.")
                % {"time": _at(issue.held_at, starter), "until": _at(issue.valid_until, starter)},
                (
                    gettext(
                        "%(name)s has signed in with it and should now register a passkey, within ten minutes."
                    )
                    if used
                    else gettext(
                        "We are waiting for %(name)s to sign in and register a passkey. This page follows."
                    )
                )
                % {"name": starter.name},
            )
            return Situation(
                "held", gettext("The pass was handed over"), lines, "wait", "lost", refresh_seconds=15
            )
        case _:
            lines = (
                gettext(
                    "Nobody should use it any more. It is being deleted; then you can create a new one here."
                ),
                gettext("Why: %(reason)s.") % {"reason": issue.get_reason_display()} if issue.reason else "",
            )
            return Situation("revoking", gettext("The pass is being taken back"), lines, refresh_seconds=5)


def _open(
    starter: Starter,
    policy: PolicyVersion,
    now: datetime,
    is_signed_in_for_this: bool,
    waiting: budget.Wait | None,
    refusing: tuple[guards.Guard, ...],
) -> Situation:
    opens, closes = starter.window(policy.before, policy.after)
    if policy.frozen:
        lines: tuple[str, ...] = (
            gettext(
                "No passes are made at the moment; the notice above says why. Nothing is lost: come back later."
            ),
        )
        return Situation("frozen", gettext("Issuing is stopped for now"), lines, "problem")
    if starter.state == StarterState.RECORDED and now >= opens:
        lines = (
            gettext("HR has recorded this starter and is not finished. Ask them, if the first day is today."),
        )
        return Situation("early", gettext("This is not ready yet"), lines)
    if now < opens:
        local = opens.astimezone(starter.zone)
        lines = (
            gettext("You can create the pass from %(moment)s (%(zone)s).")
            % {"moment": date_format(local, "MOMENT"), "zone": starter.time_zone},
            gettext("Come back to this page then, together with %(name)s. If the date is wrong, tell HR.")
            % {"name": starter.name},
        )
        return Situation("early", gettext("It is too early"), lines)
    if now > closes:
        lines = (
            gettext("The time for this ended on %(moment)s.")
            % {"moment": date_format(closes.astimezone(starter.zone), "ENDED")},
            gettext("Ask HR to move the start date; then you can create the pass here."),
        )
        return Situation("late", gettext("The time for this has passed"), lines, "stopped")
    if rules.attempts_left(starter, policy) <= 0:
        lines = (
            gettext(
                "All passes for this person have been used up. Ask HR to allow another; it takes them one press."
            ),
        )
        return Situation("used_up", gettext("HR must allow another pass"), lines, "problem")
    if refusing:
        return refused(refusing)
    before = _last_time(starter)
    in_line_still = waiting is not None and not waiting.is_over(now)
    # Who must sign in anew does so while they wait: at their turn it would keep everybody behind them.
    asks_before = min(SIGN_IN_BEFORE, policy.freshness / 2)
    if waiting and in_line_still and (is_signed_in_for_this or waiting.until - now > asks_before):
        return in_line(waiting, now)
    if not is_signed_in_for_this:
        lines = (
            gettext(
                "Before a pass is made, Microsoft asks you once more who you are. It brings you back to this page."
            ),
        )
        if in_line_still:
            lines = (*lines, gettext("Your turn comes within a minute; your place in the line is kept."))
        return Situation("sign_in", gettext("First, confirm it is you"), (*before, *lines), "todo", "sign_in")
    return Situation(
        "ready", gettext("Is %(name)s with you?") % {"name": starter.name}, before, "todo", "confirm"
    )


def _last_time(starter: Starter) -> tuple[str, ...]:
    """What became of the pass before, if there was one."""
    last = starter.last_issue()
    if last is None:
        return ()
    told = {"time": _at(last.intended_at, starter), "reason": last.get_reason_display()}
    if last.state == IssueState.VOID:
        return (gettext("The attempt of %(time)s made no pass: %(reason)s. You can create one now.") % told,)
    if last.state == IssueState.REJECTED:
        return (
            gettext("The attempt of %(time)s made no pass: %(reason)s. Nothing is lost; you can try again.")
            % told,
        )
    return (
        gettext(
            "The pass of %(time)s is gone: %(reason)s. Nobody can use it any more; you can create a new one."
        )
        % told,
    )


def in_line(wait: budget.Wait, now: datetime) -> Situation:
    lines = (
        gettext("Microsoft makes only a few passes at a time."),
        gettext(
            "Keep this page open: your place is kept. The button appears at your turn; nothing happens by itself."
        ),
    )
    return Situation(
        "waiting",
        gettext("Please wait a moment"),
        lines,
        "wait",
        "wait",
        refresh_seconds=min(wait.seconds(now), 15),
        wait=wait,
    )


# --- Answers to a confirmation ----------------------------------------------------------------------------------------

_NOT_NOW = {
    "frozen": _("No passes are made at the moment; the notice above says why."),
    "no_worker": format_lazy(
        _("The portal is not fully running, so it makes no pass. Tell {contact}."),
        contact=settings.SUPPORT_CONTACT,
    ),
    "unreachable": _("Microsoft cannot be reached at the moment. Try again in a minute."),
    "not_checkable": _(
        "The portal could not check the account just now, so it made no pass. Try again in a minute."
    ),
    "account_gone": _(
        "The account is not in the directory. If it is brand new, try again in some minutes; else HR will help."
    ),
    "not_read_yet": _(
        "The portal is still reading what it must know about this account. Try again in a minute."
    ),
    "busy": _("The portal could not write down that you asked, so nothing was sent. Try again in a minute."),
}


def not_now(code: str) -> Situation:
    return Situation(
        code, gettext("No pass was made"), (str(_NOT_NOW[code]), gettext("Nothing is lost.")), "problem"
    )


def foreign_pass(live: ForeignPass, starter: Starter) -> Situation:
    """There is a pass that the portal did not make. It is replaced only if the manager says so."""
    made, until = (moment.astimezone(starter.zone) for moment in (live.made_at, live.ends_at))
    lines = (
        (
            gettext("It was made on %(day)s at %(time)s by another tool, works once, until %(until)s.")
            if live.once
            else gettext(
                "It was made on %(day)s at %(time)s by another tool, works more than once, until %(until)s."
            )
        )
        % {
            "day": date_format(made, "WEEKDAY_DAY"),
            "time": date_format(made, "CLOCK"),
            "until": date_format(until, "CLOCK"),
        },
        gettext(
            "If somebody has just given it to them, let them use that one. Replace it only if nobody knows it."
        ),
    )
    return Situation(
        "foreign_pass",
        gettext("%(name)s has a pass already") % {"name": starter.name},
        lines,
        "problem",
        "replace",
        method_id=live.method_id,
    )


def sign_in_again(refusing: tuple[guards.Guard, ...]) -> Situation:
    """Only a new sign-in was missing: one sentence, and the way there."""
    return Situation(
        "sign_in", gettext("First, confirm it is you"), (str(refusing[-1].for_manager),), "todo", "sign_in"
    )


def refused(refusing: tuple[guards.Guard, ...]) -> Situation:
    """One sentence is enough for the manager; the first refusal is the gravest."""
    lines = (
        str(refusing[0].for_manager),
        gettext("Reference: %(codes)s.") % {"codes": ", ".join(guard.code for guard in refusing)},
    )
    return Situation("refused", gettext("No pass was made"), lines, "problem")


_FAILED = {
    PassIssue.Reason.REFUSED: _("Microsoft refused to make a pass for this account. HR has been told."),
    PassIssue.Reason.NOT_REPLACED: _(
        "The pass of the other tool could not be removed, so none was made. Try again in a minute."
    ),
    PassIssue.Reason.UNREACHABLE: _(
        "Microsoft could not be reached, so nothing was made. Try again in a minute."
    ),
    PassIssue.Reason.STRANGE_ANSWER: _(
        "Microsoft gave a pass that cannot be used. It is not shown, and is being deleted."
    ),
    PassIssue.Reason.CRASHED: _(
        "This took too long. A pass that was made late is not shown, and it is being deleted."
    ),
    PassIssue.Reason.FROZEN: _(
        "Issuing was stopped in this moment. The pass is not shown, and it is being deleted."
    ),
    PassIssue.Reason.CHANGED: _(
        "HR changed something in this moment. The pass is not shown, and it is being deleted."
    ),
    PassIssue.Reason.NOT_RECORDED: _(
        "The pass could not be recorded, so it is not shown, and it is being deleted."
    ),
}


def failed(issue: PassIssue, present: Situation) -> Situation:
    """The POST gave nothing to show: say so, above what the state of things is now."""
    lost = _("The answer was lost. It is not certain whether a pass was made.")
    words = str(_FAILED.get(PassIssue.Reason(issue.reason), lost))
    lines = (
        (words, *present.lines)
        if present.code in {"unknown", "revoking"}
        else (words, gettext("Nothing is lost."))
    )
    return replace(present, code="failed", title=gettext("No pass to show"), lines=lines, tone="problem")
