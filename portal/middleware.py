"""What stands before every view: headers, where a request came from, the session's limits, sign-in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.middleware.common import CommonMiddleware
from django.shortcuts import resolve_url
from django.utils import timezone

from portal.signin.step_up import proofs
from portal.views import PLAIN, bare, session_over

Next = Callable[[HttpRequest], HttpResponseBase]

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), display-capture=(), clipboard-read=(), "
    "clipboard-write=(), browsing-topics=()",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "X-DNS-Prefetch-Control": "off",
    "Reporting-Endpoints": 'csp="/csp-report"',
}


class SecurityHeadersMiddleware:
    """The outermost: an answer that another layer gives early, or gives up with, carries the headers too."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)  # static files bring their own Cache-Control
        return response


class WrongMethodMiddleware:
    """Django answers an address that is opened in a way it does not take with an empty page. People get words."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_read = request.method != "HEAD" and "text/html" in request.headers.get("Accept", "")
        if not (isinstance(response, HttpResponseNotAllowed) and is_read):
            return response
        page = bare("405.html", 405)
        page["Allow"] = response["Allow"]
        return page


class SmallBodiesMiddleware:
    """Nothing here is uploaded. A large body is refused before anything reads it, or writes it to a disk."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdigit() or int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return bare("413.html", 413)
        return self.get_response(request)


class HostMiddleware(CommonMiddleware):
    """Only the portal's own name is answered, except about health: a load balancer asks each machine by its number."""

    def process_request(self, request: HttpRequest) -> Any:
        return None if request.path_info in settings.HEALTH_PATHS else super().process_request(request)


class FetchMetadataMiddleware:
    """Another site may bring a person here by a link and do nothing else: no form, no frame, no script.

    Browsers say where a request comes from; what says nothing is left to the CSRF check.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "prefetch" in request.headers.get("Sec-Purpose", request.headers.get("Purpose", "")):
            return HttpResponse(status=204)
        if not may_come_from_there(request):
            return bare("403_elsewhere.html", 403)
        return self.get_response(request)


def may_come_from_there(request: HttpRequest) -> bool:
    if request.headers.get("Sec-Fetch-Site", "none") in {"same-origin", "none"}:
        return True
    return (
        request.method in {"GET", "HEAD"}
        and request.headers.get("Sec-Fetch-Mode") == "navigate"
        and request.headers.get("Sec-Fetch-Dest") == "document"
    )


class SessionLimitsMiddleware:
    """Ends a session at its absolute age, moves its idle limit, and says when and for what the person signed in."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.auth_time = None  # type: ignore[attr-defined]
        request.step_ups = {}  # type: ignore[attr-defined]
        if request.user.is_authenticated:
            if is_too_old(request.session, timezone.now()):
                logout(request)
            else:
                stay_signed_in(request.session, timezone.now())
                request.auth_time = moment(request.session.get("auth_time"))  # type: ignore[attr-defined]
                request.step_ups = proofs(request)  # type: ignore[attr-defined]
        return self.get_response(request)


def is_too_old(session: SessionBase, now: datetime) -> bool:
    began = moment(session.get("signed_in_at"))
    return began is None or now - began >= settings.SESSION_ABSOLUTE_AGE


def stay_signed_in(session: SessionBase, now: datetime) -> None:
    """Not by saving the session: that would undo what another request saved meanwhile, and would end this
    request with an error if another tab has just signed in again."""
    ends = now + timedelta(seconds=settings.SESSION_COOKIE_AGE)
    due = Session.objects.filter(session_key=session.session_key, expire_date__lt=ends - timedelta(minutes=1))
    if due.exists():  # a plain read first: on SQLite even an update of no row waits for the one writer
        due.update(expire_date=ends)


def moment(seconds: object) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) else None


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Every page is closed unless it says otherwise. Only a page that a person opens leads to Microsoft."""

    def get_login_url(self, view_func: Callable[..., Any]) -> str:
        return resolve_url(settings.LOGIN_URL)  # admin's views name a page of their own, and we have one door

    def handle_no_permission(self, request: HttpRequest, view_func: Callable[..., Any]) -> Any:
        if request.method not in {"GET", "HEAD"}:
            return session_over(request)
        if request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate":
            # A script that polls: a redirect would lead it nowhere.
            return HttpResponse("Signed out.\n", PLAIN, 401)
        return super().handle_no_permission(request, view_func)
