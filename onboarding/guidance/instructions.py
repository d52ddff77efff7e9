"""The starter's instruction sheet for the first day. Anyone can read and print it. It contains no names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from onboarding.guidance.troubleshooting import SIGN_IN_PROBLEMS
from onboarding.i18n import Words


@dataclass(frozen=True)
class Device:
    """The steps for one kind of device."""

    key: str
    name: Words
    best_for: Words
    steps: tuple[Words, ...]
    good_to_know: Words = ""


OPEN_BROWSER = _("On the device, open {where} in a browser.")
ENTER_PASS = _(
    "Enter your account name. When asked for a password or a “Temporary Access Pass”, enter the pass."
)
TEN_MINUTES = _(
    "Finish within ten minutes of signing in. Then sign in once with the new method to check that it works."
)

DEVICES = (
    Device(
        "phone",
        _("Passkey on a phone"),
        _("Your own phone or a work phone. This is the easiest way."),
        (
            OPEN_BROWSER,
            ENTER_PASS,
            _(
                "Choose “Add sign-in method”, then “Passkey”. Follow the steps on the phone and confirm with your "
                "face, fingerprint or screen lock."
            ),
            TEN_MINUTES,
        ),
        _("The passkey stays on the phone. It does not work on fake sign-in pages."),
    ),
    Device(
        "authenticator",
        _("Microsoft Authenticator"),
        _("Choose this if your organisation uses this app."),
        (
            _(
                "Install Microsoft Authenticator from the phone’s app store before your manager creates the pass."
            ),
            _("In the app, add a work or school account and choose the option to sign in."),
            _("Enter your account name. When asked, enter the pass."),
            _(
                "Let the app set up a passkey or phone sign-in. Confirm with your face, fingerprint or screen lock."
            ),
            TEN_MINUTES,
        ),
    ),
    Device(
        "key",
        _("Security key"),
        _("A small USB or contactless key, for workplaces without phones."),
        (
            _("Have the key ready. A new key needs a PIN: think of one now."),
            OPEN_BROWSER,
            ENTER_PASS,
            _(
                "Choose “Add sign-in method”, then “Security key”. In the browser, enter the PIN and then touch the "
                "key."
            ),
            TEN_MINUTES,
        ),
        _("Look after the key like your house key. If you can, set up a second key as a spare."),
    ),
    Device(
        "windows",
        _("A new Windows computer"),
        _("You use the pass to set up the computer itself."),
        (
            _(
                "If you also have a phone or a security key, set that up first and use it on the computer instead of "
                "the pass. The pass works only once, and Windows may ask for it twice."
            ),
            _(
                "Turn on the computer and choose “Set up for work or school”. Enter your account name, then the pass."
            ),
            _("Continue without a break until you have set up Windows Hello (face, fingerprint or PIN)."),
            _(
                "If the computer restarts and asks you to sign in again, the pass no longer works. Ask your manager "
                "for a new one."
            ),
        ),
        _(
            "On a computer that is already set up, the lock screen accepts a pass only if “Web sign-in” is turned on."
        ),
    ),
)
BY_KEY = {device.key: device for device in DEVICES}


@login_not_required
@require_safe
def instructions_page(request: HttpRequest) -> HttpResponse:
    """Show the steps for all devices, or for the one in `?with=`. Everybody sees the same, signed in or not."""
    chosen = BY_KEY.get(request.GET.get("with", ""))
    context: dict[str, Any] = {
        "devices": [describe_device(device) for device in ([chosen] if chosen else DEVICES)],
        "choices": [
            {"name": gettext("Show all devices"), "url": reverse("sheet"), "current": chosen is None},
            *(
                {
                    "name": device.name,
                    "url": f"{reverse('sheet')}?with={device.key}",
                    "current": device is chosen,
                }
                for device in DEVICES
            ),
        ],
        "sign_in_problems": SIGN_IN_PROBLEMS,
        "names_nobody": True,
    }
    return render(request, "sheet.html", context)


def describe_device(device: Device) -> dict[str, Any]:
    return {
        "key": device.key,
        "name": device.name,
        "best_for": device.best_for,
        "steps": [str(step).format(where=sign_in_address()) for step in device.steps],
        "good_to_know": device.good_to_know,
    }


def sign_in_address() -> str:
    """Where a starter signs in with a pass."""
    return f"{settings.SANDBOX_URL}/mysignins" if settings.SANDBOX else "aka.ms/mysecurityinfo"
