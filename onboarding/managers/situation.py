"""What a manager sees of a starter, by the state it is in: a title, a few sentences, and at most one thing to do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Literal

from django.conf import settings

from onboarding import budget, guards
from onboarding import policy as rules
from onboarding.handover import ForeignPass
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import PassIssue, PolicyVersion, Starter

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
        """Differs when there is news. How long somebody still waits is none."""
        told = self.title if self.wait else f"{self.title} {' '.join(self.lines)}"
        return sha256(f"{self.code} {told}".encode()).hexdigest()[:16]


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
    asks for was made for this starter.
    """
    if starter.state == StarterState.WITHDRAWN:
        return Situation(
            "withdrawn",
            "This onboarding was withdrawn",
            ("HR stopped it. There is nothing for you to do.",),
            "stopped",
        )
    if starter.state == StarterState.REGISTERED:
        return Situation(
            "registered",
            f"{starter.name} can sign in",
            ("They registered their own way to sign in. There is nothing left for you to do.",),
            "done",
        )
    issue = starter.open_issue()
    if issue is not None:
        return _of_issue(issue, starter)
    signed_in = proven and guards.is_fresh(signed_in_at, policy, now)
    return _open(starter, policy, now, signed_in, waiting, refusing)


def _at(moment: datetime | None, starter: Starter) -> str:
    return f"{moment.astimezone(starter.zone):%H:%M}" if moment else ""


def _of_issue(issue: PassIssue, starter: Starter) -> Situation:
    match IssueState(issue.state):
        case IssueState.ISSUING:
            lines: tuple[str, ...] = (
                f"It was asked for at {_at(issue.intended_at, starter)}. Do not press again; this page follows.",
            )
            return Situation("issuing", "The pass is being prepared", lines, refresh_seconds=3)
        case IssueState.UNKNOWN:
            lines = (
                f"The answer of {_at(issue.intended_at, starter)} was lost. A pass that nobody saw is deleted.",
                "That takes about three minutes, longer while Microsoft is silent. Then you can create a new one here.",
            )
            return Situation("unknown", "We are checking what happened", lines, refresh_seconds=10)
        case IssueState.SHOWN:
            lines = (
                f"It was shown to you at {_at(issue.shown_at, starter)}. It cannot be shown a second time.",
                "If you did not see it, take it back: it is deleted, and you can create a new one.",
            )
            return Situation("shown", "The pass was shown", lines, "wait", "not_seen", refresh_seconds=15)
        case IssueState.HELD:
            used = issue.used_at is not None
            lines = (
                f"You handed it over at {_at(issue.held_at, starter)}. It works once, until {_at(issue.valid_until, starter)}.",
                f"{starter.name} has signed in with it and should now register a passkey, within ten minutes."
                if used
                else f"We are waiting for {starter.name} to sign in and register a passkey. This page follows.",
            )
            return Situation("held", "The pass was handed over", lines, "wait", "lost", refresh_seconds=15)
        case _:
            lines = (
                "Nobody should use it any more. It is being deleted; then you can create a new one here.",
                f"Why: {issue.get_reason_display()}." if issue.reason else "",
            )
            return Situation("revoking", "The pass is being taken back", lines, refresh_seconds=5)


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
            "No passes are made at the moment; the notice above says why. Nothing is lost: come back later.",
        )
        return Situation("frozen", "Issuing is stopped for now", lines, "problem")
    if starter.state == StarterState.RECORDED and now >= opens:
        lines = ("HR has recorded this starter and is not finished. Ask them, if the first day is today.",)
        return Situation("early", "This is not ready yet", lines)
    if now < opens:
        local = opens.astimezone(starter.zone)
        lines = (
            f"You can create the pass from {local:%A} {local.day} {local:%B, %H:%M} ({starter.time_zone}).",
            f"Come back to this page then, together with {starter.name}. If the date is wrong, tell HR.",
        )
        return Situation("early", "It is too early", lines)
    if now > closes:
        lines = (
            f"The time for this ended on {closes.astimezone(starter.zone):%d %B %Y, %H:%M}.",
            "Ask HR to move the start date; then you can create the pass here.",
        )
        return Situation("late", "The time for this has passed", lines, "stopped")
    if rules.attempts_left(starter, policy) <= 0:
        lines = (
            "All passes for this person have been used up. Ask HR to allow another; it takes them one press.",
        )
        return Situation("used_up", "HR must allow another pass", lines, "problem")
    if refusing:
        return refused(refusing)
    before = _last_time(starter)
    if waiting is not None and waiting.until > now:
        return in_line(waiting, now)
    if not is_signed_in_for_this:
        lines = (
            "Before a pass is made, Microsoft asks you once more who you are. It brings you back to this page.",
        )
        return Situation("sign_in", "First, confirm it is you", (*before, *lines), "todo", "sign_in")
    return Situation("ready", f"Is {starter.name} with you?", before, "todo", "confirm")


