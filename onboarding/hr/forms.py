"""HR's forms."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding.hr.clipboard import IS_TABLE, NO_ACCOUNT, PastedEntry, is_table, read_accounts
from onboarding.inputs.fields import PlainTextField
from onboarding.models import Starter
from onboarding.starters.input_rules import (
    DEFAULT_START_TIME,
    OBJECT_ID,
    check_start_date,
    is_known_zone,
    list_current_zones,
)
from onboarding.starters.rescheduling import Schedule

MAX_ACCOUNTS = 200  # in one form
MAX_CHARACTERS = 100_000  # per paste: a table contains much other text
SHORTEST_NAME, LONGEST_NAME = 2, 64  # letters, and characters
NO_NAME = re.compile(r"[@<>{}\[\]|\\/:;\"=]|https?:|[0-9]{3}")  # an address, a list, a number

RECENT_STARTERS, MOST_IN_USE = 200, 8  # whose zones come first, and how many zones that are at most


def name_zone(zone: str) -> str:
    """Write the city first, so that typing its first letters finds it in the list: `Amsterdam (Europe)`."""
    area, _, city = zone.replace("_", " ").rpartition("/")
    return f"{city} ({area})" if area else city


ZONES = sorted(
    ((zone, name_zone(zone)) for zone in list_current_zones()), key=lambda choice: choice[1].casefold()
)
ZONE_NAMES = dict(ZONES)
SELECTED = SafeString(" selected")


def list_zones_in_use() -> list[str]:
    """Return the organisation's zone and those of the latest starters, the most frequent first. One short query."""
    latest = Starter.objects.order_by("-pk").values_list("time_zone", flat=True)[:RECENT_STARTERS]
    frequent = [zone for zone, _ in Counter(latest).most_common() if zone in ZONE_NAMES]
    return list(dict.fromkeys([*frequent[:MOST_IN_USE], settings.TIME_ZONE]))


Choices = tuple[tuple[str, str], ...]


class ZoneSelect(forms.Select):
    """The same HTML as Django's `Select`, without running a template for each of the four hundred zones.

    The zones in use are a group of their own before all zones. Browsers search a list by its first letters. A legacy name
    is offered only where it is the present value, so that saving the form does not change it.
    """

    def optgroups(self, name: str, value: list[str], attrs: dict[str, Any] | None = None) -> list[Any]:
        return []

    def group_choices(self, value: Any) -> list[tuple[str, Choices]]:
        """Return the groups, each with its label; an empty label is no group."""
        choices = tuple((zone, str(label)) for zone, label in self.choices)
        other = tuple(choice for choice in choices if choice[0] not in ZONE_NAMES)
        present = [value] if is_known_zone(value) and value not in ZONE_NAMES else []
        used = tuple((zone, name_zone(zone)) for zone in dict.fromkeys([*present, *list_zones_in_use()]))
        every = tuple(choice for choice in choices if choice[0] in ZONE_NAMES)
        return [("", other), (gettext("Often used"), used), (gettext("All time zones"), every)]

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        select, end = super().render(name, value, attrs, renderer), "\n</select>"
        written = SafeString("")
        for label, choices in self.group_choices(value):
            known = dict(choices)
            chosen = value if value in known and SELECTED not in written else None
            options = write_zone_options(choices, chosen)  # nobody fills the cache with texts of their own
            written += write_group(label, options) if label else options
        return mark_safe(select.removesuffix(end) + written + end)  # noqa: S308


class ZoneField(forms.ChoiceField):
    """A time zone. It accepts a legacy name too: see `ZoneSelect`."""

    widget = ZoneSelect

    def __init__(self, *, choices: Any = ZONES, **options: Any) -> None:
        super().__init__(choices=choices, **options)

    def valid_value(self, value: Any) -> bool:
        return super().valid_value(value) or is_known_zone(value)


def write_group(label: str, options: SafeString) -> SafeString:
    return format_html('\n  <optgroup label="{}">{}\n  </optgroup>', label, options)


@lru_cache(maxsize=50)
def write_zone_options(choices: Choices, chosen: str | None) -> SafeString:
    """All options, from the cache if possible: most of HR chooses the same zone."""
    return format_html_join(
        "",
        '\n  <option value="{}"{}>{}</option>\n',
        ((zone, SELECTED if zone == chosen else "", label) for zone, label in choices),
    )


