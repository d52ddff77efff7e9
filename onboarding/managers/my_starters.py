"""A manager's starters in order: those to act on now, those to come, those that are over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet

from onboarding import policy
from onboarding.lifecycle import StarterState
from onboarding.models import EffectivePolicy, Starter

PAGE_SIZE = 50


class Group(IntEnum):
    """The groups of the list. The first one needs the manager now."""

    NOW = 0
    COMING = 1
    TOO_LATE = 2
    OVER = 3


@dataclass(frozen=True)
class ListedStarter:
    """One starter of the list: what it is sorted by, and the key to read the rest."""

    pk: int
    group: Group
    starts_in: float  # seconds from now

    @property
    def sort_key(self) -> tuple[int, float]:
        """Sort by group, then by the distance of the start from now."""
        return self.group, abs(self.starts_in)


@dataclass(frozen=True)
class Row:
    """A starter on the page, with its policy and its place on the list."""

    starter: Starter
    rules: EffectivePolicy
    group: Group


def page_of_starters(person: Any, number: str | int, now: datetime) -> tuple[Page[ListedStarter], list[Row]]:
    """Read one page of all the starters of this manager. An unknown page number gives the nearest page."""
    mine = starters_of(person)
    listed, rules = list_starters(mine, now)
    listed.sort(key=lambda starter: starter.sort_key)
    page = Paginator(listed, PAGE_SIZE).get_page(number)
    starters = mine.prefetch_related("issues").in_bulk([starter.pk for starter in page])
    rows = [
        Row(starters[found.pk], rules[starters[found.pk].department], found.group)
        for found in page
        if found.pk in starters and starters[found.pk].department in rules
    ]
    return page, rows


def has_starter_to_do_now(person: Any, now: datetime) -> bool:
    """Return whether the group "To do now" of this manager's list has a starter."""
    listed, _ = list_starters(starters_of(person), now)
    return any(starter.group is Group.NOW for starter in listed)


def starters_of(person: Any) -> QuerySet[Starter]:
    """Select the starters whose pass this person can create, with an account and not erased."""
    return (
        Starter.objects.of_confirmer(getattr(person, "oid", "")).filter(erased_at=None).exclude(account_id="")
    )


def list_starters(
    starters: QuerySet[Starter], now: datetime
) -> tuple[list[ListedStarter], dict[str, EffectivePolicy]]:
    """Sort each starter into its group; return the policy of each department as well."""
    facts = list(starters.values_list("pk", "state", "starts_at", "department"))
    rules = policy.for_departments({department for *_, department in facts})
    listed = [
        ListedStarter(
            pk, group_of(state, starts_at, rules[department], now), (starts_at - now).total_seconds()
        )
        for pk, state, starts_at, department in facts
    ]
    return listed, rules


def group_of(state: str, starts_at: datetime, rules: EffectivePolicy, now: datetime) -> Group:
    """Return the group by the stored state and the window of the starter's policy."""
    if state in {StarterState.REGISTERED, StarterState.WITHDRAWN, StarterState.LAPSED}:
        return Group.OVER
    if (
        state == StarterState.ISSUED
        or starts_at - rules.opens_before <= now <= starts_at + rules.closes_after
    ):
        return Group.NOW
    return Group.COMING if now < starts_at else Group.TOO_LATE
