"""What a person reads when signing in does not succeed: what happened, and what to do now."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Ending:
    """The page that ends a sign-in without a session."""

    template: str
    status: int
    title: str | Promise
    text: str | Promise
    another_account: bool = False


REFUSED, FAILED = "signin/refused.html", "signin/failed.html"

ENDINGS = {
    "guest": Ending(
        REFUSED,
        403,
        _("Guests cannot use this site"),
        _(
            "You signed in with a guest account. This site is for people whose account belongs to the "
            "organisation itself. If you have such an account, sign in with that one."
        ),
        another_account=True,
    ),
    "other_tenant": Ending(
        REFUSED,
        403,
        _("That account belongs to another organisation"),
        _(
            "This site accepts accounts of one organisation only, and the one you used belongs to another. "
            "Sign in with your own account of this organisation."
        ),
        another_account=True,
    ),
    "other_person": Ending(
        REFUSED,
        403,
        _("That was someone else"),
        _(
            "You were asked to confirm who you are, and a different account signed in. Nothing was done. "
            "Confirm with the account you are working as, or sign out first."
        ),
    ),
    "not_assigned": Ending(
        REFUSED,
        403,
        _("Your account has not been given this site"),
        _(
            "You proved who you are, but your organisation has not assigned this site to your account. Ask "
            "for it at the contact below."
        ),
        another_account=True,
    ),
    "cancelled": Ending(
        FAILED, 400, _("You are not signed in"), _("Signing in was cancelled. Nothing was done.")
    ),
    "over": Ending(
        FAILED,
        400,
        _("This sign-in is over"),
        _(
            "A sign-in can be finished once, within ten minutes, in the browser that began it. This one was "
            "finished before, took longer, or began elsewhere. Please begin again."
        ),
    ),
    "not_genuine": Ending(
        FAILED,
        403,
        _("You are not signed in"),
        _(
            "The answer that came back could not be trusted, so you were not signed in. Please begin again. "
            "If it happens twice, tell the contact below."
        ),
    ),
    "stale": Ending(
        "signin/again.html",
        403,
        _("Please sign in once more"),
        _(
            "This step needs a sign-in from this very moment, and Microsoft answered with an earlier one. "
            "Please sign in once more, and type your password or use your key when asked."
        ),
    ),
    "not_met": Ending(
        "signin/again.html",
        403,
        _("This sign-in was not enough"),
        _(
            "Your organisation asks for more at this step than this sign-in gave, such as a security key or one of its own "
            "devices. Nothing was done, and nothing is lost. Try once more with those at hand; if it happens twice, tell "
            "the contact below."
        ),
    ),
    "not_set_up": Ending(
        REFUSED,
        403,
        _("You are not signed in"),
        _(
            "This site is not fully set up: Microsoft does not tell it something it must know about your "
            "account. Only the people who run this site can change that. Please tell the contact below."
        ),
    ),
    "unavailable": Ending(
        FAILED,
        503,
        _("Signing in is not possible just now"),
        _("Microsoft's sign-in could not be reached. Nothing was done. Please try again in a minute."),
    ),
}

# The same where somebody who is signed in was asked once more: they still are, whatever came back.
AT_STEP_UP = {
    "cancelled": Ending(
        "signin/again.html",
        400,
        _("You did not sign in once more"),
        _(
            "Confirming that it is you was cancelled. Nothing was done. Nothing is lost either: you are still signed in, "
            "and can go on whenever you like."
        ),
    ),
    "not_genuine": Ending(
        "signin/again.html",
        403,
        _("This did not confirm that it is you"),
        _(
            "The answer that came back could not be trusted. Nothing was done, and nothing is lost. Please try once more. "
            "If it happens twice, tell the contact below."
        ),
    ),
    "unavailable": Ending(
        "signin/again.html",
        503,
        _("Signing in is not possible just now"),
        _(
            "Microsoft's sign-in could not be reached. Nothing was done, and nothing is lost. Please try again in a minute."
        ),
    ),
}


def ending_of(reason: str, *, step_up: bool) -> Ending:
    return AT_STEP_UP[reason] if step_up and reason in AT_STEP_UP else ENDINGS[reason]
