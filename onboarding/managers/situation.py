"""What a manager sees of a starter, by the state it is in: a title, a few sentences, and at most one thing to do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from django.conf import settings

from onboarding import budget, guards
from onboarding import policy as rules
from onboarding.lifecycle import IssueState, StarterState
from onboarding.models import PassIssue, PolicyVersion, Starter

Tone = Literal["todo", "wait", "done", "problem", "stopped"]
Action = Literal["", "confirm", "sign_in", "wait", "not_seen", "lost"]


@dataclass(frozen=True)
class Situation:
    code: str
    title: str
    lines: tuple[str, ...] = ()
    tone: Tone = "wait"
    action: Action = ""
    refresh_seconds: int = 0
    wait: budget.Wait | None = field(default=None)


def of(
    starter: Starter,
    policy: PolicyVersion,
    now: datetime,
    *,
    signed_in_at: datetime | None,
    waiting: budget.Wait | None = None,
) -> Situation:
    """The situation that a look at the page finds; `waiting` is the person's place in the queue, if any."""
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
    return _open(starter, policy, now, signed_in_at, waiting)


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
    signed_in_at: datetime | None,
    waiting: budget.Wait | None,
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
    before = _last_time(starter)
    if waiting is not None and waiting.until > now:
        return in_line(waiting, now)
    if not guards.is_fresh(signed_in_at, policy, now):
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
    about = f"about {seconds} seconds" if seconds < 90 else f"about {round(seconds / 60)} minutes"
    lines = (
        f"Microsoft makes only a few passes at a time. Your turn comes in {about}.",
        "Keep this page open: your place is kept. The button appears at your turn; nothing happens by itself.",
    )
    return Situation(
        "waiting", "Please wait a moment", lines, "wait", "wait", refresh_seconds=min(seconds, 15), wait=wait
    )


# --- Answers to a confirmation ----------------------------------------------------------------------------------------

_NOT_NOW = {
    "frozen": "No passes are made at the moment; the notice above says why.",
    "no_worker": f"The portal is not fully running, so it makes no pass. Tell {settings.SUPPORT_CONTACT}.",
    "unreachable": "Microsoft cannot be reached at the moment. Try again in a minute.",
    "not_checkable": "The portal could not check the account just now, so it made no pass. Try again in a minute.",
    "account_gone": "The account is not in the directory. If it is brand new, try again in some minutes; else HR will help.",
    "not_read_yet": "The portal is still reading what it must know about this account. Try again in a minute.",
    "busy": "The portal could not write down that you asked, so nothing was sent. Try again in a minute.",
}


def not_now(code: str) -> Situation:
    return Situation(code, "No pass was made", (_NOT_NOW[code], "Nothing is lost."), "problem")


def refused(refusing: tuple[guards.Guard, ...]) -> Situation:
    """One sentence is enough for the manager; the first refusal is the gravest."""
    lines = (refusing[0].for_manager, f"Reference: {', '.join(guard.code for guard in refusing)}.")
    return Situation("refused", "No pass was made", lines, "problem")


_FAILED = {
    PassIssue.Reason.REFUSED: "Microsoft refused to make a pass for this account. HR has been told.",
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
