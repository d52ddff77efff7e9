"""The list of time zones is the HTML that Django would write, made faster."""

from __future__ import annotations

import pytest
from django import forms
from django.utils.translation import override

from onboarding.hr.forms import BulkRescheduleForm, RecordForm, ZoneSelect


def as_django_writes_it(field: forms.BoundField) -> str:
    plain = forms.Select(attrs=field.field.widget.attrs, choices=field.field.choices)
    plain.is_required = field.field.required
    return field.as_widget(plain)


@pytest.mark.parametrize("form", [RecordForm, BulkRescheduleForm])
@pytest.mark.parametrize("chosen", ["Europe/Amsterdam", "", '"><b>'])
def test_zones_are_written_as_django_writes_them(form, chosen):
    with override("nl"):
        for field in (
            form({"time_zone": chosen})["time_zone"],
            form(initial={"time_zone": chosen})["time_zone"],
        ):
            assert isinstance(field.field.widget, ZoneSelect)
            assert str(field) == as_django_writes_it(field)
            assert str(field).count("<option") > 400


def test_choices_are_escaped():
    choices = [("<a>", "<b>"), ('"', "&")]
    written = ZoneSelect(choices=choices).render("zone", '"')

    assert written == forms.Select(choices=choices).render("zone", '"')
    assert "<b>" not in written
