"""The rows of HR's list as HTML. What many rows share is read, translated and rendered once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from onboarding import clock, policy
from onboarding.hr import labels
from onboarding.lifecycle import StarterState
from onboarding.models import EffectivePolicy, Starter
from onboarding.templatetags.accounts import mark_breaks

# `get_problem_display` compares all labels in each call, which translates them.
PROBLEM_LABELS = dict(Starter.Problem.choices)


def render_rows(starters: Sequence[Starter]) -> SafeString:
    """Return the table rows as HTML. Every value is escaped here."""
    rules = policy.for_departments({starter.department for starter in starters})
    writer = _RowWriter(clock.now())
    return SafeString("".join(writer.write(starter, rules[starter.department]) for starter in starters))


class _RowWriter:
    """For one page, in one language."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.states = {value: str(label) for value, label in Starter.State.choices}
        self.list_url = reverse("hr:list")  # a starter's page is below it
        self.select = gettext("Select %(name)s")
        self.late = gettext("It is too late to create a pass")
        self.frames: dict[tuple[bool, ...], str] = {}
        self.badges: dict[tuple[str, bool], str] = {}
        self.problems: dict[str, str] = {}

    def write(self, starter: Starter, rules: EffectivePolicy) -> str:
        is_unfinished = starter.is_unfinished
        problem = self._describe_problem(starter, rules) if is_unfinished else ""
        name, away_name = starter.name, starter.away_name
        values = {
            "public_id": starter.public_id,
            "url": f"{self.list_url}{starter.public_id}/",
            "name": name,
            "account_name": mark_breaks(starter.account_name),
            "when": labels.format_start(starter),
            "department": starter.department or "–",
            "manager_name": starter.confirmer_name or "–",
            "away_name": away_name,
            "problem": problem,
            "select": self.select % {"name": name} if is_unfinished else "",
        }
        frame = self._frame(is_unfinished, bool(away_name), bool(problem))
        badge = self._badge(starter.state, is_unfinished and bool(starter.problem))
        return frame.format(badge=badge, **{key: conditional_escape(value) for key, value in values.items()})

    def _frame(self, *kind: bool) -> str:
        """The HTML of a row with names in braces for its values. It is rendered once for each kind of row."""
        if kind not in self.frames:
            given = dict(zip(("can_select", "has_stand_in", "has_problem"), kind, strict=True))
            self.frames[kind] = render_to_string("hr/list_row.html", given)
        return self.frames[kind]

    def _badge(self, state: str, is_stuck: bool) -> str:
        kind = (state, is_stuck)
        if kind not in self.badges:
            tone = "problem" if is_stuck else labels.TONES[StarterState(state)]
            badge = {"word": self.states[state], "tone": tone}
            self.badges[kind] = render_to_string("components/badge.html", {"badge": badge})
        return self.badges[kind]

    def _describe_problem(self, starter: Starter, rules: EffectivePolicy) -> str:
        if starter.problem:
            if starter.problem not in self.problems:
                self.problems[starter.problem] = str(PROBLEM_LABELS[starter.problem])
            return self.problems[starter.problem]
        return self.late if self.now > starter.starts_at + rules.closes_after else ""


def describe_problem(starter: Starter, rules: EffectivePolicy, now: datetime) -> str:
    """Return the problem in a few words; empty once the onboarding is finished."""
    if not starter.is_unfinished:
        return ""
    is_late = now > starter.starts_at + rules.closes_after
    late = gettext("It is too late to create a pass") if is_late else ""
    return str(PROBLEM_LABELS[starter.problem]) or late
