"""Errors of the API as problem details (RFC 9457), each with a code that programs can compare."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.http import JsonResponse
from django.utils.translation import gettext_lazy as _

from onboarding.i18n import Words

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Kind:
    """One kind of problem: its code, HTTP status and title. The page at `/api/` explains each."""

    code: str
    status: int
    title: Words


INVALID_TOKEN = Kind("invalid_token", 401, _("The access token is missing or not valid"))
NOT_PERMITTED = Kind("not_permitted", 403, _("The application is not allowed to do this"))
NOT_FOUND = Kind("not_found", 404, _("Starter not found"))
NO_SUCH_ADDRESS = Kind("no_such_address", 404, _("Address not found"))
WRONG_METHOD = Kind("wrong_method", 405, _("This address does not accept this HTTP method"))
BAD_REQUEST = Kind("bad_request", 400, _("The request contains invalid characters"))
NOT_JSON = Kind("not_json", 400, _("The body is not a JSON object"))
INVALID_QUERY = Kind("invalid_query", 400, _("A query parameter in the address is not valid"))
LENGTH_REQUIRED = Kind("length_required", 411, _("Send a Content-Length header, not a chunked body"))
TOO_LARGE = Kind("too_large", 413, _("The body is too large"))
WRONG_TYPE = Kind("wrong_content_type", 415, _("Send the body as application/json"))
INVALID_FIELDS = Kind("invalid_fields", 422, _("Some fields are missing or not valid"))
VERSION_MISMATCH = Kind("version_mismatch", 412, _("The starter’s record has changed since you read it"))
ALREADY_ADDED = Kind(
    "already_added",
    409,
    _("This account already belongs to another starter whose onboarding is not finished"),
)
NOT_CHANGEABLE = Kind("not_changeable", 409, _("The starter can no longer be changed"))
DAILY_LIMIT = Kind("daily_limit", 429, _("This application has reached its daily limit"))
NO_SUCH_HOOK = Kind("no_such_hook", 404, _("Webhook not found"))
HOOK_LIMIT = Kind("hook_limit", 409, _("The application cannot add more webhooks"))
UNAVAILABLE = Kind("unavailable", 503, _("Microsoft Entra does not respond"))

KINDS = (
    BAD_REQUEST, INVALID_TOKEN, NOT_PERMITTED, NOT_FOUND, NO_SUCH_ADDRESS, WRONG_METHOD, NOT_JSON, INVALID_QUERY,
    LENGTH_REQUIRED, TOO_LARGE, WRONG_TYPE, INVALID_FIELDS, VERSION_MISMATCH, ALREADY_ADDED, NOT_CHANGEABLE, DAILY_LIMIT,
    NO_SUCH_HOOK, HOOK_LIMIT, UNAVAILABLE,
)  # fmt: skip


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field. `pointer` is a JSON pointer (RFC 6901) into the body."""

    pointer: str
    code: str
    detail: str

    def as_json(self) -> dict[str, str]:
        return {"pointer": self.pointer, "code": self.code, "detail": self.detail}


@dataclass(eq=False)
class Problem(Exception):
    """Ends a request with problem details. `more` holds further members, and never personal data."""

    kind: Kind
    detail: str = ""
    errors: tuple[FieldError, ...] = ()
    retry_after: int | None = None  # seconds
    more: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> JsonResponse:
        body: dict[str, Any] = {
            "type": f"{settings.PORTAL_URL}/api/#{self.kind.code}",
            "title": str(self.kind.title),
            "status": self.kind.status,
            "code": self.kind.code,
            **({"detail": self.detail} if self.detail else {}),
            **({"errors": [error.as_json() for error in self.errors]} if self.errors else {}),
            **self.more,
        }
        response = JsonResponse(body, status=self.kind.status, content_type=CONTENT_TYPE)
        for name, value in self.headers.items():
            response[name] = value
        if self.retry_after is not None:
            response["Retry-After"] = str(self.retry_after)
        return response
