"""The texts of the pages that end a sign-in without a session: what happened and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class FailurePage:
    """One page that ends a sign-in without a session."""

    template: str
    status: int
    title: str | Promise
    text: str | Promise
    fresh: bool = False  # the next attempt asks for the password or the key even if Microsoft has a session


REFUSED, FAILED = "signin/refused.html", "signin/failed.html"

FAILURE_PAGES = {
    "guest": FailurePage(
        REFUSED,
        403,
        _("Guests cannot use this portal"),
        _("You signed in with a guest account. Only accounts of the organisation itself can use the portal."),
    ),
    "other_tenant": FailurePage(
        REFUSED,
        403,
        _("This account belongs to another organisation"),
        _("The portal accepts only accounts of the organisation that runs it."),
    ),
    "other_person": FailurePage(
        REFUSED,
        403,
        _("You signed in with a different account"),
        _(
            "For this step, sign in with the account that you already use in the portal. To use the other "
            "account, sign out first."
        ),
    ),
    "not_assigned": FailurePage(
        REFUSED,
        403,
        _("Your account has no access to this portal"),
        _("Your sign-in worked, but your organisation has not given your account access to the portal."),
    ),
    "cancelled": FailurePage(FAILED, 400, _("You are not signed in"), _("The sign-in was cancelled.")),
    "over": FailurePage(
        FAILED,
        400,
        _("This sign-in is no longer valid"),
        _(
            "Either this sign-in was already finished, or it took longer than ten minutes, or it began in "
            "another browser."
        ),
    ),
    "not_genuine": FailurePage(
        FAILED,
        403,
        _("You are not signed in"),
        _("The portal could not verify the answer from Microsoft, so it did not sign you in."),
    ),
    "stale": FailurePage(
        "signin/again.html",
        403,
        _("Please sign in again"),
        _(
            "For this step you must sign in again, but Microsoft used your earlier sign-in. When Microsoft "
            "asks, enter your password or use your passkey or security key."
        ),
    ),
    "too_old": FailurePage(
        "signin/again.html",
        403,
        _("Please sign in again"),
        _(
            "You are not signed in yet, because Microsoft used an earlier sign-in that is too old. Try again. "
            "When Microsoft asks, enter your password or use your passkey or security key."
        ),
        fresh=True,
    ),
    "not_confirmed": FailurePage(
        FAILED,
        401,
        _("You have been signed out"),
        _(
            "Microsoft did not confirm that you are still signed in. Perhaps you signed out of Microsoft, or your "
            "account was changed."
        ),
    ),
    "unreadable": FailurePage(
        FAILED,
        400,
        _("You are not signed in"),
        _(
            "Your name or account name in Entra contains a character that the portal cannot use. Ask the contact "
            "below to correct it."
        ),
    ),
    "not_met": FailurePage(
        "signin/again.html",
        403,
        _("This step needs a stronger sign-in"),
        _(
            "Your organisation requires a stronger sign-in for this step, for example with a security key "
            "or on a work device. If you already signed in that way, ask the contact below for help."
        ),
    ),
    "not_set_up": FailurePage(
        FAILED,
        403,
        _("You are not signed in"),
        _(
            "The portal is not fully set up: it does not get all the account details it needs from Microsoft. "
            "Please tell the contact below."
        ),
    ),
    "unavailable": FailurePage(
        FAILED,
        503,
        _("You cannot sign in at the moment"),
        _("The portal could not reach Microsoft’s sign-in service. Try again in a minute."),
    ),
}

# At a step-up the person was signed in before, and still is.
AT_STEP_UP = {
    "cancelled": FailurePage(
        "signin/again.html",
        400,
        _("You did not confirm your identity"),
        _("The sign-in was cancelled. You are still signed in to the portal."),
    ),
    "not_genuine": FailurePage(
        "signin/again.html",
        403,
        _("Your identity was not confirmed"),
        _(
            "The portal could not verify the answer from Microsoft. If this happens again, tell the contact "
            "below."
        ),
    ),
    "unavailable": FailurePage(
        "signin/again.html",
        503,
        _("You cannot sign in at the moment"),
        _("The portal could not reach Microsoft’s sign-in service. Try again in a minute."),
    ),
}


def failure_page_of(reason: str, *, step_up: bool) -> FailurePage:
    return AT_STEP_UP[reason] if step_up and reason in AT_STEP_UP else FAILURE_PAGES[reason]
