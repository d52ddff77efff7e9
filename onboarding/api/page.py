"""The page about the API, for HR and admins: what each address does, its fields and problems, and examples that work."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from onboarding.api import documents, examples, hook_examples, problems
from onboarding.api.authentication import HOOKS
from onboarding.hooks import subscriptions


@require_safe
def api_page(request: HttpRequest) -> HttpResponse:
    if not (getattr(request.user, "is_hr", False) or getattr(request.user, "is_admin", False)):
        raise PermissionDenied("This page is for HR and admins.")
    if not settings.API_CLIENT_ID:
        raise Http404("This portal’s API is not set up.")
    about_hooks = [operation for operation in documents.OPERATIONS if operation.role == HOOKS]
    about_starters = [operation for operation in documents.OPERATIONS if operation.role != HOOKS]
    context = {
        "portal_url": settings.PORTAL_URL,
        "scope": f"api://{settings.API_CLIENT_ID}/.default",
        "operations": _described(about_starters),
        "hook_operations": _described(about_hooks),
        "sent": _rows(documents.SENT, required={"account", "startDate", "timeZone"}),
        "shown": _rows(
            {name: field for name, field in documents.SHOWN.items() if name not in documents.SENT}
        ),
        "hook_sent": _rows(documents.SCHEMAS["HookRequest"]["properties"], required={"url"}),
        "most_hooks": subscriptions.MOST_HOOKS,
        "kinds": problems.KINDS,
        "examples": examples.EXAMPLES,
        "events": hook_examples.EVENTS,
        "event": hook_examples.EVENT,
        "hook_examples": hook_examples.EXAMPLES,
    }
    return render(request, "api/reference.html", context)


def _described(operations: list[documents.Operation]) -> list[dict[str, object]]:
    """Each operation, with the parts of its address: a line may end after each slash."""
    return [
        {
            "method": operation.method.upper(),
            "parts": f"api/v1{operation.path}".split("/"),
            "summary": operation.summary,
            "description": operation.description,
            "role": operation.role,
        }
        for operation in operations
    ]


def _rows(fields: dict[str, documents.Schema], required: set[str] | None = None) -> list[dict[str, object]]:
    return [
        {
            "name": name,
            "description": field["description"],
            "values": field.get("enum", []),
            "is_required": name in (required or set()),
        }
        for name, field in fields.items()
    ]
