"""The list of time zones: those in use first, then all current names, in the HTML that Django would write, made faster."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from django import forms
from django.utils.translation import override

from onboarding.hr.forms import (
    MOST_IN_USE,
    ZONES,
    BulkRescheduleForm,
    EditForm,
    RecordForm,
    ZoneSelect,
    name_zone,
)
from onboarding.imports import values as imported_values
from onboarding.models import Starter

pytestmark = pytest.mark.django_db


def as_django_writes_it(field: forms.BoundField) -> str:
    (_, other), *groups = field.field.widget.group_choices(field.value())
    plain = forms.Select(attrs=field.field.widget.attrs, choices=[*other, *groups])
    plain.is_required = field.field.required
    return field.as_widget(plain)


@pytest.mark.parametrize("form", [RecordForm, BulkRescheduleForm])
@pytest.mark.parametrize("chosen", ["Europe/Amsterdam", "Asia/Tokyo", "US/Eastern", "", '"><b>'])
def test_zones_are_written_as_django_writes_them(form, chosen):
    with override("nl"):
        for field in (
            form({"time_zone": chosen})["time_zone"],
            form(initial={"time_zone": chosen})["time_zone"],
        ):
            assert isinstance(field.field.widget, ZoneSelect)
            assert str(field) == as_django_writes_it(field)
            assert str(field).count("<option") > 400


@pytest.mark.parametrize("chosen", ["Europe/Amsterdam", "Asia/Tokyo"])
def test_zone_in_both_groups_is_selected_once(chosen):
    assert str(RecordForm({"time_zone": chosen})["time_zone"]).count(" selected") == 1


def test_zones_in_use_come_first(record, settings):
    starter = record("noor")
    Starter.objects.filter(pk=starter.pk).update(time_zone="Asia/Tokyo")

    in_use, every = re.findall(r"<optgroup.*?</optgroup>", str(RecordForm()["time_zone"]), re.S)

    assert re.findall(r'value="([^"]*)"', in_use) == ["Asia/Tokyo", settings.TIME_ZONE]
    assert every.count("<option") == len(ZONES)


# --- Legacy names -----------------------------------------------------------------------------------------------------


def test_only_current_names_are_offered():
    offered = {zone for zone, _ in ZONES}

    assert {"UTC", "Europe/Amsterdam", "Europe/Kyiv", "Asia/Kolkata", "America/Tijuana"} <= offered
    assert not {"US/Eastern", "Mexico/BajaNorte", "Europe/Kiev", "Asia/Calcutta", "Etc/GMT+5"} & offered
    assert set(imported_values._WINDOWS_ZONES.values()) <= offered


def test_a_stored_legacy_name_stays_when_hr_saves(record):
    starter = record("noor")
    Starter.objects.filter(pk=starter.pk).update(time_zone="US/Eastern")
    starter.refresh_from_db()

    shown = EditForm.for_starter(starter)
    chosen = re.findall(r'value="([^"]*)" selected', str(shown["time_zone"]))
    sent = EditForm({**shown.initial, "time_zone": chosen[0]})

    assert chosen == ["US/Eastern"]
    assert sent.is_valid(), sent.errors
    assert sent.schedule.time_zone == "US/Eastern"
    assert "US/Eastern" not in str(RecordForm()["time_zone"])


def test_the_organisations_own_zone_can_have_any_name(settings):
    settings.TIME_ZONE = "Japan"

    form = RecordForm({"time_zone": "Japan"})

    assert str(form["time_zone"]).count('value="Japan" selected') == 1
    assert "time_zone" not in form.errors
    assert "time_zone" in RecordForm({"time_zone": "Mars/Base"}).errors


def test_an_imported_legacy_name_is_kept():
    columns = imported_values.Columns(["time_zone"])

    assert imported_values.read_row(["us/eastern"], columns).values == {"time_zone": "US/Eastern"}


def test_few_zones_come_first_from_one_query(django_assert_num_queries, monkeypatch, record):
    record("noor")
    monkeypatch.setattr(
        "onboarding.hr.forms.Counter",
        lambda rows: Counter([zone for zone, _ in ZONES[:20]] if list(rows) else ()),
    )
    with django_assert_num_queries(0):
        RecordForm()
    with django_assert_num_queries(1):
        written = str(RecordForm()["time_zone"])

    assert written.partition("</optgroup>")[0].count("<option") == MOST_IN_USE + 1


def test_letters_of_a_city_find_its_zone():
    assert name_zone("America/Argentina/Buenos_Aires") == "Buenos Aires (America/Argentina)"
    assert name_zone("UTC") == "UTC"
    assert [label for _, label in ZONES] == sorted((label for _, label in ZONES), key=str.casefold)


def test_choices_are_escaped():
    choices = [("<a>", "<b>"), ('"', "&")]
    written = ZoneSelect(choices=choices).render("zone", '"')

    assert "<b>" not in written and '<option value="&quot;" selected>&amp;</option>' in written
