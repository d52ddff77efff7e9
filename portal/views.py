"""Error pages, ended sessions, CSP reports and the liveness check."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable
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

from portal.context_processors import site_context
from portal.signin.flows import referring_page

logger = logging.getLogger(__name__)
LONGEST_REPORT = 8192
BUSY_SECONDS = 10
PLAIN = "text/plain; charset=utf-8"
STARTERS_PAGE = re.compile(r"/starters/[^/]+/")


def session_over(request: HttpRequest) -> HttpResponse:
    """Answer a form that was sent after the session ended: nothing happened, and the input is kept."""
    return render(request, "signin/session_over.html", resend_context(request), status=401)


def check_needed(request: HttpRequest, check_url: Callable[[str], str]) -> HttpResponse:
    """Answer a form that was sent after the time for a check of the sign-in: nothing happened, the input is kept."""
    context = resend_context(request)
    context["sign_in_url"] = check_url(context["page_url"])
    return render(request, "signin/check_needed.html", context, status=401)


def fresh_sign_in_needed(request: HttpRequest, again_url: Callable[[str], str]) -> HttpResponse:
    """Answer a form for an act that needs a recent sign-in: nothing happened, the input is kept."""
    context = resend_context(request)
    context["sign_in_url"] = again_url(context["page_url"])
    return render(request, "signin/fresh_needed.html", context, status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """A form whose token is no longer good, usually because the session ended or was renewed in another tab."""
    if not request.user.is_authenticated:
        return render(request, "signin/session_over.html", resend_context(request), status=403)
    return render(request, "403_csrf.html", resend_context(request), status=403)


def resend_context(request: HttpRequest) -> dict[str, Any]:
    """Context for offering the form again: only the forms of HR, admins and auditors, never a confirmation.

    And only if the browser says that our own page sent it; otherwise one click would complete a forged request.
    """
    fields: list[tuple[str, str]] = []
    if request.path.startswith(("/hr/", "/admin/", "/audit/")) and is_same_origin(request):
        fields = [
            (name, value)
            for name, values in request.POST.lists()
            for value in values
            if name != "csrfmiddlewaretoken" and isinstance(value, str)
        ]
    page = referring_page(request)
    return {
        "fields": fields,
        # A token would begin a session, and so a row, for somebody who is not signed in. It would not hold either: signing
        # in changes it, and the page for that offers the form again.
        "has_token": request.user.is_authenticated,
        "action": request.get_full_path(),
        "sign_in_url": None if request.user.is_authenticated else sign_in_url(page),
        "page_url": page,
    }


def sign_in_url(page: str) -> str:
    return f"{reverse('signin:start')}?{urlencode({'next': page})}"


def is_same_origin(request: HttpRequest) -> bool:
    return (
        request.headers.get("Sec-Fetch-Site") == "same-origin"
        or request.headers.get("Origin") == settings.PORTAL_URL
    )


@login_not_required
@require_safe
def liveness(_request: HttpRequest) -> HttpResponse:
    """Liveness: this process answers, without asking anything else. No answer means: restart the process."""
    return JsonResponse({"status": "alive"})


@csrf_exempt
@login_not_required
@require_POST
def csp_report(request: HttpRequest) -> HttpResponse:
    """Log one short line per CSP report of a browser."""
    body = request.read(LONGEST_REPORT + 1)
    if len(body) > LONGEST_REPORT:
        return HttpResponse(status=413)
    logger.warning("A browser stopped something on a page", extra=summarise_csp_report(body))
    return HttpResponse(status=204)


def summarise_csp_report(body: bytes) -> dict[str, str]:
    """Directive and blocked address of a report, in either format that browsers send."""
    try:
        report = json.loads(body)
        report = report[0]["body"] if isinstance(report, list) else report["csp-report"]
        directive = report.get("effectiveDirective") or report.get("effective-directive") or "?"
        blocked = report.get("blockedURL") or report.get("blocked-uri") or "?"
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {"directive": "?", "blocked": "unreadable report"}
    return {"directive": str(directive)[:100], "blocked": str(blocked).partition("?")[0][:200]}


def unreadable_request() -> HttpResponse:
    """The page for a request that cannot be read. Its caller writes the one line of the log."""
    answer = static_page("400.html", 400)
    answer._has_been_logged = True  # type: ignore[attr-defined]  # else Django adds a line of its own
    return answer


def bad_request(_request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return static_page("400.html", 400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return render(request, "403.html", status=403)


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """The same page for another manager's starter and for an unknown one, with a link to switch the account."""
    return render(request, "404.html", {"switch_url": switch_account_url(request)}, status=404)


def switch_account_url(request: HttpRequest) -> str:
    """Where to sign in with another account and come back to this starter's page. Empty where that makes no sense."""
    if not STARTERS_PAGE.fullmatch(request.path) or not request.user.is_authenticated:
        return ""
    return sign_in_url(request.path)


def server_error(_request: HttpRequest) -> HttpResponse:
    """503 for an unavailable or locked database, which is temporary; 500 for anything else."""
    if not isinstance(sys.exception(), OperationalError | InterfaceError):
        return static_page("500.html", 500)
    answer = static_page("503.html", 503)
    answer["Retry-After"] = str(BUSY_SECONDS)
    return answer


def static_page(template: str, status: int) -> HttpResponse:
    """Render a page without the session and the database, which may be the cause of the error."""
    return HttpResponse(render_to_string(template, site_context()), status=status)
