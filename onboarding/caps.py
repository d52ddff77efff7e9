"""How much may happen in one day, by one person and all together: what a thief of a session could do is bounded."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from onboarding import clock
from onboarding.lifecycle import IssueState
from onboarding.models import PassIssue, PolicyVersion, Starter


class TooMany(Exception):
    """As many starters as one person may record in a day."""


def today() -> datetime:
    """When the day began where the portal is at home."""
    return timezone.localtime(clock.now()).replace(hour=0, minute=0, second=0, microsecond=0)


def manager_has_room(person: Any, rules: PolicyVersion) -> bool:
    return bool(_passes().filter(actor=person).count() < rules.manager_daily)


def site_has_room(rules: PolicyVersion) -> bool:
    return bool(_passes().count() < rules.site_daily)


def recorder_has_room(person: Any, rules: PolicyVersion) -> bool:
    return Starter.objects.filter(recorded_by=person, recorded_at__gte=today()).count() < rules.hr_daily


def _passes() -> Any:
    """What was asked of Microsoft today, but for what it refused."""
    return PassIssue.objects.filter(intended_at__gte=today()).exclude(state=IssueState.REJECTED)
