"""The rows of HR's list in words. What many rows share is read, translated and formatted once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext

from onboarding import clock, policy
from onboarding.hr import labels
from onboarding.lifecycle import StarterState
from onboarding.models import EffectivePolicy, Starter
from onboarding.templatetags.accounts import mark_breaks

# `get_problem_display` compares all labels in each call, which translates them.
PROBLEM_LABELS = dict(Starter.Problem.choices)


def build_rows(starters: Sequence[Starter]) -> list[dict[str, Any]]:
    rules = policy.for_departments({starter.department for starter in starters})
    builder = _RowBuilder(clock.now())
    return [builder.build(starter, rules[starter.department]) for starter in starters]


class _RowBuilder:
    """For one page, in one language."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.states = {value: str(label) for value, label in Starter.State.choices}
        self.list_url = reverse("hr:list")  # a starter's page is below it
        self.select = gettext("Select %(name)s")
        self.badges: dict[tuple[str, bool], str] = {}
        self.starts: dict[tuple[Any, ...], str] = {}

    def build(self, starter: Starter, rules: EffectivePolicy) -> dict[str, Any]:
        return {
            "public_id": starter.public_id,
            "name": starter.name,
            "account_name": mark_breaks(starter.account_name),
            "department": starter.department or "–",
            "manager_name": starter.confirmer_name or "–",
            "away_name": starter.away_name,
            "when": self._format_start(starter),
            "url": f"{self.list_url}{starter.public_id}/",
            "badge": self._render_badge(starter),
            "problem": describe_problem(starter, rules, self.now),
            "select": self.select % {"name": starter.name} if starter.is_unfinished else "",
        }

    def _format_start(self, starter: Starter) -> str:
        when = (starter.start_date, starter.start_time, starter.time_zone)
        if when not in self.starts:
            self.starts[when] = labels.format_start(starter)
        return self.starts[when]

    def _render_badge(self, starter: Starter) -> str:
        is_stuck = bool(starter.problem) and starter.is_unfinished
        kind = (starter.state, is_stuck)
        if kind not in self.badges:
            tone = "problem" if is_stuck else labels.TONES[StarterState(starter.state)]
            badge = {"word": self.states[starter.state], "tone": tone}
            self.badges[kind] = render_to_string("components/badge.html", {"badge": badge})
        return self.badges[kind]


def describe_problem(starter: Starter, rules: EffectivePolicy, now: datetime) -> str:
    """Return the problem in a few words; empty once the onboarding is finished."""
    if not starter.is_unfinished:
        return ""
    is_late = now > starter.starts_at + rules.closes_after
    late = gettext("It is too late to create a pass") if is_late else ""
    return str(PROBLEM_LABELS[starter.problem]) or late
