"""The addresses of the API about webhooks. A callback address and a secret come in or go out once, and never again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from onboarding.api.authentication import HOOKS, Caller, api_view
from onboarding.api.fields import pointer_to, read_object
from onboarding.api.problems import HOOK_LIMIT, INVALID_FIELDS, NO_SUCH_HOOK, FieldError, Problem
from onboarding.hooks import events, subscriptions
from onboarding.hooks.addresses import AddressRefused
from onboarding.models import Hook

REFUSED = {
    "too_long": _("The address is too long."),
    "invalid": _("Send a complete https address."),
    "not_https": _("Send an address that starts with https://."),
    "host_not_allowed": _(
        "The portal’s policy does not list this host. Ask an admin of the portal to add it."
    ),
}
FIELDS = {"url", "source", "events", "format"}


@dataclass(frozen=True, repr=False)
class HookRequest:
    url: str
    source: str
    event_types: tuple[str, ...]
    hook_format: str


@sensitive_variables()
def add_hook(request: HttpRequest, caller: Caller) -> JsonResponse:
    sent = read_hook(request, caller)
    try:
        hook, secret = subscriptions.add_hook(
            url=sent.url,
            source=sent.source,
            event_types=sent.event_types,
            hook_format=sent.hook_format,
            by=caller.application,
        )
    except AddressRefused as refused:
        error = FieldError("/url", refused.code, str(REFUSED[refused.code]))
        raise Problem(INVALID_FIELDS, errors=(error,)) from None
    except subscriptions.TooManyHooks:
        detail = gettext("An application can have at most %(most)s webhooks.") % {
            "most": subscriptions.MOST_HOOKS
        }
        raise Problem(HOOK_LIMIT, detail) from None
    address = f"{settings.PORTAL_URL}{reverse('api:hook', args=[hook.public_id])}"
    headers = {"Location": address, "Cache-Control": "no-store"}
    return JsonResponse(describe_hook(hook) | {"secret": secret}, status=201, headers=headers)


def list_hooks(_request: HttpRequest, caller: Caller) -> JsonResponse:
    return JsonResponse({"hooks": [describe_hook(hook) for hook in _hooks_of(caller).order_by("pk")]})


def get_hook(_request: HttpRequest, caller: Caller, *, hook_id: str) -> JsonResponse:
    return JsonResponse(describe_hook(_find_hook(caller, hook_id)))


def delete_hook(_request: HttpRequest, caller: Caller, *, hook_id: str) -> HttpResponse:
    hook = _find_hook(caller, hook_id)
    subscriptions.end_hook(hook, ended_by=Hook.EndedBy.CALLER, by=caller.application)
    return HttpResponse(status=204)


hooks = api_view(get=(HOOKS, list_hooks), post=(HOOKS, add_hook))
hook = api_view(get=(HOOKS, get_hook), delete=(HOOKS, delete_hook))


def describe_hook(hook: Hook) -> dict[str, Any]:
    """Return the JSON of one webhook. Of its address only the host."""
    return {
        "id": hook.public_id,
        "source": hook.source,
        "host": hook.host,
        "events": hook.events or list(events.TYPES),
        "format": hook.format,
        "state": "failing" if hook.failures else "active",
        "createdAt": f"{hook.created_at:%Y-%m-%dT%H:%M:%SZ}",
    }


def _hooks_of(caller: Caller) -> QuerySet[Hook]:
    return Hook.objects.filter(source__in=caller.sources, ended_at=None)


def _find_hook(caller: Caller, hook_id: str) -> Hook:
    """Raises Problem. A webhook of another source answers as if it did not exist."""
    found = _hooks_of(caller).filter(public_id=hook_id).first()
    if found is None:
        raise Problem(NO_SUCH_HOOK)
    return found


# --- The body ---------------------------------------------------------------------------------------------------------


@sensitive_variables()
def read_hook(request: HttpRequest, caller: Caller) -> HookRequest:
    """Raises Problem with an error for each wrong field."""
    body = read_object(request)
    errors = [
        _error(name, "unknown", gettext("This field does not exist.")) for name in body if name not in FIELDS
    ]
    for name in ("url", "source", "format"):
        if name in body and not isinstance(body[name], str):
            errors.append(_error(name, "not_text", gettext("Send this field as text.")))
    if errors:
        raise Problem(INVALID_FIELDS, errors=tuple(errors))
    only_source = next(iter(caller.sources)) if len(caller.sources) == 1 else ""
    sent = HookRequest(
        url=body.get("url", ""),
        source=body.get("source") or only_source,
        event_types=tuple(body["events"]) if isinstance(body.get("events"), list) else (),
        hook_format=body.get("format", Hook.Format.STANDARD),
    )
    _require_valid(sent, body, caller)
    return sent


@sensitive_variables()
def _require_valid(sent: HookRequest, body: dict[str, Any], caller: Caller) -> None:
    errors = []
    if not sent.url:
        errors.append(_error("url", "required", gettext("This field is required.")))
    if not sent.source:
        errors.append(_error("source", "required", gettext("This field is required.")))
    elif sent.source not in caller.sources:
        errors.append(
            _error(
                "source",
                "invalid_choice",
                gettext("The portal’s policy does not let this application use this system."),
            )
        )
    if sent.hook_format not in Hook.Format.values:
        errors.append(_error("format", "invalid_choice", gettext("This format does not exist.")))
    if not isinstance(body.get("events", []), list):
        errors.append(_error("events", "not_a_list", gettext("Send this field as a list.")))
    elif any(not isinstance(name, str) or name not in events.TYPES for name in sent.event_types):
        errors.append(_error("events", "invalid_choice", gettext("This event does not exist.")))
    if errors:
        raise Problem(INVALID_FIELDS, errors=tuple(errors))


def _error(name: str, code: str, detail: str) -> FieldError:
    return FieldError(pointer_to(name), code, detail)