def _last_time(starter: Starter) -> tuple[str, ...]:
    """What became of the pass before, if there was one."""
    last = starter.last_issue()
    if last is None:
        return ()
    at = _at(last.intended_at, starter)
    words = last.get_reason_display()
    if last.state == IssueState.VOID:
        return (f"The attempt of {at} made no pass: {words}. You can create one now.",)
    if last.state == IssueState.REJECTED:
        return (f"The attempt of {at} made no pass: {words}. Nothing is lost; you can try again.",)
    return (f"The pass of {at} is gone: {words}. Nobody can use it any more; you can create a new one.",)


def in_line(wait: budget.Wait, now: datetime) -> Situation:
    seconds = wait.seconds(now)
    long = f" Your turn comes in about {round(seconds / 60)} minutes." if seconds >= 90 else ""
    lines = (
        f"Microsoft makes only a few passes at a time.{long}",
        "Keep this page open: your place is kept. The button appears at your turn; nothing happens by itself.",
    )
    return Situation(
        "waiting", "Please wait a moment", lines, "wait", "wait", refresh_seconds=min(seconds, 15), wait=wait
    )


# --- Answers to a confirmation ----------------------------------------------------------------------------------------

_NOT_NOW = {
    "frozen": "No passes are made at the moment; the notice above says why.",
    "no_worker": f"The portal is not fully running, so it makes no pass. Tell {settings.SUPPORT_CONTACT}.",
    "crowded": "Too many people are waiting for Microsoft at this moment. Try again in a minute.",
    "unreachable": "Microsoft cannot be reached at the moment. Try again in a minute.",
    "not_checkable": "The portal could not check the account just now, so it made no pass. Try again in a minute.",
    "account_gone": "The account is not in the directory. If it is brand new, try again in some minutes; else HR will help.",
    "not_read_yet": "The portal is still reading what it must know about this account. Try again in a minute.",
    "busy": "The portal could not write down that you asked, so nothing was sent. Try again in a minute.",
}


def not_now(code: str) -> Situation:
    return Situation(code, "No pass was made", (_NOT_NOW[code], "Nothing is lost."), "problem")


def foreign_pass(live: ForeignPass, starter: Starter) -> Situation:
    """There is a pass that the portal did not make. It is replaced only if the manager says so."""
    made, until = (moment.astimezone(starter.zone) for moment in (live.made_at, live.ends_at))
    once = "works once" if live.once else "works more than once"
    lines = (
        f"It was made on {made:%A} {made.day} {made:%B} at {made:%H:%M} by another tool, {once}, until {until:%H:%M}.",
        "If somebody has just given it to them, let them use that one. Replace it only if nobody knows it.",
    )
    return Situation(
        "foreign_pass",
        f"{starter.name} has a pass already",
        lines,
        "problem",
        "replace",
        method_id=live.method_id,
    )


def sign_in_again(refusing: tuple[guards.Guard, ...]) -> Situation:
    """Only a new sign-in was missing: one sentence, and the way there."""
    return Situation("sign_in", "First, confirm it is you", (refusing[-1].for_manager,), "todo", "sign_in")


def refused(refusing: tuple[guards.Guard, ...]) -> Situation:
    """One sentence is enough for the manager; the first refusal is the gravest."""
    lines = (refusing[0].for_manager, f"Reference: {', '.join(guard.code for guard in refusing)}.")
    return Situation("refused", "No pass was made", lines, "problem")


_FAILED = {
    PassIssue.Reason.REFUSED: "Microsoft refused to make a pass for this account. HR has been told.",
    PassIssue.Reason.NOT_REPLACED: "The pass of the other tool could not be removed, so none was made. Try again in a minute.",
    PassIssue.Reason.UNREACHABLE: "Microsoft could not be reached, so nothing was made. Try again in a minute.",
    PassIssue.Reason.STRANGE_ANSWER: "Microsoft gave a pass that cannot be used. It is not shown, and is being deleted.",
    PassIssue.Reason.CRASHED: "This took too long. A pass that was made late is not shown, and it is being deleted.",
    PassIssue.Reason.FROZEN: "Issuing was stopped in this moment. The pass is not shown, and it is being deleted.",
    PassIssue.Reason.CHANGED: "HR changed something in this moment. The pass is not shown, and it is being deleted.",
    PassIssue.Reason.NOT_RECORDED: "The pass could not be recorded, so it is not shown, and it is being deleted.",
}


def failed(issue: PassIssue, present: Situation) -> Situation:
    """The POST gave nothing to show: say so, above what the state of things is now."""
    words = _FAILED.get(
        PassIssue.Reason(issue.reason), "The answer was lost. It is not certain whether a pass was made."
    )
    lines = (
        (words, *present.lines) if present.code in {"unknown", "revoking"} else (words, "Nothing is lost.")
    )
    return replace(present, code="failed", title="No pass to show", lines=lines, tone="problem")
