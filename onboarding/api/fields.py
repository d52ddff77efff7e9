"""The fields of a starter in the API: one table for the validation and for the documents."""

from __future__ import annotations

import json
import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding.api.problems import (
    INVALID_FIELDS,
    LENGTH_REQUIRED,
    NOT_JSON,
    TOO_LARGE,
    WRONG_TYPE,
    FieldError,
    Problem,
)
from onboarding.inputs.addresses import single_address
from onboarding.inputs.fields import PlainTextField
from onboarding.starters.input_rules import (
    DEFAULT_START_TIME,
    TIME_ZONES,
    check_start_date,
)
from onboarding.starters.rescheduling import Schedule
from onboarding.tickets.request import TicketRequest

MAX_BODY = 16 * 1024  # bytes
MAX_ACCOUNT = 120  # characters, as on HR's pages
ACCOUNT = re.compile(r"[^@\s,;<>\"\\]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
OBJECT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
DATE, TIME = re.compile(r"\d{4}-\d{2}-\d{2}"), re.compile(r"\d{2}:\d{2}(:00)?")
REQUIRED = {"required": _("This field is required.")}
KNOWN_ZONES = frozenset(TIME_ZONES)


def check_account(value: str) -> str:
    if not ACCOUNT.fullmatch(value) and not OBJECT_ID.fullmatch(value):
        raise ValidationError(
            gettext("Send an account name (userPrincipalName) or an object ID."), code="invalid"
        )
    return value


def check_requester(value: str) -> str:
    """Return the account of the person who asked: an object ID, or exactly one address without a display name."""
    if not OBJECT_ID.fullmatch(value) and single_address(value) != value:
        raise ValidationError(
            gettext("Send one account name (userPrincipalName) or object ID, without a display name."),
            code="invalid",
        )
    return value


class TimeZoneField(forms.CharField):
    """One of the time zones. A `ChoiceField` would copy all of its choices for each request."""

    def validate(self, value: str) -> None:
        super().validate(value)
        if value not in KNOWN_ZONES:
            message = forms.ChoiceField.default_error_messages["invalid_choice"]
            raise ValidationError(message, code="invalid_choice", params={"value": value})


class StarterFields(forms.Form):
    """The body of a PUT. The names are those of the API."""

    account = PlainTextField(max_length=MAX_ACCOUNT, error_messages=REQUIRED)
    startDate = forms.DateField(input_formats=["%Y-%m-%d"], error_messages=REQUIRED)  # noqa: N815
    startTime = forms.TimeField(input_formats=["%H:%M", "%H:%M:%S"], required=False)  # noqa: N815
    timeZone = TimeZoneField(strip=False, error_messages=REQUIRED)  # noqa: N815
    note = PlainTextField(max_length=500, required=False)
    requestedBy = PlainTextField(max_length=320, required=False)  # noqa: N815

    def clean_account(self) -> str:
        return check_account(self.cleaned_data["account"])

    def clean_startDate(self) -> Any:  # noqa: N802
        if not DATE.fullmatch(str(self.data["startDate"])):
            raise ValidationError(gettext("Send the date as YYYY-MM-DD."), code="invalid")
        return check_start_date(self.cleaned_data["startDate"])

    def clean_startTime(self) -> Any:  # noqa: N802
        if (sent := self.data.get("startTime")) and not TIME.fullmatch(str(sent)):
            raise ValidationError(gettext("Send the time as HH:MM."), code="invalid")
        return self.cleaned_data["startTime"]

    def clean_requestedBy(self) -> str:  # noqa: N802
        value: str = self.cleaned_data["requestedBy"]
        return check_requester(value) if value else ""


class WithdrawalFields(forms.Form):
    """The body of a withdrawal."""

    reason = PlainTextField(max_length=300, error_messages=REQUIRED)


def read_starter(request: HttpRequest, source: str, number: str) -> TicketRequest:
    """Return what the body says. Raises Problem with an error for each wrong field."""
    values = _read_fields(request, StarterFields)
    start_time = values["startTime"] or DEFAULT_START_TIME
    return TicketRequest(
        source=source,
        number=number,
        account=values["account"],
        schedule=Schedule(values["startDate"], start_time, values["timeZone"]),
        note=values["note"],
        requested_by=values["requestedBy"],
    )


def read_withdrawal_reason(request: HttpRequest) -> str:
    return str(_read_fields(request, WithdrawalFields)["reason"])


def _read_fields(request: HttpRequest, form_class: type[forms.Form]) -> dict[str, Any]:
    body = read_object(request)
    known = form_class.base_fields
    errors = [
        FieldError(pointer_to(name), "unknown", gettext("This field does not exist."))
        for name in body
        if name not in known
    ]
    errors += [
        FieldError(pointer_to(name), "not_text", gettext("Send this field as text."))
        for name, value in body.items()
        if name in known and not isinstance(value, str)
    ]
    form = form_class({name: value for name, value in body.items() if isinstance(value, str)})
    refused = {error.pointer for error in errors}
    for name, found in form.errors.as_data().items():
        if pointer_to(name) not in refused:
            errors += [
                FieldError(pointer_to(name), each.code or "invalid", " ".join(each.messages))
                for each in found
            ]
    if errors:
        raise Problem(INVALID_FIELDS, errors=tuple(errors))
    return form.cleaned_data


def read_object(request: HttpRequest) -> dict[str, Any]:
    """Return the JSON object of the body. Raises Problem."""
    if request.content_type != "application/json":
        raise Problem(WRONG_TYPE)
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        raise Problem(LENGTH_REQUIRED)
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY:
        raise Problem(TOO_LARGE, gettext("Send at most %(most)s bytes.") % {"most": MAX_BODY})
    try:
        body = json.loads(request.body.decode("utf-8"), object_pairs_hook=_object_without_duplicates)
    except (ValueError, RecursionError):
        raise Problem(NOT_JSON) from None
    if not isinstance(body, dict):
        raise Problem(NOT_JSON)
    return body


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A name that comes twice is a mistake: which of the two is meant?"""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def pointer_to(name: str) -> str:
    """RFC 6901: `~` and `/` are escaped."""
    return "/" + name.replace("~", "~0").replace("/", "~1")[:200]
