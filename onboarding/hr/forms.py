"""What HR types."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, timedelta
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from onboarding.models import Starter

OBJECT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# What Entra lets a user principal name be; an expected account must be able to appear under it.
ACCOUNT_NAME = re.compile(r"[a-z0-9'_!#^~-]+(\.[a-z0-9'_!#^~+&=-]+)*@[a-z0-9-]+(\.[a-z0-9-]+)+")
EARLIEST, LATEST = timedelta(days=31), timedelta(days=730)


def plain(text: str) -> str:
    """Refuse control characters and those that turn the direction of writing: they can make a text lie."""
    text = text.replace("\r\n", "\n")  # how browsers send a new line
    if any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co"} and c not in "\n\t" for c in text):
        raise ValidationError("This text holds characters that cannot be seen. Type it in by hand.")
    return text


class WhenForm(forms.Form):
    """When somebody starts, and what their manager should know."""

    start_date = forms.DateField(
        label="Start date",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"required": "When does this person start?"},
    )
    start_time = forms.TimeField(
        label="Start time",
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text="As the clock says where the starter works.",
    )
    time_zone = forms.ChoiceField(
        label="Time zone",
        choices=[
            (zone, zone.replace("_", " "))
            for zone in sorted(available_timezones())
            if "/" in zone or zone == "UTC"
        ],
    )
    note = forms.CharField(
        label="Note for the manager",
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Shown on the manager's page, never in a mail. Nothing personal, please.",
    )

    def clean_start_date(self) -> date:
        start: date = self.cleaned_data["start_date"]
        today = timezone.localdate()
        if start < today - EARLIEST:
            raise ValidationError("This date is more than a month ago. Is the year right?")
        if start > today + LATEST:
            raise ValidationError("This date is more than two years ahead. Is the year right?")
        return start

    def clean_note(self) -> str:
        return plain(self.cleaned_data["note"])


class RecordForm(WhenForm):
    """A new starter. `seen` carries which account HR was shown, so that exactly that one is saved."""

    account = forms.CharField(
        label="Account",
        max_length=120,
        help_text="The account name (like noor.devries@contoso.example) or the object id from Entra.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
        error_messages={"required": "Which account will this person use?"},
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)
    field_order = ["account", "start_date", "start_time", "time_zone", "note", "seen"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        initial = {"start_time": "09:00", "time_zone": settings.TIME_ZONE}
        super().__init__(*args, **{**kwargs, "initial": {**initial, **(kwargs.get("initial") or {})}})

    def clean_account(self) -> str:
        typed = plain(self.cleaned_data["account"]).strip().lower()
        if not OBJECT_ID.fullmatch(typed) and not ACCOUNT_NAME.fullmatch(typed):
            raise ValidationError(
                "This is neither an account name, like name@contoso.example, nor an object id."
            )
        return typed

    def look_only(self) -> bool:
        """To look somebody up the account is enough: the other fields may still be empty or wrong."""
        for name in [name for name in self.errors if name != "account"]:
            del self.errors[name]
        return not self.errors

    @property
    def is_object_id(self) -> bool:
        return bool(OBJECT_ID.fullmatch(self.cleaned_data.get("account", "")))

    def when(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("start_date", "start_time", "time_zone", "note")}


class EditForm(WhenForm):
    """Moving a start. `version` says which state of things HR was looking at."""

    version = forms.IntegerField(widget=forms.HiddenInput)

    @classmethod
    def of(cls, starter: Starter) -> EditForm:
        names = ("start_date", "start_time", "time_zone", "note", "version")
        return cls(initial={name: getattr(starter, name) for name in names})


class WithdrawForm(forms.Form):
    reason = forms.CharField(
        label="Why is this onboarding stopped?",
        max_length=300,
        help_text="For the record; nobody is mailed about it.",
        error_messages={"required": "Say why, for the record."},
    )
    version = forms.IntegerField(widget=forms.HiddenInput)

    def clean_reason(self) -> str:
        return plain(self.cleaned_data["reason"])
