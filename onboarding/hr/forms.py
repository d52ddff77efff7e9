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
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding.models import Starter

OBJECT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# What Entra lets a user principal name be; an expected account must be able to appear under it.
ACCOUNT_NAME = re.compile(r"[a-z0-9'_!#^~-]+(\.[a-z0-9'_!#^~+&=-]+)*@[a-z0-9-]+(\.[a-z0-9-]+)+")
MOST_ACCOUNTS = 200  # in one form
EARLIEST, LATEST = timedelta(days=31), timedelta(days=730)


ZONES = [
    (zone, zone.replace("_", " ")) for zone in sorted(available_timezones()) if "/" in zone or zone == "UTC"
]


def within_reason(start: date) -> date:
    today = timezone.localdate()
    if start < today - EARLIEST:
        raise ValidationError(gettext("This date is more than a month ago. Is the year right?"))
    if start > today + LATEST:
        raise ValidationError(gettext("This date is more than two years ahead. Is the year right?"))
    return start


def plain(text: str) -> str:
    """Refuse control characters and those that turn the direction of writing: they can make a text lie."""
    text = text.replace("\r\n", "\n")  # how browsers send a new line
    if any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co"} and c not in "\n\t" for c in text):
        raise ValidationError(gettext("This text holds characters that cannot be seen. Type it in by hand."))
    return text


def is_account(typed: str) -> bool:
    return bool(OBJECT_ID.fullmatch(typed) or ACCOUNT_NAME.fullmatch(typed)) and len(typed) <= 120


class WhenForm(forms.Form):
    """When somebody starts, and what their manager should know."""

    start_date = forms.DateField(
        label=_("Start date"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"required": _("When does this person start?")},
    )
    start_time = forms.TimeField(
        label=_("Start time"),
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text=_("As the clock says where the starter works."),
    )
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=ZONES)
    note = forms.CharField(
        label=_("Note for the manager"),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Shown on the manager's page, never in a mail. Nothing personal, please."),
    )

    def clean_start_date(self) -> date:
        return within_reason(self.cleaned_data["start_date"])

    def clean_note(self) -> str:
        return plain(self.cleaned_data["note"])


