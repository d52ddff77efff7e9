"""The forms of an import: a file or a pasted table, and what its columns are."""

from __future__ import annotations

from collections import Counter
from datetime import time
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding.hr.forms import ZoneField
from onboarding.hr.importing.labels import DO_NOT_USE, FIELD_CHOICES, FIELD_LABELS
from onboarding.imports import header_names as names
from onboarding.imports import uploads
from onboarding.models import StarterImport
from onboarding.starters.input_rules import DEFAULT_START_TIME

ORDERS = (("dmy", _("Day first, like 31/12")), ("mdy", _("Month first, like 12/31")))


class FileForm(forms.Form):
    """A file from HR's computer."""

    file = forms.FileField(
        label=_("File"),
        allow_empty_file=True,  # the portal's own error says more
        help_text=_(
            "CSV, tab-separated text or an Excel workbook (.xlsx), with at most 10,000 rows and 5 MB."
        ),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
        error_messages={"required": _("Choose a file.")},
    )


class PasteForm(forms.Form):
    """A table from the clipboard."""

    pasted = forms.CharField(
        label=_("Rows"),
        strip=False,
        help_text=_("Copy the rows and their header from Excel or another program, then paste them here."),
        widget=forms.Textarea(attrs={"rows": 6, "autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": _("Paste the rows.")},
    )


class ColumnsForm(forms.Form):
    """What each column is, the order of day and month, and the start of rows without a time or zone."""

    day_order = forms.ChoiceField(
        label=_("Order of day and month in the dates"),
        choices=ORDERS,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose whether the day or the month comes first.")},
    )
    start_time = forms.TimeField(
        label=_("Start time for rows without a time"),
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    time_zone = ZoneField(label=_("Time zone for rows without a time zone"))

    def __init__(self, data: Any = None, *, stored: StarterImport) -> None:
        kept = stored.choices
        initial = {
            "day_order": uploads.suggest_order(stored),
            "start_time": kept.get("start_time", f"{DEFAULT_START_TIME:%H:%M}"),
            "time_zone": kept.get("time_zone", settings.TIME_ZONE),
        }
        super().__init__(data, initial=initial)
        self._titles = uploads.layout_of(stored).titles
        suggested = uploads.suggest_fields(stored)
        for number, title in enumerate(self._titles):
            self.fields[f"column-{number}"] = forms.ChoiceField(
                label=title,
                choices=(("", _("Choose…")), *FIELD_CHOICES),
                initial=suggested[number],
                required=False,
            )
        self.fields["ignore_rest"] = forms.BooleanField(
            label=_("Ignore the columns that have no choice above"), required=False
        )
        self.date_order = uploads.find_date_order(stored, self._chosen_fields(suggested))
        self._set_up_order()

    def _chosen_fields(self, suggested: list[str]) -> list[str]:
        if not self.is_bound:
            return suggested
        return [str(self.data.get(f"column-{number}", "")) for number in range(len(self._titles))]

    def _set_up_order(self) -> None:
        order = self.fields["day_order"]
        order.required = bool(self.date_order.ambiguous)
        order.help_text = format_lazy(
            _("Some dates in the list, such as {example}, can mean two different days."),
            example=self.date_order.ambiguous,
        )
        if not self.initial["day_order"] and len(self.date_order.certain) == 1:
            (self.initial["day_order"],) = self.date_order.certain

    @property
    def column_fields(self) -> list[Any]:
        return [self[f"column-{number}"] for number in range(len(self._titles))]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        chosen = [cleaned.get(f"column-{number}", "") for number in range(len(self._titles))]
        if not {names.ACCOUNT, names.MAIL} & set(chosen):
            self.add_error(None, gettext("Choose which column contains the account or the email address."))
        if names.START_DATE not in chosen:
            self.add_error(None, gettext("Choose which column contains the start date."))
        self._refuse_twice(chosen)
        for number, name in enumerate(chosen):
            if not name and not cleaned.get("ignore_rest"):
                self.add_error(
                    f"column-{number}",
                    gettext("Choose what this column contains, or choose “%(nothing)s”.")
                    % {"nothing": DO_NOT_USE},
                )
        return cleaned

    def _refuse_twice(self, chosen: list[str]) -> None:
        counted = Counter(name for name in chosen if name not in {"", names.IGNORED})
        for number, name in enumerate(chosen):
            if counted[name] > 1:
                message = gettext("Only one column can be “%(name)s”.") % {"name": FIELD_LABELS[name]}
                self.add_error(f"column-{number}", ValidationError(message))

    @property
    def choices(self) -> uploads.Choices:
        cleaned = self.cleaned_data
        at: time = cleaned["start_time"]
        fields = [cleaned[f"column-{number}"] or names.IGNORED for number in range(len(self._titles))]
        return uploads.Choices(fields, cleaned["day_order"], at, cleaned["time_zone"])
