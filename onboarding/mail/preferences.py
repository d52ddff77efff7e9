"""The mails that each person in HR chose: none, one digest, or a digest with urgent mails at once.

HR's address always gets a digest, and urgent mails at once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from onboarding import clock, graph
from onboarding.errors import OnboardingError
from onboarding.models import HrMailChoice

Choice = HrMailChoice.Choice
LAPSES_AFTER = timedelta(
    days=30
)  # after the last sign-in, because only a sign-in shows whether a person is still in HR


class MailboxNotFound(OnboardingError):
    """This person has no email address in Entra."""

    message = _("You have no email address in Entra, so the portal cannot email you. Ask IT to add one.")


def find_choice(user: Any) -> HrMailChoice | None:
    """This person's choice, even if it has lapsed."""
    return HrMailChoice.objects.filter(user=user).first()


def save_choice(user: Any, choice: str) -> HrMailChoice | None:
    """Save this person's choice with their address in the directory. Raises MailboxNotFound, GraphError.

    An empty `choice` means no mail.
    """
    if not choice:
        HrMailChoice.objects.filter(user=user).delete()
        return None
    account, _ = graph.client().look_up(user.oid)
    if not account.mail:
        raise MailboxNotFound
    values = {"choice": Choice(choice), "address": account.mail, "chosen_at": clock.now()}
    kept, _ = HrMailChoice.objects.update_or_create(user=user, defaults=values)
    return kept


def hr_readers() -> list[HrMailChoice]:
    """The people in HR who chose mail and have signed in within `LAPSES_AFTER`."""
    rows = HrMailChoice.objects.select_related("user").filter(user__last_login__gt=clock.now() - LAPSES_AFTER)
    return [row for row in rows.order_by("pk") if row.user.is_hr]


def still_wants_mail(object_id: str) -> bool:
    """Whether this person is still in HR, has signed in recently, and still chooses mail."""
    return any(row.user.oid == object_id for row in hr_readers())