class ScheduleForm(forms.Form):
    """The start of a starter and a note for the manager."""

    start_date = forms.DateField(
        label=_("Start date"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"required": _("Enter the start date.")},
    )
    start_time = forms.TimeField(
        label=_("Start time"),
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    time_zone = ZoneField(label=_("Time zone"))
    note = PlainTextField(
        label=_("Note for the manager"),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_(
            "The manager sees this note on the starter’s page, not in an email. Do not enter personal details."
        ),
    )

    @property
    def schedule(self) -> Schedule:
        return Schedule(
            **{name: self.cleaned_data[name] for name in ("start_date", "start_time", "time_zone")}
        )

    def clean_start_date(self) -> date:
        return check_start_date(self.cleaned_data["start_date"])


class AccountForm(forms.Form):
    """The starter's account. `seen` holds the account that HR was shown, so that exactly that one is saved."""

    account = forms.CharField(
        label=_("Account"),
        max_length=320,
        help_text=_(
            "The account name (like noor.devries@contoso.example), the object ID from Entra, or the person’s name."
        ),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
        error_messages={"required": _("Enter the account that this person will use.")},
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_account(self) -> str:
        """Read the one account from the text: see `clipboard`."""
        if self.is_table:
            raise ValidationError(str(IS_TABLE))
        read = read_accounts(self.cleaned_data["account"])
        accounts = [entry.account for entry in read if entry.account]
        if len(accounts) > 1:
            raise ValidationError(
                gettext("You entered several accounts. Enter one, or use “Add several starters”.")
            )
        if not accounts:
            raise ValidationError(read[0].error if read else NO_ACCOUNT)
        return accounts[0]

    @property
    def is_table(self) -> bool:
        return is_table(self.data.get("account", ""))

    @property
    def name_to_find(self) -> str:
        """The typed text if it can be a person's name: no address, one line, and at least two letters. Otherwise empty."""
        typed = " ".join(str(self.data.get("account", "")).split())
        letters = sum(character.isalpha() for character in typed)
        is_name = letters >= SHORTEST_NAME and len(typed) <= LONGEST_NAME and not NO_NAME.search(typed)
        return typed if is_name and not self.is_table else ""

    @property
    def is_object_id(self) -> bool:
        return bool(OBJECT_ID.fullmatch(self.cleaned_data.get("account", "")))


class ReplaceAccountForm(AccountForm):
    """Another account for a starter. `version` is the version of the starter that HR was shown."""

    version = forms.IntegerField(widget=forms.HiddenInput)


class NewScheduleForm(ScheduleForm):
    """The start of a new starter, with the usual time as default. A look-up does not need it."""

    look_up_field = ""  # the only field that a look-up needs

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        initial = {"start_time": f"{DEFAULT_START_TIME:%H:%M}", "time_zone": settings.TIME_ZONE}
        super().__init__(*args, **{**kwargs, "initial": {**initial, **(kwargs.get("initial") or {})}})

    def is_valid_for_look_up(self) -> bool:
        """Drop the errors of all fields that a look-up does not need, and return whether any are left."""
        for name in [name for name in self.errors if name != self.look_up_field]:
            del self.errors[name]
        return not self.errors


class RecordForm(AccountForm, NewScheduleForm):
    """A new starter."""

    look_up_field = "account"
    field_order = ["account", "start_date", "start_time", "time_zone", "note", "seen"]

    def with_account_shown(self, object_id: str) -> RecordForm:
        """Return the same form with the same input, for a page that shows this account."""
        shown = RecordForm({**dict(self.data.items()), "seen": object_id})
        shown.full_clean()
        return shown


class BulkForm(NewScheduleForm):
    """Several accounts for one start date, one per line. An invalid line gets an error in its own row."""

    accounts = forms.CharField(
        label=_("Accounts"),
        max_length=MAX_CHARACTERS,
        help_text=format_lazy(
            _(
                "Enter up to {most} accounts, one per line. You can paste account names or object IDs from "
                "an email, a table or a list."
            ),
            most=MAX_ACCOUNTS,
        ),
        widget=forms.Textarea(
            attrs={"rows": 8, "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
        error_messages={"required": _("Enter or paste the accounts, one per line.")},
    )
    look_up_field = "accounts"
    field_order = ["accounts", "start_date", "start_time", "time_zone", "note"]

    def clean_accounts(self) -> list[PastedEntry]:
        """Return each account once, in the order of the text, and each line without an account."""
        if self.is_table:
            raise ValidationError(str(IS_TABLE))
        found = read_accounts(self.cleaned_data["accounts"])
        if not found:
            raise ValidationError(gettext("Enter or paste the accounts, one per line."))
        if len(found) > MAX_ACCOUNTS:
            raise ValidationError(
                gettext("You entered %(count)s accounts. Add at most %(most)s at a time.")
                % {"count": len(found), "most": MAX_ACCOUNTS}
            )
        return found

    @property
    def is_table(self) -> bool:
        return is_table(self.data.get("accounts", ""))


class EditForm(ScheduleForm):
    """A change of the start. `version` is the version of the starter that HR was shown."""

    version = forms.IntegerField(widget=forms.HiddenInput)

    @classmethod
    def for_starter(cls, starter: Starter) -> EditForm:
        names = ("start_date", "start_time", "time_zone", "note", "version")
        return cls(initial={name: getattr(starter, name) for name in names})


class ApproveForm(forms.Form):
    reason = PlainTextField(
        label=_("Why do you approve this?"),
        max_length=300,
        help_text=_("Describe what you checked and who confirmed it. The audit log keeps your text."),
        error_messages={"required": _("Enter a reason.")},
    )
    version = forms.IntegerField(widget=forms.HiddenInput)


class BulkRescheduleForm(forms.Form):
    """A change of several start dates. Empty fields do not change anything."""

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
    time_zone = ZoneField(
        label=_("Time zone"), required=False, choices=[("", _("Keep the current time zone")), *ZONES]
    )

    def clean_start_date(self) -> date | None:
        return check_start_date(start) if (start := self.cleaned_data["start_date"]) else None

    def clean(self) -> None:
        if not self.errors and not any(self.cleaned_data.values()):
            raise ValidationError(gettext("Enter a new date, time or time zone."))

    def schedule_for(self, starter: Starter) -> Schedule:
        """Return the new start of this starter: empty fields keep the present values."""
        changes = {
            name: value for name, value in self.cleaned_data.items() if value is not None and value != ""
        }
        return replace(Schedule.of_starter(starter), **changes)


class ReasonForm(forms.Form):
    """A reason for the audit log."""

    reason = PlainTextField(
        label=_("Reason"),
        max_length=300,
        help_text=_("The audit log keeps the reason. Emails do not contain the reason."),
        error_messages={"required": _("Enter a reason.")},
    )
    version = forms.IntegerField(widget=forms.HiddenInput)


class WithdrawForm(ReasonForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].label = gettext("Why are you stopping this onboarding?")


class BulkWithdrawForm(forms.Form):
    """One reason for several withdrawals."""

    reason = PlainTextField(
        label=_("Why are you stopping these onboardings?"),
        max_length=300,
        help_text=_("The audit log keeps the reason. Emails do not contain the reason."),
        error_messages={"required": _("Enter a reason.")},
    )


class AllowForm(ReasonForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].label = gettext("Why does this starter need another pass?")


class StandInForm(ReasonForm):
    """`seen` is the stand-in that HR was shown; `step` is `route` to assign the stand-in or `end` to remove it."""

    seen = forms.CharField(required=False, max_length=36, widget=forms.HiddenInput)
    step = forms.ChoiceField(choices=[("route", "route"), ("end", "end")], widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = gettext(
            "The audit log keeps the reason. Emails do not contain the reason."
        )


class RestoreForm(ReasonForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].label = gettext("Why are you restoring this starter?")


class RestartForm(ReasonForm):
    """`step` is `asked` for the first person, and `agreed` for the second."""

    step = forms.ChoiceField(choices=[("asked", "asked"), ("agreed", "agreed")], widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].label = gettext("Why is it safe to end the emergency stop?")


class MailChoiceForm(forms.Form):
    """Which emails one HR person gets."""

    choice = forms.ChoiceField(
        label=_("Which emails do you want?"),
        choices=(
            ("", _("No emails")),
            (
                "digest",
                _(
                    "Only the digest: at most one email every ten minutes, with the starters who need "
                    "attention or whose onboarding is finished"
                ),
            ),
            (
                "urgent",
                _(
                    "The digest and urgent emails: you also get an email immediately when a starter "
                    "needs attention on or after the start date"
                ),
            ),
        ),
        required=False,
        widget=forms.RadioSelect,
    )
