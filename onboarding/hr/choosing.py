"""What HR chooses while adding a starter: an account that a name found, and the hire date as the start date."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext

from onboarding.guards.look_up_limit import LookUpLimitReached
from onboarding.hr.forms import AccountForm
from onboarding.starters import directory
from onboarding.starters.input_rules import check_start_date

# The buttons that choose something, and the field that each fills in.
CHOICES = {"use": "account", "use_date": "start_date"}


def apply_choice(request: HttpRequest) -> None:
    """Fill in what a button chose, and look up the account again. Nothing is chosen without such a click."""
    for button, name in CHOICES.items():
        if chosen := request.POST.get(button):
            posted = request.POST.copy()
            posted[name], posted["step"] = chosen, "look"
            if name == "account":
                posted["seen"] = ""
            request.POST = posted  # type: ignore[assignment]  # Django's own is immutable


def find_named_accounts(form: AccountForm, by: Any) -> tuple[directory.NameResult | None, int]:
    """Search for the name that HR typed. Return what was found and the page's status; an error is at the field."""
    for name in list(form.errors):
        del form.errors[name]
    try:
        result = directory.find_by_name(form.name_to_find, recorder=by)
    except LookUpLimitReached as error:
        form.add_error("account", error.message)
        return None, 429
    if result.error:
        form.add_error("account", result.error)
        return None, 503
    if not result.accounts:
        form.add_error(
            "account",
            gettext(
                "No person with this name was found in Entra. Check the spelling, or enter the account name."
            ),
        )
        return None, 400
    return result, 200


def offer_hire_date(hired_on: date | None, typed: Any) -> date | None:
    """Return the hire date if HR can take it as the start date: another day than the typed one, and no wrong year."""
    if hired_on is None or hired_on == typed:
        return None
    try:
        return check_start_date(hired_on)
    except ValidationError:
        return None
