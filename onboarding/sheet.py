"""The starter's sheet: what will happen on the first day, for anyone to read or print. It names nobody."""

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

from onboarding.language import Words
from onboarding.troubles import TROUBLES


@dataclass(frozen=True)
class Device:
    """One way to begin, by what the starter holds in their hands."""

    key: str
    name: Words
    best_for: Words
    steps: tuple[Words, ...]
    good_to_know: Words = ""


OPEN = _("On the device, open {where} in a browser.")
ENTER = _("Type your account name, then the pass where a password or a “Temporary Access Pass” is asked for.")
TEN = _("Finish within ten minutes. Then sign in once with it, to see that it works.")

DEVICES = (
    Device(
        "phone",
        _("Passkey on a phone"),
        _("A phone of your own or of the organisation. The simplest way, and the one to begin with."),
        (
            OPEN,
            ENTER,
            _(
                "Choose “Add sign-in method”, then “Passkey”, and follow the phone: your face, finger or its code confirms it."
            ),
            TEN,
        ),
        _(
            "The passkey stays on the phone. Nobody can read it out, and it cannot be typed into a false page."
        ),
    ),
    Device(
        "authenticator",
        _("Microsoft Authenticator"),
        _("Where your organisation asks for this app."),
        (
            _("Install Microsoft Authenticator from the phone’s own app store, before the pass is made."),
            _("In the app, add an account: a work or school account, then sign in."),
            _("Type your account name, then the pass where it is asked for."),
            _("Let the app set up a passkey or phone sign-in, and confirm with your face, finger or code."),
            TEN,
        ),
    ),
    Device(
        "key",
        _("Security key"),
        _("A small key for USB or held to the phone, where phones are not used."),
        (
            _("Have the key in your hand. A new key asks you to choose a PIN for it; think of one now."),
            OPEN,
            ENTER,
            _(
                "Choose “Add sign-in method”, then “Security key”, and follow the browser: PIN, then touch the key."
            ),
            TEN,
        ),
        _("Keep the key as you keep the key of your home. A second one, put away safely, is a good idea."),
    ),
    Device(
        "windows",
        _("A new Windows computer"),
        _("Where the computer itself is set up with the pass."),
        (
            _(
                "Is there a phone or a security key as well? Begin with that: the pass works once, "
                "and a computer may ask twice."
            ),
            _(
                "Switch the computer on, choose “Set up for work or school”, and type your account name, then the pass."
            ),
            _("Go on without a break until Windows Hello has your face, finger or PIN."),
            _(
                "If the computer starts anew and asks you to sign in again, the pass is spent: your manager makes another."
            ),
        ),
        _(
            "A computer that is set up already takes a pass on its lock screen only where “Web sign-in” is on."
        ),
    ),
)
BY_KEY = {device.key: device for device in DEVICES}


@login_not_required
@require_safe
def sheet(request: HttpRequest) -> HttpResponse:
    """All ways, or the one that the address names. The same for everybody, signed in or not."""
    chosen = BY_KEY.get(request.GET.get("with", ""))
    context: dict[str, Any] = {
        "devices": [shown(device) for device in ([chosen] if chosen else DEVICES)],
        "choices": [
            {"name": gettext("All ways"), "url": reverse("sheet"), "current": chosen is None},
            *(
                {"name": one.name, "url": f"{reverse('sheet')}?with={one.key}", "current": one is chosen}
                for one in DEVICES
            ),
        ],
        "troubles": TROUBLES,
        "names_nobody": True,
    }
    return render(request, "sheet.html", context)


def shown(device: Device) -> dict[str, Any]:
    return {
        "key": device.key,
        "name": device.name,
        "best_for": device.best_for,
        "steps": [str(step).format(where=where_to_go()) for step in device.steps],
        "good_to_know": device.good_to_know,
    }


def where_to_go() -> str:
    """Where a starter signs in with a pass."""
    return f"{settings.SANDBOX_URL}/mysignins" if settings.SANDBOX else "aka.ms/mysecurityinfo"
