"""Error messages that a starter may see: their cause and the fix. Managers and starters read the same texts."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from onboarding.i18n import Words


@dataclass(frozen=True)
class SignInProblem:
    """`sees` is the message on the starter's screen; `number` is Microsoft's error code, if there is one."""

    name: str
    sees: Words
    means: Words
    do: tuple[Words, ...]
    number: str = ""


NEW_PASS = _(
    "The manager cancels the pass in the portal and creates a new one while the starter is with them."
)

SIGN_IN_PROBLEMS = (
    SignInProblem(
        "not-accepted",
        _("The pass is not accepted or not found"),
        _(
            "Possible causes: a typing error in the pass or account name, a very new pass, or a newer pass "
            "that replaced this one."
        ),
        (
            _(
                "Wait half a minute, then enter the same pass again. A new pass can take a few minutes to work."
            ),
            _("Check each letter of the account name. In the pass, capital and small letters matter."),
            format_lazy("{} {}", _("Still not accepted after five minutes?"), NEW_PASS),
        ),
        "AADSTS130507",
    ),
    SignInProblem(
        "expired",
        _("The pass has expired"),
        _("The starter did not use the pass in time, or the sign-in took too long."),
        (_("The manager opens the starter’s page in the portal and creates a new pass."),),
        "AADSTS130504",
    ),
    SignInProblem(
        "used",
        _("The pass has already been used"),
        _("A pass works only once, and someone has already signed in with this one."),
        (
            _(
                "If the starter is still signed in on another device, add the passkey there. In this case, no new "
                "pass is needed."
            ),
            NEW_PASS,
            _(
                "If neither the starter nor the manager signed in with the pass, tell the contact on this page "
                "immediately."
            ),
        ),
    ),
    SignInProblem(
        "blocked",
        _("Sign in was blocked due to User Credential Policy"),
        _(
            "The organisation’s settings do not allow a pass for this account. Waiting or creating a new pass "
            "will not help."
        ),
        (
            _("Tell the contact on this page the error code. IT must allow passes for this account."),
            _("After that, the manager creates a new pass."),
        ),
        "AADSTS130501",
    ),
    SignInProblem(
        "browser-only",
        _("The pass must be used for web sign-in"),
        _("The starter entered the pass in an app or on a Windows screen that does not accept passes."),
        (
            _(
                "Open the sign-in address from the instructions in a browser, sign in with the pass and add the "
                "passkey. Then go back to the app."
            ),
        ),
        "AADSTS130506",
    ),
    SignInProblem(
        "password",
        _("The screen asks for a password"),
        _("The sign-in page may not know the new pass yet, or the account also has other sign-in methods."),
        (
            _("Do not enter a password. Choose “Other ways to sign in”, then the Temporary Access Pass."),
            _(
                "If you do not see that choice, close the window. Wait half a minute, then try again in a "
                "private window."
            ),
            _("Check the account name. If the name is wrong, the screen also asks for a password."),
        ),
    ),
    SignInProblem(
        "asked-again",
        _("The screen asks you to sign in a second time"),
        _(
            "The sign-in ended before the passkey was registered. Either ten minutes had passed, or the device "
            "restarted. Windows can restart during set-up."
        ),
        (
            NEW_PASS,
            _("This time, start with a phone or a security key. Set up the computer afterwards."),
        ),
    ),
)
