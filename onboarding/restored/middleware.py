"""While the database is a restored copy: no form, no manager's page and no API. HR and admins can read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from onboarding.restored import use

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Signing in and out, and what changes nothing that the portal acts on. Everything else is refused.
ALWAYS = frozenset({"signin", "language", "csp-report", "livez", "readyz", "doctor"})
# Pages that also GET must not open: they ask Microsoft for a manager, or tell programs what is no longer true.
CLOSED = frozenset({"managers", "api", "stop"})


class RestoredCopyMiddleware:
    """Answers 503 with a page that says so. A claim checks again, in its own transaction."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        match = request.resolver_match
        names = {match.url_name, *match.app_names, *match.namespaces} if match else set()
        if ALWAYS & names or (request.method in SAFE_METHODS and not CLOSED & names):
            return None
        if use.last_cause() is None:
            return None
        return render(request, "not_in_use.html", {"names_nobody": True}, status=503)
