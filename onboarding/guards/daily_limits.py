"""Daily limits per person and for the whole portal: they bound the damage of a stolen session."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import Count, F, Q
from django.utils import timezone

from onboarding import clock
from onboarding.lifecycle import IssueState
from onboarding.models import ApiUsage, EffectivePolicy, PassIssue, ProbePass, SitePolicy, Starter, Ticket


class DailyLimitReached(Exception):
    """One person or application has used as much as a daily limit allows. `used` is how much, as far as it was counted."""

    def __init__(self, used: int = 0) -> None:
        super().__init__(used)
        self.used = used


class Use(StrEnum):
    """What is counted by person or application and day: a column of ApiUsage."""

    API = "count"
    LOOK_UPS = "look_ups"
    LINKS = "links"
    REFUSALS = "refusals"


def start_of_day() -> datetime:
    """Return the start of the day in the portal's own time zone."""
    return timezone.localtime(clock.now()).replace(hour=0, minute=0, second=0, microsecond=0)


def is_manager_below_limit(person: Any, rules: EffectivePolicy) -> bool:
    return bool(_passes_today().filter(actor=person).count() < rules.manager_daily)


def is_site_below_limit(rules: EffectivePolicy) -> bool:
    return bool(_passes_today().count() + _probes_today() < rules.site_daily)


def are_both_below_limit(person: Any, rules: EffectivePolicy) -> bool:
    """Whether the manager and the whole site may have one more pass today, in two queries instead of three."""
    today = _passes_today().aggregate(site=Count("pk"), manager=Count("pk", filter=Q(actor=person)))
    below = today["manager"] < rules.manager_daily and today["site"] + _probes_today() < rules.site_daily
    return bool(below)


def are_probes_below_limit(rules: EffectivePolicy) -> bool:
    """All probe passes of a day together may be as many as the passes of one manager. They also count for the site."""
    return is_site_below_limit(rules) and _probes_today() < rules.manager_daily


def is_recorder_below_limit(person: Any, rules: EffectivePolicy) -> bool:
    return (
        Starter.objects.filter(recorded_by=person, recorded_at__gte=start_of_day()).count() < rules.hr_daily
    )


CHANGES_PER_STARTER = (
    3  # so many look-ups and changes a day may a caller of the API cause for each starter it may add
)


def is_application_below_limit(application_id: str, rules: EffectivePolicy) -> bool:
    """An application may add as many starters a day as one person in HR."""
    today = Ticket.objects.filter(application_id=application_id, created_at__gte=start_of_day())
    return today.count() < rules.hr_daily


def count_api_use(callers: Iterable[str], rules: SitePolicy) -> None:
    """Count one look-up or change for each of these callers. Raises DailyLimitReached.

    This bounds what a stolen token can ask of the directory, and how often managers get an email about a new date.
    """
    for caller in callers:
        count_use(Use.API, caller, most=CHANGES_PER_STARTER * rules.hr_daily)


def count_use(use: Use, caller: str, *, most: int, amount: int = 1) -> int:
    """Count `amount` for this person or application today, and return today's total.

    `most` is the limit, from the policy. Raises DailyLimitReached, and counts nothing, if the total would exceed it.
    """
    row, _is_new = ApiUsage.objects.get_or_create(caller=caller, day=today())
    below = ApiUsage.objects.filter(pk=row.pk, **{f"{use}__lte": most - amount})
    is_counted = amount <= most and below.update(**{use: F(use) + amount})
    total = used_today(use, caller)
    if not is_counted:
        raise DailyLimitReached(total)
    return total


def used_today(use: Use, caller: str) -> int:
    found = ApiUsage.objects.filter(caller=caller, day=today()).values_list(str(use), flat=True).first()
    return found or 0


def today() -> date:
    return timezone.localtime(clock.now()).date()


def seconds_until_tomorrow() -> int:
    """When the daily limits begin again, for `Retry-After`."""
    return math.ceil((start_of_day() + timedelta(days=1) - clock.now()).total_seconds())


def _probes_today() -> int:
    """Return the number of today's requests for probe passes, also refused ones."""
    return ProbePass.objects.filter(intended_at__gte=start_of_day()).count()


def _passes_today() -> Any:
    """Return today's requests for passes, without those that Microsoft refused."""
    return PassIssue.objects.filter(intended_at__gte=start_of_day()).exclude(state=IssueState.REJECTED)
