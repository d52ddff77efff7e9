"""The chosen fields of the list's form in words, because paper shows no form."""

from __future__ import annotations

from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext

from onboarding.hr.filters import BY_HR, ManagerChoices, StarterFilters


def describe_fields(filters: StarterFilters, managers: ManagerChoices) -> list[str]:
    """Return a text for each chosen field, such as `Department: Finance`."""
    chosen = {
        gettext("Find a starter"): filters.q,
        gettext("Starts from"): _format_day(filters.since),
        gettext("Starts until"): _format_day(filters.until),
        gettext("Department"): filters.department,
        gettext("Manager"): managers.name_of(filters.manager),
        gettext("Added by"): gettext("HR") if filters.source == BY_HR else filters.source,
    }
    words = [f"{label}: {value}" for label, value in chosen.items() if value]
    return [*words, gettext("Added by me")] if filters.mine else words


def _format_day(day: str) -> str:
    return date_format(date.fromisoformat(day), "DAY_YEAR") if day else ""
