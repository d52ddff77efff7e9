"""What a starter may see in place of being signed in: what it means, and what to do. Said to managers and starters alike."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from onboarding.language import Words


@dataclass(frozen=True)
class Trouble:
    """`sees` is what stands on the starter's screen; `number` is Microsoft's own, where it gives one."""

    name: str
    sees: Words
    means: Words
    do: tuple[Words, ...]
    number: str = ""


AGAIN = _(
    "The manager takes the pass back on the portal’s page and makes another, with the starter beside them."
)

TROUBLES = (
    Trouble(
        "not-accepted",
        _("The pass is not accepted, or “not found”"),
        _(
            "It was just made and is not known everywhere yet, or a letter of the account name or of the pass is wrong. A "
            "newer pass also ends the one before."
        ),
        (
            _("Wait half a minute, then type the same pass again. It can take a few minutes."),
            _("Compare the account name letter by letter. In the pass, capitals and small letters differ."),
            format_lazy("{} {}", _("Still not accepted after five minutes?"), AGAIN),
        ),
        "AADSTS130507",
    ),
    Trouble(
        "expired",
        _("The pass has expired"),
        _("Its time was over before it was used, or before the sign-in was finished."),
        (_("The manager opens the portal’s page again and makes another."),),
        "AADSTS130504",
    ),
    Trouble(
        "used",
        _("The pass was used already"),
        _(
            "It works once. That one sign-in took place, and no passkey was finished within the ten minutes after it."
        ),
        (
            _("Still signed in on some screen? Finish adding the passkey there."),
            AGAIN,
            _("If neither of you signed in with it, tell the contact named on this page at once."),
        ),
    ),
    Trouble(
        "blocked",
        _("Sign in was blocked due to User Credential Policy"),
        _(
            "The organisation’s own settings do not allow this pass for this account. Neither waiting nor another pass helps."
        ),
        (
            _(
                "Ask the contact named on this page, and read them the number. They can put the "
                "account where passes are allowed."
            ),
            _("Afterwards the manager makes another pass."),
        ),
        "AADSTS130501",
    ),
    Trouble(
        "browser-only",
        _("The pass must be used for web sign-in"),
        _(
            "The place where it was typed cannot take a pass: an app, or a Windows screen that asks for something else."
        ),
        (
            _(
                "Sign in with a browser first, at the address of step 1, and add the passkey there. Then go back to the app."
            ),
        ),
        "AADSTS130506",
    ),
    Trouble(
        "password",
        _("A password is asked for"),
        _(
            "The sign-in page does not know yet that there is a pass, or the account has other ways to sign in besides."
        ),
        (
            _("Type no password. Look for “Other ways to sign in” and choose the Temporary Access Pass."),
            _(
                "Is there no such choice? Close the window, wait half a minute, and begin again in a private window."
            ),
            _("Check the account name: a wrong one is also asked for a password."),
        ),
    ),
    Trouble(
        "asked-again",
        _("Signing in is asked for a second time"),
        _(
            "The sign-in ended before the passkey was there: ten minutes were over, or the device "
            "started anew, as Windows does "
            "while it is set up."
        ),
        (
            AGAIN,
            _("This time, begin with a phone or a security key, and set up the computer after that."),
        ),
    ),
)
