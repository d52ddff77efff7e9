"""The daily limit of look-ups by one person in HR, and the audit events that say how many there were."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext, ngettext

from onboarding import audit, policy
from onboarding.errors import OnboardingError
from onboarding.guards.daily_limits import DailyLimitReached, Use, count_use, start_of_day
from onboarding.models import AuditEvent

COUNTED_EVENT, REFUSED_EVENT = "account.look_ups_counted", "account.look_ups_refused"
EVERY = 50  # look-ups one by one: each time after so many, the audit log says how many there were today
NEWEST = 200  # refusals among which today's first is searched


class LookUpLimitReached(OnboardingError):
    """This person in HR cannot look up so many more accounts today. `left` is how many are left."""

    def __init__(self, left: int) -> None:
        super().__init__(left)
        self.left = left

    @property
    def message(self) -> str:  # type: ignore[override]
        if not self.left:
            return gettext(
                "You cannot look up more accounts today, because you have reached the daily limit. Continue "
                "tomorrow, or ask an admin to raise the limit."
            )
        words = ngettext(
            "You can look up %(count)s more account today, because of the daily limit. Enter no more than that, or "
            "ask an admin to raise the limit.",
            "You can look up %(count)s more accounts today, because of the daily limit. Enter no more than that, or "
            "ask an admin to raise the limit.",
            self.left,
        )
        return words % {"count": self.left}


def count_look_ups(amount: int, *, by: Any) -> None:
    """Count this person's look-ups before they happen. Raises LookUpLimitReached, and then nothing is looked up.

    The audit log gets an event for each list, and for single look-ups each time after EVERY of them.
    """
    most = policy.for_site().hr_look_ups_daily
    try:
        total = count_use(Use.LOOK_UPS, by.oid, most=most, amount=amount)
    except DailyLimitReached as error:
        _record_first_refusal(amount, used=error.used, by=by)
        raise LookUpLimitReached(max(0, most - error.used)) from None
    if amount > 1 or total % EVERY == 0:
        with audit.transaction():
            audit.record(COUNTED_EVENT, by=by, facts={"count": amount, "today": total})


def _record_first_refusal(amount: int, *, used: int, by: Any) -> None:
    """Record the first refusal of a day: another click would add another event."""
    with audit.transaction():
        if not _was_refused_today(by):
            audit.record(REFUSED_EVENT, by=by, facts={"count": amount, "today": used})


def _was_refused_today(person: Any) -> bool:
    since, by = start_of_day(), f"{person.tid}/{person.oid}"
    refused = AuditEvent.objects.filter(event=REFUSED_EVENT).select_related("detail")
    return any(
        event.detail.values.get("by") == by and datetime.fromisoformat(event.at) >= since
        for event in refused.order_by("-seq")[:NEWEST]
    )
