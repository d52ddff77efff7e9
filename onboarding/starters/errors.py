"""Errors of the services for starters, with messages for HR."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding.errors import ConcurrentUpdate, OnboardingError
from onboarding.models import Starter


class AlreadyRecorded(OnboardingError):
    """This account has an unfinished starter. `person` is the account or name, if the raiser knows it."""

    person: Any = None
    message = _(
        "Another starter has the same account, and their onboarding is not finished. To continue with this "
        "starter, withdraw the other one first."
    )


class UnacknowledgedDuplicate(Exception):
    """There are earlier starters for this person that HR has not confirmed yet. The page shows them and asks."""


class DirectoryUnavailable(OnboardingError):
    """Microsoft Entra did not answer, so nothing was changed."""

    message = _("Microsoft Entra did not respond, so nothing was changed. Try again in a minute.")


class TicketError(OnboardingError):
    """One value of a ticket cannot be used. `field` is its name in the API, `code` says why."""

    MESSAGES = {
        "not_found": _("Microsoft Entra has no account with this name or object ID."),
        "is_mail_address": _("This is an email address. Send the account name (userPrincipalName) instead."),
    }

    def __init__(self, field: str, code: str) -> None:
        super().__init__(f"{field}: {code}")
        self.field, self.code, self.message = field, code, self.MESSAGES[code]


class LinkNotSent(OnboardingError):
    """The link cannot be sent. The message contains the problem."""

    def __init__(self, problem: str) -> None:
        why = Starter.Problem(problem).label
        super().__init__(why)
        self.message = gettext("The link was not sent. %(why)s.") % {"why": why}


class LinkLimitReached(OnboardingError):
    """This person in HR has sent as many links again today as the daily limit allows."""

    message = _(
        "The link was not sent, because you have reached the daily limit for sending links again. Continue "
        "tomorrow, or ask an admin to raise the limit."
    )


class StarterLinkLimitReached(OnboardingError):
    """The link of this starter was sent as often today as one manager should get it."""

    message = _(
        "The link was not sent, because today’s limit for this starter’s link has been reached. You can send "
        "the link again tomorrow."
    )


class OwnStarter(OnboardingError):
    """An HR person acts on a starter that they manage, or whose manager they stand in for."""

    message = _(
        "You are this person’s manager or stand-in, so you cannot do this. Ask an HR colleague to do it."
    )


class AccountChanged(ConcurrentUpdate):
    """The account has changed since HR checked it."""


class SameAccount(OnboardingError):
    """The starter already has the chosen account."""

    message = _("The starter already has this account.")


class StandInRefused(OnboardingError):
    """There is no possible stand-in. The message contains the reason."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.message = gettext("Nothing was changed. %(why)s") % {"why": why}
