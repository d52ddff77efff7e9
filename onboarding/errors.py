"""The base of every error that tells a person why something cannot be done."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from onboarding.i18n import Words


class OnboardingError(Exception):
    """What was asked for cannot be done. `message` says why, in words for HR."""

    message: Words = ""


class ConcurrentUpdate(OnboardingError):
    """Somebody or something was faster: the row is no longer what the caller saw."""

    message = _(
        "The page was out of date, so the portal did not save your changes. Check the current state on this "
        "page, then try again."
    )