class AccountForm(forms.Form):
    """Which account. `seen` carries the one HR was shown, so that exactly that one is taken."""

    account = forms.CharField(
        label=_("Account"),
        max_length=120,
        help_text=_("The account name (like noor.devries@contoso.example) or the object id from Entra."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
        error_messages={"required": _("Which account will this person use?")},
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_account(self) -> str:
        typed = plain(self.cleaned_data["account"]).strip().lower()
        if not is_account(typed):
            raise ValidationError(
                gettext("This is neither an account name, like name@contoso.example, nor an object id.")
            )
        return typed

    @property
    def is_object_id(self) -> bool:
        return bool(OBJECT_ID.fullmatch(self.cleaned_data.get("account", "")))


class ReplaceForm(AccountForm):
    """Another account for a starter. `version` says which state of things HR was looking at."""

    version = forms.IntegerField(widget=forms.HiddenInput)


class FirstDayForm(WhenForm):
    """The first day of somebody new: it begins with the usual time, and can be left out while looking up."""

    looked_up = ""  # the field that is enough for that

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        initial = {"start_time": "09:00", "time_zone": settings.TIME_ZONE}
        super().__init__(*args, **{**kwargs, "initial": {**initial, **(kwargs.get("initial") or {})}})

    def look_only(self) -> bool:
        """To look somebody up the account is enough: the other fields may still be empty or wrong."""
        for name in [name for name in self.errors if name != self.looked_up]:
            del self.errors[name]
        return not self.errors

    def when(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("start_date", "start_time", "time_zone", "note")}


class RecordForm(AccountForm, FirstDayForm):
    """A new starter."""

    looked_up = "account"
    field_order = ["account", "start_date", "start_time", "time_zone", "note", "seen"]


class SeveralForm(FirstDayForm):
    """Many accounts for one day, one a line; what cannot be an account name is told beside its own row."""

    accounts = forms.CharField(
        label=_("Accounts"),
        max_length=MOST_ACCOUNTS * 125,
        help_text=format_lazy(
            _("One a line, {most} at most: account names or object ids, as copied from a list."),
            most=MOST_ACCOUNTS,
        ),
        widget=forms.Textarea(
            attrs={"rows": 8, "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
        error_messages={"required": _("Which accounts? Type or paste them, one a line.")},
    )
    looked_up = "accounts"
    field_order = ["accounts", "start_date", "start_time", "time_zone", "note"]

    def clean_accounts(self) -> list[str]:
        """Each once, in the order they were typed in."""
        names = [name.strip().lower() for name in re.split(r"[\n,;\t]", plain(self.cleaned_data["accounts"]))]
        found = list(dict.fromkeys(filter(None, names)))
        if not found:
            raise ValidationError(gettext("Which accounts? Type or paste them, one a line."))
        if len(found) > MOST_ACCOUNTS:
            raise ValidationError(
                gettext("These are %(count)s accounts. Record %(most)s first, then the others.")
                % {"count": len(found), "most": MOST_ACCOUNTS}
            )
        return found


class EditForm(WhenForm):
    """Moving a start. `version` says which state of things HR was looking at."""

    version = forms.IntegerField(widget=forms.HiddenInput)

    @classmethod
    def of(cls, starter: Starter) -> EditForm:
        names = ("start_date", "start_time", "time_zone", "note", "version")
        return cls(initial={name: getattr(starter, name) for name in names})


class ApproveForm(forms.Form):
    reason = forms.CharField(
        label=_("Why is this right?"),
        max_length=300,
        help_text=_("What you know, and whom you asked. Auditors read it."),
        error_messages={"required": _("Say why, for the record.")},
    )
    version = forms.IntegerField(widget=forms.HiddenInput)

    def clean_reason(self) -> str:
        return plain(self.cleaned_data["reason"])


class MoveForm(forms.Form):
    """Moving several first days at once. What is left empty stays as each has it."""

    start_date = forms.DateField(
        label=_("Start date"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    start_time = forms.TimeField(
        label=_("Start time"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"), required=False, choices=[("", _("As each has it")), *ZONES]
    )

    def clean_start_date(self) -> date | None:
        return within_reason(start) if (start := self.cleaned_data["start_date"]) else None

    def clean(self) -> None:
        if not self.errors and not any(self.cleaned_data.values()):
            raise ValidationError(gettext("Say what to change: the date, the time or the zone."))

    def for_one(self, starter: Starter) -> dict[str, Any]:
        """The whole of when this one starts; the note stays theirs."""
        kept = {name: getattr(starter, name) for name in ("start_date", "start_time", "time_zone")}
        return kept | {
            name: value for name, value in self.cleaned_data.items() if value is not None and value != ""
        }


class ReasonForm(forms.Form):
    """What somebody does to a whole onboarding has a reason, which is kept."""

    reason = forms.CharField(
        label=_("Why?"),
        max_length=300,
        help_text=_("For the record; nobody is mailed about it."),
        error_messages={"required": _("Say why, for the record.")},
    )
    version = forms.IntegerField(widget=forms.HiddenInput)

    def clean_reason(self) -> str:
        return plain(self.cleaned_data["reason"])


class WithdrawForm(ReasonForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].label = gettext("Why is this onboarding stopped?")


class StandInForm(ReasonForm):
    """`seen` is who would stand in, as HR was shown; `step` says whether it is routed or taken back."""

    seen = forms.CharField(required=False, max_length=36, widget=forms.HiddenInput)
    step = forms.ChoiceField(choices=[("route", "route"), ("end", "end")], widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = gettext(
            "For the record; it stands on the audit trail and in no mail."
        )


class BringBackForm(ReasonForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].label = gettext("Why is it brought back?")
