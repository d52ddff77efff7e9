"""Pages and answers that belong to no door: errors, ended sessions, reports of browsers, and being alive."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from portal.context_processors import site
from portal.signin.flows import page_it_came_from

logger = logging.getLogger(__name__)
LONGEST_REPORT = 8192
BUSY_SECONDS = 10
PLAIN = "text/plain; charset=utf-8"


def session_over(request: HttpRequest) -> HttpResponse:
    """A form was sent after the session ended: nothing happened, and what was typed is not lost."""
    return render(request, "signin/session_over.html", what_was_sent(request), status=401)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """A form whose token is no longer good, mostly because the session ended or began anew in another tab."""
    if not request.user.is_authenticated:
        return render(request, "signin/session_over.html", what_was_sent(request), status=403)
    return render(request, "403_csrf.html", what_was_sent(request), status=403)


def what_was_sent(request: HttpRequest) -> dict[str, Any]:
    """What a page needs to offer the form again. Only HR's forms, which are long; a confirmation begins anew.
    Only if the browser says that our own page sent it, else one press would finish a stranger's forgery."""
    fields: list[tuple[str, str]] = []
    if request.path.startswith("/hr/") and is_from_our_own_page(request):
        fields = [
            (name, value)
            for name, values in request.POST.lists()
            for value in values
            if name != "csrfmiddlewaretoken" and isinstance(value, str)
        ]
    page = page_it_came_from(request)
    return {
        "fields": fields,
        "action": request.get_full_path(),
        "sign_in_url": None if request.user.is_authenticated else sign_in_url(page),
        "page_url": page,
    }


def sign_in_url(page: str) -> str:
    return f"{reverse('signin:start')}?{urlencode({'next': page})}"


def is_from_our_own_page(request: HttpRequest) -> bool:
    return (
        request.headers.get("Sec-Fetch-Site") == "same-origin"
        or request.headers.get("Origin") == settings.PORTAL_URL
    )


@login_not_required
@require_safe
def livez(_request: HttpRequest) -> HttpResponse:
    """This process answers. It asks nobody: whoever does not get this answer should start the process anew."""
    return JsonResponse({"status": "alive"})


@csrf_exempt
@login_not_required
@require_POST
def csp_report(request: HttpRequest) -> HttpResponse:
    """Browsers say here what the content security policy stopped. One short line a report."""
    body = request.read(LONGEST_REPORT + 1)
    if len(body) > LONGEST_REPORT:
        return HttpResponse(status=413)
    logger.warning("A browser stopped something on a page", extra=told(body))
    return HttpResponse(status=204)


def told(body: bytes) -> dict[str, str]:
    """The two words of a report that matter, in either of the shapes that browsers send."""
    try:
        report = json.loads(body)
        report = report[0]["body"] if isinstance(report, list) else report["csp-report"]
        directive = report.get("effectiveDirective") or report.get("effective-directive") or "?"
        blocked = report.get("blockedURL") or report.get("blocked-uri") or "?"
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {"directive": "?", "blocked": "unreadable report"}
    return {"directive": str(directive)[:100], "blocked": str(blocked)[:200]}


def bad_request(_request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return bare("400.html", 400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return render(request, "403.html", status=403)


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return render(request, "404.html", status=404)


def server_error(_request: HttpRequest) -> HttpResponse:
    """A database that is away or held by somebody passes by itself; anything else is a mistake of ours."""
    if not isinstance(sys.exception(), OperationalError | InterfaceError):
        return bare("500.html", 500)
    answer = bare("503.html", 503)
    answer["Retry-After"] = str(BUSY_SECONDS)
    return answer


def bare(template: str, status: int) -> HttpResponse:
    """A page that asks nothing of the session or the database, which may be what is broken."""
    return HttpResponse(render_to_string(template, site()), status=status)
